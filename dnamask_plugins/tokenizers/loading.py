"""From what a user names to a tokenizer: the one rule, for every command."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import hub, plugins
from dnamask_plugins.config import parse_parameters
from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import parse_json
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.export import CONFIG_FILE
from dnamask_plugins.tokenizers.vocabulary import kmers_beside

TOKENIZER_FILES: Final = (
    CONFIG_FILE,
    "tokenizer.json",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "tokenizer_config.json",
)
"""A folder without any of these holds no tokenizer, whatever transformers would make of it."""

_CHECKPOINT: Final = re.compile(r"checkpoint-\d+")


def load_tokenizer(source: str | os.PathLike[str] | Mapping[str, Any], **parameters: Any) -> DNATokenizer:
    """Make a tokenizer from whatever names one.

    Parameters
    ----------
    source : str, path or mapping
        See `tokenizer_config`.
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
    tokenizer = plugins.create("tokenizers", tokenizer_config(source), **parameters)
    return tokenizer


def tokenizer_config(source: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of the tokenizer that a user names.

    Parameters
    ----------
    source : str, path or mapping
        A configuration; a plugin's name, with its parameters if wanted (``kmer``, ``kmer:k=3``,
        ``logo:n=6,phase=2``); a folder with a tokenizer, or a checkpoint in such a folder; a tokenizer file
        (``.json``, ``.model``); ``owner/name`` or ``owner/name@revision`` on the hub.

    Raises
    ------
    ConfigError
        Nothing of the kind is there.
    InputError
        The folder or repository holds no tokenizer, or a damaged one.

    Examples
    --------
    >>> tokenizer_config("logo:n=6,phase=2")
    {'name': 'logo', 'n': 6, 'phase': 2}
    """
    if isinstance(source, Mapping):
        return dict(source)
    text = os.fspath(source)
    name, _, settings = text.partition(":")
    known = plugins.discover("tokenizers")
    if plugins.normalize(name) in known and not isinstance(source, Path):
        if tokenizer_folder(Path(text)) is not None:
            raise ConfigError(f"'{text}' is a tokenizer, and a folder with one here; write ./{text} for that")
        where = f"tokenizer '{text}'"
        return {"name": plugins.normalize(name)} | parse_parameters(settings, where)
    path = Path(text)
    if path.is_dir():
        return _config_of_folder(path, text)
    if path.is_file():
        return {"name": "bpe", "path": text}
    if hub.is_repository(text):
        return _config_of_repository(text)
    raise ConfigError(
        f"no tokenizer is called '{text}', and no such file or folder exists; {suggest(name, known)}"
    )


def tokenizer_folder(folder: Path) -> Path | None:
    """Return where the tokenizer of a model folder lies: in it, or beside it for a run's checkpoint."""
    places = [folder]
    if _CHECKPOINT.fullmatch(folder.resolve().name):
        places.append(folder.resolve().parent)
    for place in places:
        if any((place / name).is_file() for name in TOKENIZER_FILES):
            return place
    return None


def _config_of_folder(folder: Path, named: str) -> dict[str, Any]:
    place = tokenizer_folder(folder)
    if place is None:
        raise InputError(
            f"{named}: holds no tokenizer ({', '.join(TOKENIZER_FILES[:4])}); save the tokenizer that the "
            "model was trained with into the folder, or name one with --tokenizer"
        )
    if (place / CONFIG_FILE).is_file():
        return _saved_config(place)
    kmers = kmers_beside(place)
    return {"name": "huggingface", "path": str(place)} if kmers is None else kmers.to_config()


def _config_of_repository(reference: str) -> dict[str, Any]:
    folder = hub.fetch_description(reference)
    config = _config_of_folder(folder, reference)
    if config["name"] == "huggingface":
        # The name on the hub and not the place in this machine's cache, so that records can be repeated.
        config |= {"path": hub.split_revision(reference)[0], "revision": folder.name}
    return config


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
