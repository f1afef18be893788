"""LOGO's words against the published vocabulary and against a tokenizer written with slices."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tokenizers.logo import LogoTokenizer

# sha256 of the words from id 10 on, one a line, first 16 digits; made with the published program
PUBLISHED = {3: "811448eb62f53ea6", 4: "00b11f3b4eb83478", 5: "d8d9a454683fe9df", 6: "d4f9d45a50998eea"}


def by_hand(tokenizer: LogoTokenizer, sequence: str) -> tuple[list[int], list[list[int]]]:
    text = "".join(letter if letter in "ACGT" else "N" for letter in sequence.upper().replace("U", "T"))
    n, phase = tokenizer.n, tokenizer.phase
    cuts = [0, *range(phase, len(text), n), len(text)] if len(text) > phase else [0, len(text)]
    spans = [[a, b] for a, b in itertools.pairwise(cuts) if b > a]
    if not tokenizer.keep_ends:
        spans = [[a, b] for a, b in spans if b - a == n and a >= phase]
    ids = {word: number for number, word in enumerate(tokenizer.vocabulary)}
    words = [ids.get(text[a:b], 0) for a, b in spans]
    head = [1] if tokenizer.add_cls else []
    return head + words, [[0, 0]] * len(head) + spans


@pytest.mark.parametrize("n", PUBLISHED)
def test_vocabulary_is_the_published_one(n: int) -> None:
    words = LogoTokenizer(n).vocabulary
    assert words[:4] == ("<unk>", "<cls>", "<mask>", "<pad>")
    assert len(words) == LogoTokenizer(n).vocab_size == 10 + 5**n
    assert hashlib.sha256("\n".join(words[10:]).encode()).hexdigest().startswith(PUBLISHED[n])


@pytest.mark.parametrize("n", PUBLISHED)
def test_every_word_gets_its_published_id(n: int, shared_data: Path) -> None:
    rows = (shared_data / f"tokenizers/logo/logo_vocab_k{n}.tsv").read_text().split("\n")[1:]
    ids, words = zip(*(row.split("\t") for row in rows if row), strict=True)
    batch = LogoTokenizer(n, add_cls=False).encode_batch(words)
    assert batch.input_ids[:, 0].tolist() == list(map(int, ids))


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(st.text("ACGTacgtNnUuRy", max_size=40), max_size=5),
    st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))),
    st.booleans(),
    st.booleans(),
)
def test_equals_the_tokenizer_by_hand(
    texts: list[str], shape: tuple[int, int], add_cls: bool, keep_ends: bool
) -> None:
    tokenizer = LogoTokenizer(*shape, add_cls, keep_ends)
    batch = tokenizer.encode_batch(texts)
    for row, text in enumerate(texts):
        ids, offsets = by_hand(tokenizer, text)
        size = len(ids)
        assert batch.input_ids[row].tolist() == ids + [3] * (batch.input_ids.shape[1] - size)
        assert batch.offsets[row, :size].tolist() == offsets
        special = [index < 10 for index in ids]
        assert batch.special_tokens_mask[row].tolist() == special + [True] * (batch.input_ids.shape[1] - size)
        assert batch.attention_mask[row].sum() == size
        if keep_ends:
            assert sum(stop - start for start, stop in offsets) == len(text)
    if texts:
        longest = max(len(by_hand(tokenizer, text)[0]) for text in texts)
        assert batch.input_ids.shape == (len(texts), longest)


def test_words_that_begin_with_n_are_unknown_as_published() -> None:
    tokenizer = LogoTokenizer(3)
    assert tokenizer.encode("NACACNN").input_ids.tolist() == [1, 0, tokenizer.token_to_id["ACN"], 10]


@pytest.mark.parametrize(("n", "phase"), [(0, 0), (9, 0), (6, 6), (6, -1), (6, True), ("6", 0)])
def test_refuses_what_is_out_of_range(n: object, phase: object) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        LogoTokenizer(n, phase)  # type: ignore[arg-type]
