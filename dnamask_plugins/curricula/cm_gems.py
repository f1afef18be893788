"""CM-GEMS: easy first, hard once perplexity stops falling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from dnamask_plugins.config import Configurable
from dnamask_plugins.curricula.base import check_relative, require_positive, unique
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import Metrics, State
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class CMGems(Configurable):
    """Start with GeneMask and switch to GLOBAL for good when validation perplexity stops falling.

    Source: CM-GEMS (Roy et al., ECAI 2024, arXiv 2408.07180). Perplexity is measured on the same windows
    under one fixed mask of the easy strategy, so that the switch does not depend on the mask that it
    changes. The released program differs: it switches as soon as two consecutive perplexities are within
    the threshold in either direction, and measures them under the mask in force
    (``rule="either", probe="current"``).

    Parameters
    ----------
    easy, hard : str
        Names of strategies before and after the switch.
    threshold : float
        Least drop in perplexity from one evaluation to the next that counts as falling (the papers' rule).
    relative : float, optional
        The same as a fraction of the perplexity before, such as 0.02; `threshold` is not read then. A drop of
        1 is nothing at a perplexity of 3,000 and a quarter of everything at 4.
    patience : int
        Evaluations in a row without such a drop after which the switch is made.
    rule : {"drop", "either"}
        ``drop``: an evaluation counts when perplexity fell by less than `threshold` or rose.
        ``either``: when it moved by less than `threshold` up or down (as released).
    probe : {"easy", "current"}
        Mask under which perplexity is measured.
    mask_rate : float

    Examples
    --------
    >>> curriculum = CMGems()
    >>> state = curriculum.initial_state()
    >>> for step, perplexity in ((500, 900.0), (1000, 700.0), (1500, 699.5)):
    ...     state = curriculum.update(state, step, {"perplexity": perplexity})
    >>> state["switch_step"], curriculum.spec(state, 1500).weights
    (1500, (('global_npmi', 1.0),))
    """

    name: ClassVar[str] = "cm_gems"
    easy: str = "genemask"
    hard: str = "global_npmi"
    threshold: float = 1.0
    patience: int = 1
    rule: Literal["drop", "either"] = "drop"
    probe: Literal["easy", "current"] = "easy"
    mask_rate: float = 0.15
    relative: float | None = None

    def __post_init__(self) -> None:
        check_mask_rate(self.mask_rate)
        require_positive(self.name, patience=self.patience)
        check_relative(self.name, self.relative)
        if self.rule not in ("drop", "either"):
            raise ConfigError(f"cm_gems: rule is 'drop' or 'either', not {self.rule!r}")
        if self.probe not in ("easy", "current"):
            raise ConfigError(f"cm_gems: probe is 'easy' or 'current', not {self.probe!r}")

    @property
    def strategies(self) -> tuple[str, ...]:
        """Easy and hard."""
        return unique(self.easy, self.hard)

    @property
    def probes(self) -> tuple[str, ...]:
        """The mask under which perplexity is measured."""
        return ("current",) if self.probe == "current" else (self.easy,)

    def initial_state(self) -> State:
        """Return the state of a run that has not been evaluated."""
        return {"switch_step": None, "evaluated_step": -1, "perplexity": None, "calm": 0}

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return easy before the switch and hard from it on."""
        switch_step = state["switch_step"]
        switched = switch_step is not None and step >= switch_step
        return MaskSpec.single(self.hard if switched else self.easy, self.mask_rate)

    def update(self, state: State, step: int, metrics: Metrics) -> State:
        """Compare with the evaluation before; a step that was already evaluated changes nothing.

        Raises
        ------
        ConfigError
            ``perplexity`` is not among the metrics.
        """
        if "perplexity" not in metrics:
            raise ConfigError("cm_gems reads 'perplexity'; evaluate with the curriculum's probes")
        if step <= state["evaluated_step"]:
            return state
        perplexity, before = metrics["perplexity"], state["perplexity"]
        if not math.isfinite(perplexity):
            return {**state, "evaluated_step": step}
        calm = state["calm"] + 1 if before is not None and self._is_calm(before, perplexity) else 0
        switch_step = state["switch_step"]
        if switch_step is None and calm >= self.patience:
            switch_step = step
        return {"switch_step": switch_step, "evaluated_step": step, "perplexity": perplexity, "calm": calm}

    def _is_calm(self, before: float, now: float) -> bool:
        drop = before - now
        least = self.threshold if self.relative is None else self.relative * before
        return abs(drop) < least if self.rule == "either" else drop < least

    def to_config(self) -> dict[str, Any]:
        """Return the configuration, without `relative` where it is not used."""
        config = super().to_config()
        return {key: value for key, value in config.items() if (key, value) != ("relative", None)}
