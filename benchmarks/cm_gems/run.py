"""Runs a table in pieces: ``python -m benchmarks.cm_gems.run TABLE.toml --data D --work W --minutes 9``.

Does what is still open, seed by seed, and stops in time; the same command goes on, also after a kill. A unit
is pretrained (checkpoints are taken up again), measured, and fine-tuned; after each of these its record
under ``results/TABLE/`` is written anew. Exit code 0: the table is done. 75: run the same command again.

``--share 0/2`` and ``--share 1/2`` divide a table between two processes. ``--tiny`` takes the sizes under
``[tiny]`` of the configuration, for a trial on any machine.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from benchmarks.cm_gems.study import HERE, Table, Unit
from dnamask_plugins.config import fingerprint
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.files import write_json

AGAIN = 75
STAGES = ("pretrain", "measure", "finetune")


class TimeUp(BaseException):
    """The time given is over; no error, so that nothing on the way takes it for one."""


class Clock:
    """Says how much time is left, and sends a signal when there is none: training saves and stops then."""

    def __init__(self, minutes: float | None) -> None:
        self.end = None if minutes is None else time.monotonic() + 60 * minutes
        self.before = signal.signal(signal.SIGUSR1, self._stop)
        self.timer = threading.Timer(60 * (minutes or 0.0), os.kill, (os.getpid(), signal.SIGUSR1))
        self.timer.daemon = True
        if minutes:
            self.timer.start()

    def stop(self) -> None:
        """Send no signal any more."""
        self.timer.cancel()
        signal.signal(signal.SIGUSR1, self.before)

    @staticmethod
    def _stop(number: int, frame: Any) -> None:
        raise TimeUp

    def check(self) -> None:
        """Raise `TimeUp` when the time is over."""
        if self.end is not None and time.monotonic() >= self.end:
            raise TimeUp


@contextlib.contextmanager
def cpu_seconds(folder: Path, stage: str) -> Iterator[None]:
    """Add the CPU seconds of a stage to those of earlier pieces; a killed piece is not counted."""
    started = time.process_time()
    try:
        yield
    finally:
        path = folder / "cpu_seconds.json"
        spent = json.loads(path.read_text()) if path.is_file() else {}
        spent[stage] = round(spent.get(stage, 0.0) + time.process_time() - started, 2)
        write_json(path, spent)


def run_unit(unit: Unit, table: Table, data: Path, work: Path, results: Path, stages: set[str]) -> None:
    """Do the stages of a unit that its record does not hold yet."""
    path = results / table.name / f"{unit.name}.json"
    record = read_record(path, unit)
    folder = unit.folder(work)
    folder.mkdir(parents=True, exist_ok=True)
    steps: tuple[tuple[str, Callable[..., dict[str, Any]]], ...] = (
        ("pretrain", pretrain_unit),
        ("measure", measure_unit),
        ("finetune", finetune_unit),
    )
    for stage, function in steps:
        key = stage_identity(unit, table, stage)
        if record["stages"].get(stage) == key:
            continue
        if stage not in stages:
            break
        with cpu_seconds(folder, stage):
            found = function(unit, table, data, work)
        record |= found
        record["stages"][stage] = key
        record["cpu_seconds"] = json.loads((folder / "cpu_seconds.json").read_text())
        write_json(path, record)


def is_open(unit: Unit, table: Table, results: Path, stages: set[str]) -> bool:
    done = read_record(results / table.name / f"{unit.name}.json", unit)["stages"]
    return any(done.get(stage) != stage_identity(unit, table, stage) for stage in stages)


def stage_identity(unit: Unit, table: Table, stage: str) -> str:
    """16 hex digits of what a stage depends on: changing how models are measured trains none anew."""
    evaluation = unit.evaluation
    if stage == "pretrain":
        return unit.identity
    if stage == "finetune":
        return fingerprint([unit.identity, evaluation.finetune, evaluation.finetune_recipe])
    measured = {
        key: getattr(evaluation, key) for key in evaluation.__dataclass_fields__ if "finetune" not in key
    }
    return fingerprint(
        [unit.identity, json.loads(json.dumps(measured)), table.strategies, table.measured_revision]
    )


def read_record(path: Path, unit: Unit) -> dict[str, Any]:
    """Read the record of a unit; an empty one where there is none, or that of another model."""
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        if record["stages"].get("pretrain") == unit.identity:
            return record
    except (OSError, ValueError, KeyError):
        pass
    return {
        "table": unit.table,
        "arm": unit.arm,
        "title": unit.title,
        "seed": unit.seed,
        "revision": unit.revision,
        "species": unit.species,
        "npmi": unit.npmi,
        "settings": json.loads(json.dumps(unit.settings)),
        "stages": {},
    }


def pretrain_unit(unit: Unit, table: Table, data: Path, work: Path) -> dict[str, Any]:
    """Pretrain, going on from the newest checkpoint."""
    import torch

    from dnamask_plugins.environment import environment
    from dnamask_plugins.models.source import find_source
    from dnamask_plugins.pretrain.run import pretrain

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    settings, folder = unit.pretraining(work), unit.folder(work)
    if unit.untrained:
        from dnamask_plugins.models.loading import load_masked_lm
        from dnamask_plugins.tokenizers.export import save_pretrained

        tokenizer = find_source(settings.backbone).tokenizer(settings.tokenizer)
        model, facts = load_masked_lm(settings.backbone, tokenizer, seed=unit.seed, **settings.model)
        model.save_pretrained(folder)
        save_pretrained(tokenizer, folder)
        return {
            "environment": environment(),
            "parameters": facts.parameters,
            "pretraining": None,
            "masks": None,
        }
    finished = folder / "run.json"
    if finished.is_file():
        record = json.loads(finished.read_text())
    else:
        record = pretrain(settings, resume=True, quiet=not sys.stderr.isatty()).record
    from benchmarks.cm_gems.measure import masks

    history = record["history"]
    return {
        "environment": record["environment"],
        "parameters": record["model"]["parameters"],
        "corpus": record["corpus"]["fingerprint"],
        "pretraining": {
            "steps": record["progress"]["steps"],
            "examples_per_step": record["progress"]["examples_per_step"],
            "switch_step": record["curriculum"]["switch_step"],
            "evaluations": [
                {key.removeprefix("eval_"): value for key, value in row.items() if key != "epoch"}
                for row in history
                if "eval_perplexity" in row
            ],
            "loss": [[row["step"], round(row["loss"], 4)] for row in history if "loss" in row][
                :: max(1, len(history) // 60)
            ],
        },
        "masks": masks(settings, history),
    }


def measure_unit(unit: Unit, table: Table, data: Path, work: Path) -> dict[str, Any]:
    """Perplexities, probes and few-shot draws; at checkpoints the curve."""
    from benchmarks.cm_gems import measure
    from dnamask_plugins.models.source import find_source

    evaluation, folder = unit.evaluation, unit.folder(work)
    settings = unit.pretraining(work)
    tokenizer = find_source(settings.backbone).tokenizer(settings.tokenizer)
    curve = []
    for step in () if unit.untrained else evaluation.steps:
        checkpoint = folder / f"checkpoint-{step}"
        if not (checkpoint / "model.safetensors").is_file():
            continue
        for file in folder.glob("*token*.json"):
            shutil.copy(file, checkpoint / file.name)
        if (source := folder / "dnamask_source").is_dir():
            shutil.copytree(source, checkpoint / source.name, dirs_exist_ok=True)
        point: dict[str, Any] = {"step": step}
        point["loss"] = measure.losses(
            checkpoint, tokenizer, work, unit.species, evaluation, table.strategies
        )
        probed = measure.classify(unit, checkpoint, data, work, evaluation.curve_probe, "probe", 0)
        point["probe"] = {name: figures["mcc_without_leaks"] for name, figures in probed.items()}
        curve.append(point)
    return {
        "curve": curve,
        "loss": measure.losses(folder, tokenizer, work, unit.species, evaluation, table.strategies),
        "loss_elsewhere": {
            species: measure.losses(folder, tokenizer, work, species, evaluation, table.strategies)
            for species in evaluation.species
        },
        "probe": measure.classify(unit, folder, data, work, evaluation.probe, "probe", 0),
        "fewshot": measure.fewshot(unit, folder, data),
    }


def finetune_unit(unit: Unit, table: Table, data: Path, work: Path) -> dict[str, Any]:
    """Fine-tune with the unit's own seed, so that seeds vary pretraining and fine-tuning alike."""
    from benchmarks.cm_gems import measure

    folder = unit.folder(work)
    tuned = measure.classify(unit, folder, data, work, unit.evaluation.finetune, "finetune", unit.seed)
    return {"finetune": tuned}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("table", type=Path, help="TOML file; a bare name is looked for beside this program")
    parser.add_argument("--data", type=Path, required=True, help="folder with gue/ and fewshot/")
    parser.add_argument("--work", type=Path, required=True, help="where prepare put corpora; models go there")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--minutes", type=float, help="stop after this long")
    parser.add_argument("--share", default="0/1", help="I/N: every N-th unit, from the I-th")
    parser.add_argument("--stages", default=",".join(STAGES), help="leave out finetune, for example")
    parser.add_argument("--seeds", help="only these, for example 0,1")
    parser.add_argument("--arms", help="only these, for example span,cm_gems")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    path = given.table if given.table.is_file() else HERE / given.table
    table = Table.read(path, given.tiny)
    part, parts = map(int, given.share.split("/"))
    stages = {stage for stage in STAGES if stage in given.stages.split(",")}
    units = list(table.units)[part::parts]
    if given.seeds:
        units = [unit for unit in units if unit.seed in set(map(int, given.seeds.split(",")))]
    if given.arms:
        units = [unit for unit in units if unit.arm in given.arms.split(",")]
    from dnamask_plugins.pretrain.signals import Interrupted

    clock = Clock(given.minutes)
    try:
        # Pretraining and measuring of all units come before the first fine-tuning.
        for wanted in ({"pretrain", "measure"} & stages, stages):
            for unit in units:
                if not is_open(unit, table, given.results, wanted):
                    continue
                clock.check()
                started = time.monotonic()
                run_unit(unit, table, given.data, given.work, given.results, wanted)
                gc.collect()
                print(f"{table.name} {unit.name}: {time.monotonic() - started:.0f} s", flush=True)
    except (TimeUp, Interrupted):
        print(f"{table.name}: time is up; run the same command again", flush=True)
        return AGAIN
    except DnamaskError as error:
        print(f"{table.name}: {error}", file=sys.stderr)
        return 2
    finally:
        clock.stop()
    print(f"{table.name}: done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
