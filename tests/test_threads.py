"""Several threads make the masks that one makes."""

from __future__ import annotations

import multiprocessing
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins import threads
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.masking import Masker
from dnamask_plugins.strategies.genemask import GeneMask
from dnamask_plugins.strategies.global_npmi import GlobalNpmi
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.types import MaskSpec

TOKENIZER = KmerTokenizer(3)
TABLE = SimpleNamespace(k=3, scores=np.arange(64.0))
STRATEGIES = {
    "random_token": RandomToken(),
    "span": Span(),
    "genemask": GeneMask(TABLE),
    "global_npmi": GlobalNpmi(TABLE),
}
MASKER = Masker(STRATEGIES, Corruption.for_tokenizer(TOKENIZER), seed=3)
SPEC = MaskSpec.mixture([(name, 0.25) for name in STRATEGIES], 0.2)


def masked(rows: int) -> Any:
    rng = np.random.default_rng(rows)
    batch = TOKENIZER.encode_batch(["".join(rng.choice(list("ACGT"), 10 + row)) for row in range(rows)])
    return MASKER(batch, SPEC, 5, np.arange(rows))


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 20), cores=st.integers(1, 7), tokens=st.sampled_from([1, 40, 200]))
def test_masks_and_replacements_do_not_depend_on_the_number_of_threads(
    rows: int, cores: int, tokens: int
) -> None:
    alone = masked(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "NUMBA_NUM_THREADS", cores)
        patch.setattr(threads, "_TOKENS_A_THREAD", tokens)
        together = masked(rows)
    for name in ("input_ids", "labels", "mask"):
        assert (getattr(together, name) == getattr(alone, name)).all()


def in_parts(rows: int) -> list[slice]:
    parts: list[slice] = []
    threads.in_threads(parts.append, rows, 1)
    return sorted(parts, key=lambda part: part.start)


def test_parts_are_the_rows_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 4)
    monkeypatch.setattr(threads, "_TOKENS_A_THREAD", 1)
    assert in_parts(0) == [slice(0, 0)]
    assert in_parts(3) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert [part.stop - part.start for part in in_parts(10)] == [2, 3, 2, 3]
    monkeypatch.setattr(threads, "_TOKENS_A_THREAD", 6)
    assert in_parts(11) == [slice(0, 11)]


def test_an_error_in_a_part_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(threads, "_TOKENS_A_THREAD", 1)

    def work(part: slice) -> None:
        if part.start:
            raise KeyError("a gene nobody knows")

    with pytest.raises(KeyError):
        threads.in_threads(work, 2, 1)


def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 2)
    monkeypatch.setattr(threads, "_TOKENS_A_THREAD", 1)
    assert len(in_parts(2)) == 2
    child = multiprocessing.get_context("fork").Process(target=in_parts, args=(2,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
