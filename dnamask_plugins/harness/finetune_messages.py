"""What `dnamask finetune` says: how the table was read and what comes, then the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from dnamask_plugins import terminal
from dnamask_plugins.harness.tables.describe import describe_table, describe_tokens
from dnamask_plugins.harness.trials import encode_trial
from dnamask_plugins.tasks.audit import audit_task

if TYPE_CHECKING:
    from rich.console import Console

    from dnamask_plugins.harness.runner import RunPlan
    from dnamask_plugins.harness.tables import Imported


def introduce(imported: Imported, plan: RunPlan, notes: Console) -> None:
    """Say how the table was read and what comes, before anything is trained."""
    trial = plan.trials[0]
    data, encoded = encode_trial(trial)
    recipe = trial.recipe
    epochs = f"{recipe.num_train_epochs:g} epochs" if recipe.max_steps < 0 else f"{recipe.max_steps:,} steps"
    chosen = {
        "loss": "least dev loss",
        "metric": f"best dev {trial.task.metric}",
        "last": "the last checkpoint",
    }
    lines = [
        *describe_table(imported, audit_task(data)),
        describe_tokens(encoded, trial.max_length),
        ("model", f"{plan.source.reference}, {trial.method}"),
        (
            "recipe",
            f"{trial.recipe_name}: {epochs}, batch {recipe.global_batch}, "
            f"learning rate {recipe.learning_rate:g}, {chosen[recipe.select_by]}"
            f"{_changes(trial.overrides)}; seeds {', '.join(str(each.seed) for each in plan.trials)}",
        ),
    ]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for what, how in lines:
        table.add_row(what, Text(how))
    notes.print(table)


def _changes(overrides: Mapping[str, Any]) -> str:
    return "".join(f"; {key} = {value}" for key, value in overrides.items())


def print_scores(rows: Sequence[Mapping[str, Any]], metric: str, drop_leaks: bool) -> None:
    """Print the scores of the model and of the floors, times 100."""
    table = Table(box=None, pad_edge=False)
    for column in ("model", metric, "std", "seeds", "seconds"):
        table.add_column(column, justify="left" if column == "model" else "right")
    if drop_leaks:
        table.add_column("without leaks", justify="right")
    for row in rows:
        cells: list[str | Text] = [
            Text(row["model"]),
            _figure(row["mean"]),
            _figure(row["std"]),
            str(row["seeds"]),
        ]
        cells.append(f"{row['seconds']:.0f}")
        table.add_row(*cells, *([_figure(row["without_leaks"])] if drop_leaks else []))
    terminal.page().print(table)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def warn_of_floors(rows: Sequence[Mapping[str, Any]], metric: str, notes: Console) -> None:
    """Say when the model is not above a floor."""
    model = rows[0]
    for floor in rows[1:]:
        if model["mean"] is None or floor["mean"] is None or model["mean"] > floor["mean"]:
            continue
        notes.print(
            f"not above {floor['model']}: {metric} {_figure(model['mean'])} against "
            f"{_figure(floor['mean'])}; what was learnt in pretraining does not show on these data",
            style="yellow",
            highlight=False,
        )
