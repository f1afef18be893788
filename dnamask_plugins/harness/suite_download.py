"""What ``dnamask gue download`` does, apart from reading its flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from dnamask_plugins import terminal
from dnamask_plugins.harness.download import download
from dnamask_plugins.harness.selection import tasks_of
from dnamask_plugins.tasks import SPLITS


def download_command(folder: Path, expression: str, suites: Sequence[str], dataset: str | None) -> int:
    """Fetch data sets; returns the exit code (1 where a file could not be had)."""
    tasks = tasks_of(expression, suites)
    console = terminal.console(stderr=True)
    counts: dict[str, int] = defaultdict(int)
    with terminal.bar() as bar:
        row = bar.add_task("download", total=len(tasks) * len(SPLITS))
        for item in download(tasks, folder, dataset=dataset):
            counts[item.status] += 1
            bar.update(row, advance=1, description=f"{item.task} {item.split}")
            if item.status == "failed":
                console.print(f"failed: {item.task} {item.split}: {item.detail}")
            elif item.as_published is False:
                console.print(f"{item.path}: other bytes than the published file")
    console.print(
        f"files: {counts['fetched']} fetched, {counts['kept']} kept, {counts['failed']} failed; run again",
        highlight=False,
    )
    return int(counts["failed"] > 0)
