"""What a tokenizer reads, measured: one letter is changed at a time, and what moves must be what it says.

Offsets decide what a mask hides. A tokenizer of overlapping words that says it reads single letters would
pass every check of form, and most of what is masked could be read off its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import promise, require
from dnamask_plugins.types import Encoding

_ROWS, _LETTERS, _STEP = 6, 60, 7


def changes() -> Iterator[tuple[str, int, list[str]]]:
    """Give sequences without N, a place in each, and the three sequences with another letter there."""
    for row, text in enumerate(samples.sequences()[:_ROWS]):
        text = text.replace("N", "A")[:_LETTERS]
        for place in sorted({*range(row, len(text), _STEP), len(text) - 1}):
            others = [letter for letter in "ACGT" if letter != text[place]]
            yield text, place, [text[:place] + letter + text[place + 1 :] for letter in others]


def by_interval(encoding: Encoding) -> dict[tuple[int, int], list[int]]:
    """Group the ids of a sequence by the nucleotides they are said to cover."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (start, stop) in zip(encoding.input_ids.tolist(), encoding.offsets.tolist(), strict=True):
        groups.setdefault((start, stop), []).append(index)
    return groups


@promise("tokenizers", needs=("offsets_are_intervals",))
def offsets_hold_what_is_read(tokenizer: Any) -> None:
    """Change no id, when one letter changes, but of tokens that cover it; how the text is cut may change."""
    for text, place, others in changes():
        before = by_interval(tokenizer.encode(text))
        for other in others:
            after = by_interval(tokenizer.encode(other))
            for (start, stop), ids in before.items():
                same = start <= place < stop or after.get((start, stop), ids) == ids
                require(
                    same,
                    expected=f"the same id at [{start}, {stop}), which does not hold letter {place}",
                    came=f"{ids} and {after.get((start, stop))}: the token reads more than its offset says",
                    example=f"encode({text!r}) and encode({other!r})",
                )


@promise("tokenizers", needs=("offsets_are_intervals",))
def every_letter_is_read(tokenizer: Any) -> None:
    """Give other ids or offsets for some other letter, at each place that an ordinary token covers."""
    for text, place, others in changes():
        encoding = tokenizer.encode(text)
        starts, stops = encoding.offsets[~encoding.special_tokens_mask].T
        if not ((starts <= place) & (place < stops)).any():
            continue
        before = by_interval(encoding)
        require(
            any(by_interval(tokenizer.encode(other)) != before for other in others),
            expected=f"an id that depends on letter {place}",
            came="the same ids and offsets for all four letters: nothing there can be learned",
            example=f"encode({text!r})",
        )
