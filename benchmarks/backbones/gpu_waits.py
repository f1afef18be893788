"""Where a training step waits for the GPU: a real pretraining run under CUDA's own check of synchronisations.

    PYTHONPATH=. python benchmarks/backbones/gpu_waits.py --corpus CORPUS --out waits.json

After twenty optimizer steps to warm up, twenty of four micro-batches are watched, none of them logged, saved
or evaluated; then one that is logged, as a control that waits are seen at all. Each wait is named by the
lines of Python that led to it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.training.trainer import MaskingTrainer

FIRST, LAST, LOGGED, MICRO = 20, 40, 45, 4


class Watch:
    """Counts the synchronisations between the beginnings of two steps.

    Attributes
    ----------
    found : dict
        "quiet" and "logged": place to number of waits.
    seconds : float
        Of the quiet steps.
    """

    def __init__(self) -> None:
        self.found: dict[str, Counter[str]] = {"quiet": Counter(), "logged": Counter()}
        self.seconds, self._started = float("nan"), 0.0
        self._phase = ""

    def step(self, number: int) -> None:
        """Say that an optimizer step begins."""
        phase = "quiet" if FIRST <= number < LAST else "logged" if number >= LOGGED - 1 else ""
        if phase == self._phase:
            return
        torch.cuda.set_sync_debug_mode("default")
        torch.cuda.synchronize()
        now = time.perf_counter()
        if self._phase == "quiet":
            self.seconds = (now - self._started) / (LAST - FIRST)
        self._phase, self._started = phase, now
        torch.cuda.set_sync_debug_mode("warn" if phase else "default")

    def saw(self, message: Any, *_: Any, **__: Any) -> None:
        """Take a warning."""
        if self._phase and "synchroniz" in str(message):
            frames = [f for f in traceback.extract_stack()[:-1] if "warnings" not in f.filename]
            place = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[:-6:-1])
            self.found[self._phase][place] += 1


def watched(settings: PretrainSettings) -> Watch:
    """Pretrain and return what was seen."""
    watch, original = Watch(), MaskingTrainer.get_batch_samples

    def get_batch_samples(self: Any, *given: Any) -> Any:
        watch.step(self.state.global_step)
        return original(self, *given)

    MaskingTrainer.get_batch_samples = get_batch_samples  # type: ignore[method-assign]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = watch.saw
            pretrain(settings, quiet=True)
    finally:
        MaskingTrainer.get_batch_samples = original  # type: ignore[method-assign]
        torch.cuda.set_sync_debug_mode("default")
    return watch


def settings(corpus: Path, output: str, backbone: str, windows: int) -> PretrainSettings:
    """Return those of a run in which nothing happens but training until the step that is logged."""
    return PretrainSettings.from_mapping(
        {
            "corpus": str(corpus),
            "output": output,
            "backbone": backbone,
            "tokenizer": {"name": "kmer", "k": 6},
            "validation": {"windows": 8},
            "curriculum": {"name": "constant", "strategy": "span"},
            "trainer": {
                "max_steps": LOGGED,
                "per_device_train_batch_size": windows,
                "gradient_accumulation_steps": MICRO,
                "logging_steps": LOGGED,
                "eval_steps": LOGGED,
                "save_steps": LOGGED,
                "bf16": True,
                "report_to": "none",
            },
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=64, help="in a micro-batch")
    parser.add_argument("--backbones", nargs="+", default=["logo", "dnabert", "dnabert2"])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "micro_batches": MICRO,
        "windows": given.windows,
        "steps": LAST - FIRST,
    }
    for backbone in given.backbones:
        with tempfile.TemporaryDirectory() as folder:
            watch = watched(settings(given.corpus, folder, backbone, given.windows))
        record[backbone] = {"seconds_a_step": watch.seconds} | {
            phase: dict(counts.most_common()) for phase, counts in watch.found.items()
        }
        quiet, logged = (sum(watch.found[phase].values()) for phase in ("quiet", "logged"))
        print(
            f"{backbone}: {quiet} waits in {LAST - FIRST} steps of {MICRO} micro-batches, {logged} in the "
            f"logged one; {watch.seconds * 1e3:.1f} ms a step",
            flush=True,
        )
        for place, count in watch.found["quiet"].most_common(12):
            print(f"  {count:5d} {place}", flush=True)
        if given.out:
            given.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
