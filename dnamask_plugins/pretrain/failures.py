"""What goes wrong around a run, in one line: a full disk, no network, a loader worker that died."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dnamask_plugins.errors import DnamaskError, InputError, NotWritten
from dnamask_plugins.training.checkpoints import find_checkpoints

_TIGHT: Final = 1 << 20
_TORCH_WRITER: Final = re.compile(r"inline_container|PytorchStreamWriter|iostream error")
_RUST: Final = re.compile(r"([^:()]+)\(os error \d+\)")  # safetensors and tokenizers
_WORKER: Final = re.compile(r"DataLoader worker \(pid.*", re.S)
_CLIENTS: Final = frozenset({"huggingface_hub", "requests", "httpx", "httpcore", "urllib3", "aiohttp"})


class WorkerDied(DnamaskError):
    """A loader worker was killed from outside."""

    exit_code = 3


@contextlib.contextmanager
def told_in_one_line(output: Path) -> Iterator[None]:
    """Reword the errors of writing below `output`, of networks and of workers: they come from many libraries.

    Raises
    ------
    InputError
        Something could not be written, a file of the system could not be read, or no server answered.
    WorkerDied
        A loader worker ended; a corpus file that shrank under the run does that too.
    """
    try:
        yield
    except NotWritten as error:
        if not _is_below(error.path, output):
            raise
        raise _cannot_save(output, error.reason) from error
    except DnamaskError:
        raise
    except OSError as error:
        if _is_of_a_network(error):
            raise _not_reached(output, error) from error
        if error.filename and not _is_below(error.filename, output):
            raise InputError(f"{error.filename}: {error.strerror or error}; check the path") from error
        raise _cannot_save(output, error.strerror or " ".join(str(error).split())[:160]) from error
    except Exception as error:
        if _is_of_a_network(error):
            raise _not_reached(output, error) from error
        told = _RUST.search(str(error))
        if told is not None:
            raise _cannot_save(output, told[1].strip()) from error
        if _TORCH_WRITER.search(str(error)):
            full = shutil.disk_usage(output).free < _TIGHT
            raise _cannot_save(output, "No space left on device" if full else "writing failed") from error
        died = _WORKER.search(f"{error} {error.__cause__}")
        if died is None:
            raise
        what = " ".join(died[0].split())[:160]
        raise WorkerDied(
            f"{what}; {_kept(output)}: see whether memory ran out or the corpus was changed, and run again "
            "with --resume"
        ) from error


def _cannot_save(output: Path, reason: str) -> InputError:
    return InputError(
        f"cannot save under {output}: {reason}; {_kept(output)}: free space there, or take another folder, "
        "and run again with --resume"
    )


def _is_of_a_network(error: BaseException) -> bool:
    """Whether a client of the hub or of a tracker, or the system's own sockets, failed to reach a server."""
    if isinstance(error, (ConnectionRefusedError, TimeoutError, socket.gaierror)):
        return True
    return any(base.__module__.partition(".")[0] in _CLIENTS for base in type(error).__mro__)


def _not_reached(output: Path, error: BaseException) -> InputError:
    reason = " ".join(str(error).split())[:160] or "no answer"
    return InputError(
        f"no network, or a server that does not answer ({type(error).__name__}: {reason}); {_kept(output)}: "
        "for a tracker pass --set trainer.report_to=none; run again with --resume"
    )


def _kept(output: Path) -> str:
    whole, _ = find_checkpoints(output)
    return f"{whole[0].name} is intact" if whole else "no checkpoint was written yet"


def _is_below(name: object, folder: Path) -> bool:
    try:
        return Path(str(name)).resolve().is_relative_to(folder.resolve())
    except OSError:
        return False
