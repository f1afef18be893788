"""Reads ``registration.toml``: arms as models, fine-tunings, and whether it is still what was registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.confirmatory.finetuning import Attempt
from benchmarks.confirmatory.pretraining import HERE, Model, form_settings
from dnamask_plugins.config import fingerprint
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.settings import merge, read_toml

DRAFT, REGISTERED = "draft", "registered"


@dataclass(frozen=True)
class Registration:
    """The registered configuration.

    Attributes
    ----------
    content : mapping
        The file.
    """

    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path = HERE / "registration.toml") -> Registration:
        """Read and check the file.

        Raises
        ------
        ConfigError
            It was changed after it was registered, or names an arm that it does not have.
        """
        found = cls(read_toml(path))
        frozen = found.content.get("frozen")
        if found.is_registered and frozen != found.fingerprint:
            raise ConfigError(
                f"{path.name}: was changed after it was registered (fingerprint {found.fingerprint}, frozen "
                f"{frozen}); bring the registered file back, and name what differs under Departures"
            )
        for claim in found.claims:
            for arm in (claim["arm"], *claim["than"]):
                if arm not in found.content["arm"]:
                    raise ConfigError(f"{path.name}: claim {claim['name']} names '{arm}', which is no arm")
        return found

    @property
    def is_registered(self) -> bool:
        """Whether it holds; a draft decides nothing."""
        return bool(self.content["status"] == REGISTERED)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of everything but its status."""
        return fingerprint(
            {key: value for key, value in self.content.items() if key not in ("status", "frozen")}
        )

    @property
    def claims(self) -> list[Mapping[str, Any]]:
        """The claims, in order."""
        return list(self.content["claim"])

    @property
    def seeds(self) -> list[int]:
        """Pretraining seeds."""
        return list(self.content["seeds"])

    @property
    def excluded(self) -> Mapping[str, list[int]]:
        """Arm to seeds that were left out for a registered reason."""
        return dict(self.content["exclusions"].get("seeds", {}))

    def model(self, arm: str, seed: int) -> Model:
        """Return the model of an arm with a seed."""
        shared, chosen = self.content["pretraining"], self.content["arm"][arm]
        steps = chosen.get("steps", shared["steps"])
        curriculum = dict(chosen.get("curriculum", {"name": "constant", "strategy": "span"}))
        curriculum = {key: steps if value == "steps" else value for key, value in curriculum.items()}
        form = chosen.get("form", shared["form"])
        changes: dict[str, Any] = {
            "curriculum": curriculum,
            "trainer": merge(shared["trainer"], chosen.get("trainer", {})),
            "init": chosen.get("init", shared["init"]),
            "loss": chosen.get("loss", "token"),
        }
        settings = form_settings(form, steps, **changes)
        return Model("study", form, arm, seed, settings, chosen.get("untrained", False))

    def models(self) -> Iterator[Model]:
        """Yield all models, seed by seed, so that a study that is cut short is balanced."""
        for seed in self.seeds:
            for arm in self.content["arm"]:
                yield self.model(arm, seed)

    def attempts(self, seed: int) -> Iterator[Attempt]:
        """Yield the fine-tunings of a model of a pretraining seed; heads and orders differ between seeds."""
        recipe = self.content["recipe"]
        for number in self.content["finetune_seeds"]:
            for task in self.content["tasks"]:
                yield Attempt(
                    task,
                    recipe["learning_rate"],
                    recipe["epochs"],
                    recipe["head"],
                    100 * seed + number,
                    self.content["train_rows"],
                    "test",
                )

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `finetuning.fine_tune` takes beside an attempt."""
        own = ("learning_rate", "epochs", "head")
        return {key: value for key, value in self.content["recipe"].items() if key not in own}
