"""Watches a long run: whether memory, open files and speed stay flat.

    python benchmarks/reliability/soak.py --minutes 60

Pretrains a tiny model with CM-GEMS, gradient accumulation and two loader workers; evaluates and saves every
50 steps and keeps two checkpoints. Memory (resident, of the main process and of its workers), open files
and CPU time are read every few seconds; SIGTERM ends the run, which must save and exit with 75. Slopes are
least squares over the samples after the first fifth. Speed is steps per second of the main process's own
CPU time, so that neighbours on the machine disturb little; steps per second of wall time stand beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent))
import tiny

RECORD = Path(__file__).resolve().parent / "records" / "soak.json"


def sample(process: psutil.Process, run: Path) -> dict[str, float] | None:
    """Read the figures of this moment; None while a worker comes or goes."""
    try:
        workers = process.children(recursive=True)
        steps = [int(each.name.rsplit("-", 1)[1]) for each in run.glob("checkpoint-*")]
        times = process.cpu_times()
        return {
            "rss_main": process.memory_info().rss,
            "rss_workers": sum(each.memory_info().rss for each in workers),
            "workers": len(workers),
            "files_main": process.num_fds(),
            "files_workers": sum(each.num_fds() for each in workers),
            "threads": process.num_threads(),
            "cpu_main": times.user + times.system,
            "step": max(steps, default=0),
            "disk": sum(each.stat().st_size for each in run.rglob("*") if each.is_file()),
        }
    except (psutil.Error, OSError):
        return None


def slope(times: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return the least-squares slope per hour, half the width of its 95% interval, first and last value."""
    hours = (times - times[0]) / 3600
    fitted, covariance = np.polyfit(hours, values, 1, cov=True)
    return {
        "per_hour": float(fitted[0]),
        "plus_minus": float(1.96 * np.sqrt(covariance[0, 0])),
        "first": float(values[0]),
        "last": float(values[-1]),
        "mean": float(values.mean()),
    }


def summarize(samples: list[dict[str, float]]) -> dict[str, Any]:
    """Return slopes of what was sampled, and of the speed between one checkpoint and a later one."""
    kept = samples[len(samples) // 5 :]
    column = {name: np.array([row[name] for row in kept]) for name in kept[0]}
    summary: dict[str, Any] = {}
    for name in ("rss_main", "rss_workers"):
        summary[f"{name}_mib"] = slope(column["time"], column[name] / 2**20)
    for name in ("files_main", "files_workers", "threads"):
        summary[name] = slope(column["time"], column[name])
    # One figure per stretch of at least 200 steps: a checkpoint's number is only known to 50 steps.
    edges = [0]
    for index, step in enumerate(column["step"]):
        if step - column["step"][edges[-1]] >= 200:
            edges.append(index)
    if len(edges) > 3:
        first, last = np.array(edges[:-1]), np.array(edges[1:])
        steps = column["step"][last] - column["step"][first]
        middle = column["time"][last]
        for name, per in (("cpu_main", "steps_per_cpu_second"), ("time", "steps_per_second")):
            summary[per] = slope(middle, steps / (column[name][last] - column[name][first]))
    return summary


def write(
    path: Path, samples: list[dict[str, float]], run: Path, ended: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write the record of what was sampled so far."""
    record = {
        "what": "cm_gems, bert_tiny hidden 16, 4 windows of 64 nt x 2 micro-batches, 2 workers; "
        "evaluated and saved every 50 steps, 2 checkpoints kept",
        "minutes": round((samples[-1]["time"] - samples[0]["time"]) / 60, 2),
        "samples": len(samples),
        "steps": samples[-1]["step"],
        "evaluations_and_saves": samples[-1]["step"] // 50,
        "checkpoints_at_end": len(list(run.glob("checkpoint-*"))),
        "disk_first_mib": round(samples[0]["disk"] / 2**20, 3),
        "disk_last_mib": round(samples[-1]["disk"] / 2**20, 3),
        "load_average": round(os.getloadavg()[1], 1),
        "cores": os.cpu_count(),
        **(ended or {}),
        **summarize(samples),
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    return record


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="seconds between samples")
    parser.add_argument("--record", type=Path, default=RECORD)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus, table = tiny.prepare(folder / "data")
        run = folder / "run"
        trainer = {
            "max_steps": 10_000_000,
            "eval_steps": 50,
            "save_steps": 50,
            "save_total_limit": 2,
            "logging_steps": 50,
        }
        config = folder / "run.toml"
        config.write_text(tiny.as_toml(tiny.settings(corpus, table, run, "cm_gems", **trainer)))
        errors = (folder / "stderr").open("w+")
        command = [sys.executable, "-m", "dnamask_plugins", "pretrain", "--config", str(config), "--quiet"]
        child = subprocess.Popen(command, env=tiny.ENVIRONMENT, stdout=errors, stderr=errors)
        process = psutil.Process(child.pid)
        samples: list[dict[str, float]] = []
        began = 0.0
        signal.signal(signal.SIGINT, lambda *_: setattr(options, "minutes", 0))  # ends the watch early
        while child.poll() is None:
            time.sleep(options.every)
            row = sample(process, run)
            if row is None or not row["step"]:
                continue
            began = began or time.time()
            samples.append({"time": time.time(), **row})
            if len(samples) % 24 == 0:  # what was seen so far stays, whatever befalls the rest
                write(options.record, samples, run)
            if time.time() - began > 60 * options.minutes:
                break
        child.send_signal(signal.SIGTERM)
        write(options.record, samples, run)
        code = child.wait(1800)
        errors.seek(0)
        ended = {"exit_code_after_sigterm": code, "stderr": errors.read()[-500:].replace(str(run), "OUTPUT")}
        print(json.dumps(write(options.record, samples, run, ended), indent=1))


if __name__ == "__main__":
    main()
