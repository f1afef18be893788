"""Names, times, costs and the method: what a record says of its making."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from dnamask_plugins.results import record_files
from dnamask_plugins.results.checks.evidence import Evidence, NotPossible
from dnamask_plugins.results.measuring import prediction_file

_FIRST: Final = datetime(2024, 1, 1, tzinfo=timezone.utc)
"""No record can be older than the package."""


def file_names(evidence: Evidence) -> Iterator[str]:
    """Check that names of files follow from what they hold."""
    record = evidence.record
    expected = record_files.path_of(record, ".")
    path = evidence.path.resolve()
    if path.name != expected.name:
        yield f"{path.name} should be {expected.name}"
    if path.parent.name != expected.parent.name:
        yield f"it lies in '{path.parent.name}', but belongs to '{expected.parent.name}'"
    for entry in record.seeds:
        if entry["predictions"] is not None:
            name = prediction_file(record.task, entry["seed"], entry["predictions"]["sha256"])
            if entry["predictions"]["file"] != name:
                yield f"seed {entry['seed']}: {entry['predictions']['file']} should be {name}"


def time_of_making(evidence: Evidence) -> Iterator[str]:
    """Check that a record is made after the package was, and not in the future."""
    text = evidence.record.created
    try:
        made = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        yield f"{text!r} is no time"
        return
    if made.tzinfo is None:
        yield f"{text} does not say that it is in UTC"
    elif not _FIRST <= made <= datetime.now(timezone.utc) + timedelta(days=1):
        yield f"{text} is before there was a package, or in the future"
    elif evidence.record.schema_version == 1:
        raise NotPossible("the id of format 1 does not cover it")


def cost(evidence: Evidence) -> Iterator[str]:
    """Check that the wall time of a run is the sum over its seeds."""
    times = [entry["wall_time_s"] for entry in evidence.record.seeds if entry["status"] != "failed"]
    total = evidence.run.wall_time_s
    known = [each for each in times if each is not None]
    if total is not None and len(known) == len(times) and not math.isclose(total, sum(known), abs_tol=0.01):
        yield f"wall time {total} s, but {sum(known):.3f} s over the seeds"
    elif evidence.record.schema_version == 1:
        raise NotPossible("the id of format 1 does not cover time and memory")


def method(evidence: Evidence) -> Iterator[str]:
    """Check that method, recipe, command and seeds say the same."""
    run, said = evidence.run, evidence.run.method
    recipe = run.recipe
    name = str(recipe.get("name", ""))
    if (said == "probe") != (name == "probe"):
        yield f"{said} by the recipe '{name}'"
    if (said == "baseline") != name.startswith("baseline:"):
        yield f"{said} by the recipe '{name}'"
    adapted = bool(recipe.get("lora") or recipe.get("adapters"))
    if adapted != (said == "lora") and said in ("finetune", "lora"):
        yield f"{said}, but the recipe {'has' if adapted else 'has no'} adapters"
    if said in ("probe", "baseline"):
        if run.effective_batch is not None:
            yield f"{said} with a batch of {run.effective_batch}"
        for entry in evidence.record.seeds:
            if said == "probe" and entry["best_step"] is not None:
                yield f"{said}, but seed {entry['seed']} chose step {entry['best_step']}"
    yield from _command(evidence)
    if recipe.get("train_limit") and "trained on" not in run.scale_note:
        yield "trained on a part of the rows, which its note does not say"
    if run.dev_as_train and "dev" not in run.scale_note:
        yield "trained on dev, which its note does not say"


def _command(evidence: Evidence) -> Iterator[str]:
    try:
        words = shlex.split(evidence.run.command)
    except ValueError:
        words = evidence.run.command.split()
    if words[:1] != ["dnamask"]:
        return
    said = evidence.run.method
    for flag, wanted in (("--probe", "probe"), ("--lora", "lora")):
        if flag in words and said != wanted:
            yield f"{said}, but the command has {flag}"
    if said == "probe" and "--probe" not in words:
        yield "probe, but the command has no --probe"
    given = _value(words, "--seeds")
    seeds = sorted(entry["seed"] for entry in evidence.record.seeds)
    if given is not None and re.fullmatch(r"[\d, ]+", given):
        asked = sorted({int(word) for word in given.split(",") if word.strip()})
        if asked != seeds:
            yield f"seeds {seeds}, but the command asks for {asked}"


def _value(words: list[str], flag: str) -> Any:
    for number, word in enumerate(words):
        if word == flag and number + 1 < len(words):
            return words[number + 1]
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None
