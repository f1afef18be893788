"""The command ``dnamask``: each module of `commands` is one command, imported when it is called.

Public: `main`. May import everything, inside the commands, so that ``--help`` stays fast.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any, Final

import typer
from typer.core import TyperGroup

from dnamask_plugins import __version__
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.processes import is_first_here
from dnamask_plugins.quiet import silence_numba
from dnamask_plugins.signals import EXIT_CODES, RESUME

PATIENCE: Final = {DnamaskError.exit_code: 20.0, RESUME: 2.0}
"""Seconds for which a process that ends leaves the word to the first one, by exit code.

Processes start at different times, but stop after the same step; and who sent a signal does not wait long.
"""


class _LazyCommands(TyperGroup):
    """Finds the commands by listing the modules of `dnamask_plugins.cli.commands`."""

    def list_commands(self, ctx: Any) -> list[str]:
        from dnamask_plugins.cli import commands

        return sorted(
            module.name.strip("_").replace("_", "-") for module in pkgutil.iter_modules(commands.__path__)
        )

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        stem = cmd_name.replace("-", "_")
        from dnamask_plugins.cli import commands

        modules = {module.name.strip("_"): module.name for module in pkgutil.iter_modules(commands.__path__)}
        module = importlib.import_module(f"dnamask_plugins.cli.commands.{modules[stem]}")
        module.app._add_completion = False  # the root offers it once
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_LazyCommands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dnamask {__version__}")
        raise typer.Exit


_FIRST_STEPS: Final = """\
dnamask: pretraining for DNA in which what gets masked, and when, is a plugin.

  dnamask quickstart -o quickstart   three minutes: a model, a report; offline
  dnamask mask --strategy span --tokenizer kmer --sequence ACGTTGCATTACGGC
                                     what a mask hides
  dnamask list                       what is installed ('dnamask info NAME')
  dnamask pretrain --help            from a genome to a model
  dnamask finetune --help            from a table of yours to a classifier
  dnamask gue run --help             scores on GUE, beside floors
  dnamask doctor                     what is wrong with this installation

All commands: dnamask --help
"""


@app.callback()
def _root(
    ctx: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Masked-language-model pretraining for DNA: what gets masked, and when, is a plugin."""
    if ctx.invoked_subcommand is None:
        typer.echo(_FIRST_STEPS, nl=False)


class _Stopped(BaseException):
    """A signal asks the command to end; nobody but `main` may catch it."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors that a user can act on are one line and exit code 2."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    silence_numba()
    try:
        with _ended_by_signals(), _named_as_called(arguments):
            app(args=arguments, standalone_mode=True)
    except DnamaskError as error:
        # Every process of a run finds what stops it before it begins, and hears of a signal; one says so.
        # A launcher ends all when the first process that ends does: where the one that speaks is slow, it
        # would be ended before it spoke.
        if is_first_here() or error.exit_code not in PATIENCE:
            _complain(str(error))
        else:
            time.sleep(PATIENCE[error.exit_code])
            if error.exit_code != RESUME:
                _complain(str(error))  # nobody ended this one: it alone failed
        sys.exit(error.exit_code)
    except (_Stopped, KeyboardInterrupt) as stopped:
        number = stopped.args[0] if isinstance(stopped, _Stopped) else signal.SIGINT
        if is_first_here():
            _complain(f"stopped by signal {int(number)}; what was finished is kept: run it again to go on")
        sys.exit(EXIT_CODES[number])


@contextlib.contextmanager
def _named_as_called(arguments: list[str] | None) -> Iterator[None]:
    """Let records of a command that Python calls hold that command, not the one of the calling program."""
    before = sys.argv
    if arguments is not None:
        sys.argv = ["dnamask", *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let what schedulers send end a command as an error does, so that it cleans up after itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise _Stopped(signal.Signals(number))

    usual = (signal.SIG_DFL, signal.default_int_handler)  # others, such as nohup's, were meant
    before = {each: signal.signal(each, stop) for each in EXIT_CODES if signal.getsignal(each) in usual}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _complain(message: str) -> None:
    typer.secho("error: ", fg="red", bold=True, err=True, nl=False)
    # Names come from files: what a terminal would obey is shown, not sent.
    line = " ".join(message.split())
    typer.echo("".join(each if each.isprintable() else repr(each)[1:-1] for each in line), err=True)


_show_other_warning = warnings.showwarning


def _show_warning(message, category, *where) -> None:  # type: ignore[no-untyped-def]
    """Print our own warnings as one line; those of libraries are for their authors, and shown with ``-W``."""
    if category.__module__.startswith("dnamask_plugins"):
        typer.secho(f"warning: {message}", fg="yellow", err=True)
    elif sys.warnoptions:
        _show_other_warning(message, category, *where)
