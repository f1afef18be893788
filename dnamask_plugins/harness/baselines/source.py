"""A floor in the place of a model: what the run and its records ask of a model, answered for a floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dnamask_plugins.config import fingerprint
from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.harness.baselines.fit import BASELINES, module_of
from dnamask_plugins.results.methods import STANDARD
from dnamask_plugins.results.records import ModelInfo

PREFIX: Final = "baseline:"


def is_baseline(reference: str) -> bool:
    """Whether ``--model`` names a floor and no model.

    Examples
    --------
    >>> is_baseline("baseline:kmers"), is_baseline("runs/one")
    (True, False)
    """
    return reference.startswith(PREFIX)


@dataclass(frozen=True)
class BaselineSource:
    """A floor, by its name without the prefix."""

    name: str

    @classmethod
    def find(cls, reference: str) -> BaselineSource:
        """Find the floor that a reference names.

        Raises
        ------
        ConfigError
            There is none of that name.
        """
        name = reference.removeprefix(PREFIX)
        if name not in BASELINES:
            raise ConfigError(f"{reference}: no such baseline; {suggest(name, BASELINES)}")
        return cls(name)

    @property
    def reference(self) -> str:
        """As the user gives it."""
        return PREFIX + self.name

    @property
    def varies(self) -> bool:
        """Whether its figures depend on the seed."""
        return bool(module_of(self.name).VARIES)

    @property
    def weights_sha256(self) -> str:
        """Identity of what is fitted, in the place of weights: other settings are other trials."""
        return fingerprint({"baseline": self.name, **module_of(self.name).SETTINGS})

    @property
    def files_sha256(self) -> dict[str, str]:
        """Everything that its figures depend on, as of a model."""
        return {"weights": self.weights_sha256}

    def info(
        self, parameters: int | None = None, track: str = STANDARD, name: str | None = None
    ) -> ModelInfo:
        """Describe the floor for a result record."""
        title = str(module_of(self.name).TITLE)
        return ModelInfo(
            name=name or title, reference=self.reference, backbone=title, parameters=parameters, track=track
        )
