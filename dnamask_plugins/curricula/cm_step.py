"""CM-Step: from the easy to the hard strategy in equal stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from dnamask_plugins.curricula.base import Stateless, require_positive, unique
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import State
from dnamask_plugins.rng import RngKey
from dnamask_plugins.types import MaskSpec, check_mask_rate


@dataclass(frozen=True)
class CMStep(Stateless):
    """Share of the hard strategy grows by equal stages (CM-GEMS, ECAI 2024, the CM-Step baseline).

    In stage i of n each example uses `hard` with probability ``final_share * i / (n - 1)``, else `easy`.
    The paper's talk describes ten stages from 0 to 1, GeneMask to GLOBAL. The program released with the
    paper differs: a hundred stages, drawn once per batch, up to 0.99, from DNABERT's span:
    ``CMStep(stages=100, final_share=0.99, easy="span", draw="batch")``.

    Parameters
    ----------
    steps : int
        Length of the run in optimizer steps.
    stages : int
        Number of equal stages, at least 2.
    easy, hard : str
        Names of strategies.
    final_share : float
        Share of `hard` in the last stage, in [0, 1].
    draw : {"example", "batch"}
        Whether each example or each step draws its strategy.
    mask_rate : float

    Examples
    --------
    >>> dict(CMStep(steps=100).spec({}, 55).weights)["global_npmi"]
    0.5555555555555556
    """

    name: ClassVar[str] = "cm_step"
    steps: int = 10_000
    stages: int = 10
    easy: str = "genemask"
    hard: str = "global_npmi"
    final_share: float = 1.0
    draw: Literal["example", "batch"] = "example"
    mask_rate: float = 0.15

    def __post_init__(self) -> None:
        check_mask_rate(self.mask_rate)
        require_positive(self.name, steps=self.steps, stages=self.stages - 1)
        if not 0 <= self.final_share <= 1:
            raise ConfigError(f"cm_step: final_share {self.final_share:g} is outside [0, 1]")
        if self.draw not in ("example", "batch"):
            raise ConfigError(f"cm_step: draw is 'example' or 'batch', not {self.draw!r}")

    @property
    def strategies(self) -> tuple[str, ...]:
        """Easy and hard."""
        return unique(self.easy, self.hard)

    @property
    def probes(self) -> tuple[str, ...]:
        """Validation uses the easy strategy throughout."""
        return (self.easy,)

    def spec(self, state: State, step: int) -> MaskSpec:
        """Return the shares of the stage that a step is in; the last stage holds beyond `steps`."""
        stage = min(step * self.stages // self.steps, self.stages - 1)
        share = self.final_share * stage / (self.stages - 1)
        if self.draw == "batch":
            drawn = RngKey.from_step(0, step, [0]).fold_in("cm_step").uniform(1)[0, 0]
            share = float(drawn < share)
        return MaskSpec.mixture([(self.easy, 1 - share), (self.hard, share)], self.mask_rate)
