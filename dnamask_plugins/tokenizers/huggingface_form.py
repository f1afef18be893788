"""Tokenizers of Hugging Face's ``tokenizers`` library that give our ids on raw sequences.

The library has no overlapping words. They are made by its normalizer, which can insert letters: after
each letter (lower case) come copies (upper case) of the k - 1 letters that follow it, the incomplete words
at the end are deleted, and what is left is cut every k letters. No code of ours is needed to load the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders
from tokenizers.models import BPE, Unigram, WordLevel
from tokenizers.normalizers import Lowercase, Prepend, Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.nucleotides import LETTERS


def letter_steps(letters_as: str = LETTERS) -> list[Any]:
    """Return the normalizer steps that write any text in canonical letters: upper case, T for U, else N.

    What is no nucleotide letter is written N as well, because a normalizer cannot refuse it.
    """
    return [
        Replace(Regex("[^ACGTacgtuU]"), "N"),
        *(
            Replace(Regex(f"[{source}]"), target)
            for source, target in (("Uut", "T"), ("a", "A"), ("c", "C"), ("g", "G"))
        ),
        *(
            Replace(source, target)
            for source, target in zip(LETTERS, letters_as, strict=True)
            if source != target
        ),
    ]


def joined(shared: int = 0) -> Any:
    """Return the decoder that writes tokens one after the other, without blanks and marks of words.

    Parameters
    ----------
    shared : int
        Letters that a token shares with the one before it; between special tokens none are.
    """
    steps: list[Any] = [decoders.Replace(Regex(r"\A(##|▁|Ġ)"), "")]
    if shared:
        steps.append(decoders.Replace(Regex(r"\A"), "|"))
    steps.append(decoders.Fuse())
    if shared:
        letter = f"[{LETTERS}]"
        again = f"(?<={letter})\\|{letter}{{{shared}}}(?={letter})"
        steps += [decoders.Replace(Regex(again), ""), decoders.Replace("|", "")]
    return decoders.Sequence(steps)


def framed(
    tokenizer: Tokenizer,
    ids: Mapping[str, int],
    head: Sequence[str],
    tail: Sequence[str],
    special: Sequence[str],
) -> Tokenizer:
    """Frame every sequence with special tokens; those written in a text survive as they are."""
    tokenizer.post_processor = TemplateProcessing(
        single=[*head, "$A", *tail],
        pair=[*head, "$A", *tail, "$B:1", *(f"{token}:1" for token in tail)],
        special_tokens=[(token, ids[token]) for token in {*head, *tail}],
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def word_level(
    vocabulary: Sequence[str],
    unknown: str,
    normalizer: Any,
    splitter: Any,
    head: Sequence[str],
    tail: Sequence[str],
    special: Sequence[str],
) -> Tokenizer:
    """Put a normalizer, a splitter and a table of words together."""
    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordLevel(ids, unk_token=unknown))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = joined()
    return framed(tokenizer, ids, head, tail, special)


def overlapping_kmers(vocabulary: Sequence[str], k: int, shift: int = 1) -> Tokenizer:
    """Make the tokenizer of k-mers that begin every `shift` letters, for raw sequences."""
    lower = LETTERS.lower()
    steps = [*letter_steps(), Lowercase()]
    for ahead in range(1, k):
        # In each round a letter gets one more copy: the newest copy of the letter after it ("acgt" with
        # k = 3: "aCcGgTt", then "aCGcGTgTt").
        behind = lower if ahead == 1 else LETTERS
        for letter in LETTERS:
            copied = letter.lower() if ahead == 1 else f"[{lower}][{LETTERS}]{{{ahead - 2}}}{letter}"
            steps.append(Replace(Regex(f"(?<=[{behind}])(?={copied})"), letter))
    if k > 1:
        steps.append(Replace(Regex(f"[{lower}][{LETTERS}]{{0,{k - 2}}}(?=[{lower}]|\\z)"), ""))
    steps += [Replace(letter.lower(), letter) for letter in LETTERS]
    words: Any = Split(Regex(f".{{{k}}}"), "isolated")
    if shift > 1:
        # Every word stands there by now: of each `shift` of them the first is kept.
        groups = Split(Regex(f".{{1,{k * shift}}}"), "isolated")
        words = PreTokenizers([groups, Split(Regex(f"(?<=\\A.{{{k}}}).+"), "removed")])
    tokenizer = word_level(
        vocabulary,
        "[UNK]",
        Normalizers(steps),
        words,
        ["[CLS]"],
        ["[SEP]"],
        vocabulary[:5],
    )
    tokenizer.decoder = joined(k - shift)
    return tokenizer


def consecutive_words(
    vocabulary: Sequence[str], n: int, phase: int, add_cls: bool, keep_ends: bool
) -> Tokenizer:
    """Make the tokenizer of consecutive n-grams (LOGO), for raw sequences."""
    steps = letter_steps()
    splits = [Split(Regex(f".{{1,{n}}}"), "isolated")]
    if phase and keep_ends:
        splits.insert(0, Split(Regex(f"\\A.{{1,{phase}}}"), "isolated"))
    elif phase:
        steps.append(Replace(Regex(f"\\A.{{1,{phase}}}"), ""))
    if not keep_ends and n > 1:
        splits.append(Split(Regex(f"\\A.{{1,{n - 1}}}\\z"), "removed"))
    return word_level(
        vocabulary,
        "<unk>",
        Normalizers(steps),
        PreTokenizers(splits),
        ["<cls>"] if add_cls else [],
        [],
        vocabulary[:10],
    )


def with_letter_policy(tokenizer: Tokenizer, letters_as: str = LETTERS) -> Tokenizer:
    """Return a copy of a tokenizer that reads raw sequences: lower case, U and IUPAC letters included."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    own = copy.normalizer
    copy.normalizer = Normalizers(letter_steps(letters_as) + ([] if own is None else [own]))
    copy.decoder = joined()
    copy.no_padding()
    copy.no_truncation()
    return copy


def words_or_letters(
    vocabulary: Sequence[str],
    n: int,
    unknown: str,
    head: Sequence[str],
    tail: Sequence[str],
    special: Sequence[str],
) -> Tokenizer:
    """Make the tokenizer of consecutive n-grams of A, C, G, T, and single letters where there is none."""
    return word_level(
        vocabulary, unknown, None, Split(Regex(f"[ACGT]{{{n}}}|."), "isolated"), head, tail, special
    )


def from_sentencepiece(content: bytes, roles: Mapping[str, str], special_ids: Sequence[int]) -> Tokenizer:
    """Turn a SentencePiece model, unigram or BPE, into a tokenizer of this library.

    Merges are not stored in a SentencePiece file: a pair is merged where the joined piece is in the
    vocabulary, the best-scored piece first.
    """
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(content)
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    ids = {piece: index for index, (piece, _) in enumerate(pieces)}
    unknown = roles["unk_token"]
    special = [pieces[index][0] for index in special_ids]
    if model.trainer_spec.model_type == model.trainer_spec.UNIGRAM:
        tokenizer = Tokenizer(Unigram(pieces, ids[unknown], False))
    elif model.trainer_spec.model_type == model.trainer_spec.BPE:
        scores = {piece: score for piece, score in pieces if piece not in special}
        merges = sorted(
            (-score, piece[:cut], piece[cut:])
            for piece, score in scores.items()
            for cut in range(1, len(piece))
            if piece[:cut] in scores and piece[cut:] in scores
        )
        tokenizer = Tokenizer(
            BPE(ids, [(left, right) for _, left, right in merges], unk_token=unknown, fuse_unk=True)
        )
    else:
        raise ConfigError("bpe: only unigram and BPE models of SentencePiece have a Hugging Face form")
    if model.normalizer_spec.add_dummy_prefix:
        tokenizer.normalizer = Prepend("▁")
    head, tail = ([roles[role]] if role in roles else [] for role in ("cls_token", "sep_token"))
    return framed(tokenizer, ids, head, tail, special)
