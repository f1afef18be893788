"""The model card of a pretrained model, with its scores as the hub's ``model-index`` metadata."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import write_atomically
from dnamask_plugins.results import record_files
from dnamask_plugins.results.methods import method_title
from dnamask_plugins.results.newest import age
from dnamask_plugins.results.records import ResultRecord
from dnamask_plugins.suite_names import suite_title
from dnamask_plugins.tasks.metrics import METRICS, shown

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

BEGIN: Final = "<!-- dnamask results: this part is written by `dnamask export` -->"
END: Final = "<!-- end of dnamask results -->"


def records_of(paths: Sequence[Path], weights_sha256: str) -> list[ResultRecord]:
    """Read the measured records of one model, told by its weights; of each task and method the newest.

    Raises
    ------
    InputError
        There is none.
    """
    newest: dict[tuple[str, str], ResultRecord] = {}
    read = [record_files.read(path) for path in record_files.find(paths)]
    for record in sorted(read, key=age):
        if (
            record.run is not None
            and record.model.weights_sha256 == weights_sha256
            and record.mean is not None
        ):
            newest[record.task.name, record.run.method] = record
    if not newest:
        where = ", ".join(map(str, paths))
        raise InputError(
            f"{where}: none of {len(read)} records belongs to weights with sha256 {weights_sha256[:12]}...; "
            "run `dnamask gue run` on this model, or give its results with --results"
        )
    return [newest[key] for key in sorted(newest)]


def write_card(model_dir: Path, found: Sequence[ResultRecord]) -> Path:
    """Put scores into ``README.md``; what is there already is kept.

    Parameters
    ----------
    model_dir : Path
        Folder of the model.
    found : sequence of ResultRecord
        Measured records of this model.

    Returns
    -------
    Path
        The card.

    Raises
    ------
    InputError
        The card that is there has metadata that is no YAML, or the folder cannot be written.
    """
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    path = model_dir / "README.md"
    name = found[0].model.name
    try:
        before = path.read_text("utf-8") if path.is_file() else _new_card(name)
        card = ModelCard(before, ignore_metadata_errors=False)
    except (OSError, ValueError, YAMLError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a model card ({reason}); correct it or move it away") from None
    ranked = [record for record in found if record.run is not None and not record.run.dev_as_train]
    card.data["model_name"] = name
    card.data["eval_results"] = [_eval_result(record) for record in ranked] or None
    card.text = _with_results(card.text, _section(found))
    write_atomically(path, str(card))
    return path


def _eval_result(record: ResultRecord) -> EvalResult:
    from huggingface_hub import EvalResult

    assert record.run is not None
    settings: dict[str, Any] = {"method": record.run.method, "seeds": len(record.seeds), "record": record.id}
    if record.std is not None:
        settings["std"] = round(record.std, 6)
    return EvalResult(
        task_type="text-classification",
        task_name=f"DNA sequence classification, {method_title(record.run.method)}",
        dataset_type=record.task.suite,
        dataset_name=f"{_suite(record)} {record.task.name}",
        dataset_config=record.task.name,
        dataset_split="test",
        metric_type=METRICS[record.task.metric].hub,
        metric_name=METRICS[record.task.metric].title,
        metric_value=round(record.mean or 0.0, 6),
        metric_args=settings,
        verified=False,
    )


def _section(found: Sequence[ResultRecord]) -> str:
    lines = [
        BEGIN,
        "## Results",
        "",
        "Mean and standard deviation over seeds, and the 95% bootstrap interval over test rows, x 100.",
        "",
        "| data set | method | metric | score | 95% interval | seeds | record |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_line(record) for record in found]
    notes = sorted({record.run.scale_note for record in found if record.run and record.run.scale_note})
    lines += ["", *(f"Note: {_plain(note)}" for note in notes)] if notes else []
    if any(record.run and record.run.dev_as_train for record in found):
        lines += [
            "",
            "† trained on the development split, because the training split was missing: not comparable.",
        ]
    return "\n".join([*lines, "", END])


def _line(record: ResultRecord) -> str:
    assert record.run is not None
    spread = "" if record.std is None else f" ± {shown(record.std)}"
    interval = record.interval
    between = f"{shown(interval['low'])} to {shown(interval['high'])}" if interval else ""
    lost = [f"{len(record.failed_seeds)} failed"] if record.failed_seeds else []
    lost += [f"{len(record.collapsed_seeds)} collapsed"] if record.collapsed_seeds else []
    seeds = str(len(record.seeds)) + (f" ({', '.join(lost)})" if lost else "")
    cells = [
        f"{_suite(record)} {record.task.name}" + ("†" if record.run.dev_as_train else ""),
        method_title(record.run.method),
        METRICS[record.task.metric].title,
        f"{shown(record.mean)}{spread}",
        between,
        seeds,
        f"`{record.id}`",
    ]
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _with_results(text: str, section: str) -> str:
    if BEGIN in text and END in text:
        head, rest = text.split(BEGIN, 1)
        return head + section + rest.split(END, 1)[1]
    return f"{text.rstrip()}\n\n{section}\n"


def _new_card(name: str) -> str:
    tags = "\n".join(f"- {tag}" for tag in ("biology", "dna", "masked-language-model", "dnamask"))
    return f"---\nlibrary_name: transformers\npipeline_tag: fill-mask\ntags:\n{tags}\n---\n# {_plain(name)}\n"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _suite(record: ResultRecord) -> str:
    return suite_title(record.task.suite)
