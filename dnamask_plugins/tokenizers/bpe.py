"""Byte-pair and SentencePiece tokenizers loaded from a file; DNABERT-2's (Zhou et al., ICLR 2024) is one."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.file_tokenizer import FileTokenizer, LibraryTokenizer
from dnamask_plugins.tokenizers.library_tokenizers import FastTokenizer, SentencePieceTokenizer


@dataclass(frozen=True)
class BpeTokenizer(FileTokenizer):
    """A tokenizer file of the ``tokenizers`` library (JSON) or of SentencePiece (``.model``).

    Every token shows the nucleotides it is made of; a letter that the vocabulary lacks (usually N) is
    [UNK]: it covers its nucleotide but is never masked or labelled.

    Parameters
    ----------
    path : str
        The file; `dnamask tokenizer train` makes one from FASTA.
    sha256 : str, optional
        Sha256 of the file; taken when it is first loaded, checked ever after.
    letters_as : str
        How the vocabulary writes A, C, G, T and N.

    Raises
    ------
    InputError
        The file is missing, or is neither of the two.
    ConfigError
        The file is not the recorded one, has no [MASK] or [PAD], or its tokens do not count nucleotides.

    Examples
    --------
    >>> tokenizer = BpeTokenizer("tokenizer.json")  # doctest: +SKIP
    >>> tokenizer.encode("ACGTAAACA").offsets.tolist()  # doctest: +SKIP
    [[0, 0], [0, 1], [1, 7], [7, 9], [0, 0]]
    """

    name: ClassVar[str] = "bpe"

    path: str = ""
    sha256: str | None = None
    letters_as: str = LETTERS

    def __post_init__(self) -> None:
        if not self.path:
            raise ConfigError(
                "bpe: needs the path of a tokenizer file (tokenizer.json or .model); "
                "'dnamask tokenizer train' makes one"
            )
        object.__setattr__(self, "path", str(self.path))
        super().__post_init__()

    @functools.cached_property
    def _content(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be read: {error.strerror}; give a tokenizer file"
            ) from None

    def content_sha256(self) -> str:
        """Return the sha256 (hex) of the file."""
        return hashlib.sha256(self._content).hexdigest()

    @functools.cached_property
    def library(self) -> LibraryTokenizer:
        """The library's tokenizer."""
        try:
            if self._content.lstrip()[:1] == b"{":
                from tokenizers import Tokenizer

                return FastTokenizer(Tokenizer.from_str(self._content.decode()))
            return SentencePieceTokenizer(self._content, self.path)
        except Exception as error:
            raise InputError(
                f"{self.path}: is no tokenizer file ({error}); give a tokenizer.json of the tokenizers "
                "library or a SentencePiece .model"
            ) from None

    def save_sources(self, folder: Path) -> dict[str, Any]:
        """Copy the file into `folder` and return the configuration there."""
        copy = folder / Path(self.path).name
        copy.write_bytes(self._content)
        return self.to_config() | {"path": f"{folder.name}/{copy.name}"}
