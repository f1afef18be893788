"""Tokenizers of Hugging Face's ``tokenizers`` library that give our ids on raw sequences.

The library has no overlapping words. They are made by its normalizer, which can insert letters: behind
each letter come lower-case copies of the k - 1 letters that follow it, the incomplete words at the end are
deleted, and what is left is cut every k letters. No code of ours is needed to load the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Replace
from tokenizers.normalizers import Sequence as Normalizers
from tokenizers.pre_tokenizers import Sequence as PreTokenizers
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing

from dnamask_plugins.nucleotides import LETTERS


def letter_steps(letters_as: str = LETTERS) -> list[Any]:
    """Return the normalizer steps that write any text in canonical letters: upper case, T for U, else N.

    What is no nucleotide letter is written N as well, because a normalizer cannot refuse it.
    """
    a, c, g, t, n = letters_as
    return [
        Replace(Regex("[^ACGTacgtuU]"), "N"),
        *(
            Replace(Regex(f"[{source}]"), target)
            for source, target in (("Uut", "T"), ("a", "A"), ("c", "C"), ("g", "G"))
        ),
        *(
            Replace(source, target)
            for source, target in zip(LETTERS, (a, c, g, t, n), strict=True)
            if source != target
        ),
    ]


def word_level(
    vocabulary: Sequence[str],
    unknown: str,
    normalizer: Any,
    splitter: Any,
    head: str | None,
    tail: str | None,
    special: Sequence[str],
) -> Tokenizer:
    """Put a normalizer, a splitter and a table of words together; special tokens survive as they are."""
    ids = {token: index for index, token in enumerate(vocabulary)}
    backend = Tokenizer(WordLevel(ids, unk_token=unknown))
    backend.normalizer = normalizer
    backend.pre_tokenizer = splitter
    frame = [token for token in (head, tail) if token is not None]
    backend.post_processor = TemplateProcessing(
        single=[*([head] if head else []), "$A", *([tail] if tail else [])],
        pair=[
            *([head] if head else []),
            "$A",
            *([tail] if tail else []),
            "$B:1",
            *([f"{tail}:1"] if tail else []),
        ],
        special_tokens=[(token, ids[token]) for token in frame],
    )
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return backend


def overlapping_kmers(vocabulary: Sequence[str], k: int) -> Tokenizer:
    """Make the tokenizer of overlapping k-mers, for raw sequences."""
    lower = LETTERS.lower()
    steps = letter_steps()
    for ahead in range(k - 1, 0, -1):
        between = f"(?:[{lower}]*[{LETTERS}]){{{ahead - 1}}}[{lower}]*" if ahead > 1 else f"[{lower}]*"
        steps += [
            Replace(Regex(f"(?<=[{LETTERS}])(?={between}{letter})"), letter.lower()) for letter in LETTERS
        ]
    if k > 1:
        steps.append(Replace(Regex(f"[{LETTERS}][{lower}]{{0,{k - 2}}}(?=[{LETTERS}]|\\z)"), ""))
        steps += [Replace(letter.lower(), letter) for letter in LETTERS]
    return word_level(
        vocabulary,
        "[UNK]",
        Normalizers(steps),
        Split(Regex(f".{{{k}}}"), "isolated"),
        "[CLS]",
        "[SEP]",
        vocabulary[:5],
    )


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
        "<cls>" if add_cls else None,
        None,
        vocabulary[:10],
    )


def with_letter_policy(backend: Tokenizer, letters_as: str = LETTERS) -> Tokenizer:
    """Return a copy of a tokenizer that reads raw sequences: lower case, U and IUPAC letters included."""
    copy = Tokenizer.from_str(backend.to_str())
    own = copy.normalizer
    copy.normalizer = Normalizers(letter_steps(letters_as) + ([] if own is None else [own]))
    copy.no_padding()
    copy.no_truncation()
    return copy
