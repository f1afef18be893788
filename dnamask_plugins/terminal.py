"""What the terminal shows, printed as it is.

Names, paths and messages come from users and their files. Rich takes ``[/x]`` in them for markup and ``:x:``
for an emoji, and can fail on them when the work is done; so it is told not to look, here, for every print.
Styles are given as ``style=``, never inside a text.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TextColumn


def console(**options: Any) -> Console:
    """Return a console that takes text as it is; options as Rich's ``Console`` has them.

    Examples
    --------
    >>> import sys
    >>> console(file=sys.stdout).print("runs/[/x] :dna:")
    runs/[/x] :dna:
    """
    from rich.console import Console

    return Console(markup=False, emoji=False, highlight=False, **options)


def page() -> Console:
    """Return a console on standard output; in a file or a pipe lines are as long as a table needs."""
    return console(width=None if sys.stdout.isatty() else 200)


def words(template: str, style: str = "none") -> TextColumn:
    """Return a column of a progress bar, ``"{task.description}"`` for one, that takes text as it is."""
    from rich.progress import TextColumn

    return TextColumn(template, style=style, markup=False)


def bar(*columns: Any, **options: Any) -> Progress:
    """Return a progress bar on standard error that is silent where that is no terminal.

    Without columns: description, bar, share and time left.
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

    usual = (words("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = console(stderr=True)
    disable = options.pop("disable", False) or not shown.is_terminal
    return Progress(*(columns or usual), console=shown, disable=disable, **options)
