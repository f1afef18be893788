"""Fine-tuning settings as data: what a published script did, with every departure from it recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from dnamask_plugins.checking import checked
from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.models.lora import ALL_LINEAR, LoraSettings

SelectBy = Literal["loss", "metric", "last"]
ClassWeights = Literal["none", "balanced"]
FAMILIES: Final = ("dnabert1", "dnabert2", "nt")
"""Backbone families that have published settings."""
ANY: Final = "any"
"""Name of settings that hold for every family."""
DEFAULTS: Final[Mapping[str, Any]] = {
    "note": "dnamask: of any model, where a task brings no settings",
    "select_by": "metric",
    "learning_rate": 5e-5,
    "num_train_epochs": 5,
    "warmup_ratio": 0.1,
    "weight_decay": 0.01,
    "global_batch": 32,
}
"""Settings where neither the task nor the user gives any: dev is looked at after each epoch."""


FINE_TUNING_LORA: Final = LoraSettings(dropout=0.05, targets=ALL_LINEAR)
"""Adapters where a recipe does not say which: on all layers of the blocks."""


@dataclass(frozen=True)
class Recipe:
    """How a task is fine-tuned.

    Attributes
    ----------
    select_by : {"loss", "metric", "last"}
        Which checkpoint is tested: least dev loss (what the published scripts do), best task metric on dev
        (MCC for most of GUE), or the last one.
    max_length : int or None
        Tokens, special ones included; None leaves the limit to the model.
    global_batch : int
        Sequences per optimizer step over all processes and accumulation steps.
    max_steps : int
        Above 0 it overrides `num_train_epochs`.
    eval_steps : int
        Optimizer steps between dev evaluations; 0 = after each epoch (never with ``select_by = "last"``).
    dropout : float or None
        Dropout of the backbone and the head; None leaves the model's own.
    class_weights : {"none", "balanced"}
        Whether the loss of a row counts by how rare its class is (of several labels: a 1 by how rare it is).

    Raises
    ------
    ConfigError
        A value is out of range.
    """

    learning_rate: float = 3e-5
    num_train_epochs: float = 3
    max_steps: int = -1
    warmup_steps: int = 0
    warmup_ratio: float = 0.0
    weight_decay: float = 0.01
    eval_steps: int = 0
    max_length: int | None = None
    global_batch: int = 32
    select_by: SelectBy = "loss"
    dropout: float | None = None
    class_weights: ClassWeights = "none"
    lora: LoraSettings | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.select_by not in get_args(SelectBy):
            raise ConfigError(
                f"recipe: select_by is '{self.select_by}'; {suggest(self.select_by, get_args(SelectBy))}"
            )
        if self.class_weights not in get_args(ClassWeights):
            hint = suggest(str(self.class_weights), get_args(ClassWeights))
            raise ConfigError(f"recipe: class_weights is '{self.class_weights}'; {hint}")
        for name in ("learning_rate", "num_train_epochs", "global_batch"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"recipe: {name} is {getattr(self, name)}, but must be above 0")
        if self.eval_steps < 0:
            raise ConfigError(f"recipe: eval_steps is {self.eval_steps}; give 0 for each epoch, or steps")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> Recipe:
        """Build a recipe from TOML or JSON values.

        Raises
        ------
        ConfigError
            A key is unknown or a value is refused; the message begins with `where`.
        """
        settings = dict(values)
        if settings.get("lora") is not None:
            settings["lora"] = LoraSettings.from_mapping(settings["lora"], f"{where}: lora", FINE_TUNING_LORA)
        return cls(**checked(cls, settings, where, "recipe setting"))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON."""
        return dataclasses.asdict(self)
