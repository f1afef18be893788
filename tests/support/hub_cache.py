"""A repository as the client of the hub keeps it on disk, read without a network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def put_on_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that puts a folder's files into the cache as ``owner/name@revision``."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def put(folder: Path, repository: str, revision: str = "main") -> Path:
        return put_into(cache, folder, repository, revision)

    return put


def put_into(cache: Path, folder: Path, repository: str, revision: str = "main") -> Path:
    """Put a folder's files into a cache of the hub's client; return the snapshot."""
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / COMMIT
    shutil.copytree(folder, snapshot)
    (place / "refs").mkdir()
    for reference in {revision, "main"}:
        (place / "refs" / reference).write_text(COMMIT)
    return snapshot
