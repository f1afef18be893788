"""Training steps on a GPU: the model's own forward pass against this package's loss, bf16, torch.compile.

Needs PyTorch, transformers, numba and numpy; no installation of this package:

    PYTHONPATH=. python benchmarks/backbones/gpu.py --out gpu.json --minutes 7
    PYTHONPATH=. python benchmarks/backbones/gpu.py --device cpu --tiny

Each model is first checked: in 32 bits, loss and gradient of both ways are compared. Then whole optimizer
steps are timed from collated batches in host memory (copy, forward, backward, fused AdamW), on the recipe's
mix of lengths (half 512 tokens, half uniform). What does not fit into the time left is left out and said so.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.backbones.dnabert import DNABERT
from dnamask_plugins.models.backbones.dnabert2 import DNABERT2
from dnamask_plugins.models.backbones.logo import LOGO
from dnamask_plugins.models.masked_loss import install_masked_forward, masked_lm_loss

VOCABULARY = SimpleNamespace(vocab_size=4101, pad_token_id=0, mask_token_id=4)
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Case:
    """A model and the number of windows in a batch."""

    backbone: Backbone
    windows: int
    settings: dict[str, Any]


CASES = (
    Case(LOGO, 256, {}),
    Case(DNABERT, 64, {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}),
    Case(DNABERT2, 64, {"hidden_dropout_prob": 0.0}),
    Case(DNABERT, 64, {}),
)
TINY = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}


def make_batch(windows: int, width: int, generator: torch.Generator) -> Batch:
    """Draw ids of the recipe's length mix, 15% of them masked."""
    short = torch.randint(7, width + 1, (windows,), generator=generator)
    full = torch.rand(windows, generator=generator) < 0.5
    lengths = torch.where(full, width, short)
    attention = torch.arange(width)[None, :] < lengths[:, None]
    ids = torch.randint(5, VOCABULARY.vocab_size, (windows, width), generator=generator)
    ids = torch.where(attention, ids, VOCABULARY.pad_token_id)
    chosen = attention & (torch.rand(windows, width, generator=generator) < 0.15)
    labels = torch.where(chosen, ids, -100)
    ids = torch.where(chosen, VOCABULARY.mask_token_id, ids)
    return {"input_ids": ids, "attention_mask": attention.long(), "labels": labels}


def plain_loss(model: Any, batch: Batch) -> torch.Tensor:
    return model(**batch).loss


def our_loss(model: Any, batch: Batch) -> torch.Tensor:
    return masked_lm_loss(model, **batch)[0]


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def check(model: Any, batch: Batch, device: torch.device) -> dict[str, float]:
    """Compare loss and gradient of both ways in 32 bits, without dropout, on a few rows."""
    few = {name: value[:8].to(device) for name, value in batch.items()}
    model.eval()
    gradients, losses = [], []
    for way in (plain_loss, our_loss):
        model.zero_grad(set_to_none=True)
        loss = way(model, few)
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    model.zero_grad(set_to_none=True)
    model.train()
    norm = gradients[0].norm()
    return {
        "loss_plain": losses[0],
        "loss_ours": losses[1],
        "gradient_relative_difference": ((gradients[0] - gradients[1]).norm() / norm).item(),
    }


def time_steps(
    model: Any,
    way: Callable[[Any, Batch], torch.Tensor],
    batches: list[Batch],
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, float]:
    """Time optimizer steps; the batches once unmeasured, then once more each."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds, losses = [], []
    for number, batch in enumerate([*batches, *batches]):
        wait(device)
        started = time.perf_counter()
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            loss = way(model, {name: value.to(device, non_blocking=True) for name, value in batch.items()})
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        wait(device)
        if number >= len(batches):
            seconds.append(time.perf_counter() - started)
            losses.append(loss.item())
    real = sum(int(batch["attention_mask"].sum()) for batch in batches)
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
    return {
        "seconds_median": statistics.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "real_tokens_per_s": real / sum(seconds),
        "peak_memory_gib": memory,
        "mean_loss": statistics.fmean(losses),
    }


def run_case(case: Case, options: argparse.Namespace, deadline: float) -> dict[str, Any]:
    """Check and time one model."""
    device = torch.device(options.device)
    settings = case.settings | (TINY if options.tiny else {})
    windows, width = (4, 64) if options.tiny else (case.windows, 512)
    generator = torch.Generator().manual_seed(0)
    batches = [make_batch(windows, width, generator) for _ in range(options.steps)]
    result: dict[str, Any] = {
        "model": case.backbone.name,
        "settings": settings,
        "windows": windows,
        "ways": {},
    }
    model = case.backbone.build(VOCABULARY, seed=0, **settings).to(device)
    result["parameters"] = sum(p.numel() for p in model.parameters())
    result["check"] = check(model, batches[0], device)
    del model
    dtype = getattr(torch, options.dtype)
    for compiled in (False, True):
        for name, way in (("plain", plain_loss), ("ours", our_loss)):
            label = f"{name}{' compiled' if compiled else ''}"
            if time.monotonic() > deadline:
                result["ways"][label] = "left out: no time"
                continue
            try:
                model = case.backbone.build(VOCABULARY, seed=0, **settings).to(device)
                install_masked_forward(model)
                if compiled:
                    torch.compiler.reset()
                    model = torch.compile(model, dynamic=name == "ours")
                started = time.monotonic()
                result["ways"][label] = time_steps(model, way, batches, device, dtype)
                result["ways"][label]["wall_with_compilation_s"] = time.monotonic() - started
            except Exception:
                result["ways"][label] = "failed: " + traceback.format_exc()[-1500:]
            model = None
            if device.type == "cuda":
                torch.cuda.empty_cache()
            _print(case, label, result["ways"][label], result["ways"].get("plain"))
    return result


def _print(case: Case, label: str, figures: Any, plain: Any) -> None:
    if isinstance(figures, str):
        print(f"{case.backbone.name:12s} {label:15s} {figures}", flush=True)
        return
    faster = (
        figures["real_tokens_per_s"] / plain["real_tokens_per_s"] if isinstance(plain, dict) else float("nan")
    )
    print(
        f"{case.backbone.name:12s} {label:15s} {figures['seconds_median'] * 1e3:9.2f} ms a step "
        f"{figures['real_tokens_per_s']:12,.0f} real tokens/s {faster:6.2f} x plain "
        f"{figures['peak_memory_gib']:6.2f} GiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
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
