"""One pretrained (or untrained) model of the study, and its record: made once, found again afterwards."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cm_gems.run import cpu_seconds
from dnamask_plugins.config import fingerprint
from dnamask_plugins.files import read_toml, write_json
from dnamask_plugins.pretrain.settings import PretrainSettings, merge

HERE = Path(__file__).parent
RECORDS = HERE / "records"


@dataclass(frozen=True)
class Model:
    """What a model is made from, without paths of a machine.

    Attributes
    ----------
    part : str
        Folder of the record: ``methods``, ``gate0``, or the part that a registration names.
    form, arm : str
    seed : int
    settings : mapping
        Of the pretraining run, without paths and seed.
    untrained : bool
    measured : bool
        Whether the record holds perplexities under the random span's mask; of registered models.
    """

    part: str
    form: str
    arm: str
    seed: int
    settings: Mapping[str, Any]
    untrained: bool = False
    measured: bool = False

    @property
    def name(self) -> str:
        """Form, arm and seed, as files are called."""
        return f"{self.form}.{self.arm}.seed-{self.seed}"

    @property
    def identity(self) -> str:
        """16 hex digits of everything that the weights depend on but the corpus."""
        return fingerprint([self.form, self.settings, self.seed, self.untrained])

    def folder(self, work: Path) -> Path:
        """Where the weights are; models of several parts with one identity are one."""
        return work / "models" / f"{self.name}.{self.identity}"

    def record_path(self, records: Path = RECORDS) -> Path:
        """Where the record is."""
        return records / self.part / f"{self.name}.json"

    def pretraining(self, work: Path) -> PretrainSettings:
        """Return the settings with the paths of this machine."""
        paths = {
            "corpus": str(work / "human" / "corpus"),
            "npmi": str(work / "human" / "npmi_pmi_masking.safetensors"),
            "output": str(self.folder(work)),
            "seed": self.seed,
        }
        values = merge(self.settings, paths)
        tokenizer = values.get("tokenizer", {})
        if "path" in tokenizer:
            values["tokenizer"] = tokenizer | {"path": str(work / "tokenizers" / tokenizer["path"])}
        return PretrainSettings.from_mapping(values, f"{self.part}, {self.name}")


def form_settings(form: str, steps: int, **changes: Any) -> dict[str, Any]:
    """Return the pretraining settings of a form, with changes laid over them."""
    content = read_toml(HERE / "forms.toml")
    own = {key: value for key, value in content["form"][form].items() if key != "title"}
    settings = merge(merge(content["shared"], own), changes)
    settings["trainer"] = settings["trainer"] | {"max_steps": steps}
    return settings


def read_record(model: Model, records: Path = RECORDS) -> dict[str, Any] | None:
    """Return the record of a model; None where there is none, or that of another one."""
    try:
        record: dict[str, Any] = json.loads(model.record_path(records).read_text())
    except (OSError, ValueError):
        return None
    return record if record.get("identity") == model.identity else None


def has_weights(model: Model, work: Path) -> bool:
    """Whether the weights are on this machine."""
    folder = model.folder(work)
    return (folder / "config.json").is_file() and (model.untrained or (folder / "run.json").is_file())


def make(model: Model, work: Path, records: Path = RECORDS) -> dict[str, Any]:
    """Make the weights where they are missing (checkpoints are taken up again), and write the record.

    A record that is there already is not written anew: made again on another machine, a model may differ in
    the last bits.
    """
    folder = model.folder(work)
    folder.mkdir(parents=True, exist_ok=True)
    if not has_weights(model, work):
        # Beside the model's folder: a run that failed before its first checkpoint must leave that one empty.
        spent = _spent(model, work)
        spent.mkdir(parents=True, exist_ok=True)
        with cpu_seconds(spent, "pretrain"):
            _untrained(model, work) if model.untrained else _trained(model, work)
    known = read_record(model, records)
    if known is None:
        known = _record(model, work) | ({"measured": measure(model, work)} if model.measured else {})
        write_json(model.record_path(records), known)
    return known


def _spent(model: Model, work: Path) -> Path:
    return work / "spent" / model.folder(work).name


def measure(model: Model, work: Path) -> dict[str, dict[str, float]]:
    """Return perplexities on held-out windows under the random span's mask, the same for every arm."""
    from dnamask_plugins.pretrain.perplexity import perplexity_under

    found = perplexity_under(model.folder(work), work / "human" / "corpus", ["span"], windows=256, length=126)
    return {name: each.perplexities() for name, each in found.items()}


def _untrained(model: Model, work: Path) -> None:
    from dnamask_plugins.models.loading import load_masked_lm
    from dnamask_plugins.models.source import find_source
    from dnamask_plugins.pretrain.beginning import Beginning
    from dnamask_plugins.tokenizers.export import save_pretrained

    settings, folder = model.pretraining(work), model.folder(work)
    tokenizer = find_source(settings.backbone).tokenizer(settings.tokenizer)
    network, facts = load_masked_lm(settings.backbone, tokenizer, seed=model.seed, **settings.model)
    Beginning.for_tokenizer(settings.init, tokenizer).apply(network, facts, model.seed)
    save_pretrained(tokenizer, folder)
    network.save_pretrained(folder)


def _trained(model: Model, work: Path) -> None:
    from dnamask_plugins.pretrain.run import pretrain

    pretrain(model.pretraining(work), resume=True, quiet=not sys.stderr.isatty())


def _record(model: Model, work: Path) -> dict[str, Any]:
    from dnamask_plugins.environment import environment

    folder = model.folder(work)
    spent = json.loads((_spent(model, work) / "cpu_seconds.json").read_text())
    record: dict[str, Any] = {
        "part": model.part,
        "form": model.form,
        "arm": model.arm,
        "seed": model.seed,
        "identity": model.identity,
        "settings": json.loads(json.dumps(model.settings)),
        "environment": environment(),
        "cpu_seconds": spent["pretrain"],
    }
    if model.untrained:
        return record
    run = json.loads((folder / "run.json").read_text())
    rows = [row for row in run["history"] if "eval_perplexity" in row]
    keys = ("eval_perplexity", "eval_nucleotide_perplexity")
    return record | {
        "environment": run["environment"],
        "parameters": run["model"]["parameters"],
        "corpus": run["corpus"]["fingerprint"],
        "steps": run["progress"]["steps"],
        "switch_step": run["curriculum"]["switch_step"],
        "curriculum_state": run["curriculum"]["state"],
        "evaluations": [
            {"step": row["step"]}
            | {key.removeprefix("eval_"): row[key] for key in row if key.startswith(keys)}
            for row in rows
        ],
    }
