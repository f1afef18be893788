"""A process that has imported what commands need, and forks for each one that a page types.

``python warm_commands.py SOCKET`` serves; ``python -S -E warm_commands.py SOCKET MODULE ARGUMENT...`` asks it
to run ``python -m MODULE ARGUMENT...`` in the caller's folder, with the caller's variables and standard
streams, and ends with the same exit code. Imports are then paid for once, not by every command of a page.
"""

from __future__ import annotations

import json
import os
import socket
import sys

PRELOADED = (
    "transformers.models.bert.modeling_bert",
    "dnamask_plugins.pretrain.run",
    "dnamask_plugins.harness.runner",
    "dnamask_plugins.harness.finetune",
    "dnamask_plugins.inference.predict",
    "dnamask_plugins.results.verify",
    "dnamask_plugins.strategies.genemask",
    "matplotlib.pyplot",
    "sklearn.linear_model",
)


def ask(path: str, arguments: list[str]) -> int:
    """Have a command run by the process that listens at `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(path)
        request = json.dumps({"arguments": arguments, "folder": os.getcwd(), "variables": dict(os.environ)})
        socket.send_fds(line, [b"%16d" % len(request.encode())], [0, 1, 2])
        line.sendall(request.encode())
        answer = line.recv(16)
    return int(answer) if answer else 134


def serve(path: str) -> None:
    """Import, say so on standard output, and answer until standard input is closed."""
    import importlib
    import select
    import signal
    import site

    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            readable, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in readable:
                os._exit(0)
            line, _ = listening.accept()
            with line:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listening.close()
                    for folder in site.getsitepackages():
                        site.addsitedir(folder)  # what was installed since
                    _run(line)


def _run(line: socket.socket) -> None:
    import traceback

    length, streams, _, _ = socket.recv_fds(line, 16, 3)
    text = b""
    while len(text) < int(length):
        text += line.recv(1 << 20)
    request = json.loads(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    try:
        code = _run_module(request["arguments"])
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    line.sendall(b"%d" % code)
    os._exit(code)


def _run_module(arguments: list[str]) -> int:
    import importlib
    import runpy

    importlib.invalidate_caches()
    sys.path[0] = os.getcwd()
    sys.argv = arguments
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
    serve(sys.argv[1])
