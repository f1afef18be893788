"""What `gpu.py` times: batches, the ways to compute a step, and the clock."""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.backbones.dnabert import DNABERT
from dnamask_plugins.models.backbones.dnabert2 import DNABERT2
from dnamask_plugins.models.backbones.logo import LOGO
from dnamask_plugins.models.masked_loss import install_masked_forward, masked_lm_loss
from dnamask_plugins.models.plan import Plan

VOCABULARY = SimpleNamespace(vocab_size=4101, pad_token_id=0, mask_token_id=4)
Batch = dict[str, Any]
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12, "4090": 165e12}
"""Operations a second in bf16 without sparsity, by a part of the card's name; from NVIDIA's data sheets."""


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


@dataclass(frozen=True)
class Way:
    """How a step is computed; `flex` says whether FlexAttention may be used."""

    name: str
    ours: bool = True
    planned: bool = False
    bucketed: bool = False
    compiled: bool = False
    flex: bool = False


WAYS = (
    Way("plain", ours=False),
    Way("ours"),
    Way("ours, planned", planned=True),
    Way("ours, planned, FlexAttention", planned=True, flex=True),
    Way(
        "ours, planned, in buckets, FlexAttention, compiled",
        planned=True,
        bucketed=True,
        compiled=True,
        flex=True,
    ),
    Way("plain compiled", ours=False, compiled=True),
    Way("ours, planned, compiled", planned=True, compiled=True),
    Way("ours, planned, in buckets, compiled", planned=True, bucketed=True, compiled=True),
)


def host_batch(batch: Batch, way: Way, device: torch.device) -> Batch:
    """Return a batch as the host of this way has it ready."""
    if not way.planned:
        return batch
    plan = Plan.from_batch(**batch)
    ready = batch | {"plan": plan.in_buckets() if way.bucketed else plan}
    return {name: value.pin_memory() for name, value in ready.items()} if device.type == "cuda" else ready


def _use_flex(wanted: bool) -> None:
    os.environ["DNAMASK_FLEX_ATTENTION"] = str(int(wanted))


def plain_loss(model: Any, batch: Batch) -> torch.Tensor:
    return model(**batch).loss


def our_loss(model: Any, batch: Batch) -> torch.Tensor:
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    return masked_lm_loss(model, **given, plan=batch.get("plan"))[0]


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def check(model: Any, batch: Batch, device: torch.device, flex: bool) -> dict[str, float]:
    """Compare loss and gradient of the ways in 32 bits, without dropout, on a few rows."""
    few = {name: value[:8].to(device) for name, value in batch.items()}
    ways = {"plain": plain_loss, "ours": our_loss} | ({"flex": our_loss} if flex else {})
    usual = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    model.eval()
    gradients, found = {}, {}
    for name, loss_of in ways.items():
        _use_flex(name == "flex")
        model.zero_grad(set_to_none=True)
        loss = loss_of(model, few)
        loss.backward()
        found[f"loss_{name}"] = loss.item()
        gradients[name] = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    _use_flex(False)
    torch.set_float32_matmul_precision(usual)
    model.zero_grad(set_to_none=True)
    model.train()
    for name in list(ways)[1:]:
        difference = (gradients["plain"] - gradients[name]).norm() / gradients["plain"].norm()
        found[f"gradient_relative_difference_{name}"] = difference.item()
    return found


def count_operations(model: Any, way: Way, batch: Batch, device: torch.device) -> int:
    """Return the operations of a forward and backward pass, as PyTorch counts them; uncompiled."""
    counter = FlopCounterMode(display=False)
    with counter:
        loss = (our_loss if way.ours else plain_loss)(model, on_device(batch, device))
        loss.backward()
    model.zero_grad(set_to_none=True)
    return int(counter.get_total_flops())


def on_device(batch: Batch, device: torch.device) -> Batch:
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}


def time_steps(
    model: Any, way: Way, batches: list[Batch], device: torch.device, dtype: torch.dtype
) -> dict[str, float]:
    """Time optimizer steps; the batches once unmeasured, then once more each."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    loss_of = our_loss if way.ours else plain_loss
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds, losses = [], []
    for number, batch in enumerate([*batches, *batches]):
        wait(device)
        started = time.perf_counter()
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            loss = loss_of(model, on_device(batch, device))
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


def share_of_peak(operations: int, seconds: float) -> float:
    """Return the share of the card's bf16 peak; NaN on a card that is not listed."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    peak = next((peak for part, peak in PEAKS.items() if part in name), float("nan"))
    return operations / seconds / peak


def run_way(way: Way, batches: list[Batch], options: argparse.Namespace, model: Any) -> dict[str, float]:
    """Time a model in one way."""
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    ready = [host_batch(batch, way, device) for batch in batches]
    install_masked_forward(model)
    # Counted without FlexAttention, which the counter cannot look into.
    _use_flex(False)
    operations = count_operations(model, way, ready[0], device)
    _use_flex(way.flex)
    if way.compiled:
        torch.compiler.reset()
        model = torch.compile(model, dynamic=way.ours)
    started = time.monotonic()
    found = time_steps(model, way, ready, device, dtype)
    found["wall_with_compilation_s"] = time.monotonic() - started
    found["operations_of_a_step"] = operations
    found["share_of_peak"] = share_of_peak(operations, found["seconds_median"])
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return found


def from_letters(windows: int, ahead: bool, options: argparse.Namespace, model: Any) -> dict[str, float]:
    """Time steps from tokenized windows; `ahead`: the next one is masked in a thread meanwhile."""
    from dnamask_plugins.corruption import Corruption
    from dnamask_plugins.masking import Masker
    from dnamask_plugins.strategies.span import Span
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    from dnamask_plugins.training.examples import Examples
    from dnamask_plugins.training.objective import Objective
    from dnamask_plugins.training.steps import StepMaker, StepsAhead
    from dnamask_plugins.types import MaskSpec

    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    longest = 60 if options.tiny else 515
    rng, tokenizer = np.random.default_rng(0), KmerTokenizer(6)
    _use_flex(False)

    def examples(number: int) -> Examples:
        lengths = [longest if rng.random() < 0.5 else int(rng.integers(10, longest)) for _ in range(windows)]
        batch = tokenizer.encode_batch(["".join(rng.choice(list("ACGT"), length)) for length in lengths])
        return Examples(batch, np.arange(windows) + number * windows)

    count = 2 * options.steps
    source = iter([examples(number) for number in range(count)])
    maker = StepMaker(
        Masker({"span": Span()}, Corruption.for_tokenizer(tokenizer)),
        Objective(),
        lambda _: False,
        device.type == "cuda",
    )
    steps, spec = StepsAhead(maker, ahead), MaskSpec.single("span", 0.15)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    for number in range(count):
        if number == options.steps:
            wait(device)
            started = time.perf_counter()
        step = steps.take(number, spec, source, 1, number + 1 == count)
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            loss = our_loss(model, on_device(step.batches[0], device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    wait(device)
    return {"seconds_mean": (time.perf_counter() - started) / options.steps}
