"""What a pretraining run will cost, worked out before it starts.

Operations are counted by the formula of `dnamask_plugins.pretrain.operations`.

``hours = steps * operations / (GPUs * peak * utilisation) / 3600``. The peak is the vendor's dense 16-bit
tensor figure. The utilisation is the weak spot: 0.35 by default, what DNABERT-2's published run comes to
under this formula; small models reach far less. `measure` times real steps instead.

**Memory**: 16 bytes a trained parameter (weight, gradient, two Adam moments, 32-bit; 4 if frozen), and what
the backward pass keeps of a micro-batch: ``9 h + 2 f`` numbers a token and full layer (``9 h + 4 f`` if
gated), ``3 h`` a token and the rest a predicted token in the last, ``2 V + 4 h`` a predicted token in the
head. **Storage**: 12 bytes a trained parameter and checkpoint, 4 a parameter of the final model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoModelForMaskedLM

from dnamask_plugins.models.configuration import resolve_config
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.lora import LoraSettings, find_targets
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.pretrain.operations import Shape, Work, forward_operations, kept_numbers
from dnamask_plugins.pretrain.published_runs import UTILISATION, Gpu

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from dnamask_plugins.pretrain.settings import PretrainSettings, WindowSettings
    from dnamask_plugins.protocols import DNATokenizer


@dataclass(frozen=True)
class Estimate:
    """What a run needs.

    Attributes
    ----------
    parameters, trained_parameters : int
    windows_per_step, steps : int
    tokens_per_step, predicted_per_step : float
    operations_per_step, plain_operations_per_step : float
        Floating-point operations, forward and backward: as this package runs it, and the plain way.
    memory_bytes : float
        On each device: weights, gradients, optimizer and one micro-batch.
    storage_bytes : float
        Checkpoints that are kept at a time and the final model.
    """

    parameters: int
    trained_parameters: int
    windows_per_step: int
    steps: int
    tokens_per_step: float
    predicted_per_step: float
    operations_per_step: float
    plain_operations_per_step: float
    memory_bytes: float
    storage_bytes: float

    def hours(self, gpu: Gpu, gpus: int = 1, utilisation: float = UTILISATION) -> float:
        """Return the hours on some accelerators of one kind."""
        return self.steps * self.operations_per_step / (gpus * gpu.teraflops * 1e12 * utilisation) / 3600

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON."""
        return asdict(self)


def sample_lengths(
    tokenizer: DNATokenizer, windows: WindowSettings, count: int = 2048, seed: int = 0
) -> list[int]:
    """Draw windows as a run does and count their tokens on random letters."""
    rng = np.random.default_rng(seed)
    full = rng.random(count) < windows.full_share
    short = rng.integers(windows.min_length, windows.full_length + 1, count)
    nucleotides = np.where(full, windows.full_length, short)
    letters = np.array(list("ACGT"))
    texts = ["".join(rng.choice(letters, size)) for size in nucleotides]
    lengths: list[int] = []
    for start in range(0, count, 64):
        batch = tokenizer.encode_batch(texts[start : start + 64])
        lengths += batch.attention_mask.sum(1).tolist()
    return lengths


def estimate(settings: PretrainSettings, tokenizer: DNATokenizer, processes: int = 1) -> Estimate:
    """Estimate a pretraining run.

    Parameters
    ----------
    settings : PretrainSettings
    tokenizer : DNATokenizer
    processes : int
        Devices that share a step, one micro-batch each.

    Returns
    -------
    Estimate

    Raises
    ------
    ConfigError
        The backbone is unknown, or its sizes cannot be read.
    """
    arguments = settings.trainer_arguments
    model = _empty_model(settings, tokenizer)
    shape = Shape.from_model(model)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    frozen = settings.lora is not None
    trained = parameters if settings.lora is None else _adapter_parameters(model, settings.lora)
    micro = int(arguments["per_device_train_batch_size"])
    windows = micro * int(arguments["gradient_accumulation_steps"]) * processes
    rate = float(settings.curriculum.get("mask_rate", 0.15))
    lengths = sample_lengths(tokenizer, settings.windows)
    step, batch = (Work.from_lengths(lengths, rate, count) for count in (windows, micro))
    plain = Work.padded_to(max(lengths), windows, rate)
    kept = kept_numbers(shape, batch) * _bytes_of_a_number(arguments)
    return Estimate(
        parameters=parameters,
        trained_parameters=trained,
        windows_per_step=windows,
        steps=int(arguments["max_steps"]),
        tokens_per_step=step.tokens,
        predicted_per_step=step.predicted,
        operations_per_step=forward_operations(shape, step).training(frozen),
        plain_operations_per_step=forward_operations(shape, plain).training(frozen),
        memory_bytes=4 * parameters + (16 if frozen else 12) * trained + kept,
        storage_bytes=_checkpoints_kept(arguments) * 12 * trained + 4 * parameters,
    )


def _bytes_of_a_number(arguments: Mapping[str, Any]) -> float:
    """Return the bytes of a number that is kept for the backward pass; under autocast some stay 32-bit."""
    return 2.6 if arguments.get("bf16") or arguments.get("fp16") else 4


def _checkpoints_kept(arguments: Mapping[str, Any]) -> int:
    saves = max(int(arguments["max_steps"]) // int(arguments["save_steps"]), 1)
    return min(saves, arguments.get("save_total_limit") or saves)


def _adapter_parameters(model: PreTrainedModel, settings: Mapping[str, Any]) -> int:
    values = {key: value for key, value in settings.items() if key != "seed"}
    lora = LoraSettings.from_mapping(values)
    layers = (model.get_submodule(name) for name in find_targets(model, lora.targets))
    return sum(lora.rank * sum(layer.weight.shape) for layer in layers)


def _empty_model(settings: PretrainSettings, tokenizer: DNATokenizer) -> PreTrainedModel:
    """Return the model without making or fetching any weights."""
    config = resolve_config(settings.backbone, tokenizer, **settings.model)
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForMaskedLM.from_config(config, trust_remote_code=False)
    return model


def measure(
    settings: PretrainSettings, tokenizer: DNATokenizer, device: str | torch.device = "cpu", repeats: int = 2
) -> float:
    """Time real micro-batches of a run, forward and backward, and return the seconds of an optimizer step.

    The windows are random letters; the first micro-batch warms up and is not counted.
    """
    arguments = settings.trainer_arguments
    micro, accumulation = (
        int(arguments["per_device_train_batch_size"]),
        int(arguments["gradient_accumulation_steps"]),
    )
    model, _ = load_masked_lm(settings.backbone, tokenizer, seed=settings.seed, **settings.model)
    model.to(device)
    lengths = sample_lengths(tokenizer, settings.windows, micro * (repeats + 1))
    generator = np.random.default_rng(0)
    elapsed = 0.0
    for number in range(repeats + 1):
        counts = np.array(lengths[number * micro : (number + 1) * micro])
        attention = np.arange(counts.max())[None, :] < counts[:, None]
        ids = generator.integers(0, tokenizer.vocab_size, attention.shape)
        chosen = attention & (generator.random(attention.shape) < settings.curriculum.get("mask_rate", 0.15))
        given = (ids, attention, np.where(chosen, ids, -100))
        tokens, real, labels = (torch.from_numpy(each).to(device) for each in given)
        _wait(device)
        started = time.perf_counter()
        loss, _ = masked_lm_loss(model, tokens, real, labels)
        loss.backward()
        _wait(device)
        if number:
            elapsed += time.perf_counter() - started
    return elapsed / repeats * accumulation


def _wait(device: str | torch.device) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
