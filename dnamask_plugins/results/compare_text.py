"""A comparison as text that fits 80 columns: one table for each metric, no name cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from dnamask_plugins import terminal
from dnamask_plugins.results.compare import Comparison
from dnamask_plugins.tasks.metrics import METRICS, shown

if TYPE_CHECKING:
    from rich.console import Console

    from dnamask_plugins.results.floors import BelowFloor

_COLOURS = {"B better": "green", "A better": "red", "within noise": "yellow", "untested": "dim"}
_NUMBERS = ("A", "B", "B - A", "95% interval", "McNemar")


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print tables, notes and counts; scores are x 100."""
    console = console or terminal.page()
    names = Text.assemble("A = ", (comparison.a, "bold"), "\nB = ", (comparison.b, "bold"))
    console.print(names, "scores x 100; B - A above 0: B is better", sep="\n", soft_wrap=True)
    for metric in dict.fromkeys(task.metric for task in comparison.tasks):
        console.print()
        console.print(_table(comparison, metric))
    console.print()
    _print_notes(comparison, console)


def print_floors(below: Sequence[BelowFloor], console: Console | None = None) -> None:
    """Say which figures do not show that anything was learnt in pretraining."""
    console = console or terminal.page()
    for name in dict.fromkeys(each.model for each in below):
        parts = [
            f"{each.task} {shown(each.value)} (floor {shown(each.floor_value)}, {each.floor})"
            for each in below
            if each.model == name
        ]
        console.print(f"{name} is not above a floor on {', '.join(parts)}", style="yellow")


def _table(comparison: Comparison, metric: str) -> Any:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1))
    # Where there is no room, names are folded and never cut: two of them may differ in their last letters.
    table.add_column(METRICS[metric].title, overflow="fold")
    for name in _NUMBERS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    rows: list[tuple[str, str, Any, float | None]] = [
        (task.task, "none", task, task.mcnemar_p) for task in comparison.tasks if task.metric == metric
    ]
    means = [
        (f"mean {group.group} ({group.tasks})", "bold", group, None)
        for group in comparison.groups
        if group.metric == metric
    ]
    for name, style, item, p in [*rows, *means]:
        table.add_row(
            Text(name, style=style),
            shown(item.a),
            shown(item.b),
            f"{item.difference * 100:+.2f}",
            _interval(item.low, item.high),
            "" if p is None else f"{p:.2g}",
            Text(item.verdict, style=_COLOURS[item.verdict]),
        )
    return table


def _print_notes(comparison: Comparison, console: Console) -> None:
    for note in sorted({task.note for task in comparison.tasks if task.note}):
        named = [task.task for task in comparison.tasks if task.note == note]
        where = f"all {len(named)} tasks" if len(named) == len(comparison.tasks) else ", ".join(named)
        console.print(f"note: {note}: {where}", style="dim")
    counts = comparison.counts
    tested = counts["wins"] + counts["ties"] + counts["losses"]
    if tested:
        console.print(
            f"B against A: {counts['wins']} wins, {counts['ties']} ties (within noise), "
            f"{counts['losses']} losses; of {tested} tests, {tested * 0.05:.1f} would differ by chance alone"
        )
    untested = len(comparison.tasks) - tested
    if untested:
        console.print(
            f"{untested} not tested (published figures have no predictions): B higher on "
            f"{counts['untested_higher']}, equal on {counts['untested_equal']}, "
            f"lower on {counts['untested_lower']}"
        )
    for side, names in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if names:
            console.print(f"only in {side}: {', '.join(names)}")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low * 100:+.2f}..{high * 100:+.2f}"
