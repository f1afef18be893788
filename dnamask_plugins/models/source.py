"""The one answer to "which model did the user name?" and "which tokenizer belongs to it?"."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Union

from dnamask_plugins import hub, plugins
from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import parse_json
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer

Origin = Literal["scratch", "configuration", "folder", "hub"]

WEIGHTS: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Files that may hold a model's weights; the first that is there is read."""

UNTRAINED: Final = "untrained:"
"""Before a name: its architecture and tokenizer with weights drawn at random."""

_LEFT_BY_TRAINING: Final = ("optimizer.pt", "trainer_state.json", "run.json", "*.index.json", "complete.json")
_CHECKPOINT: Final = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Source:
    """A model as a user named it.

    Attributes
    ----------
    reference : str
        The name as it was given.
    backbone : Backbone or None
        What is built from random weights; None for a folder or a repository.
    folder : Path or None
        With ``config.json``; of a repository the snapshot in the cache of the hub. None for a backbone.
    revision : str or None
        Commit on the hub.
    untrained : bool
        The weights are not read but drawn anew: the architecture without its pretraining.
    """

    reference: str
    backbone: Backbone | None = None
    folder: Path | None = None
    revision: str | None = None
    untrained: bool = False

    @functools.cached_property
    def origin(self) -> Origin:
        """Where the weights come from; ``configuration``: a folder without any, which starts at random."""
        if self.backbone is not None:
            return "scratch"
        if self.weights() is None:
            return "configuration"
        return "folder" if self.revision is None else "hub"

    @functools.cached_property
    def settings(self) -> Mapping[str, Any]:
        """What ``config.json`` says; empty for a backbone."""
        return {} if self.folder is None else read_json(self.folder / "config.json")

    def weights(self) -> Path | None:
        """Return the file that holds the weights, or the index of several, fetched if need be.

        Returns
        -------
        Path or None
            None for a backbone, and for a folder that is a configuration alone.

        Raises
        ------
        InputError
            A folder of a training has lost its weights, or the hub does not answer.
        """
        if self.folder is None or self.untrained:
            return None
        for name in WEIGHTS:
            path = self.folder / name
            if self.revision is not None:
                found = hub.fetch_file(self.reference, self.folder, name)
                if found is not None and name.endswith(".index.json"):
                    for shard in sorted(set(read_json(found).get("weight_map", {}).values())):
                        hub.fetch_file(self.reference, self.folder, Path(shard).name)
            if path.is_file():
                return path
        left = [name for pattern in _LEFT_BY_TRAINING for name in self.folder.glob(pattern)]
        if left:
            raise InputError(
                f"{self.reference}: holds no weights ({', '.join(WEIGHTS[::2])}) though {left[0].name} is "
                "there; give the folder of a saved model"
            )
        return None

    def tokenizer(self, asked: str | Mapping[str, Any] | None = None) -> DNATokenizer:
        """Return the tokenizer that the user asked for, else the model's own.

        Parameters
        ----------
        asked : str or mapping, optional
            As for `load_tokenizer`.

        Raises
        ------
        ConfigError, InputError
            It cannot be had; names the source.
        """
        if asked is not None:
            return load_tokenizer(asked)
        if self.backbone is not None:
            return load_tokenizer(self.backbone.tokenizer)
        return load_tokenizer(self.reference if self.revision is not None else str(self.folder))


AnySource = Union[str, "os.PathLike[str]", Backbone, Source]
"""What `find_source` takes."""


def find_source(named: AnySource) -> Source:
    """Say what a user named.

    Parameters
    ----------
    named : str, Path, Backbone or Source
        A backbone's entry-point name, a folder with ``config.json``, or ``owner/name[@revision]`` on the hub;
        with ``untrained:`` before it the same without its weights.

    Raises
    ------
    ConfigError
        It is nothing of the kind, or two things at once.
    InputError
        The folder holds no model, or the hub does not answer.

    Examples
    --------
    >>> source = find_source("bert-tiny")
    >>> source.origin, source.tokenizer(), source.tokenizer("kmer:k=3")
    ('scratch', KmerTokenizer(k=6), KmerTokenizer(k=3))
    """
    if isinstance(named, Source):
        return named
    if isinstance(named, Backbone):
        return Source(named.name, backbone=named)
    text = os.fspath(named)
    if text.startswith(UNTRAINED):
        return dataclasses.replace(find_source(text.removeprefix(UNTRAINED)), untrained=True)
    path = Path(text)
    if plugins.normalize(text) in plugins.discover("backbones"):
        if (path / "config.json").is_file():
            raise ConfigError(
                f"'{text}' is a backbone and a model folder here; write ./{text} for the folder"
            )
        return Source(plugins.normalize(text), backbone=load_backbone(text))
    if path.is_dir():
        return Source(text, folder=_with_config(path, text))
    if path.is_file():
        if path.suffix in (".hdf5", ".h5"):
            raise InputError(
                f"{text}: is a Keras file; LOGO's becomes a folder with "
                f"'python -m dnamask_plugins.models.logo_hdf5 {text} FOLDER'"
            )
        raise InputError(f"{text}: is a file; give the folder that holds it and its config.json")
    if hub.is_repository(text):
        folder = _with_config(hub.fetch_description(text), text)
        return Source(text, folder=folder, revision=folder.name)
    if "/" in text or text.startswith((".", "~")):
        raise InputError(f"{text}: no such folder; give a model folder, or owner/name[@revision] on the hub")
    hint = suggest(plugins.normalize(text), plugins.discover("backbones"))
    raise ConfigError(f"'{text}' is neither a backbone nor a folder; {hint}")


def load_backbone(name: str) -> Backbone:
    """Return an installed backbone.

    Raises
    ------
    PluginError
        It does not load.
    ConfigError
        Its entry point names something else.
    """
    loaded = plugins.load("backbones", name)
    if not isinstance(loaded, Backbone):
        raise ConfigError(
            f"backbones '{name}' of {plugins.info('backbones', name).origin} is a "
            f"{type(loaded).__name__}, not a Backbone; report it to its author"
        )
    return loaded


def _with_config(folder: Path, named: str) -> Path:
    """Return a folder that holds a model; say what to give instead of one that does not."""
    if (folder / "config.json").is_file():
        return folder
    if (folder / "adapter_config.json").is_file():
        raise InputError(
            f"{named}: holds LoRA adapters alone; give the folder of the finished run, where they are merged"
        )
    steps = [
        int(match[1]) for each in folder.glob("checkpoint-*") if (match := _CHECKPOINT.fullmatch(each.name))
    ]
    newest = folder / f"checkpoint-{max(steps)}" if steps else None
    if newest is not None and (newest / "config.json").is_file():
        raise InputError(f"{named}: the run in it is not finished; finish it with --resume, or give {newest}")
    raise InputError(f"{named}: holds no config.json; give the folder of a saved model")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a model folder.

    Raises
    ------
    InputError
        It is missing, damaged, or no object.
    """
    try:
        content = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent}: holds no {path.name}; give the folder of a saved model") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is not readable JSON ({error}); fetch the checkpoint again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is not a JSON object; fetch the checkpoint again")
    return content
