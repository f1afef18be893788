"""Any tokenizer of transformers that says which letters its tokens cover."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from dnamask_plugins.config import canonical_json
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.file_tokenizer import FileTokenizer, LibraryTokenizer
from dnamask_plugins.tokenizers.library_tokenizers import FastTokenizer, SlowTokenizer

_ROLES: Final = ("unk_token", "cls_token", "sep_token", "eos_token", "bos_token", "pad_token", "mask_token")


@dataclass(frozen=True)
class HuggingFaceTokenizer(FileTokenizer):
    """Wrapper of a Hugging Face tokenizer, for example Nucleotide Transformer's.

    Fast tokenizers give their offset mapping. Python tokenizers have none; for those that only split the
    text (``EsmTokenizer``) offsets are the lengths of their tokens. Code from the hub is never run.

    Parameters
    ----------
    path : str
        Folder or hub id.
    sha256 : str, optional
        Identity of what the tokenizer does (its vocabulary and its ids of some sequences); taken when it is
        first loaded, checked ever after.
    letters_as : str
        How the vocabulary writes A, C, G, T and N.
    revision : str, optional
        Revision on the hub.

    Raises
    ------
    ConfigError
        It does not load, is not the recorded one, has no mask or padding token, or its offsets do not count
        nucleotides.
    """

    name: ClassVar[str] = "huggingface"

    path: str = ""
    sha256: str | None = None
    letters_as: str = LETTERS
    revision: str | None = None

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError("huggingface: needs the folder or hub id of a tokenizer; give path=...")
        object.__setattr__(self, "path", str(self.path))
        super().__post_init__()

    @functools.cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        try:
            # Left open, transformers asks on the terminal whether code beside the tokenizer may run.
            return AutoTokenizer.from_pretrained(
                self.path, revision=self.revision or "main", trust_remote_code=False
            )
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            raise ConfigError(
                f"huggingface: no tokenizer loads from '{self.path}' ({reason}); "
                "give a folder with tokenizer.json or a hub id"
            ) from None

    @functools.cached_property
    def library(self) -> LibraryTokenizer:
        """The library's tokenizer."""
        tokenizer = self._tokenizer
        named = ((role, getattr(tokenizer, role, None)) for role in _ROLES)
        roles = {role: str(token) for role, token in named if token is not None}
        if tokenizer.is_fast:
            from tokenizers import Tokenizer

            return FastTokenizer(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()), roles)
        return SlowTokenizer(tokenizer, roles, self.path)

    def content_sha256(self) -> str:
        """Return a sha256 (hex) of the vocabulary and of the ids of some sequences."""
        n = self.letters_as[-1]
        probes = ["", "ACG", f"ACGTTGCA{n}ACGTTTGGCCAATATATACACAGATTACA"]
        ids = [encoding.input_ids.tolist() for encoding in self.library.encode(probes)]
        identity = [self.library.vocabulary, self.library.roles, ids]
        return hashlib.sha256(canonical_json(identity).encode()).hexdigest()

    def save_sources(self, folder: Path) -> dict[str, Any]:
        """Save the tokenizer into `folder` and return the configuration there."""
        self._tokenizer.save_pretrained(folder)
        return self.to_config() | {"path": folder.name, "revision": None}
