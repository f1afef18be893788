"""What goes wrong around a run is told as what it is: a network is no disk."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path

import huggingface_hub.errors
import pytest

from dnamask_plugins.errors import InputError
from dnamask_plugins.pretrain.failures import told_in_one_line


def of_requests() -> Exception:
    requests = pytest.importorskip("requests")
    error: Exception = requests.exceptions.ConnectionError("Max retries exceeded with url: /api/runs")
    return error


def of_httpx() -> Exception:
    return pytest.importorskip("httpx").ConnectError("[Errno -2] Name or service not known")  # type: ignore[no-any-return]


NETWORK: dict[str, Callable[[], Exception]] = {
    "no route of requests": of_requests,
    "no route of httpx": of_httpx,
    "nothing in the cache": lambda: huggingface_hub.errors.LocalEntryNotFoundError("offline mode is enabled"),
    "HF_HUB_OFFLINE": lambda: huggingface_hub.errors.OfflineModeIsEnabled("offline mode is enabled"),
    "no name server": lambda: socket.gaierror(-2, "Name or service not known"),
    "nobody listens": lambda: ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    "no answer": TimeoutError,
}


@pytest.mark.parametrize("what", NETWORK)
def test_a_server_that_does_not_answer_is_no_full_disk(what: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as told, told_in_one_line(tmp_path):
        raise NETWORK[what]()
    assert "no network" in str(told.value)
    assert "report_to=none" in str(told.value)
    assert "space" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_full_disk_is_still_one(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"No space left on device.*free space there"),
        told_in_one_line(tmp_path),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "model.safetensors"))
