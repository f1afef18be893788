"""Windows: where they come from, how they are spread, and that nothing but seed and id moves them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dnamask_plugins.corpus.build import BuildOptions, build_corpus
from dnamask_plugins.corpus.split import SplitOptions
from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.corpus.windows import WindowSampler, validation_windows
from dnamask_plugins.errors import ConfigError, InputError

IDS = np.arange(4000)


def region_of(store: CorpusStore, begins: np.ndarray) -> np.ndarray:
    return np.searchsorted(store.regions.start, begins, side="right") - 1


@pytest.mark.parametrize("split", ["train", "validation"])
def test_windows_lie_in_one_region_of_their_split(store: CorpusStore, split: str) -> None:
    begins, lengths, turned = WindowSampler(store, split, seed=1).places(IDS)
    region = region_of(store, begins)
    assert (begins + lengths <= (store.regions.start + store.regions.length)[region]).all()
    assert (store.regions.validation[region] == (split == "validation")).all()
    assert not turned.any()


def test_train_and_validation_windows_share_no_nucleotide(store: CorpusStore) -> None:
    seen = []
    for split in ("train", "validation"):
        begins, lengths, _ = WindowSampler(store, split).places(IDS)
        marks = np.zeros(len(store), dtype=bool)
        for begin, length in zip(begins, lengths, strict=True):
            marks[begin : begin + length] = True
        seen.append(marks)
    assert seen[0].any()
    assert seen[1].any()
    assert not (seen[0] & seen[1]).any()


def test_a_window_shows_the_letters_of_its_place(store: CorpusStore) -> None:
    sampler = WindowSampler(store, seed=2, reverse_complement=0.5)
    ids = IDS[:200]
    batch = sampler(ids)
    begins, lengths, turned = sampler.places(ids)
    assert 0.3 < turned.mean() < 0.7
    np.testing.assert_array_equal(batch.lengths, lengths)
    assert batch.codes.shape == batch.soft_mask.shape == (200, lengths.max())
    for row, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        codes, soft = store.read(begin, begin + length)
        if turned[row]:
            codes, soft = 3 - codes[::-1], soft[::-1]
        np.testing.assert_array_equal(batch.codes[row, :length], codes)
        np.testing.assert_array_equal(batch.soft_mask[row, :length], soft)
        assert (batch.codes[row, length:] == 255).all()
        assert not batch.soft_mask[row, length:].any()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.integers(0, 2**31))
def test_a_window_depends_on_seed_and_id_only(store: CorpusStore, ids: list[int], seed: int) -> None:
    sampler = WindowSampler(store, seed=seed, reverse_complement=0.5)
    together = sampler(ids)
    for row, example in enumerate(ids):
        alone = sampler([example])
        length = alone.lengths[0]
        assert together.lengths[row] == length
        np.testing.assert_array_equal(together.codes[row, :length], alone.codes[0])


def test_seeds_give_other_windows(store: CorpusStore) -> None:
    first, second = (WindowSampler(store, seed=seed).places(IDS)[0] for seed in (1, 2))
    assert (first != second).mean() > 0.99


def test_windows_do_not_change_from_version_to_version(store: CorpusStore) -> None:
    begins, lengths, turned = WindowSampler(store, seed=7, reverse_complement=0.5).places([0, 1, 2, 10**12])
    assert begins.tolist() == [2572, 14805, 13455, 365]
    assert lengths.tolist() == [306, 510, 510, 510]
    assert turned.tolist() == [True, True, False, True]


def test_half_are_full_and_the_others_uniform(store: CorpusStore) -> None:
    lengths = WindowSampler(store, seed=3).places(np.arange(60_000))[1]
    assert lengths.min() == 5
    assert lengths.max() == 510
    others = 505 / 506 / 2
    assert (lengths == 510).mean() == pytest.approx(1 - others, abs=0.01)
    assert stats.chisquare(np.bincount(lengths)[5:510]).pvalue > 1e-4


@pytest.mark.parametrize("length", [5, 100, 510])
def test_every_place_where_a_window_fits_is_equally_likely(store: CorpusStore, length: int) -> None:
    sampler = WindowSampler(store, seed=4, full_length=length, full_share=1)
    begins = sampler.places(np.arange(40_000))[0]
    regions = store.split("train")
    places = np.maximum(regions.length - length + 1, 0)
    fits = places > 0
    assert fits.sum() > 3
    region = np.searchsorted(regions.start, begins, side="right") - 1
    drawn = np.bincount(region, minlength=len(regions))
    assert drawn[~fits].sum() == 0
    expected = places[fits] / places.sum() * begins.size
    assert stats.chisquare(drawn[fits], expected).pvalue > 1e-4
    # Within a region, too: first and last place are reached, and the spread is even.
    inside = (begins - regions.start[region]) / places[region]
    assert stats.kstest(inside, "uniform").pvalue > 1e-4


def test_share_and_lengths_can_be_set(store: CorpusStore) -> None:
    lengths = WindowSampler(store, full_length=80, full_share=0, min_length=79).places(IDS)[1]
    assert set(lengths.tolist()) == {79, 80}
    assert set(WindowSampler(store, full_length=80, full_share=1).places(IDS)[1].tolist()) == {80}
    assert len(WindowSampler(store)([]).lengths) == 0


def test_validation_windows_are_fixed_and_spread(store: CorpusStore) -> None:
    first, again = validation_windows(store, 20, 100), validation_windows(store, 20, 100)
    np.testing.assert_array_equal(first.codes, again.codes)
    assert first.codes.shape == (20, 100)
    held_out = [store.read(s, s + n)[0].tobytes() for s, n in _pieces(store, "validation")]
    training = [store.read(s, s + n)[0].tobytes() for s, n in _pieces(store, "train")]
    for row in first.codes:
        assert any(row.tobytes() in piece for piece in held_out)
        assert not any(row.tobytes() in piece for piece in training)
    assert len({row.tobytes() for row in first.codes}) == 20
    everything = validation_windows(store, 10**9, 100)
    regions = store.split("validation")
    assert len(everything.lengths) == np.maximum(regions.length - 99, 0).sum()


def _pieces(store: CorpusStore, split: str) -> list[tuple[int, int]]:
    regions = store.split(split)
    return list(zip(regions.start.tolist(), regions.length.tolist(), strict=True))


def test_a_corpus_shorter_than_a_window_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">a\n" + "ACGTT" * 60 + "\n")
    store = build_corpus([tmp_path / "a.fa"], tmp_path / "c", BuildOptions(split=SplitOptions(0)))
    with pytest.raises(InputError, match="longest train region has 300 nucleotides, a window needs 510"):
        WindowSampler(store)
    assert WindowSampler(store, full_length=300)([1]).codes.shape[1] <= 300
    with pytest.raises(InputError, match="longest validation region has 0"):
        validation_windows(store, 4)


def test_regions_as_long_as_the_window_hold_one_each(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">a\n" + "ACGTT" * 102 + "\n>b\n" + "C" * 100 + "\n>c\n" + "G" * 510)
    store = build_corpus([tmp_path / "a.fa"], tmp_path / "c", BuildOptions(split=SplitOptions(0)))
    assert set(WindowSampler(store, full_share=1).places(IDS)[0].tolist()) == {0, 610}
    shorter = WindowSampler(store, full_share=1, full_length=509)
    assert set(shorter.places(IDS)[0].tolist()) == {0, 1, 610, 611}


@pytest.mark.parametrize(
    "wrong",
    [
        {"full_length": 4},
        {"min_length": 0},
        {"full_share": 1.5},
        {"full_share": -0.1},
        {"reverse_complement": 2},
        {"split": "test"},
    ],
)
def test_parameters_out_of_range_are_refused(store: CorpusStore, wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        WindowSampler(store, **wrong)  # type: ignore[arg-type]


def test_a_sampler_travels_to_workers(store: CorpusStore) -> None:
    sampler = WindowSampler(store, seed=5)
    moved = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(moved(IDS[:9]).codes, sampler(IDS[:9]).codes)
    assert len(pickle.dumps(store)) < 1000
