"""The model under test: where its files are, which they are to the bit, how it was pretrained."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import parse_json
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.results.records import ModelInfo

_FETCHED: Final = ("*.json", "*.txt", "*.model", "*.safetensors", "pytorch_model*.bin")
_WEIGHTS: Final = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZER_FILES: Final = (
    "dnamask_tokenizer.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
)
_BLOCK: Final = 1 << 22


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

    @classmethod
    def find(cls, reference: str) -> ModelSource:
        """Find a folder, or fetch ``owner/name[@revision]`` into the Hugging Face cache.

        Raises
        ------
        InputError
            There is no such folder, the hub does not answer, or no tokenizer lies beside the model.
        """
        folder = Path(reference)
        revision = None
        if not folder.is_dir():
            if reference.startswith((".", "/", "~")) or reference.count("/") != 1:
                raise InputError(
                    f"{reference}: no such folder; give a model folder, or owner/name on the hub"
                )
            folder = _fetch(reference)
            revision = folder.name
        if not (folder / "config.json").is_file():
            raise InputError(f"{reference}: holds no config.json; give the folder of a saved model")
        if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
            raise InputError(
                f"{reference}: holds no tokenizer ({', '.join(_TOKENIZER_FILES[:4])}); "
                "save the tokenizer that the model was trained with into the folder"
            )
        return cls(reference, folder, revision)

    @functools.cached_property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights: of the one file, or of the files' hashes where there are several."""
        patterns = [sorted(self.folder.glob(pattern)) for pattern in _WEIGHTS]
        files = next((found for found in patterns if found), [])
        if not files:
            raise InputError(f"{self.reference}: holds no weights (model.safetensors); give a saved model")
        digests = [_sha256(path) for path in files]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    @functools.cached_property
    def tokenizer(self) -> DNATokenizer:
        """The tokenizer that lies beside the model."""
        from dnamask_plugins.tokenizers.loading import load_tokenizer

        return load_tokenizer(self.folder)

    @functools.cached_property
    def config(self) -> Mapping[str, Any]:
        """What ``config.json`` says."""
        return _read_json(self.folder / "config.json")

    @functools.cached_property
    def family(self) -> str | None:
        """Backbone family whose published settings fit: same kind of tokens; None where none does."""
        tokenizer = str(getattr(self.tokenizer, "name", ""))
        if tokenizer == "kmer":
            return "dnabert1"
        if self.config.get("model_type") == "esm":
            return "nt"
        return "dnabert2" if tokenizer == "bpe" or _is_bpe(self.folder) else None

    def info(
        self, parameters: int | None = None, track: str = "standard", name: str | None = None
    ) -> ModelInfo:
        """Describe the model for a result record; pretraining facts come from ``run.json`` beside it."""
        path = self.folder / "run.json"
        run = _read_json(path) if path.is_file() else {}
        curriculum = run.get("curriculum", {})
        return ModelInfo(
            name=name or self.reference.rstrip("/").split("/")[-1],
            reference=_without_folders(self.reference) if self.revision is None else self.reference,
            revision=self.revision,
            weights_sha256=self.weights_sha256,
            backbone=run.get("settings", {}).get("backbone") or self.config.get("model_type"),
            tokenizer=str(getattr(self.tokenizer, "name", "")) or None,
            strategy=_strategy(curriculum.get("config", {})),
            pretraining_steps=run.get("progress", {}).get("steps"),
            parameters=parameters,
            curriculum_fingerprint=curriculum.get("fingerprint"),
            track=track,
        )


def _is_bpe(folder: Path) -> bool:
    path = folder / "tokenizer.json"
    return path.is_file() and _read_json(path).get("model", {}).get("type") == "BPE"


def _without_folders(reference: str) -> str:
    """Return the last part of a local path: where a user keeps files is nobody's business."""
    return Path(reference).resolve().name


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); save the model again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is no JSON object; save the model again")
    return content


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _fetch(reference: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = reference.partition("@")
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(_FETCHED)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{reference}: cannot be fetched from the hub ({reason}); give a folder") from None


def _strategy(curriculum: Mapping[str, Any]) -> str | None:
    """Return what a model was masked with: the one strategy of a constant curriculum, else the curriculum."""
    name = curriculum.get("name")
    return curriculum.get("strategy", name) if name == "constant" else name
