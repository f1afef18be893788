"""Training steps on a GPU: the model's own forward pass against this package's loss, bf16, torch.compile.

Needs PyTorch, transformers, numba and numpy; no installation of this package:

    PYTHONPATH=. python benchmarks/backbones/gpu.py --out gpu.json --minutes 7
    PYTHONPATH=. python benchmarks/backbones/gpu.py --device cpu --tiny

Each model is first checked: in 32 bits, loss and gradient of both ways are compared (and of FlexAttention,
where it can be used). Then whole optimizer steps are timed from collated batches in host memory (copy,
forward, backward, fused AdamW), on the recipe's mix of lengths (half 512 tokens, half uniform). What is
compiled comes last; what does not fit into the time left is left out and said so.

Ways: `plain` is the model's own loss. `ours` finds what to compute on the device; `ours, planned` is given
the plan by the host, from pinned memory, as in training. `in buckets` rounds the numbers of tokens up, as
training does under torch.compile. `FlexAttention` replaces padding where a model has a bias (ALiBi).
`from letters` masks with this package's masker, before each step or in a thread during the one before.
Share of peak: the operations that PyTorch counts in a step (kernels of variable length and FlexAttention are
not among them), over the time of the step, over the card's bf16 peak without sparsity.
"""

from __future__ import annotations

import argparse
import copy
import functools
import json
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from gpu_steps import CASES, TINY, VOCABULARY, WAYS, Case, check, from_letters, make_batch, run_way

from dnamask_plugins.models.backbones.dnabert2 import DNABERT2


class Run:
    """One model: checked once, then timed in each way; what is compiled comes after everything else.

    Attributes
    ----------
    result : dict
        For the record.
    """

    def __init__(self, case: Case, options: argparse.Namespace) -> None:
        self.case, self.options, self.device = case, options, torch.device(options.device)
        settings = case.settings | (TINY if options.tiny else {})
        windows, width = (4, 64) if options.tiny else (case.windows, 512)
        generator = torch.Generator().manual_seed(0)
        self.batches = [make_batch(windows, width, generator) for _ in range(options.steps)]
        self.model = case.backbone.build(VOCABULARY, seed=0, **settings).to(self.device)
        self.result: dict[str, Any] = {
            "model": case.backbone.name,
            "settings": settings,
            "windows": windows,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "check": check(self.model, self.batches[0], self.device, case.backbone is DNABERT2),
            "ways": {},
        }

    def ways(self, compiled: bool) -> dict[str, Callable[[Any], dict[str, float]]]:
        """Return what can be timed, by name."""
        found: dict[str, Callable[[Any], dict[str, float]]] = {
            way.name: functools.partial(run_way, way, self.batches, self.options)
            for way in WAYS
            if way.compiled == compiled and (not way.flex or self.case.backbone is DNABERT2)
        }
        if not compiled:
            windows = self.result["windows"]
            for ahead, place in ((False, "before each step"), (True, "in a thread")):
                run = functools.partial(from_letters, windows, ahead, self.options)
                found[f"from letters, masked {place}"] = run
        return found

    def time(self, compiled: bool, deadline: float) -> None:
        """Time all ways of a kind; what does not fit is named."""
        ways = self.result["ways"]
        for name, run in self.ways(compiled).items():
            ways[name] = "left out: no time"
            if time.monotonic() <= deadline:
                try:
                    ways[name] = run(copy.deepcopy(self.model))
                except Exception:
                    ways[name] = "failed: " + traceback.format_exc()[-1500:]
            _print(self.case, name, ways[name], ways.get("plain"))


def _print(case: Case, label: str, figures: Any, plain: Any) -> None:
    head = f"{case.backbone.name:9s} {label:50s}"
    if isinstance(figures, str):
        print(f"{head} {figures}", flush=True)
    elif "seconds_mean" in figures:
        print(f"{head} {figures['seconds_mean'] * 1e3:9.2f} ms a step, on average", flush=True)
    else:
        known = isinstance(plain, dict)
        faster = figures["real_tokens_per_s"] / plain["real_tokens_per_s"] if known else float("nan")
        print(
            f"{head} {figures['seconds_median'] * 1e3:9.2f} ms a step "
            f"{figures['real_tokens_per_s']:12,.0f} real tokens/s {faster:6.2f} x plain "
            f"{figures['peak_memory_gib']:6.2f} GiB {figures['share_of_peak']:6.1%} of peak",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the program out")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float16", "float32"))
    parser.add_argument("--tiny", action="store_true", help="small models and batches, to try the script")
    parser.add_argument(
        "--steps", type=int, default=8, help="batches; each is run once to warm up, once timed"
    )
    parser.add_argument("--only", default="", help="models whose name has this part")
    parser.add_argument("--minutes", type=float, default=7.0, help="start nothing new after this time")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_float32_matmul_precision("high" if options.dtype != "float32" else "highest")
    deadline = time.monotonic() + options.minutes * 60
    import transformers

    on_gpu = options.device.startswith("cuda")
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "dtype": options.dtype,
        "steps": options.steps,
        "cases": [],
    }
    runs = []
    for case in CASES:
        if options.only not in case.backbone.name:
            continue
        if time.monotonic() > deadline:
            print(f"{case.backbone.name}: left out, no time", flush=True)
            continue
        try:
            runs.append(Run(case, options))
        except Exception:
            record["cases"].append({"model": case.backbone.name, "failed": traceback.format_exc()[-3000:]})
            print(traceback.format_exc(), flush=True)
            continue
        record["cases"].append(runs[-1].result)
        print(case.backbone.name, runs[-1].result["check"], flush=True)
        runs[-1].time(False, deadline)
        _write(record, options.out)
    for run in runs:
        run.time(True, deadline)
        _write(record, options.out)


def _write(record: dict[str, Any], out: Path | None) -> None:
    if out:
        out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
