"""The model under test: where its files are, which they are to the bit, how it was pretrained."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import plugins
from dnamask_plugins.config import canonical_json
from dnamask_plugins.environment import last_part
from dnamask_plugins.errors import InputError
from dnamask_plugins.models.source import UNTRAINED, Source, find_source, read_json
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.results.methods import STANDARD
from dnamask_plugins.results.records import ModelInfo
from dnamask_plugins.tokenizers.density import letters_per_token
from dnamask_plugins.tokenizers.loading import TOKENIZER_FILES

_BLOCK: Final = 1 << 22
_OVERLAPPING: Final = 1.5
"""Letters per token below which every letter has a token of its own."""
_FIXED_WORDS: Final = ("esm", "nucleotide_transformer_v2")
_SAYS_NOTHING: Final = ("_name_or_path", "transformers_version")
"""Keys of ``config.json`` that change when the same model is saved again."""
_MORE_TOKENIZER_FILES: Final = ("special_tokens_map.json", "added_tokens.json", "merges.txt")


@dataclass(frozen=True)
class ModelSource:
    """A folder with a model, perhaps fetched from the hub.

    Attributes
    ----------
    reference : str
        As the user gave it.
    folder : Path
    revision : str or None
        Commit on the hub.
    """

    reference: str
    folder: Path
    revision: str | None = None
    source: Source | None = None

    @classmethod
    def find(cls, reference: str) -> ModelSource:
        """Find a folder, or fetch ``owner/name[@revision]`` into the Hugging Face cache.

        Raises
        ------
        InputError
            There is no such folder, the hub does not answer, or no tokenizer lies beside the model.
        """
        source = find_source(reference)
        if source.folder is None:
            raise InputError(
                f"{reference}: is a backbone without weights; pretrain it first, or give a folder"
            )
        found = cls(reference, source.folder, source.revision, source)
        found.tokenizer  # noqa: B018  # nothing can be measured without one
        return found

    @property
    def untrained(self) -> bool:
        """Whether the weights are drawn anew, so that this is a floor of its architecture."""
        return find_source(self.source or self.reference).untrained

    @functools.cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights: of the one file, or of the files' hashes where there are several.

        Weights that are drawn at random have none: then it is that of the word for them.
        """
        if self.untrained:
            return hashlib.sha256(UNTRAINED.encode()).hexdigest()
        path = find_source(self.source or self.reference).weights()
        if path is None:
            raise InputError(f"{self.reference}: holds no weights (model.safetensors); give a saved model")
        files = [path]
        if path.name.endswith(".index.json"):
            files = sorted(
                {path.with_name(Path(each).name) for each in read_json(path)["weight_map"].values()}
            )
        digests = [_sha256(path) for path in files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    @functools.cached_property
    def config_sha256(self) -> str:
        """SHA-256 of what ``config.json`` says: another activation makes another model."""
        said = {key: value for key, value in self.config.items() if key not in _SAYS_NOTHING}
        return hashlib.sha256(canonical_json(said).encode()).hexdigest()

    @functools.cached_property
    def tokenizer_sha256(self) -> str:
        """SHA-256 of the tokenizer's files, and of the version of the package that reads them."""
        digest = hashlib.sha256(_provider(self.tokenizer).encode())
        for name in sorted({*TOKENIZER_FILES, *_MORE_TOKENIZER_FILES}):
            path = self.folder / name
            if path.is_file():
                digest.update(f"{name} {_sha256(path)}\n".encode())
        return digest.hexdigest()

    @property
    def files_sha256(self) -> dict[str, str]:
        """Everything of the model that its figures depend on."""
        return {
            "weights": self.weights_sha256,
            "config": self.config_sha256,
            "tokenizer": self.tokenizer_sha256,
        }

    @functools.cached_property
    def tokenizer(self) -> DNATokenizer:
        """The tokenizer that lies beside the model."""
        return find_source(self.source or self.reference).tokenizer()

    @functools.cached_property
    def config(self) -> Mapping[str, Any]:
        """What ``config.json`` says."""
        return read_json(self.folder / "config.json")

    @functools.cached_property
    def family(self) -> str | None:
        """Backbone family whose published settings fit: same kind of tokens; None where none does.

        By what the tokenizer does, not by the architecture: a token for each letter (DNABERT), words of one
        length side by side (Nucleotide Transformer), or byte pairs (DNABERT-2).
        """
        if letters_per_token(self.tokenizer) < _OVERLAPPING:
            return "dnabert1"
        if str(getattr(self.tokenizer, "name", "")) == "bpe" or _is_bpe(self.folder):
            return "dnabert2"
        return "nt" if self.config.get("model_type") in _FIXED_WORDS else None

    def info(
        self, parameters: int | None = None, track: str = STANDARD, name: str | None = None
    ) -> ModelInfo:
        """Describe the model for a result record; pretraining facts come from ``run.json`` beside it."""
        path = self.folder / "run.json"
        run = read_json(path) if path.is_file() else {}
        if self.untrained:
            run = {"settings": run.get("settings", {}), "progress": {"steps": 0}}
        curriculum = run.get("curriculum", {})
        return ModelInfo(
            name=name or ("untrained " if self.untrained else "") + self.reference.rstrip("/").split("/")[-1],
            reference=self.reference if self.revision is not None else _local_name(self.reference),
            revision=self.revision,
            weights_sha256=None if self.untrained else self.weights_sha256,
            config_sha256=self.config_sha256,
            tokenizer_sha256=self.tokenizer_sha256,
            pretraining_tokens=run.get("progress", {}).get("tokens"),
            backbone=run.get("settings", {}).get("backbone") or self.config.get("model_type"),
            tokenizer=str(getattr(self.tokenizer, "name", "")) or None,
            strategy=_strategy(curriculum.get("config", {})),
            pretraining_steps=run.get("progress", {}).get("steps"),
            parameters=parameters,
            curriculum_fingerprint=curriculum.get("fingerprint"),
            track=track,
        )


def _provider(tokenizer: DNATokenizer) -> str:
    """Return name and version of the package whose code a tokenizer is."""
    name = str(getattr(tokenizer, "name", ""))
    if name in plugins.discover("tokenizers"):
        return f"{name} of {plugins.info('tokenizers', name).origin}\n"
    return f"{type(tokenizer).__module__}.{type(tokenizer).__qualname__}\n"


def _is_bpe(folder: Path) -> bool:
    path = folder / "tokenizer.json"
    return path.is_file() and read_json(path).get("model", {}).get("type") == "BPE"


def _local_name(reference: str) -> str:
    """Return the last part of a local path, without the folders above it."""
    before = UNTRAINED if reference.startswith(UNTRAINED) else ""
    return before + last_part(reference.removeprefix(before))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _strategy(curriculum: Mapping[str, Any]) -> str | None:
    """Return what a model was masked with: the one strategy of a constant curriculum, else the curriculum."""
    name = curriculum.get("name")
    return curriculum.get("strategy", name) if name == "constant" else name
