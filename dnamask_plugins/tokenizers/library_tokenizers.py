"""The libraries' tokenizers behind one interface (`file_tokenizer.LibraryTokenizer`)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.types import Encoding

_USUAL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<cls>", "<s>"),
    "sep_token": ("[SEP]", "<sep>", "<eos>", "</s>"),
    "pad_token": ("[PAD]", "<pad>"),
    "mask_token": ("[MASK]", "<mask>"),
}

_SPECIAL_FORM: Final = re.compile(r"<[^<>]+>|\[[^\[\]]+\]")


def usual_roles(tokens: Iterable[str]) -> dict[str, str]:
    """Find the special tokens of a vocabulary by their usual names: role -> token."""
    known = set(tokens)
    found = (
        (role, next((name for name in names if name in known), None)) for role, names in _USUAL_NAMES.items()
    )
    return {role: name for role, name in found if name is not None}


def looks_special(token: str) -> bool:
    """Say whether a token is written as one that no nucleotide produces: ``<eos>``, ``[CLS]``.

    Libraries mark as special only what has a role, so that ``<eos>`` and ``<bos>`` of Nucleotide
    Transformer's vocabulary, which have none, would pass for words that random replacement may draw.
    """
    return _SPECIAL_FORM.fullmatch(token) is not None


def _encoding(
    ids: NDArray[np.int64],
    offsets: NDArray[np.int32],
    special: NDArray[np.bool_],
    special_ids: NDArray[np.int64],
) -> Encoding:
    # A token that covers nothing (SentencePiece's lone "▁") shows nothing either.
    offsets = offsets.reshape(-1, 2)
    empty = offsets[:, 0] == offsets[:, 1]
    return Encoding(ids, offsets, special | empty | np.isin(ids, special_ids))


class FastTokenizer:
    """A ``tokenizers.Tokenizer``; offsets are its own."""

    def __init__(self, tokenizer: Any, roles: Mapping[str, str] | None = None) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        ids = tokenizer.get_vocab(with_added_tokens=True)
        size = max(ids.values(), default=-1) + 1
        tokens = [f"<unused{index}>" for index in range(size)]
        for token, index in ids.items():
            tokens[index] = token
        self.vocabulary = tuple(tokens)
        self.roles: Mapping[str, str] = usual_roles(ids) if roles is None else dict(roles)
        added = {index for index, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        named = {ids[token] for token in self.roles.values()}
        unused = set(range(size)) - set(ids.values())
        written = {index for token, index in ids.items() if looks_special(token)}
        self.special_ids = np.array(sorted(added | named | unused | written), dtype=np.int64)
        self._is_special = np.zeros(size, dtype=bool)
        self._is_special[self.special_ids] = True
        # Letters of each token; -1 where a token is not spelt as in the text ("##ACG").
        self._lengths = np.array(
            [len(token) if token.isascii() and token.isalpha() else -1 for token in tokens]
        )
        self._lengths[self.special_ids] = 0

    def encode(self, texts: list[str]) -> list[Encoding]:
        """Tokenize texts with special tokens."""
        encoded = self._tokenizer.encode_batch(texts)
        return [self._row(text, one) for text, one in zip(texts, encoded, strict=True)]

    def _row(self, text: str, encoded: Any) -> Encoding:
        ids = np.array(encoded.ids, dtype=np.int64)
        lengths = self._lengths[ids]
        stops = np.cumsum(lengths, dtype=np.int32)
        if ids.size and lengths.min() >= 0 and stops[-1] == len(text):
            # The tokens spell the text, so that their lengths are their offsets: half the time of a list.
            special = self._is_special[ids]
            offsets = np.stack((stops - lengths, stops), axis=1).astype(np.int32)
            offsets[special] = 0
            return Encoding(ids, offsets, special)
        return _encoding(
            ids,
            np.array(encoded.offsets, dtype=np.int32),
            np.array(encoded.special_tokens_mask, dtype=bool),
            self.special_ids,
        )

    def to_huggingface(self) -> Any:
        """Return the ``tokenizers.Tokenizer``."""
        return self._tokenizer


class SentencePieceTokenizer:
    """A SentencePiece model between [CLS] and [SEP], where it has them; offsets are the pieces' lengths."""

    def __init__(self, content: bytes, origin: str) -> None:
        from sentencepiece import SentencePieceProcessor

        self._content, self._origin = content, origin
        model = self._model = SentencePieceProcessor(model_proto=content)
        size = model.get_piece_size()
        self.vocabulary = tuple(model.id_to_piece(index) for index in range(size))
        special = [
            index
            for index in range(size)
            if model.is_control(index)
            or model.is_unknown(index)
            or model.is_unused(index)
            or looks_special(self.vocabulary[index])
        ]
        unknown = {"unk_token": self.vocabulary[model.unk_id()]}
        self.roles: Mapping[str, str] = usual_roles(self.vocabulary) | unknown
        self._ids = {token: index for index, token in enumerate(self.vocabulary)}
        special += [self._ids[token] for token in self.roles.values()]
        self.special_ids = np.unique(np.array(special, dtype=np.int64))
        self._head = [self._ids[self.roles[role]] for role in ("cls_token",) if role in self.roles]
        self._tail = [self._ids[self.roles[role]] for role in ("sep_token",) if role in self.roles]

    def encode(self, texts: list[str]) -> list[Encoding]:
        """Tokenize texts with special tokens."""
        unknown = self._model.unk_id()
        encodings = []
        for text, pieces in zip(texts, self._model.encode(texts, out_type=str), strict=True):
            surfaces = [piece.replace("▁", "") for piece in pieces]
            if "".join(surfaces) != text:
                raise ConfigError(
                    f"bpe: {self._origin} rewrites its input, so that its pieces do not count nucleotides; "
                    "train it with normalization_rule_name=identity"
                )
            stops = np.cumsum([0, *map(len, surfaces)]).astype(np.int32)
            head, tail = len(self._head), len(self._tail)
            ids = [*self._head, *(self._ids.get(piece, unknown) for piece in pieces), *self._tail]
            offsets = np.zeros((len(ids), 2), dtype=np.int32)
            offsets[head : head + len(pieces), 0] = stops[:-1]
            offsets[head : head + len(pieces), 1] = stops[1:]
            special = np.ones(len(ids), dtype=bool)
            special[head : len(ids) - tail] = False
            encodings.append(_encoding(np.array(ids, dtype=np.int64), offsets, special, self.special_ids))
        return encodings

    def to_huggingface(self) -> Any:
        """Return it as a ``tokenizers.Tokenizer``."""
        from dnamask_plugins.tokenizers.huggingface_form import from_sentencepiece

        return from_sentencepiece(self._content, self.roles, self.special_ids.tolist())

    def __reduce__(self) -> Any:
        return SentencePieceTokenizer, (self._content, self._origin)


class SlowTokenizer:
    """A Python tokenizer of transformers that splits a text without changing it (``EsmTokenizer``)."""

    def __init__(self, tokenizer: Any, roles: Mapping[str, str], origin: str) -> None:
        self._tokenizer, self._origin = tokenizer, origin
        ids = tokenizer.get_vocab()
        size = max(ids.values()) + 1
        tokens = [f"<unused{index}>" for index in range(size)]
        for token, index in ids.items():
            tokens[index] = token
        self.vocabulary = tuple(tokens)
        self.roles: Mapping[str, str] = dict(roles)
        written = [index for index, token in enumerate(tokens) if looks_special(token)]
        self.special_ids = np.unique(np.array([*tokenizer.all_special_ids, *written], dtype=np.int64))

    def encode(self, texts: list[str]) -> list[Encoding]:
        """Tokenize texts with special tokens."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> Encoding:
        tokens = self._tokenizer.tokenize(text)
        if "".join(tokens) != text:
            raise ConfigError(
                f"huggingface: the tokenizer of {self._origin} rewrites its input and has no offsets; "
                "give a fast one (tokenizer.json)"
            )
        words = self._tokenizer.convert_tokens_to_ids(tokens)
        ids = np.array(self._tokenizer.build_inputs_with_special_tokens(words), dtype=np.int64)
        head = len(self._frame[0])
        stops = np.cumsum([0, *map(len, tokens)]).astype(np.int32)
        offsets = np.zeros((ids.size, 2), dtype=np.int32)
        offsets[head : head + len(words), 0] = stops[:-1]
        offsets[head : head + len(words), 1] = stops[1:]
        special = np.ones(ids.size, dtype=bool)
        special[head : head + len(words)] = False
        return _encoding(ids, offsets, special, self.special_ids)

    @functools.cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        # One ordinary id between the special ones shows how many come before and after.
        probe = next(index for index in range(len(self.vocabulary)) if index not in self.special_ids)
        framed = self._tokenizer.build_inputs_with_special_tokens([probe])
        place = framed.index(probe)
        return framed[:place], framed[place + 1 :]

    def to_huggingface(self) -> Any:
        """Return it as a ``tokenizers.Tokenizer``: possible for words of one length beside single letters."""
        from dnamask_plugins.tokenizers.huggingface_form import words_or_letters

        ordinary = [token for i, token in enumerate(self.vocabulary) if i not in self.special_ids]
        special = [self.vocabulary[index] for index in self.special_ids]
        lengths = {len(token) for token in ordinary}
        long = max(lengths)
        if (
            lengths - {1, long}
            or sum(len(token) == long for token in ordinary if set(token) <= set("ACGT")) != 4**long
        ):
            raise ConfigError(
                f"huggingface: the tokenizer of {self._origin} has no fast form; "
                "give a fast one (tokenizer.json)"
            )
        head, tail = self._frame
        return words_or_letters(
            self.vocabulary,
            long,
            self.roles["unk_token"],
            [self.vocabulary[index] for index in head],
            [self.vocabulary[index] for index in tail],
            special,
        )
