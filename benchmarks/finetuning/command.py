"""``dnamask gue run`` as a whole beside a plain Trainer script: processor time and peak memory.

``python benchmarks/finetuning/command.py --gue-dir GUE [--task tf/0] [--before CHECKOUT] [--json OUT]``

Each side is a process of its own, started anew, from the CSV files to the test figure (and, of the command,
to its record); sides alternate, and the figures are medians. ``--before`` measures another checkout of this
package in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def measure(command: list[str], checkout: Path) -> dict[str, float]:
    """Run a command; return its processor time, wall time and peak memory."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{said[-2000:]}")
    return {
        "processor_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
    }


def harness_command(case: argparse.Namespace, model: Path, out: Path) -> list[str]:
    """Return the command that a user types."""
    words = [sys.executable, "-m", "dnamask_plugins", "gue", "run", "--model", str(model), "--out", str(out)]
    words += ["--gue-dir", str(case.gue_dir), "--tasks", case.task, "--seeds", "0", "--select-by", "metric"]
    for setting in (f"max_steps={case.steps}", f"eval_steps={case.eval_steps}", "warmup_steps=10"):
        words += ["--set", setting]
    return words


def plain_side(case: argparse.Namespace) -> None:
    """Do the same with plain Trainer, in this process."""
    from benchmarks.finetuning.run import Case, plain
    from dnamask_plugins.tasks import Task

    task = Task(case.task, "bench", "mcc", classes=2)
    with tempfile.TemporaryDirectory() as folder:
        plain(Case("plain", task, case.gue_dir, case.model, case.steps, case.eval_steps), 0, Path(folder))


def main() -> None:
    """Alternate the sides and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gue-dir", type=Path, required=True)
    parser.add_argument("--task", default="tf/0")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--eval-steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="another checkout of this package")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    case = parser.parse_args()
    if case.model is not None:
        plain_side(case)
        return
    from benchmarks.finetuning.run import write_model

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        model = write_model(scratch / "model", {"name": "kmer", "k": 6})
        shared = ["--gue-dir", str(case.gue_dir), "--task", case.task, "--steps", str(case.steps)]
        plain = [sys.executable, str(Path(__file__).resolve()), *shared, "--eval-steps", str(case.eval_steps)]
        sides: dict[str, tuple[list[str], Path]] = {"plain": ([*plain, "--model", str(model)], ROOT)}
        checkouts = {"harness": ROOT} | ({"before": case.before.resolve()} if case.before else {})
        found: dict[str, list[dict[str, float]]] = {side: [] for side in (*sides, *checkouts)}
        for repeat in range(case.repeats):
            for side, (command, checkout) in sides.items():
                found[side].append(measure(command, checkout))
            for side, checkout in checkouts.items():
                command = harness_command(case, model, scratch / f"{side}-{repeat}")
                found[side].append(measure(command, checkout))
    print(json.dumps(report(case, found), indent=1))
    if case.json is not None:
        case.json.write_text(json.dumps(report(case, found), indent=1) + "\n")


def report(case: argparse.Namespace, found: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Put medians and ratios together."""
    medians = {
        side: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for side, runs in found.items()
    }
    return {
        "task": case.task,
        "steps": case.steps,
        "evaluations": case.steps // case.eval_steps,
        "medians": medians,
        "plain_over": {
            side: round(medians["plain"]["processor_s"] / each["processor_s"], 2)
            for side, each in medians.items()
            if side != "plain"
        },
        "runs": found,
    }


if __name__ == "__main__":
    main()
