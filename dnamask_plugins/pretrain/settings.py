"""All that a pretraining run is told, as one value: from TOML, from flags, and back into ``run.json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dnamask_plugins.checking import checked
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tokenizers.loading import tokenizer_config

RECIPE: Final[Mapping[str, Any]] = {
    "max_steps": 10_000,
    "per_device_train_batch_size": 10,
    "gradient_accumulation_steps": 25,
    "learning_rate": 8e-4,
    "warmup_steps": 500,
    "lr_scheduler_type": "linear",
    "adam_beta1": 0.9,
    "adam_beta2": 0.98,
    "adam_epsilon": 1e-6,
    "weight_decay": 0.01,
    "eval_steps": 500,
    "save_steps": 500,
    "logging_steps": 50,
}
"""The recipe of GeneMask and CM-GEMS (ECAI 2023, ECAI 2024), in the names of ``TrainingArguments``."""

MAX_SEED: Final = 2**32 - 1
"""NumPy's generator, which the Trainer seeds too, takes no larger one."""


@dataclass(frozen=True)
class MaskSettings:
    """How much is masked and what replaces it; see `Budget` and `Corruption`."""

    per: str = "token"
    draw: str = "exact"
    repeat_weight: float = 1.0
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        _as_floats(self, "repeat_weight", "mask_share", "random_share")


@dataclass(frozen=True)
class WindowSettings:
    """How windows are cut from the corpus; see `WindowSampler`. Lengths in nucleotides."""

    full_length: int = 510
    full_share: float = 0.5
    min_length: int = 5
    reverse_complement: float = 0.0

    def __post_init__(self) -> None:
        _as_floats(self, "full_share", "reverse_complement")


@dataclass(frozen=True)
class ValidationSettings:
    """Held-out windows on which perplexity is measured."""

    windows: int = 256
    length: int = 510
    batch_size: int = 32


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of a pretraining run.

    Attributes
    ----------
    corpus, output : str
        Corpus store, and the folder that the model goes to.
    backbone : str
        Plugin name (from scratch), or a folder or hub id (continued pretraining).
    model : dict
        Settings of the architecture to change, such as ``hidden_size``.
    tokenizer : dict, optional
        Configuration, ``{"name": ..., **parameters}``; the backbone's own when absent.
    curriculum : dict
        Configuration, ``{"name": ..., **parameters}``.
    npmi : str, optional
        Table file.
    strategies : dict
        Label to configuration, for strategies with parameters of their own.
    init : {"plain", "spelled"}
        How embeddings begin, from scratch: as drawn, or as the sum of their letters; see `spell_embeddings`.
    loss : {"token", "nucleotide", "both"}
        What is learned; see `Objective`.
    fresh_head : bool
        Start the masked-language-model head of a folder at random, whether it holds one or not.
    lora : dict, optional
        Fields of `LoraSettings`; full training when absent.
    trainer : dict
        Any field of ``TrainingArguments``; the rest is `RECIPE`.
    seed : int
    """

    corpus: str
    output: str
    backbone: str = "logo"
    model: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Mapping[str, Any] | None = None
    curriculum: Mapping[str, Any] = field(default_factory=lambda: {"name": "cm_gems"})
    npmi: str | None = None
    strategies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    init: str = "plain"
    loss: str = "token"
    fresh_head: bool = False
    lora: Mapping[str, Any] | None = None
    mask: MaskSettings = field(default_factory=MaskSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAX_SEED:
            raise ConfigError(f"seed is {self.seed}; give a whole number from 0 to {MAX_SEED}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "settings") -> PretrainSettings:
        """Check and convert a nested mapping.

        Raises
        ------
        ConfigError
            A key is unknown or missing, or a value has the wrong type; names `where` and the key.
        """
        values = dict(values)
        if isinstance(values.get("curriculum"), str):
            values["curriculum"] = {"name": values["curriculum"]}
        if isinstance(values.get("tokenizer"), str):
            values["tokenizer"] = tokenizer_config(values["tokenizer"])
        given = checked(cls, values, where)
        for name in ("corpus", "output"):
            if not given.get(name):
                raise ConfigError(f"{where}: '{name}' is missing; pass --{name} or set it in the file")
        return cls(**given)

    @property
    def trainer_arguments(self) -> dict[str, Any]:
        """The recipe with this run's changes; a short run warms up for at most a tenth of its steps."""
        merged = {**RECIPE, **self.trainer}
        if "warmup_steps" not in self.trainer and isinstance(merged["max_steps"], int):
            merged["warmup_steps"] = min(merged["warmup_steps"], merged["max_steps"] // 10)
        return merged

    def to_mapping(self) -> dict[str, Any]:
        """Return plain JSON that `from_mapping` takes."""
        return dataclasses.asdict(self)


def _as_floats(settings: object, *names: str) -> None:
    """Keep whole numbers as floats, so that 1 and 1.0 are one setting of a run that is resumed."""
    for name in names:
        object.__setattr__(settings, name, float(getattr(settings, name)))


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over nested settings; the changes win.

    A table with another ``name`` is replaced, not mixed: parameters of one plugin do not fit another.

    Examples
    --------
    >>> merge({"mask": {"per": "token"}, "seed": 1}, {"mask": {"draw": "exact"}})
    {'mask': {'per': 'token', 'draw': 'exact'}, 'seed': 1}
    """
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if isinstance(before, str) and isinstance(value, Mapping) and key in ("tokenizer", "curriculum"):
            before = tokenizer_config(before) if key == "tokenizer" else {"name": before}
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            other_plugin = "name" in value and before.get("name") not in (None, value["name"])
            merged[key] = dict(value) if other_plugin else merge(before, value)
        else:
            merged[key] = value
    return merged
