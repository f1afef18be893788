"""An interpreter that has imported what commands need, and forks for each program it is given.

``python warm_python.py serve SOCKET`` serves. ``python -S -E warm_python.py SOCKET -m MODULE ARGUMENT...`` is
``python -m MODULE ARGUMENT...`` as seen from outside, and so is ``-c PROGRAM``: it runs in the caller's
folder, with the caller's variables and standard streams, gets the signals that reach the caller, and the
caller ends as it ends. So what is imported is paid for once, and not by every command that a test starts.
Of variables that libraries read when they are imported, those of the server count. ``WARM_PREFIX`` names a
virtual environment whose interpreter this is to be.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from typing import NoReturn

PRELOADED = (
    "transformers.models.bert.modeling_bert",
    "torch.utils.tensorboard",
    "dnamask_plugins.cli.commands.mask",
    "dnamask_plugins.cli.commands.pretrain",
    "dnamask_plugins.pretrain.run",
    "dnamask_plugins.pretrain.curves",
    "dnamask_plugins.harness.runner",
    "dnamask_plugins.harness.finetune",
    "dnamask_plugins.inference.predict",
    "dnamask_plugins.results.verify",
    "dnamask_plugins.strategies.genemask",
    "dnamask_plugins.testing",
    "torch.distributed.run",
    "matplotlib.pyplot",
    "PIL.Image",
    "sklearn.linear_model",
    "hypothesis",
    "pytest",
)
"""Nothing that tells transformers of our models: a command that forgets to do so is to fail."""

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def ask(path: str, arguments: list[str]) -> NoReturn:
    """Have a program run by the process that listens at `path`, and end as it ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        # A program that a shell put into the background is not ended by Ctrl-C.
        ignored = [number for number in FORWARDED if signal.getsignal(number) == signal.SIG_IGN]
        for number in {*FORWARDED} - {*ignored}:
            signal.signal(number, lambda number, _: line.sendall(bytes([number])))
        request = json.dumps(
            {
                "arguments": arguments,
                "folder": os.getcwd(),
                "variables": dict(os.environ),
                "ignored": ignored,
            }
        )
        socket.send_fds(line, [b"%16d" % len(request.encode())], [0, 1, 2])
        line.sendall(request.encode())
        ended = int(line.recv(16) or signal.SIGABRT)
    if os.WIFSIGNALED(ended):
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(os.WTERMSIG(ended), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(ended))
    os._exit(os.waitstatus_to_exitcode(ended))


class Server:
    """Forks for each program, hands signals on, and ends with the last of those that keep a line open."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.keepers: set[socket.socket] = set()
        self.children: dict[int, socket.socket] = {}
        self.ended, ended = os.pipe()
        os.set_blocking(ended, False)
        signal.set_wakeup_fd(ended)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        while True:
            lines = [self.listening, *self.keepers, *self.children.values()]
            readable, _, _ = select.select([*lines, self.ended], [], [])
            for each in readable:
                if each == self.ended:
                    os.read(self.ended, 4096)
                    self._answer()
                elif each is self.listening:
                    self._accept()
                elif each in self.keepers:
                    self.keepers.discard(each)
                    if not self.keepers and not select.select([self.listening], [], [], 1)[0]:
                        os._exit(0)
                else:
                    self._hand_on(each)

    def _accept(self) -> None:
        line, _ = self.listening.accept()
        length, streams, _, _ = socket.recv_fds(line, 16, 3)
        if length == b"keep":
            self.keepers.add(line)
            return
        text = b""
        while len(text) < int(length):
            text += line.recv(1 << 20)
        child = os.fork()
        if child == 0:
            _become(json.loads(text), streams)
        for stream in streams:
            os.close(stream)
        self.children[child] = line

    def _hand_on(self, line: socket.socket) -> None:
        """Send the child the signals that its caller was sent; a caller that is gone was killed."""
        (child,) = (child for child, each in self.children.items() if each is line)
        with contextlib.suppress(ProcessLookupError):
            for number in line.recv(64) or [signal.SIGKILL]:
                os.kill(child, number)

    def _answer(self) -> None:
        """Say how those children ended that did."""
        for child in list(self.children):
            gone, status = os.waitpid(child, os.WNOHANG)
            if gone:
                with self.children.pop(child) as line, contextlib.suppress(OSError):
                    line.sendall(b"%d" % status)


def _become(request: dict, streams: list[int]) -> NoReturn:
    """Be the process that runs a program."""
    import atexit
    import traceback

    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, *FORWARDED):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 1024)  # lines of others, which would stay open
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    try:
        code = _run(request["arguments"])
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def _run(arguments: list[str]) -> int:
    """Run what ``-m`` or ``-c`` names, after options that change nothing here; return the exit code."""
    import runpy

    while arguments[0] in ("-u", "-B"):
        arguments = arguments[1:]
    how, what, *rest = arguments
    sys.argv = [what if how == "-m" else how, *rest]
    _look_for_modules_as_a_new_process_does()
    try:
        if how == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _look_for_modules_as_a_new_process_does() -> None:
    import importlib
    import site
    import sysconfig

    sys.path[0] = os.getcwd()
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    for folder in site.getsitepackages():
        site.addsitedir(folder)  # what was installed since
    if prefix := os.environ.get("WARM_PREFIX"):
        site.addsitedir(sysconfig.get_path("purelib", vars={"base": prefix, "platbase": prefix}))
        sys.executable = os.path.join(prefix, "bin", "python")
    importlib.invalidate_caches()


def main() -> None:
    """Import, say so on standard output, and serve."""
    import gc
    import importlib

    for name in PRELOADED:
        importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("typer._adapters")  # newer versions read options with pydantic
    _fill_caches()
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(sys.argv[2])
        listening.listen(64)
        print("ready", flush=True)
        Server(listening).serve()


def _fill_caches() -> None:
    """Have made what numba and transformers make when they are first used, and keep for a process."""
    from numba.core.registry import cpu_target

    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    with contextlib.suppress(ImportError):
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        get_checkpoint_conversion_mapping("bert")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        main()
    ask(sys.argv[1], sys.argv[2:])
