"""Kills runs with SIGKILL at random moments, resumes them, and compares what is left with a run left alone.

    python benchmarks/reliability/kill.py pretrain [--kills 60]
    python benchmarks/reliability/kill.py command [--kills 6]
    python benchmarks/reliability/kill.py gue|npmi|corpus [--kills 20]

``pretrain``: each run is a process forked from one that has imported everything and run nothing, so that
hundreds of kills fit into minutes; it notes a hash of each micro-batch it masks (ids, mask, replaced
tokens). ``command``: the same with ``dnamask pretrain`` as a user starts it. A run is killed again and
again until it has finished. The moments are drawn in three ways: uniformly over the time a run takes; a few
milliseconds after a checkpoint's folder appeared, so while it is being saved; and, for a curriculum that
listens, just before and just after an evaluation is handed to it. Compared with the run that was left
alone, bit by bit: weights, optimizer, learning-rate schedule and random states of the last checkpoint, the
weights in the model folder, curriculum state, log history (a part of it moved to its file), TensorBoard
scalars, and the masks of every step however often it was done. Times and speeds are left out.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import tiny

RECORDS = Path(__file__).resolve().parent / "records"
TIMING = ("runtime", "per_second", "train_loss", "total_flos", "seconds")
TAIL = 0.98  # of the time a whole run takes; later kills would mostly find it finished


def note_masks(output: Path, suicide: tuple[str, int] | None) -> None:
    """Write a hash of each training micro-batch masked from now on; die at an evaluation, if told to."""
    from dnamask_plugins.masking import Masker
    from dnamask_plugins.training.schedule import Schedule
    from dnamask_plugins.training.validation import VALIDATION_SEED

    original, evaluated = Masker.__call__, Schedule.evaluated

    def masked(masker: Any, batch: Any, spec: Any, step: int, ids: Any) -> Any:
        out = original(masker, batch, spec, step, ids)
        if masker.seed != VALIDATION_SEED:
            digest = hashlib.sha256(
                b"".join(each.tobytes() for each in (ids, out.mask, out.input_ids, out.labels))
            ).hexdigest()
            with (output.parent / f"{output.name}.masks").open("a") as lines:
                lines.write(f"{step} {int(ids[0])} {digest}\n")
        return out

    def evaluate(schedule: Any, metrics: Any) -> None:
        if suicide == ("before", schedule.step):
            os.kill(os.getpid(), signal.SIGKILL)
        evaluated(schedule, metrics)
        if suicide == ("after", schedule.step):
            os.kill(os.getpid(), signal.SIGKILL)

    Masker.__call__ = masked
    Schedule.evaluated = evaluate


LOG_ROWS = 10
"""In forked runs the log moves to its file after twice as many rows, so that kills fall around that too."""


def forked(settings: dict[str, Any], suicide: tuple[str, int] | None = None) -> multiprocessing.Process:
    """Start or resume a run in a forked process."""

    def body() -> None:
        from dnamask_plugins.pretrain.run import pretrain
        from dnamask_plugins.pretrain.settings import PretrainSettings
        from dnamask_plugins.training import history

        os.setsid()  # its loader workers die with it
        history.BLOCK = LOG_ROWS
        output = Path(settings["output"])
        log = os.open(output.parent / f"{output.name}.stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 2)
        note_masks(output, suicide)
        pretrain(PretrainSettings.from_mapping(settings), resume=True, quiet=True)

    process = multiprocessing.get_context("fork").Process(target=body)
    process.start()
    return process


class Command:
    """``dnamask`` as a user starts it, with the interface of a process that `forked` gives."""

    def __init__(self, *arguments: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "dnamask_plugins", *arguments],
            env=tiny.ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.pid = self.child.pid

    def is_alive(self) -> bool:
        return self.child.poll() is None

    def join(self, timeout: float | None = None) -> None:
        self.child.wait(timeout)

    @property
    def exitcode(self) -> int | None:
        return self.child.poll()


def slay(process: Any) -> None:
    """Kill a process and its loader workers at once."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(process.pid, signal.SIGKILL)
    process.join()


def wait_and_kill(process: Any, moment: Callable[[], bool]) -> bool:
    """Kill when a moment has come; False where the process ended before."""
    while process.is_alive():
        if moment():
            slay(process)
            return process.exitcode == -signal.SIGKILL
        time.sleep(0.0005)
    process.join()
    return False


def after(seconds: float) -> Callable[[], bool]:
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() >= ends


def while_saving(folder: Path, delay: float) -> Callable[[], bool]:
    """Return whether a new checkpoint's folder has been there for `delay` seconds."""
    old = {each.name for each in folder.glob("checkpoint-*")}
    seen: list[float] = []

    def moment() -> bool:
        if not seen and any(each.name not in old for each in folder.glob("checkpoint-*")):
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() >= seen[0] + delay

    return moment


def half_written(folder: Path) -> list[str]:
    from dnamask_plugins.training.checkpoints import find_checkpoints

    return [each.name for each in find_checkpoints(folder)[1]]


def digest_of(value: Any) -> str:
    """Hash tensors, arrays and plain values, however nested."""
    import numpy as np
    import torch

    digest = hashlib.sha256()

    def walk(each: Any) -> None:
        if isinstance(each, torch.Tensor):
            digest.update(
                repr((each.dtype, tuple(each.shape))).encode() + each.contiguous().numpy().tobytes()
            )
        elif isinstance(each, np.ndarray):
            digest.update(repr((each.dtype, each.shape)).encode() + each.tobytes())
        elif isinstance(each, dict):
            for key in sorted(each, key=repr):  # JSON keeps no order
                digest.update(repr(key).encode())
                walk(each[key])
        elif isinstance(each, (list, tuple)):
            digest.update(b"[")
            for item in each:
                walk(item)
        else:
            digest.update(repr(each).encode())

    walk(value)
    return digest.hexdigest()


def untimed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not any(word in k for word in TIMING)} for row in rows]


def history(folder: Path) -> list[dict[str, Any]]:
    return untimed(json.loads((folder / "run.json").read_text())["history"])


def first_difference(expected: list[Any], found: list[Any]) -> str:
    """Say where two logs part."""
    for number, (one, other) in enumerate(zip(expected, found, strict=False)):
        if one != other:
            return f"row {number}: {one} became {other}"
    return f"{len(expected)} rows became {len(found)}: {expected[len(found) :]} {found[len(expected) :]}"


def scalars(folder: Path) -> dict[tuple[str, int], set[float]]:
    """Return every value of every TensorBoard scalar by tag and step, over all event files."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util.tensor_util import make_ndarray

    found: dict[tuple[str, int], set[float]] = collections.defaultdict(set)
    for path in sorted(folder.rglob("events.out.tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.HasField("tensor") and not any(word in value.tag for word in TIMING):
                    array = make_ndarray(value.tensor)
                    if array.ndim == 0 and array.dtype.kind == "f":
                        found[value.tag, event.step].add(float(array))
    return dict(found)


def remains(folder: Path) -> dict[str, str]:
    """Return a hash of each thing that must come out the same."""
    import torch
    from safetensors.torch import load_file
    from transformers.trainer_pt_utils import safe_globals

    last = max(folder.glob("checkpoint-*"), key=lambda each: int(each.name.rsplit("-", 1)[1]))
    with safe_globals():
        random_states = torch.load(last / "rng_state.pth", weights_only=True)
    optimizer = torch.load(last / "optimizer.pt", weights_only=True)
    schedule = torch.load(last / "scheduler.pt", weights_only=True)
    state = json.loads((last / "trainer_state.json").read_text())
    run = json.loads((folder / "run.json").read_text())
    result = {
        "weights": digest_of(load_file(folder / "model.safetensors")),
        "checkpoint weights": digest_of(load_file(last / "model.safetensors")),
        "optimizer": digest_of(optimizer),
        "learning-rate schedule": digest_of(schedule),
        "random states": digest_of(random_states),
        "curriculum state": digest_of(run["curriculum"]["state"]) + digest_of(state["stateful_callbacks"]),
        "log history": digest_of(untimed(run["history"])) + digest_of(untimed(state["log_history"])),
        "TensorBoard scalars": digest_of(
            [(*key, sorted(values)) for key, values in sorted(scalars(folder).items())]
        ),
    }
    notes = folder.parent / f"{folder.name}.masks"
    if notes.is_file():
        # A line cut short by a kill has no hash of full length.
        lines = {line for line in notes.read_text().splitlines() if len(line.split()[-1]) == 64}
        result["masks"] = digest_of(sorted(lines))
    return result


def ways(rng: random.Random, seconds: float, curriculum: str) -> Iterator[tuple[str, Any]]:
    """Draw the next kill without end: how, and its parameter."""
    listens = curriculum == "cm_gems"
    while True:
        yield "at random", rng.uniform(0, TAIL * seconds)
        yield "while saving", rng.uniform(0, 0.03)
        yield "at random", rng.uniform(0, TAIL * seconds)
        if listens:
            yield "before an evaluation is handed over", rng.choice(range(5, 41, 5))
            yield "between evaluation and save", rng.choice(range(5, 41, 5))


def study(kills: int, seed: int, as_command: bool) -> dict[str, Any]:
    """Kill runs of three curricula until each was killed often enough."""
    rng = random.Random(seed)
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        corpus, table = tiny.prepare(root / "data")
        for curriculum in tiny.CURRICULA:
            began = time.time()
            result[curriculum] = one_curriculum(rng, root, corpus, table, curriculum, kills, as_command)
            result[curriculum]["minutes"] = round((time.time() - began) / 60, 1)
            print(curriculum, json.dumps(result[curriculum]), flush=True)
    return result


def one_curriculum(
    rng: random.Random, root: Path, corpus: Path, table: Path, curriculum: str, kills: int, as_command: bool
) -> dict[str, Any]:
    def settings(name: str) -> dict[str, Any]:
        return tiny.settings(corpus, table, root / name, curriculum)

    def start(name: str, suicide: Any = None) -> Any:
        if not as_command:
            return forked(settings(name), suicide)
        config = root / f"{name}.toml"
        config.write_text(tiny.as_toml(settings(name)))
        return Command("pretrain", "--config", str(config), "--quiet", "--resume")

    whole = f"{curriculum}-whole"
    began = time.monotonic()
    process = start(whole)
    process.join(300)
    assert process.exitcode == 0, (root / f"{whole}.stderr").read_text()
    seconds = time.monotonic() - began
    expected = remains(root / whole)
    done: collections.Counter[str] = collections.Counter()
    differences: list[str] = []
    runs = halves = reported = 0
    drawn = ways(rng, seconds, curriculum)
    while sum(done.values()) < kills:
        name = f"{curriculum}-{runs}"
        output = root / name
        for _ in range(12):  # kills of one run, at most
            how, when = next(drawn)
            if as_command and "evaluation" in how:
                continue
            inside = "evaluation" in how
            process = start(name, ("before" if "before" in how else "after", when) if inside else None)
            if inside:
                process.join(300)
                killed = process.exitcode == -signal.SIGKILL
            elif how == "while saving":
                killed = wait_and_kill(process, while_saving(output, when))
            else:
                killed = wait_and_kill(process, after(when))
            if killed:
                done[how] += 1
                halves += len(half_written(output))
            elif process.exitcode != 0:
                differences.append(f"{name}: {how}: exit code {process.exitcode}")
                break
            else:
                break
            if rng.random() < 0.15:
                break
        process = start(name)
        process.join(300)
        if process.exitcode == 0:
            found = remains(output)
            wrong = [key for key in expected if found.get(key) != expected[key]]
            if "log history" in wrong:
                print(first_difference(history(root / whole), history(output)), file=sys.stderr)
            differences += [f"{name}: {key} differs" for key in wrong]
        else:
            differences.append(f"{name}: resumed run ended with {process.exitcode}")
        log = root / f"{name}.stderr"
        reported += log.read_text().count("is half-written") if log.is_file() else 0
        runs += 1
        if not differences:
            shutil.rmtree(output)
    return {
        "runs": runs,
        "kills": dict(done),
        "half_written_checkpoints": halves,
        "reported_as_such": None if as_command else reported,
        "compared": sorted(expected),
        "differences": differences,
        "seconds_of_a_run_left_alone": round(seconds, 2),
    }


def study_builds(kind: str, kills: int, seed: int) -> dict[str, Any]:
    """Kill ``npmi build`` or ``corpus build`` and run it again."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        genome = tiny.write_genome(root / "genome.fa", nucleotides=30_000_000, records=5)
        made = root / "made" / ("table.safetensors" if kind == "npmi" else "corpus")
        made.parent.mkdir()
        arguments = [kind, "build", "--fasta", str(genome), "--output", str(made)]

        def content() -> dict[str, str]:
            files = [made] if made.is_file() else sorted(made.rglob("*"))
            return {
                each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files if each.is_file()
            }

        def clear() -> None:
            shutil.rmtree(made.parent)
            made.parent.mkdir()

        Command(*arguments).join()
        clear()
        began = time.monotonic()
        process = Command(*arguments)
        process.join()
        assert process.exitcode == 0
        seconds = time.monotonic() - began
        expected = content()
        partial = visible = 0
        done = 0
        differences: list[str] = []
        clear()
        while done < kills:
            for _ in range(rng.randint(1, 3)):
                # Most of the time goes into imports: the kills fall into the second half.
                if wait_and_kill(Command(*arguments), after(rng.uniform(0.4, 1.0) * seconds)):
                    done += 1
                    partial += any(each.name.startswith(".") for each in made.parent.iterdir())
                    if made.exists():
                        visible += 1
                        if content() != expected:
                            differences.append("what stands under its name after a kill is not whole")
            process = Command(*arguments)
            process.join()
            if process.exitcode != 0 or content() != expected:
                differences.append(f"built again: exit code {process.exitcode}, or other content")
            left = [each.name for each in made.parent.iterdir() if each != made]
            differences += [f"left behind: {each}" for each in left]
            clear()
    return {
        "kills": done,
        "with_a_partial_file_or_folder_beside": partial,
        "after_it_was_complete": visible,
        "differences": differences,
        "seconds_of_a_run_left_alone": round(seconds, 2),
    }


def gue_world(root: Path) -> Callable[[Path], list[str]]:
    """Make a tiny model and two tasks; returns the arguments of ``gue run`` into a folder."""
    corpus, table = tiny.prepare(root / "data")
    model = tiny.settings(corpus, table, root / "model", "constant", max_steps=5)
    process = forked(model)
    process.join()
    assert process.exitcode == 0
    for task in ("prom/prom_core_all", "mouse/0"):
        folder = root / "GUE" / task
        folder.mkdir(parents=True)
        for split, rows in (("train", 96), ("dev", 32), ("test", 32)):
            draw = random.Random(f"{task} {split}")
            lines = ["sequence,label"]
            for row in range(rows):
                letters = "ACGT" if row % 2 else "AACCT"
                lines.append("".join(draw.choice(letters) for _ in range(60)) + f",{row % 2}")
            (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    recipe = root / "recipe.toml"
    recipe.write_text("learning_rate = 1e-3\nnum_train_epochs = 4\neval_steps = 4\nselect_by = 'metric'\n")

    def arguments(out: Path) -> list[str]:
        return [
            "gue", "run", "--model", str(root / "model"), "--gue-dir", str(root / "GUE"),
            "--out", str(out),
            "--tasks", "prom/prom_core_all,mouse/0", "--seeds", "0,1", "--recipe", str(recipe),
        ]  # fmt: skip

    return arguments


def results_of(out: Path) -> dict[str, Any]:
    """Return predictions byte by byte, and records and outcomes without times, names and memory."""
    found: dict[str, Any] = {}
    skipped = ("wall_time_s", "peak_memory_bytes", "created", "command", "reference", "hardware")

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in skipped}
        return [plain(each) for each in value] if isinstance(value, list) else value

    for path in sorted(out.rglob("*")):
        key = str(path.relative_to(out))
        if path.name.endswith(".csv.gz"):
            found[key] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.suffix == ".json":
            found[key] = plain(json.loads(path.read_text()))
        elif path.is_file():
            found[key] = "left behind"
    return found


def study_gue(kills: int, seed: int) -> dict[str, Any]:
    """Kill ``gue run`` of two tasks and two seeds and run it again."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        arguments = gue_world(root)
        began = time.monotonic()
        process = Command(*arguments(root / "whole" / "out"))
        process.join()
        assert process.exitcode == 0
        seconds = time.monotonic() - began
        expected = results_of(root / "whole" / "out")
        done = runs = kept = 0
        differences: list[str] = []
        while done < kills:
            out = root / f"killed-{runs}" / "out"  # its last part stands in the records
            for _ in range(rng.randint(1, 4)):
                if wait_and_kill(Command(*arguments(out)), after(rng.uniform(0.3, TAIL) * seconds)):
                    done += 1
                    kept = max(kept, len(list((out / "trials").glob("*.json"))) if out.is_dir() else 0)
            process = Command(*arguments(out))
            process.join()
            found = results_of(out)
            if process.exitcode != 0:
                differences.append(f"run {runs}: exit code {process.exitcode}")
            differences += [
                f"run {runs}: {key}"
                for key in sorted({*expected, *found})
                if expected.get(key) != found.get(key)
            ]
            runs += 1
    return {
        "kills": done,
        "runs": runs,
        "trials": 4,
        "most_trials_finished_before_a_kill": kept,
        "differences": differences,
        "seconds_of_a_run_left_alone": round(seconds, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("pretrain", "command", "gue", "npmi", "corpus"))
    parser.add_argument("--kills", type=int, default=20, help="at least so many, for each curriculum")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--records", type=Path, default=RECORDS)
    options = parser.parse_args()
    os.environ.update(tiny.ENVIRONMENT)
    if options.what in ("pretrain", "command"):
        if options.what == "pretrain":
            import dnamask_plugins.pretrain.run
            import dnamask_plugins.training.trainer  # noqa: F401
        result = study(options.kills, options.seed, options.what == "command")
    elif options.what == "gue":
        result = study_gue(options.kills, options.seed)
    else:
        result = study_builds(options.what, options.kills, options.seed)
    options.records.mkdir(parents=True, exist_ok=True)
    path = options.records / f"kill_{options.what}.json"
    path.write_text(json.dumps({"seed": options.seed, "result": result}, indent=1) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
