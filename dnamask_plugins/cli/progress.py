"""Progress bars on standard error, silent where that is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from dnamask_plugins import terminal


@contextmanager
def reading(paths: Sequence[str | Path], label: str) -> Iterator[Callable[[int], None]]:
    """Show how far files have been read; the callback takes the bytes read since its last call."""
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn

    # The size of a pipe is unknown; a missing file is the reader's to report.
    total = sum(path.stat().st_size for path in map(Path, paths) if path.is_file()) or None
    columns = (terminal.words("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with terminal.bar(*columns, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


def tell_resumed(done: int, unit: str, *, err: bool = False) -> None:
    """Say where a command went on, if an earlier one had done a part."""
    if done:
        typer.echo(f"went on after {done:,} {unit} of an earlier command", err=err)


@contextmanager
def counting(count: Callable[[], int | None], label: str, unit: str) -> Iterator[Callable[[int], None]]:
    """Show how many things are done of how many; they are counted only where somebody looks.

    Parameters
    ----------
    count : callable
        Returns how many there are, None where that cannot be known.
    label, unit : str
        What is done, and to what.
    """
    from rich.progress import BarColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        terminal.words("{task.description}"),
        BarColumn(),
        terminal.words("{task.completed:,.0f} {task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with terminal.bar(*columns, transient=True) as bar:
        task = bar.add_task(label, total=None if bar.disable else count(), unit=unit)
        yield lambda number: bar.advance(task, number)
