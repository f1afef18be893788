"""Scores against every segmentation tried one by one, and against the table released with GeneMask."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.npmi.counting import count_sequences, kmer_names
from dnamask_plugins.npmi.scoring import discount, least_pmi, score_counts
from dnamask_plugins.npmi.table import NpmiTable

corpora = st.lists(st.text("ACGTN", min_size=1, max_size=200), min_size=1, max_size=4)

# Counts of one and two nucleotides behind the released table: its 4,096 scores determine them (up to CG,
# which no best segmentation uses) by least squares on the logarithms. They are no marginals of its 6-mers.
RELEASED_NUCLEOTIDES = 669_106_492
RELEASED_ONES = [198531760, 135621696, 135921744, 199031840]
RELEASED_TWOS = [
    *(65983707, 33641890, 46942637, 51982920, 48342716, 34111916, 6240934, 46902635),
    *(39842238, 28051576, 34251924, 33751896, 44382493, 39792235, 48462722, 66423731),
]


def segmentations(word: str) -> list[list[str]]:
    found = []
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        parts, start = [], 0
        for position, cut in enumerate(cuts, 1):
            if cut:
                parts.append(word[start:position])
                start = position
        found.append([*parts, word[start:]])
    return found


def brute_force(texts: list[str], k: int, min_count: int, variant: str) -> dict[str, tuple[float, float]]:
    frequency: dict[str, int] = {}
    totals = dict.fromkeys(range(1, k + 1), 0)
    for text in texts:
        for length in totals:
            for start in range(len(text) - length + 1):
                window = text[start : start + length]
                if "N" not in window:
                    frequency[window] = frequency.get(window, 0) + 1
                    totals[length] += 1
    if variant == "genemask_released":
        totals = dict.fromkeys(totals, 2 * totals[1])

    def p(word: str) -> float:
        return frequency[word] / totals[len(word)]

    scores = {}
    for word, count in frequency.items():
        if len(word) == k and count >= min_count:
            ways = [parts for parts in segmentations(word) if len(parts) > 1]
            if variant == "genemask_released":
                ways = [parts for parts in ways if max(map(len, parts)) <= 2]
            pmi = min(math.log(p(word) / math.prod(p(part) for part in parts)) for parts in ways)
            shrink = math.log(count) / (math.log(count) + math.log(min_count)) if min_count > 1 else 1.0
            scores[word] = (pmi, pmi * shrink)
    return scores


@settings(deadline=None)
@given(
    corpora,
    st.integers(2, 6),
    st.sampled_from([1, 2, 3, 5]),
    st.sampled_from(["pmi_masking", "genemask_released"]),
)
def test_scores_equal_brute_force_over_all_segmentations(
    texts: list[str], k: int, min_count: int, variant: str
) -> None:
    expected = brute_force(texts, k, min_count, variant)
    pmi, npmi = score_counts(count_sequences(texts, k), k, variant, min_count)
    for name, got_pmi, got_npmi in zip(kmer_names(k), pmi, npmi, strict=True):
        if name in expected:
            np.testing.assert_allclose((got_pmi, got_npmi), expected[name], atol=1e-12)
        else:
            assert math.isnan(got_pmi), name
            assert math.isnan(got_npmi), name


def test_cut_off_is_the_smallest_count_that_scores() -> None:
    counts = count_sequences(["AC" * 10], 2)
    at, above = int(counts[2][1]), int(counts[2][1]) + 1
    assert not math.isnan(score_counts(counts, 2, min_count=at)[1][1])
    assert math.isnan(score_counts(counts, 2, min_count=above)[1][1])


def test_discount_is_half_at_the_cut_off() -> None:
    np.testing.assert_allclose(discount(np.array([101, 101**3]), 101), [0.5, 0.75])


def test_unknown_variant_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'pmi_masking'"):
        score_counts(count_sequences(["ACGT"], 2), 2, "pmi_maskng")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="below 1"):
        score_counts(count_sequences(["ACGT"], 2), 2, min_count=0)


class TestReleasedTable:
    """The table released with GeneMask, from the human counts it was made with."""

    @pytest.fixture(scope="class")
    def released(self, shared_data: Path) -> dict[str, tuple[float, float]]:
        with open(shared_data / "npmi" / "genemask_released_6mer_ranking.csv", newline="") as handle:
            return {
                row["ngram"]: (float(row["dp.true.pmi"]), float(row["norm_dp_true_pmi"]))
                for row in csv.DictReader(handle)
            }

    @pytest.fixture(scope="class")
    def table(self, shared_data: Path) -> NpmiTable:
        counts = shared_data / "npmi" / "human_6mer_counts.csv"
        return NpmiTable.from_counts_csv(counts, variant="genemask_released")

    def test_every_score_is_within_four_thousandths(
        self, table: NpmiTable, released: dict[str, tuple[float, float]]
    ) -> None:
        ours = np.stack([table.pmi, table.scores], axis=1)
        theirs = np.array([released[name] for name in kmer_names(6)])
        assert len(released) == 4096
        assert np.abs(ours - theirs).max() < 0.004

    def test_top_400_are_the_same_in_the_same_order_but_for_near_ties(
        self, table: NpmiTable, released: dict[str, tuple[float, float]]
    ) -> None:
        names = kmer_names(6)
        ours = [names[code] for code in table.order[:400]]
        theirs = list(released)[:400]
        assert set(ours) == set(theirs)
        # The released figures use counts of ones and twos that 6-mer counts do not hold: neighbours whose
        # released scores differ by less than 5e-4 may change places, nothing else may.
        place = {name: rank for rank, name in enumerate(ours)}
        for first, second in itertools.combinations(theirs, 2):
            if place[first] > place[second]:
                assert released[first][1] - released[second][1] < 5e-4
        assert max(abs(place[name] - rank) for rank, name in enumerate(theirs)) <= 3

    def test_with_its_own_short_counts_the_whole_table_and_its_order_come_out(
        self, table: NpmiTable, released: dict[str, tuple[float, float]]
    ) -> None:
        # The release cut its 6-mer counts down to tens before taking logarithms (but not in the discount).
        tens = table.counts // 10 * 10
        log_total = math.log(2 * RELEASED_NUCLEOTIDES)
        unused = np.zeros(0)
        log_p = {1: np.log(RELEASED_ONES) - log_total, 2: np.log(RELEASED_TWOS) - log_total}
        log_p |= {3: unused, 4: unused, 5: unused, 6: np.log(tens) - log_total}
        npmi = least_pmi(log_p, 6, 2) * discount(table.counts, 101)
        names = kmer_names(6)
        theirs = np.array([released[name][1] for name in names])
        assert np.abs(npmi - theirs).max() < 1e-7
        assert [names[code] for code in np.argsort(-npmi, kind="stable")] == list(released)

    def test_the_definition_shares_only_part_of_the_top_400(
        self, table: NpmiTable, shared_data: Path, released: dict[str, tuple[float, float]]
    ) -> None:
        definition = NpmiTable.from_counts_csv(shared_data / "npmi" / "human_6mer_counts.csv")
        names = kmer_names(6)
        shared = {names[code] for code in definition.order[:400]} & set(list(released)[:400])
        assert len(shared) == 234
