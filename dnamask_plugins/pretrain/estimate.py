"""What a pretraining run will cost, worked out before it starts.

**Formula.** With hidden size h, feed-forward size f, n layers, vocabulary V, and a step of windows of L_i
tokens, T = sum L_i, S = sum L_i^2, of which M = rate * T are predicted, counting 2 operations for each
multiply-and-add of a matrix product and nothing else:

- a full layer, forward: ``T * 2 * (4 h^2 + 2 h f) + S * 4 h`` (3 h f for DNABERT-2's gated block);
- the last layer, where only predicted tokens ask: ``T * 4 h^2 + M * 2 * (2 h^2 + 2 h f) + rate * S * 4 h``
  (DNABERT-2, whose one matrix gives queries everywhere: ``T * 6 h^2 + M * 2 * (h^2 + 3 h f) + ...``);
- the head: ``M * 2 * (h^2 + h V)``;
- backward: twice the forward; once for matrices that LoRA freezes;
- the plain way instead: every layer full and the head everywhere, with T and S of the padded batch.

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
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dnamask_plugins.errors import ConfigError, suggest

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

    from dnamask_plugins.pretrain.settings import PretrainSettings, WindowSettings
    from dnamask_plugins.protocols import DNATokenizer


@dataclass(frozen=True)
class Gpu:
    """An accelerator: vendor's figures for dense 16-bit matrix products, and its memory in GiB."""

    name: str
    teraflops: float
    memory: float


GPUS: Final[Mapping[str, Gpu]] = {
    "2080ti": Gpu("RTX 2080 Ti", 53.8, 11),
    "t4": Gpu("T4", 65, 16),
    "v100": Gpu("V100", 125, 32),
    "3090": Gpu("RTX 3090", 71, 24),
    "4090": Gpu("RTX 4090", 165, 24),
    "l4": Gpu("L4", 121, 24),
    "l40s": Gpu("L40S", 362, 48),
    "a100": Gpu("A100", 312, 80),
    "h100": Gpu("H100", 989, 80),
    "h200": Gpu("H200", 989, 141),
}

UTILISATION: Final = 0.35


@dataclass(frozen=True)
class Shape:
    """The sizes of an encoder that decide its cost."""

    hidden: int
    layers: int
    intermediate: int
    vocabulary: int
    gated: bool = False

    @classmethod
    def from_config(cls, config: PretrainedConfig) -> Shape:
        """Read them from a configuration with BERT's names.

        Raises
        ------
        ConfigError
            The architecture has other names.
        """
        try:
            return cls(
                config.hidden_size,
                config.num_hidden_layers,
                config.intermediate_size,
                config.vocab_size,
                config.model_type == "dnamask_dnabert2",
            )
        except AttributeError as error:
            raise ConfigError(
                f"estimate: cannot read the sizes of a '{config.model_type}' ({error})"
            ) from None

    @property
    def layer_weights(self) -> int:
        """Numbers in the matrices of a layer."""
        return self.hidden * (4 * self.hidden + (3 if self.gated else 2) * self.intermediate)


@dataclass(frozen=True)
class Work:
    """The tokens of an optimizer step.

    Attributes
    ----------
    tokens, squares : float
        Sum of the windows' lengths in tokens, and of their squares.
    predicted : float
        Tokens to predict.
    padded : bool
        Whether every token, padding included, goes through everything (the plain way).

    Examples
    --------
    >>> Work.from_lengths([512, 512], 0.15).predicted
    153.6
    """

    tokens: float
    squares: float
    predicted: float
    padded: bool = False

    @classmethod
    def from_lengths(cls, lengths: list[int], mask_rate: float, windows: int | None = None) -> Work:
        """Describe a step of `windows` windows whose lengths are distributed as `lengths`."""
        factor = 1.0 if windows is None else windows / len(lengths)
        tokens = sum(lengths) * factor
        return cls(tokens, sum(length**2 for length in lengths) * factor, tokens * mask_rate)

    @classmethod
    def padded_to(cls, width: int, windows: int, mask_rate: float) -> Work:
        """Describe a step of the plain way."""
        return cls(width * windows, width**2 * windows, width * windows * mask_rate, padded=True)


@dataclass(frozen=True)
class Operations:
    """Operations of a forward pass, by what the backward pass multiplies them with."""

    matrices: float
    attention: float

    def training(self, frozen: bool = False) -> float:
        """Forward and backward; matrices that are frozen need no gradient of their own."""
        return self.matrices * (2 if frozen else 3) + self.attention * 3


def forward_operations(shape: Shape, work: Work) -> Operations:
    """Count the operations of a forward pass; the formula is the module's docstring.

    Examples
    --------
    >>> logo = Shape(hidden=256, layers=2, intermediate=3072, vocabulary=4101)
    >>> plain = forward_operations(logo, Work.padded_to(512, 10, 0.15)).training()
    >>> ours = forward_operations(logo, Work.from_lengths([512] * 10, 0.15)).training()
    >>> f"{plain / 1e9:.0f} against {ours / 1e9:.0f} billion"
    '163 against 83 billion'
    """
    hidden, weights = shape.hidden, shape.layer_weights
    scores = 4 * hidden * work.squares
    head = 2 * hidden * (hidden + shape.vocabulary)
    if work.padded:
        return Operations(work.tokens * (shape.layers * 2 * weights + head), shape.layers * scores)
    everywhere = (3 if shape.gated else 2) * hidden**2
    full = (shape.layers - 1) * work.tokens * 2 * weights
    last = work.tokens * 2 * everywhere + work.predicted * 2 * (weights - everywhere)
    share = work.predicted / work.tokens if work.tokens else 0.0
    return Operations(full + last + work.predicted * head, (shape.layers - 1 + share) * scores)


def kept_numbers(shape: Shape, work: Work) -> float:
    """Count the numbers that the backward pass of a packed micro-batch needs (no dropout)."""
    hidden, inner = shape.hidden, (4 if shape.gated else 2) * shape.intermediate
    full = (shape.layers - 1) * work.tokens * (9 * hidden + inner)
    everywhere = work.tokens * (4 if shape.gated else 3) * hidden
    rest = work.predicted * ((5 if shape.gated else 6) * hidden + inner)
    return (
        full + everywhere + rest + work.predicted * (2 * shape.vocabulary + 4 * hidden) + work.tokens * hidden
    )


@dataclass(frozen=True)
class Published:
    """A pretraining run from a paper."""

    name: str
    shape: Shape
    length: int
    tokens: float
    days: float
    gpus: int
    gpu: str
    source: str

    def operations(self) -> float:
        """Count what the run computed, padded and with full vocabulary scores."""
        work = Work.padded_to(self.length, 1, 0.15)
        return forward_operations(self.shape, work).training() * self.tokens / self.length

    def utilisation(self) -> float:
        """Return the share of the peak that its days come to."""
        seconds = self.days * 86_400 * self.gpus
        return self.operations() / (seconds * GPUS[self.gpu].teraflops * 1e12)


PUBLISHED: Final = (
    Published(
        "DNABERT (6-mer)",
        Shape(768, 12, 3072, 4101),
        512,
        122e9,
        25,
        8,
        "2080ti",
        "Ji et al. 2021; tokens: Zhou et al. 2024, table 2",
    ),
    Published(
        "DNABERT-2",
        Shape(768, 12, 3072, 4096, gated=True),
        128,
        262e9,
        14,
        8,
        "2080ti",
        "Zhou et al. 2024, table 2 and section 4",
    ),
)


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


def find_gpu(name: str) -> Gpu:
    """Return an accelerator by name.

    Raises
    ------
    ConfigError
        It is not in the table.

    Examples
    --------
    >>> find_gpu("RTX 2080 Ti").memory
    11
    """
    key = name.lower().replace(" ", "").replace("-", "").removeprefix("rtx").removeprefix("nvidia")
    if key not in GPUS:
        raise ConfigError(f"no figures for GPU '{name}'; {suggest(key, GPUS)}")
    return GPUS[key]


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
    config, parameters = _model_size(settings, tokenizer)
    shape = Shape.from_config(config)
    micro = int(arguments["per_device_train_batch_size"])
    windows = micro * int(arguments["gradient_accumulation_steps"]) * processes
    rate = float(settings.curriculum.get("mask_rate", 0.15))
    lengths = sample_lengths(tokenizer, settings.windows)
    step = Work.from_lengths(lengths, rate, windows)
    batch = Work.from_lengths(lengths, rate, micro)
    frozen = settings.lora is not None
    trained = parameters
    if settings.lora is not None:
        wide = 4 * shape.hidden if shape.gated else 6 * shape.hidden
        trained = shape.layers * int(settings.lora.get("rank", 8)) * wide
    weights = 4 * parameters + (16 if frozen else 12) * trained
    kept = kept_numbers(shape, batch) * (2.6 if arguments.get("bf16") or arguments.get("fp16") else 4)
    steps = int(arguments["max_steps"])
    saves = max(steps // int(arguments["save_steps"]), 1)
    limit = arguments.get("save_total_limit") or saves
    return Estimate(
        parameters=parameters,
        trained_parameters=trained,
        windows_per_step=windows,
        steps=steps,
        tokens_per_step=step.tokens,
        predicted_per_step=step.predicted,
        operations_per_step=forward_operations(shape, step).training(frozen),
        plain_operations_per_step=forward_operations(
            shape, Work.padded_to(max(lengths), windows, rate)
        ).training(frozen),
        memory_bytes=weights + kept,
        storage_bytes=min(saves, limit) * 12 * trained + 4 * parameters,
    )


def _model_size(settings: PretrainSettings, tokenizer: DNATokenizer) -> tuple[PretrainedConfig, int]:
    """Return the configuration and the number of parameters, without making or fetching any weights."""
    import torch
    from transformers import AutoModelForMaskedLM

    from dnamask_plugins.models.configuration import resolve_config

    config = resolve_config(settings.backbone, tokenizer, **settings.model)
    with torch.device("meta"):
        model = AutoModelForMaskedLM.from_config(config, trust_remote_code=False)
    return config, sum(parameter.numel() for parameter in model.parameters())


def measure(
    settings: PretrainSettings, tokenizer: DNATokenizer, device: str | torch.device = "cpu", repeats: int = 2
) -> float:
    """Time real micro-batches of a run, forward and backward, and return the seconds of an optimizer step.

    The windows are random letters; the first micro-batch warms up and is not counted.
    """
    import torch

    from dnamask_plugins.models.loading import load_masked_lm
    from dnamask_plugins.models.masked_loss import masked_lm_loss

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
        batch = [torch.from_numpy(each).to(device) for each in (ids, attention, np.where(chosen, ids, -100))]
        _wait(device)
        started = time.perf_counter()
        loss, _ = masked_lm_loss(model, *batch)
        loss.backward()
        _wait(device)
        if number:
            elapsed += time.perf_counter() - started
    return elapsed / repeats * accumulation


def _wait(device: str | torch.device) -> None:
    import torch

    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
