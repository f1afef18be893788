"""A curriculum with its memory: what a training loop holds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dnamask_plugins.guard import blame, blaming
from dnamask_plugins.protocols import Curriculum, Metrics, State
from dnamask_plugins.types import MaskSpec


@dataclass
class Schedule:
    """The one mutable thing of masking: a curriculum, its state and the current optimizer step.

    Attributes
    ----------
    curriculum : Curriculum
    step : int
        Optimizer step in progress, from 0; whoever drives the loop keeps it.

    Examples
    --------
    >>> from dnamask_plugins.curricula.constant import Constant
    >>> Schedule(Constant("span")).spec.weights
    (('span', 1.0),)
    """

    curriculum: Curriculum
    step: int = 0
    state: State = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.state:
            with blaming("curricula", self.curriculum, "before step 0"):
                self.state = self.curriculum.initial_state()

    @property
    def spec(self) -> MaskSpec:
        """What holds at the current step."""
        return self.spec_at(self.step)

    def spec_at(self, step: int) -> MaskSpec:
        """Return what holds at a step.

        Raises
        ------
        PluginError
            The curriculum raises, hangs, or returns something else than a spec.
        """
        where = f"at step {step}"
        with blaming("curricula", self.curriculum, where):
            spec = self.curriculum.spec(self.state, step)
        if not isinstance(spec, MaskSpec):
            raise blame("curricula", self.curriculum, f"returned {type(spec).__name__}, no MaskSpec,", where)
        return spec

    def evaluated(self, metrics: Metrics) -> None:
        """Hand an evaluation at the current step to the curriculum.

        Raises
        ------
        PluginError
            The curriculum raises, hangs, or returns a state that is no JSON object.
        """
        where = f"after the evaluation at step {self.step}"
        with blaming("curricula", self.curriculum, where):
            state = self.curriculum.update(self.state, self.step, metrics)
        try:
            json.dumps(dict(state))
        except (TypeError, ValueError) as error:
            fault = f"returned a state that no checkpoint can keep ({error})"
            raise blame("curricula", self.curriculum, fault, where) from None
        self.state = state

    def to_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        saved = {
            "state": dict(self.state),
            "step": self.step,
            "curriculum": dict(self.curriculum.to_config()),
        }
        return dict(json.loads(json.dumps(saved)))

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what a checkpoint kept."""
        self.state, self.step = saved["state"], int(saved["step"])


def metrics_from_trainer(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Turn Hugging Face's ``eval_*`` metrics into a curriculum's; perplexity is exp(loss) where it is absent.

    Examples
    --------
    >>> metrics_from_trainer({"eval_loss": 0.0, "epoch": 1})
    {'loss': 0.0, 'perplexity': 1.0}
    """
    own = {
        key.removeprefix("eval_"): float(value)
        for key, value in metrics.items()
        if key.startswith("eval_") and isinstance(value, (int, float))
    }
    if "perplexity" not in own and "loss" in own:
        own["perplexity"] = perplexity(own["loss"])
    return own


def perplexity(loss: float) -> float:
    """Return exp(loss), infinite where that overflows."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
