"""Coverage-guided fuzzing of everything that reads a file: anything but an error of our own is a crash.

    python benchmarks/reliability/fuzz.py [--seconds 60] [--targets fasta,csv]

Needs atheris (``pip install atheris``; it may lie in a folder of its own on PYTHONPATH). The Python code of
the package and of tomllib, json and csv is instrumented; numba kernels and compiled libraries are not. The
targets are those of ``tests/faults/hostile_inputs.py``, the first inputs those of ``tests/faults/cases``.
Each call adds its executions to ``records/fuzzing.json``; a crash is left beside it in ``crashes/`` and
belongs, once mended, in ``tests/faults/cases/TARGET/``.
"""

from __future__ import annotations

import argparse
import fcntl
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core.dispatcher import Dispatcher

INSTRUMENTED = {"dnamask_plugins", "tomllib", "json", "csv", "gzip"}
HERE = Path(__file__).resolve().parent
FAULTS = HERE.parents[1] / "tests" / "faults"
RECORD = HERE / "records" / "fuzzing.json"
sys.path.insert(0, str(FAULTS))


def fuzz(name: str, arguments: list[str]) -> None:
    """Become a fuzzer of one target."""
    import atheris
    import hostile_inputs

    instrument(atheris.instrument_func)
    target = hostile_inputs.TARGETS[name]
    target(b"")  # compiles and caches
    atheris.Setup([sys.argv[0], *arguments], lambda data: target(data))
    atheris.Fuzz()


def instrument(patch: Callable[[Any], Any]) -> None:
    """Instrument what is plain Python; kernels are compiled from the same bytecode and must keep it."""
    kernels = {id(each.py_func) for each in gc.get_objects() if isinstance(each, Dispatcher)}
    for each in gc.get_objects():
        if isinstance(each, types.FunctionType) and id(each) not in kernels:
            module = (each.__module__ or "").split(".")[0]
            if module in INSTRUMENTED:
                patch(each)


def run(name: str, seconds: int, memory: Path) -> dict[str, object]:
    """Fuzz one target in a process of its own and say how often it ran."""
    crashes = HERE / "crashes"
    crashes.mkdir(exist_ok=True)
    found = memory / name
    found.mkdir(parents=True, exist_ok=True)
    seeds = FAULTS / "cases" / name
    command = [
        sys.executable, __file__, "--become", name, f"-max_total_time={seconds}",
        f"-max_len={512 if name == 'toml' else 2048}", "-timeout=30", "-rss_limit_mb=4096", "-verbosity=1",
        f"-artifact_prefix={crashes}/{name}-", str(found), *([str(seeds)] if seeds.is_dir() else []),
    ]  # fmt: skip
    began = time.time()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    text = process.stderr + process.stdout
    counts = [int(each) for each in re.findall(r"^#(\d+)", text, re.M)] + [
        int(each) for each in re.findall(r"Done (\d+) runs", text)
    ]
    if process.returncode:
        (crashes / f"{name}.log").write_text(text[-20000:])
    return {
        "executions": max(counts, default=0),
        "seconds": round(time.time() - began),
        "found_inputs": len(list(found.iterdir())),
        "crashed": process.returncode != 0,
    }


def add(name: str, result: dict[str, object]) -> None:
    """Add the executions of one call to the record."""
    RECORD.parent.mkdir(exist_ok=True)
    lock = RECORD.with_suffix(".lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    totals = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    entry = totals.setdefault(name, {"executions": 0, "seconds": 0, "crashes_found": 0})
    entry["executions"] += result["executions"]
    entry["seconds"] += result["seconds"]
    entry["found_inputs"] = result["found_inputs"]
    entry["crashes_found"] += bool(result["crashed"])
    entry["last_call"] = {"executions": result["executions"], "crashed": result["crashed"]}
    RECORD.write_text(json.dumps(dict(sorted(totals.items())), indent=1) + "\n")


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--become":
        fuzz(sys.argv[2], sys.argv[3:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--targets", default="", help="by comma; all by default")
    parser.add_argument(
        "--found", type=Path, help="folder for inputs that reach new code, kept between calls"
    )
    options = parser.parse_args()
    import hostile_inputs

    names = options.targets.split(",") if options.targets else list(hostile_inputs.TARGETS)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            result = run(name, options.seconds, options.found or Path(folder))
            add(name, result)
            print(
                f"{name:18} {result['executions']:>12,} executions in {result['seconds']} s, "
                f"{'CRASHED' if result['crashed'] else 'no crash'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
