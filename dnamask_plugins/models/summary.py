"""What is recognised in a model folder or repository, without loading its weights."""

from __future__ import annotations

import os
from pathlib import Path

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.configuration import read_config
from dnamask_plugins.models.families import family_of
from dnamask_plugins.models.fit import MASKED_LM, class_for
from dnamask_plugins.models.positions import max_positions
from dnamask_plugins.models.source import Source, find_source, read_json


def facts_of(reference: str | os.PathLike[str]) -> dict[str, str]:
    """Say what a folder or repository holds: family, architecture, weights, tokenizer.

    Parameters
    ----------
    reference : str or path
        Folder, or ``owner/name[@revision]``.

    Returns
    -------
    dict of str to str
        In the order in which it is shown.

    Raises
    ------
    ConfigError, InputError
        There is no model, or its architecture is not implemented here.
    """
    source = find_source(reference)
    config = read_config(source)
    family = family_of(source.settings)
    limit = max_positions(config)
    return {
        "revision": source.revision or "",
        # Of a plain architecture there are many backbones; which one was meant nobody can say.
        "recognised as": config.model_type if family is None or family.describes is None else family.name,
        "architecture": class_for(config, MASKED_LM, source.reference).__name__,
        "loss": _loss(family),
        "longest row": "no limit" if limit is None else f"{limit} tokens",
        "saved as": ", ".join(source.settings.get("architectures") or ["it does not say"]),
        "weights": _weights(source),
        "tokenizer": _tokenizer(source, config.vocab_size),
    }


def _loss(family: Backbone | None) -> str:
    return "packed" if family is not None and family.packed is not None else "through its own forward pass"


def _weights(source: Source) -> str:
    try:
        path = source.weights()
    except DnamaskError as error:
        return f"none: {error}"
    if path is None:
        return "none: it starts from random weights"
    size = sum(each.stat().st_size for each in _files(path) if each.is_file())
    return f"{path.name}, {size / 1e6:.1f} MB"


def _files(path: Path) -> list[Path]:
    if not path.name.endswith(".index.json"):
        return [path]
    return [path.with_name(Path(name).name) for name in set(read_json(path)["weight_map"].values())]


def _tokenizer(source: Source, words: int) -> str:
    try:
        tokenizer = source.tokenizer()
    except DnamaskError as error:
        return f"none that can be used: {error}"
    shown = ("k", "order", "n", "phase")
    settings = "".join(f" {key}={value}" for key, value in tokenizer.to_config().items() if key in shown)
    size = tokenizer.vocab_size
    padded = "" if size == words else f" of the model's {words}"
    return f"{tokenizer.name}{settings}, {size} tokens{padded}"
