"""What a run is: everything that its numbers depend on, with names under which differences can be told."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
import xxhash

from dnamask_plugins.config import canonical_json
from dnamask_plugins.environment import without_folders
from dnamask_plugins.errors import PluginError
from dnamask_plugins.plugins import discover, normalize
from dnamask_plugins.plugins.provenance import provenance
from dnamask_plugins.pretrain.parts import Parts
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.pretrain.trainer_fields import COUNTED

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainingArguments

STREAMS: Final = 1
"""Raised when windows, masks or the loss of the same settings change between versions of this package."""

_RESOLVED: Final = ("output", "corpus", "npmi", "tokenizer", "curriculum", "strategies", "trainer")
"""Settings that enter the identity by the content they name, not as typed; `output` names nothing."""

_WITHOUT_HORIZON: Final = ("constant", "constant_with_warmup")
_NO_PART_OF_A_MODEL: Final = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")


def identity_of(
    settings: PretrainSettings, parts: Parts, arguments: TrainingArguments, model: PreTrainedModel
) -> dict[str, Any]:
    """Return what determines the numbers of a run, as plain JSON without a path of this machine.

    Parameters
    ----------
    settings : PretrainSettings
    parts : Parts
        What the settings name, built.
    arguments : TrainingArguments
    model : PreTrainedModel
        Before the first step, and before adapters are added.

    Examples
    --------
    A changed threshold of a curriculum is told as ``curriculum.threshold (2.0, now 3.0)``; see `differences`.
    """
    tokenizer, curriculum = dict(parts.tokenizer.to_config()), dict(parts.curriculum.to_config())
    strategies = {label: dict(each.to_config()) for label, each in parts.masker.strategies.items()}
    configured = {"tokenizers": tokenizer, "curricula": curriculum, "strategies": strategies}
    named = {("backbones", normalize(settings.backbone))} | set(_named(configured))
    trainer = {name: _plain(getattr(arguments, name, None)) for name in sorted(COUNTED)}
    if str(trainer["lr_scheduler_type"]) in _WITHOUT_HORIZON:
        del trainer["max_steps"]
    architecture = model.config.to_dict()
    identity = {key: value for key, value in settings.to_mapping().items() if key not in _RESOLVED} | {
        "streams": STREAMS,
        "tokenizer": tokenizer,
        "curriculum": curriculum,
        "strategies": strategies,
        "code": {f"{kind}/{name}": code for kind, name in sorted(named) if (code := _code(kind, name))},
        "corpus": parts.store.fingerprint,
        "npmi": parts.table.fingerprint if parts.table else None,
        "architecture": {key: architecture[key] for key in architecture if key not in _NO_PART_OF_A_MODEL},
        "initial_weights": _weights_hash(model),
        "processes": arguments.world_size,
        "trainer": trainer,
    }
    plain: dict[str, Any] = without_folders(_by_content(_plain(identity)))
    return plain


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return what differs between two identities: dotted name, value before, value now.

    Examples
    --------
    >>> differences({"processes": 2, "mask": {"per": "token"}}, {"processes": 1, "mask": {"per": "token"}})
    [('processes', 2, 1)]
    """
    first, second = dict(_flat(before)), dict(_flat(now))
    names = [*first, *(name for name in second if name not in first)]
    return [
        (name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)
    ]


def told(found: list[tuple[str, Any, Any]], at_most: int = 4) -> str:
    """Write differences in one line: ``processes (2, now 1) and 3 more``."""
    words = [f"{name} ({_short(before)}, now {_short(now)})" for name, before, now in found[:at_most]]
    more = len(found) - at_most
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")


def _short(value: Any) -> str:
    text = "absent" if value is None else value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", item


def _by_content(value: Any) -> Any:
    """Drop the path of every file whose hash is recorded beside it."""
    if not isinstance(value, Mapping):
        return value
    hashed = "sha256" in value or "fingerprint" in value
    return {key: _by_content(item) for key, item in value.items() if not (hashed and key == "path")}


def _named(configured: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield kind and name of every plugin in configurations, those inside others included."""
    for kind, config in configured.items():
        for name in _names_in(config):
            yield kind, normalize(name)


def _names_in(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        if isinstance(config.get("name"), str):
            yield config["name"]
        for item in config.values():
            yield from _names_in(item)
    elif isinstance(config, (list, tuple)):
        for item in config:
            yield from _names_in(item)


def _code(kind: str, name: str) -> dict[str, str] | None:
    if name not in discover(kind):
        return None
    try:
        return provenance(kind, name)
    except PluginError:
        return None


def _weights_hash(model: PreTrainedModel) -> str:
    digest = xxhash.xxh3_128()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back, so that it equals what a file holds."""
    text = json.dumps(value, default=lambda other: getattr(other, "value", str(other)))
    return json.loads(text, parse_constant=str)
