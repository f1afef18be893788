"""From masked tokens of one unknown letter to long hidden stretches, as fast as perplexity allows (ours)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from dnamask_plugins.config import Configurable
from dnamask_plugins.curricula.base import check_relative, require_positive
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import Metrics, State
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class UnknownLetters(Configurable):
    """Hide longer and longer units of nucleotides, fewer and fewer of them; go on when a stage is learned.

    How hard a masked token is depends on how many of its letters no visible token shows: with overlapping
    6-mers a unit of one nucleotide leaves one unknown letter in each of six tokens, a unit of 11 leaves
    tokens of which nothing is known. A stage ends when perplexity under its own fixed mask falls by less
    than a fraction over some evaluations in a row. The last stage stays.

    Our own. Stages in another order, listed that way, are its control.

    Parameters
    ----------
    lengths : sequence of sequences of int
        For each stage the lengths of its units in nucleotides; an example draws one of them.
    rates : sequence of float
        Mask rate of each stage.
    relative : float
        Least drop that counts as learning, as a fraction of the perplexity before.
    patience : int
        Evaluations in a row with less, after which the next stage begins.

    Examples
    --------
    >>> curriculum = UnknownLetters([[1], [11]], [0.3, 0.15], patience=1)
    >>> curriculum.strategies
    ('span_1', 'span_11')
    >>> state = curriculum.initial_state()
    >>> for step, perplexity in ((500, 900.0), (1000, 14.0), (1500, 13.9)):
    ...     state = curriculum.update(state, step, {"perplexity/span_1": perplexity})
    >>> state["stage"], curriculum.spec(state, 1500)
    (1, MaskSpec(weights=(('span_11', 1.0),), mask_rate=0.15))
    """

    name: ClassVar[str] = "unknown_letters"
    lengths: Sequence[Sequence[int]] = ((1,), (2, 3, 4, 5, 6), (11, 16))
    rates: Sequence[float] = (0.30, 0.22, 0.15)
    relative: float = 0.02
    patience: int = 2

    def __post_init__(self) -> None:
        require_positive(self.name, patience=self.patience)
        check_relative(self.name, self.relative)
        if isinstance(self.lengths, str) or not self.lengths or len(self.lengths) != len(self.rates):
            raise ConfigError(
                f"{self.name}: {len(self.rates)} rates for {len(self.lengths)} stages; give one each"
            )
        for stage in self.lengths:
            if not isinstance(stage, Sequence) or isinstance(stage, str) or not stage:
                raise ConfigError(
                    f"{self.name}: stage {stage!r} must be a list of lengths, such as [2, 3, 4]"
                )
            require_positive(self.name, **{f"a length of stage {list(stage)}": min(stage)})
        for rate in self.rates:
            check_mask_rate(rate)
        object.__setattr__(
            self, "lengths", tuple(tuple(int(each) for each in stage) for stage in self.lengths)
        )
        object.__setattr__(self, "rates", tuple(float(rate) for rate in self.rates))
        if len(set(self._labels)) != len(self._labels):
            raise ConfigError(f"{self.name}: stages {list(self._labels)} name the same lengths twice")

    @property
    def _labels(self) -> tuple[str, ...]:
        return tuple("span_" + "_".join(map(str, stage)) for stage in self.lengths)

    @property
    def configured(self) -> Mapping[str, Mapping[str, Any]]:
        """Spans of the stages' lengths, by the names in `strategies`."""
        return {
            label: {"name": "span", "length": stage[0]}
            if len(stage) == 1
            else {"name": "mixture", "strategies": [{"name": "span", "length": each} for each in stage]}
            for label, stage in zip(self._labels, self.lengths, strict=True)
        }

    @property
    def strategies(self) -> tuple[str, ...]:
        """One a stage."""
        return self._labels

    @property
    def probes(self) -> tuple[str, ...]:
        """The masks of all stages."""
        return self._labels

    def initial_state(self) -> State:
        """Return the state of a run that has not been evaluated: the first stage."""
        return {"stage": 0, "began": [0], "evaluated_step": -1, "perplexity": None, "calm": 0}

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return the stage that had begun at a step."""
        stage = max(index for index, began in enumerate(state["began"]) if began <= max(step, 0))
        return MaskSpec.single(self._labels[stage], self.rates[stage])

    def update(self, state: State, step: int, metrics: Metrics) -> State:
        """Compare with the evaluation before; a step that was already evaluated changes nothing.

        An evaluation without a finite perplexity under the present stage's mask is passed over.
        """
        if step <= state["evaluated_step"]:
            return state
        stage = state["stage"]
        now = metrics.get(f"perplexity/{self._labels[stage]}", math.nan)
        if not math.isfinite(now):
            return {**state, "evaluated_step": step}
        before = state["perplexity"]
        calm = state["calm"] + 1 if before is not None and before - now < self.relative * before else 0
        if calm < self.patience or stage + 1 == len(self._labels):
            return {**state, "evaluated_step": step, "perplexity": now, "calm": calm}
        # The next stage has a mask of its own, so that nothing measured so far can be compared with it.
        began = [*state["began"], step]
        return {"stage": stage + 1, "began": began, "evaluated_step": step, "perplexity": None, "calm": 0}
