"""Files of `dnamask finetune`: the chosen model, the history, and predictions that a person can read."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import expit, softmax

from dnamask_plugins.files import write_atomically
from dnamask_plugins.harness.kept_models import history_of
from dnamask_plugins.harness.tables.task_files import label_text
from dnamask_plugins.results.finetuning.output import HISTORY_FILE

if TYPE_CHECKING:
    from dnamask_plugins.harness.outcome import TrialOutcome
    from dnamask_plugins.harness.tables import Imported
    from dnamask_plugins.harness.trials import Trial

MODEL_FOLDER: Final = "model"


def keep_chosen(out: Path, chosen: Trial, done: Sequence[Trial]) -> None:
    """Make the chosen model OUT/model, and put all histories in one file."""
    histories = "".join(history_of(trial.model_folder) for trial in done)
    if histories:
        write_atomically(out / HISTORY_FILE, histories.encode())
    if chosen.model_folder.is_dir():
        shutil.rmtree(out / MODEL_FOLDER, ignore_errors=True)
        (chosen.model_folder / HISTORY_FILE).unlink(missing_ok=True)
        chosen.model_folder.rename(out / MODEL_FOLDER)
        shutil.rmtree(out / "models", ignore_errors=True)


def write_predictions(path: Path, imported: Imported, outcome: TrialOutcome) -> None:
    """Write the test rows of the chosen seed as a table that a person can read."""
    predictions = outcome.predictions
    assert predictions is not None
    names = imported.task.labels
    rows = np.flatnonzero(imported.split == "test").tolist()
    header = ["file", "row", "sequence", *(["sequence2"] if imported.partners is not None else [])]
    header += ["label", "prediction", *(f"probability_{name}" for name in names)]
    probabilities = _probabilities(predictions.scores, imported.task.kind) if names else None
    lines = ["\t".join(header)]
    for place, row in enumerate(rows):
        file, number = imported.table.origin[row]
        fields = [imported.table.files[file].name, str(number), imported.sequences[row]]
        fields += [imported.partners[row]] if imported.partners is not None else []
        for value in (predictions.labels[place], predictions.predictions[place]):
            fields.append(names[int(value)] if imported.task.kind == "classification" else label_text(value))
        if probabilities is not None:
            fields += [f"{share:.6g}" for share in probabilities[place]]
        lines.append("\t".join(fields))
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _probabilities(logits: Any, kind: str) -> Any:
    return expit(logits) if kind == "multi_label" else softmax(logits, axis=1)
