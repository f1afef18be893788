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
from dnamask_plugins.files import read_toml
from dnamask_plugins.pretrain.settings import merge

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
    def part(self) -> str:
        """Folder of its records."""
        return str(self.content.get("part", "study"))

    @property
    def claims(self) -> list[Mapping[str, Any]]:
        """The claims, in order."""
        return list(self.content["claim"])

    @property
    def seeds(self) -> list[int]:
        """Pretraining seeds, as many as there may be."""
        return list(self.content["seeds"])

    def seeds_of(self, arm: str) -> list[int]:
        """Pretraining seeds of an arm: all, or the first few where it says how many."""
        return self.seeds[: self.content["arm"][arm].get("seeds", len(self.seeds))]

    @property
    def claimed(self) -> list[str]:
        """Arms that a claim names, in the order of the file."""
        named = {arm for claim in self.claims for arm in (claim["arm"], *claim["than"])}
        return [arm for arm in self.content["arm"] if arm in named]

    @property
    def excluded(self) -> Mapping[str, list[int]]:
        """Arm to seeds that were left out for a registered reason."""
        return dict(self.content["exclusions"].get("seeds", {}))

    @property
    def left_out(self) -> Mapping[str, list[int]]:
        """Arm to seeds that no verdict waits for: excluded, or not registered for the arm."""
        return {
            arm: sorted({*self.seeds} - {*self.seeds_of(arm)} | {*self.excluded.get(arm, ())})
            for arm in self.content["arm"]
        }

    def complete_seeds(self, figures: Mapping[str, Mapping[int, float]]) -> list[int]:
        """Return the first seeds for which every claimed arm has its figure, and no seed after a gap."""
        found = []
        for seed in self.seeds:
            wanted = [arm for arm in self.claimed if seed not in self.left_out[arm]]
            if not all(seed in figures.get(arm, {}) for arm in wanted):
                break
            found.append(seed)
        return found

    def decided_seeds(self, figures: Mapping[str, Mapping[int, float]]) -> list[int]:
        """Return the seeds a verdict is about: the complete ones, and never fewer than registered."""
        return self.seeds[: max(len(self.complete_seeds(figures)), self.content["stop"]["least_seeds"])]

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
        return Model(self.part, form, arm, seed, settings, chosen.get("untrained", False), measured=True)

    def models(self) -> Iterator[Model]:
        """Yield all models in the order in which they are made.

        Arms of claims come first, seed by seed, for as many seeds as a verdict needs; then the arms that are
        only described, seed by seed; then the remaining seeds. So a study that is cut short is balanced.
        """
        least, claimed = self.content["stop"]["least_seeds"], self.claimed
        others = [arm for arm in self.content["arm"] if arm not in claimed]
        stages = ((self.seeds[:least], claimed), (self.seeds, others), (self.seeds[least:], claimed))
        for seeds, arms in stages:
            for seed in seeds:
                for arm in arms:
                    if seed in self.seeds_of(arm):
                        yield self.model(arm, seed)

    def attempts(self) -> Iterator[Attempt]:
        """Yield what every model is asked: a linear classifier on its frozen states, for each task."""
        for task in self.content["tasks"]:
            yield Attempt(task, 0.0, 0, self.content["head"], 0, self.content["train_rows"], "test")
