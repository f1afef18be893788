"""What a table consists of: its units (arm and seed), each with the settings of its pretraining run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dnamask_plugins.config import fingerprint
from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.files import read_toml
from dnamask_plugins.pretrain.settings import PretrainSettings, merge

HERE = Path(__file__).parent
ARMS = HERE / "arms.toml"


@dataclass(frozen=True)
class Evaluation:
    """How the models of a table are measured.

    Attributes
    ----------
    windows, length : int
        Held-out windows, and nucleotides in each.
    steps : tuple of int
        Checkpoints of the sample-efficiency curve; the last model is measured in any case.
    species : tuple of str
        Other genomes on which the last model's perplexity is measured.
    probe, curve_probe, finetune : tuples of str
        GUE tasks: linear probe of the last model, of every checkpoint, and fine-tuning.
    probe_rows : int
        Training rows that a probe takes at most (the same for every model).
    fewshot : str
        Few-shot data set (its largest training file is drawn from), or empty.
    shots : tuple of int
    draws : int
    finetune_recipe : mapping
        Fields of the harness's recipe.
    """

    windows: int = 128
    length: int = 126
    steps: tuple[int, ...] = ()
    species: tuple[str, ...] = ()
    probe: tuple[str, ...] = ()
    curve_probe: tuple[str, ...] = ()
    probe_rows: int = 4000
    fewshot: str = ""
    shots: tuple[int, ...] = (10, 50, 100)
    draws: int = 10
    finetune: tuple[str, ...] = ()
    finetune_recipe: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Evaluation:
        known = cls.__dataclass_fields__
        for key in values:
            if key not in known:
                raise ConfigError(f"[evaluation]: unknown setting '{key}'; {suggest(key, known)}")
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})


@dataclass(frozen=True)
class Unit:
    """One arm with one seed."""

    table: str
    arm: str
    title: str
    seed: int
    species: str
    npmi: str
    untrained: bool
    revision: int
    settings: Mapping[str, Any]
    evaluation: Evaluation

    @property
    def name(self) -> str:
        return f"{self.arm}.seed-{self.seed}"

    @property
    def identity(self) -> str:
        """16 hex digits of all that the model depends on, paths left out."""
        facts = [self.settings, self.seed, self.species, self.npmi, self.untrained]
        return fingerprint(facts if self.revision == 1 else [*facts, self.revision])

    def folder(self, work: Path) -> Path:
        return work / "runs" / self.table / f"{self.name}.{self.identity}"

    def pretraining(self, work: Path) -> PretrainSettings:
        """Return the settings with the paths of this machine."""
        values = merge(
            self.settings,
            {
                "corpus": str(work / self.species / "corpus"),
                "npmi": str(work / self.species / f"npmi_{self.npmi}.safetensors"),
                "output": str(self.folder(work)),
                "seed": self.seed,
            },
        )
        if "path" in values.get("tokenizer", {}):
            path = str(work / "tokenizers" / values["tokenizer"]["path"])
            values["tokenizer"] = values["tokenizer"] | {"path": path}
        return PretrainSettings.from_mapping(values, f"{self.table}, arm {self.arm}")


@dataclass(frozen=True)
class Table:
    """A configuration file with its units, seed by seed, so that a table that is cut short is balanced."""

    name: str
    title: str
    units: tuple[Unit, ...]
    strategies: Mapping[str, Mapping[str, Any]]
    measured_revision: int

    @classmethod
    def read(cls, path: Path, tiny: bool = False) -> Table:
        """Read a table; `tiny` takes the sizes under ``[tiny]``, for a trial on any machine.

        Raises
        ------
        ConfigError
            The file is no TOML or names an arm that does not exist.
        """
        content = _read(path)
        small = content.pop("tiny", {})
        if tiny:
            content = merge(content, small)
        shared = read_toml(ARMS)
        name = path.stem + ("_tiny" if tiny else "")
        units = []
        for seed in content["seeds"]:
            for arm in content["arms"]:
                if arm not in shared["arm"]:
                    raise ConfigError(f"{path}: no arm '{arm}'; {suggest(arm, shared['arm'])}")
                units.append(_unit(name, arm, seed, content, shared))
        title = content.get("title", name)
        return cls(name, title, tuple(units), shared["strategies"], shared["measured_revision"])


def _read(path: Path) -> dict[str, Any]:
    """Read a configuration; what it says is laid over the one that it extends."""
    content = read_toml(path)
    base = content.pop("extends", None)
    return content if base is None else merge(_read(path.parent / base), content)


def _unit(table: str, arm: str, seed: int, content: Mapping[str, Any], shared: Mapping[str, Any]) -> Unit:
    chosen = shared["arm"][arm]
    trainer = dict(content["trainer"])
    curriculum = dict(chosen.get("curriculum", {"name": "constant", "strategy": "span"}))
    # Two values belong to the size of the run, not to the arm.
    for key, value in curriculum.items():
        if value == "max_steps":
            curriculum[key] = trainer["max_steps"]
        elif value == "switch_threshold":
            curriculum[key] = float(content["switch_threshold"])
    settings: dict[str, Any] = {
        key: content[key]
        for key in ("backbone", "model", "tokenizer", "windows", "validation")
        if key in content
    }
    # Labels that are not plugin names need their configuration; the others would only add to the identity.
    settings["strategies"] = {
        label: value for label, value in shared["strategies"].items() if label in str(curriculum)
    }
    settings |= {"trainer": trainer, "curriculum": curriculum, "mask": chosen.get("mask", {})}
    # Absent where they are the defaults, so that the identity of older units stays what it was.
    settings |= {key: chosen[key] for key in ("init", "loss") if key in chosen}
    return Unit(
        table=table,
        arm=arm,
        title=chosen["title"],
        seed=seed,
        species=content.get("species", "human"),
        npmi=chosen.get("npmi", "pmi_masking"),
        untrained=chosen.get("untrained", False),
        revision=chosen.get("revision", 1),
        settings=settings,
        evaluation=Evaluation.of(content.get("evaluation", {})),
    )
