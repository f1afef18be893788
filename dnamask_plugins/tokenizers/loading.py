"""From what a user names to a tokenizer."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dnamask_plugins import plugins
from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import parse_json
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.export import CONFIG_FILE
from dnamask_plugins.tokenizers.vocabulary import kmers_beside


def load_tokenizer(source: str | os.PathLike[str] | Mapping[str, Any], **parameters: Any) -> DNATokenizer:
    """Make a tokenizer from whatever names one.

    Parameters
    ----------
    source : str, path or mapping
        A configuration; a plugin's name, with its parameters if wanted (``kmer``, ``kmer:k=3``,
        ``logo:n=6,phase=2``); a folder that `save_pretrained` wrote; a tokenizer file (``.json``,
        ``.model``); a folder with a ``vocab.txt`` of k-mers (DNABERT, ProkBERT); any other folder or hub id
        that transformers knows.
    **parameters
        Parameters of the plugin.

    Raises
    ------
    ConfigError
        Nothing of the kind is there, or a parameter is refused.
    InputError
        A file cannot be used.

    Examples
    --------
    >>> load_tokenizer("kmer:k=3")
    KmerTokenizer(k=3)
    """
    if isinstance(source, Mapping):
        return _create(source, parameters)
    text = os.fspath(source)
    name, _, settings = text.partition(":")
    if plugins.normalize(name) in plugins.discover("tokenizers"):
        return _create({"name": plugins.normalize(name)} | _settings(text, settings), parameters)
    path = Path(text)
    if (path / CONFIG_FILE).is_file():
        return _create(_saved_config(path), parameters)
    if path.is_file():
        return _create({"name": "bpe", "path": text}, parameters)
    kmers = kmers_beside(path)
    if kmers is not None:
        return _create(kmers.to_config(), parameters)
    if path.is_dir() or _looks_like_hub_id(text):
        return _create({"name": "huggingface", "path": text}, parameters)
    raise ConfigError(
        f"no tokenizer is called '{text}', and no such file or folder exists; "
        f"{suggest(name, plugins.discover('tokenizers'))}"
    )


def _create(config: Mapping[str, Any], parameters: Mapping[str, Any]) -> DNATokenizer:
    tokenizer: DNATokenizer = plugins.create("tokenizers", config, **parameters)
    return tokenizer


def _looks_like_hub_id(text: str) -> bool:
    return text.count("/") == 1 and not text.startswith((".", "/", "~"))


def _settings(text: str, settings: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for setting in filter(None, settings.split(",")):
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(
                f"tokenizer '{text}': '{setting}' is no parameter; write NAME:key=value,key=value"
            )
        try:
            values[key.strip()] = json.loads(value)
        except json.JSONDecodeError:
            values[key.strip()] = {"True": True, "False": False}.get(value, value)
    return values


def _saved_config(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG_FILE
    try:
        document = parse_json(file.read_bytes())
        config = dict(document["config"])
        version = document["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file}: is damaged ({type(error).__name__}: {error}); save the tokenizer again"
        ) from None
    if version != 1:
        raise InputError(f"{file}: has format {version}, this version reads 1; update dnamask-plugins")
    if isinstance(config.get("path"), str) and not os.path.isabs(config["path"]):
        config["path"] = str(folder / config["path"])
    return config
