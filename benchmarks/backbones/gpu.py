"""Training steps on a GPU: the model's own forward pass against this package's loss, bf16, torch.compile.

Needs PyTorch, transformers, numba and numpy; no installation of this package:

    PYTHONPATH=. python benchmarks/backbones/gpu.py --out gpu.json --minutes 7
    PYTHONPATH=. python benchmarks/backbones/gpu.py --device cpu --tiny

Each model is first checked: in 32 bits, loss and gradient of both ways are compared. Then whole optimizer
steps are timed from collated batches in host memory (copy, forward, backward, fused AdamW), on the recipe's
mix of lengths (half 512 tokens, half uniform). What does not fit into the time left is left out and said so.

Ways: `plain` is the model's own loss. `ours` finds what to compute on the device; `ours, planned` is given
the plan by the host, from pinned memory, as in training. `in buckets` rounds the numbers of tokens up, as
training does under torch.compile. `FlexAttention` replaces padding where a model has a bias (ALiBi).
`from letters` masks with this package's masker, before each step or in a thread during the one before.
Share of peak: the operations that PyTorch counts in a step (kernels of variable length and FlexAttention are
not among them), over the time of the step, over the card's bf16 peak without sparsity.
"""

from __future__ import annotations

import argparse
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


def run_case(case: Case, options: argparse.Namespace, deadline: float) -> dict[str, Any]:
    """Check and time one model."""
    device = torch.device(options.device)
    settings = case.settings | (TINY if options.tiny else {})
    windows, width = (4, 64) if options.tiny else (case.windows, 512)
    generator = torch.Generator().manual_seed(0)
    batches = [make_batch(windows, width, generator) for _ in range(options.steps)]
    model = case.backbone.build(VOCABULARY, seed=0, **settings).to(device)
    result: dict[str, Any] = {
        "model": case.backbone.name,
        "settings": settings,
        "windows": windows,
        "parameters": sum(p.numel() for p in model.parameters()),
        "check": check(model, batches[0], device),
        "ways": {},
    }
    del model
    runs: dict[str, Callable[[], dict[str, float]]] = {
        way.name: functools.partial(run_way, case, way, batches, settings, options)
        for way in WAYS
        if not way.flex or case.backbone is DNABERT2
    }
    runs["from letters, masked before each step"] = functools.partial(from_letters, case, False, options)
    runs["from letters, masked in a thread"] = functools.partial(from_letters, case, True, options)
    for name, run in runs.items():
        found: Any = "left out: no time"
        if time.monotonic() <= deadline:
            try:
                found = run()
            except Exception:
                found = "failed: " + traceback.format_exc()[-1500:]
        result["ways"][name] = found
        _print(case, name, found, result["ways"].get("plain"))
    return result


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
    for case in CASES:
        if time.monotonic() > deadline:
            print(f"{case.backbone.name}: left out, no time", flush=True)
            continue
        try:
            record["cases"].append(run_case(case, options, deadline))
            print(case.backbone.name, record["cases"][-1]["check"], flush=True)
        except Exception:
            record["cases"].append({"model": case.backbone.name, "failed": traceback.format_exc()[-3000:]})
            print(traceback.format_exc(), flush=True)
        if options.out:
            options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
