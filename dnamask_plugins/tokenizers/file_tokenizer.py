"""Tokenizers that are loaded from files and whose work a library does: what they share, whichever it is."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.config import fingerprint
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.base import TokenizerBase, as_nucleotides, as_strings, pad_encodings
from dnamask_plugins.types import Encoding, NucleotideBatch, TokenBatch

_PROBE = "ACGTACGTTTGCAANACGGATTACAGGCGTGAGCCACCGCGCCCGGCCAACGTGGTGAAACCCCGTCTCTACTAAAAATACAAAAATTAGCCGNNAT"


class LibraryTokenizer(Protocol):
    """A library's tokenizer, loaded."""

    vocabulary: tuple[str, ...]
    roles: Mapping[str, str]
    special_ids: NDArray[np.int64]

    def encode(self, texts: list[str]) -> list[Encoding]:
        """Tokenize texts with special tokens; offsets count letters."""
        ...

    def to_huggingface(self) -> Any:
        """Return it as a ``tokenizers.Tokenizer``."""
        ...


class FileTokenizer(TokenizerBase):
    """Base of tokenizers whose work a library does.

    A subclass has the fields `path`, `sha256` and `letters_as`, and gives `library`.

    Attributes
    ----------
    path : str
        Where it is loaded from.
    sha256 : str or None
        What was found there; taken when it is first loaded, checked ever after.
    letters_as : str
        Five letters: how the vocabulary writes A, C, G, T and N (``ACGUN`` for RNA models).
    """

    path: str
    sha256: str | None
    letters_as: str

    @functools.cached_property
    @abstractmethod
    def library(self) -> LibraryTokenizer:
        """The library's tokenizer."""

    def __post_init__(self) -> None:
        if not isinstance(self.letters_as, str) or len(self.letters_as) != len(LETTERS):
            raise ConfigError(
                f"{self.name}: letters_as is {self.letters_as!r}, but must be five letters that mean "
                f"{', '.join(LETTERS)}; leave it out unless the vocabulary is not written in {LETTERS}"
            )
        found = self.content_sha256()
        if self.sha256 is not None and self.sha256 != found:
            raise ConfigError(
                f"{self.name}: {self.path} is not the tokenizer that was recorded (sha256 {found[:12]}, "
                f"recorded {self.sha256[:12]}); bring the recorded file back or leave sha256 out"
            )
        object.__setattr__(self, "sha256", found)
        for role in ("pad_token", "mask_token"):
            if role not in self.roles:
                raise ConfigError(
                    f"{self.name}: {self.path} has no {role.replace('_', ' ')}, which masking needs; "
                    "give one that was made for masked-language modelling"
                )
        self._check_offsets()

    @abstractmethod
    def content_sha256(self) -> str:
        """Return the sha256 (hex) of what is at `path`."""

    def _check_offsets(self) -> None:
        text = self._texts(as_nucleotides([_PROBE]))[0]
        encoding = self.library.encode([text])[0]
        stops = [0]
        for index, (start, stop), special in zip(
            encoding.input_ids, encoding.offsets, encoding.special_tokens_mask, strict=True
        ):
            if special:
                continue
            token = self.vocabulary[index]
            letters = "".join(letter for letter in token.upper() if letter in self.letters_as.upper())
            if letters != text[start:stop].upper() or start < stops[-1]:
                raise ConfigError(
                    f"{self.name}: the offsets of {self.path} do not count nucleotides (token {token!r} is "
                    f"said to cover '{text[start:stop]}'); if dnamask saved it, load its whole folder"
                )
            stops.append(stop)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Tokens in the order of their ids."""
        return self.library.vocabulary

    @property
    def roles(self) -> Mapping[str, str]:  # type: ignore[override]
        """Role -> special token."""
        return self.library.roles

    @property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids that no nucleotide produces ([UNK] counts as one), sorted."""
        return self.library.special_ids

    def encode(self, sequence: str) -> Encoding:
        """Tokenize one sequence, special tokens included."""
        return self.library.encode(self._texts(as_nucleotides([sequence])))[0]

    def encode_batch(self, sequences: Sequence[str] | NucleotideBatch) -> TokenBatch:
        """Tokenize many sequences; row i equals ``encode(sequences[i])`` plus padding on the right."""
        batch = as_nucleotides(sequences)
        return pad_encodings(self.library.encode(self._texts(batch)), batch, self.pad_token_id)

    def _texts(self, batch: NucleotideBatch) -> list[str]:
        texts = as_strings(batch)
        if self.letters_as == LETTERS:
            return texts
        table = str.maketrans(LETTERS, self.letters_as)
        return [text.translate(table) for text in texts]

    def to_huggingface(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` that gives the same ids on raw sequences."""
        from dnamask_plugins.tokenizers.huggingface_form import with_letter_policy

        return with_letter_policy(self.library.to_huggingface(), self.letters_as)

    def fingerprint(self) -> str:
        """Return 16 hex digits that identify this tokenizer, wherever its files are."""
        return fingerprint({key: value for key, value in self.to_config().items() if key != "path"})
