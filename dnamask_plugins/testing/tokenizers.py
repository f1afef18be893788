"""What a tokenizer promises beyond its types."""

from __future__ import annotations

from typing import Any

import numpy as np

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import promise, require
from dnamask_plugins.testing.global_state import no_global_draw
from dnamask_plugins.types import Encoding, NucleotideBatch, TokenBatch


def ordinary_sequences() -> tuple[str, ...]:
    """Return sequences without N."""
    return tuple(text.replace("N", "A") for text in samples.sequences())


def describe(text: str) -> str:
    """Shorten a sequence for a message."""
    return text if len(text) <= 60 else f"{text[:57]}... ({len(text)} nucleotides)"


@promise("tokenizers")
def encodes_to_arrays(tokenizer: Any) -> None:
    """Encode to ids int64 (L,), offsets int32 (L, 2) and a bool mask (L,)."""
    text = min(ordinary_sequences(), key=len)
    encoding = tokenizer.encode(text)
    require(
        isinstance(encoding, Encoding),
        expected="an Encoding",
        came=type(encoding).__name__,
        example=describe(text),
    )
    size = encoding.input_ids.size
    for field, dtype, shape in (
        ("input_ids", np.int64, (size,)),
        ("offsets", np.int32, (size, 2)),
        ("special_tokens_mask", np.bool_, (size,)),
    ):
        array = getattr(encoding, field)
        require(
            array.dtype == dtype and array.shape == shape,
            expected=f"{field} {np.dtype(dtype).name} {shape}",
            came=f"{array.dtype} {array.shape}",
            example=f"encode({describe(text)!r})",
        )


@promise("tokenizers", needs=("encodes_to_arrays",))
def ids_are_in_the_vocabulary(tokenizer: Any) -> None:
    """Keep every id at least 0 and below vocab_size."""
    for text in samples.sequences():
        ids = tokenizer.encode(text).input_ids
        bad = ids[(ids < 0) | (ids >= tokenizer.vocab_size)]
        require(
            bad.size == 0,
            expected=f"ids in [0, {tokenizer.vocab_size})",
            came=f"{bad[:5].tolist()}",
            example=f"encode({describe(text)!r})",
        )


@promise("tokenizers")
def mask_and_padding_are_special(tokenizer: Any) -> None:
    """Have ids for mask and padding that differ and are among special_ids, in the vocabulary."""
    special = np.asarray(tokenizer.special_ids)
    inside = (special >= 0) & (special < tokenizer.vocab_size)
    require(
        bool(inside.all()),
        expected=f"special_ids in [0, {tokenizer.vocab_size})",
        came=f"{special[~inside].tolist()}",
        example="tokenizer.special_ids",
    )
    for role in ("mask_token_id", "pad_token_id"):
        index = getattr(tokenizer, role)
        require(
            index in special,
            expected=f"{role} among special_ids {special[:10].tolist()}",
            came=repr(index),
            example=f"tokenizer.{role}",
        )
    require(
        tokenizer.mask_token_id != tokenizer.pad_token_id,
        expected="different ids for mask and padding",
        came=f"{tokenizer.mask_token_id} for both",
        example="tokenizer.mask_token_id",
    )


@promise("tokenizers", needs=("ids_are_in_the_vocabulary", "mask_and_padding_are_special"))
def special_tokens_are_marked(tokenizer: Any) -> None:
    """Mark in special_tokens_mask exactly the ids that are among special_ids."""
    special = np.asarray(tokenizer.special_ids)
    for text in samples.sequences():
        encoding = tokenizer.encode(text)
        wrong = np.flatnonzero(np.isin(encoding.input_ids, special) != encoding.special_tokens_mask)
        require(
            wrong.size == 0,
            expected="the mask to say which ids are special",
            came=f"id {encoding.input_ids[wrong[:1]].tolist()} in column {wrong[:1].tolist()} marked "
            f"{encoding.special_tokens_mask[wrong[:1]].tolist()}",
            example=f"encode({describe(text)!r})",
        )


@promise("tokenizers", needs=("encodes_to_arrays",))
def offsets_are_intervals(tokenizer: Any) -> None:
    """Give half-open offsets that are not empty, lie inside the sequence and never decrease."""
    for text in samples.sequences():
        encoding = tokenizer.encode(text)
        shown = ~encoding.special_tokens_mask
        starts, stops = encoding.offsets[shown].T.astype(np.int64)
        faults = (
            ("intervals that are not empty (start < stop)", starts >= stops),
            (f"intervals inside [0, {len(text)}]", (starts < 0) | (stops > len(text))),
            ("starts that never decrease", np.diff(starts, prepend=starts[:1]) < 0),
            ("stops that never decrease", np.diff(stops, prepend=stops[:1]) < 0),
        )
        for expected, bad in faults:
            place = np.flatnonzero(bad)[:1]
            require(
                place.size == 0,
                expected=expected,
                came=f"{encoding.offsets[shown][place].tolist()} at token {place.tolist()}",
                example=f"encode({describe(text)!r})",
            )


@promise("tokenizers", needs=("offsets_are_intervals",))
def every_nucleotide_is_covered(tokenizer: Any) -> None:
    """Show each nucleotide of a sequence without N in a token, but for those it says it leaves at the end."""
    left = getattr(tokenizer, "left_at_end", 0)
    for text in ordinary_sequences():
        encoding = tokenizer.encode(text)
        covered = np.zeros(len(text), dtype=bool)
        covered[len(text) - left :] = True
        for start, stop in encoding.offsets[~encoding.special_tokens_mask]:
            covered[start:stop] = True
        bare = np.flatnonzero(~covered)
        require(
            bare.size == 0,
            expected="a token for every nucleotide",
            came=f"none for {bare.size} of {len(text)}, the first at {bare[:1].tolist()}",
            example=f"encode({describe(text)!r})",
        )


@promise("tokenizers", needs=("offsets_are_intervals",))
def spells_what_it_covers(tokenizer: Any) -> None:
    """Spell each id, where it tells spellings, with the letters that the offsets say it covers."""
    words = getattr(tokenizer, "spellings", None)
    if words is None:
        return
    words = list(words)
    require(
        len(words) == tokenizer.vocab_size,
        expected=f"a spelling for each of {tokenizer.vocab_size} ids",
        came=f"{len(words)}",
        example="tokenizer.spellings",
    )
    spelt = [index for index in np.asarray(tokenizer.special_ids).tolist() if words[index]]
    require(
        not spelt,
        expected="no letters for special ids",
        came=f"{[words[index] for index in spelt[:3]]} for {spelt[:3]}",
        example="tokenizer.spellings",
    )
    for text in ordinary_sequences():
        encoding = tokenizer.encode(text)
        shown = ~encoding.special_tokens_mask
        for index, (start, stop) in zip(encoding.input_ids[shown], encoding.offsets[shown], strict=True):
            covered = text[start:stop].upper().replace("U", "T")
            require(
                words[index] in ("", covered),
                expected=f"id {index} spelled '{covered}', as its offsets [{start}, {stop}) say",
                came=f"'{words[index]}'",
                example=f"encode({describe(text)!r})",
            )


@promise("tokenizers", needs=("encodes_to_arrays",))
def batch_equals_single(tokenizer: Any) -> None:
    """Encode a batch, of text or codes, to the rows that `encode` gives and padding on the right."""
    texts = samples.sequences()
    singles = [tokenizer.encode(text) for text in texts]
    for form, given in (("strings", texts), ("a NucleotideBatch", NucleotideBatch.from_strings(texts))):
        batch = tokenizer.encode_batch(given)
        require(
            isinstance(batch, TokenBatch),
            expected="a TokenBatch",
            came=type(batch).__name__,
            example=f"from {form}",
        )
        for row, (text, single) in enumerate(zip(texts, singles, strict=True)):
            size = single.input_ids.size
            pairs = (
                ("input_ids", batch.input_ids[row, :size], single.input_ids),
                ("offsets", batch.offsets[row, :size], single.offsets),
                ("special_tokens_mask", batch.special_tokens_mask[row, :size], single.special_tokens_mask),
                ("padding ids", batch.input_ids[row, size:], tokenizer.pad_token_id),
                ("padding in special_tokens_mask", batch.special_tokens_mask[row, size:], True),
                (
                    "attention_mask",
                    batch.attention_mask[row],
                    np.arange(batch.attention_mask.shape[1]) < size,
                ),
                ("lengths", batch.lengths[row], len(text)),
            )
            for what, came, expected in pairs:
                require(
                    bool(np.all(np.equal(came, expected))),
                    expected=f"{what} {np.asarray(expected).tolist()}"[:200],
                    came=f"{np.asarray(came).tolist()}"[:200],
                    example=f"row {row} of a batch from {form}: {describe(text)}",
                )
        require(
            np.array_equal(batch.nucleotides, NucleotideBatch.from_strings(texts).codes),
            expected="the codes of the sequences in `nucleotides`",
            came="others",
            example=f"a batch from {form}",
        )


@promise("tokenizers", needs=("encodes_to_arrays",))
def case_and_uracil_do_not_matter(tokenizer: Any) -> None:
    """Read lower case as the same nucleotide, and U as T."""
    text = ordinary_sequences()[0]
    upper = tokenizer.encode(text).input_ids
    for other in (text.lower(), text.replace("T", "U"), text.lower().replace("t", "u")):
        ids = tokenizer.encode(other).input_ids
        require(
            np.array_equal(ids, upper),
            expected=f"the ids of {describe(text)}",
            came="other ids",
            example=f"encode({describe(other)!r})",
        )


@promise("tokenizers")
def foreign_characters_are_refused(tokenizer: Any) -> None:
    """Refuse a character that is no nucleotide letter: never a silent id."""
    for text in ("ACGTACGT!ACGTACGT", "ACGTACGTACGT ACGT", "ACGTéACGTACGTACGT"):
        try:
            encoding = tokenizer.encode(text)
        except DnamaskError:
            continue
        require(
            False,
            expected="an InputError that names the character",
            came=f"ids {encoding.input_ids[:12].tolist()}",
            example=f"encode({text!r})",
        )


@promise("tokenizers", needs=("batch_equals_single", "offsets_are_intervals"))
def works_on_short_sequences(tokenizer: Any) -> None:
    """Encode sequences of 0, 1 and 2 letters and of N alone, and a batch of none."""
    texts = ["", "A", "AC", "N", "NNNNNNNNNNNNN"]
    for text in texts:
        encoding = tokenizer.encode(text)
        stops = encoding.offsets[:, 1]
        require(
            int(stops.max(initial=0)) <= len(text),
            expected=f"offsets inside [0, {len(text)}]",
            came=f"{encoding.offsets.tolist()}",
            example=f"encode({text!r})",
        )
    tokenizer.encode_batch(texts)
    tokenizer.encode_batch([])


@promise("tokenizers", needs=("encodes_to_arrays",))
def encoding_is_a_function(tokenizer: Any) -> None:
    """Give the same ids for the same text, and draw no global random number."""
    texts = samples.sequences()
    with no_global_draw("encode_batch"):
        first = tokenizer.encode_batch(texts)
    again = tokenizer.encode_batch(texts)
    require(
        np.array_equal(first.input_ids, again.input_ids),
        expected="equal ids",
        came="other ids the second time",
        example="encode_batch called twice",
    )
