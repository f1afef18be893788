"""Nothing that belongs together stands on two sides, and every side gets its share."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from table_cases import ROWS, table
from toy_data import random_dna

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.harness.tables import TableOptions, import_table
from dnamask_plugins.harness.tables.similarity import similar_pairs
from dnamask_plugins.harness.tables.splitting import divide, group_rows, overlapping, strata_of
from dnamask_plugins.tasks.audit import reverse_complement

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def sides(imported, key) -> dict[object, set[str]]:
    found = defaultdict(set)
    for row, split in enumerate(imported.split.tolist()):
        found[key(row)].add(split)
    return found


def test_a_sequence_and_its_reverse_complement_stay_together(tmp_path: Path):
    doubled = ROWS + [(reverse_complement(s), y) for s, y in ROWS] + ROWS[:20]
    imported = import_table(table(tmp_path / "t.csv", ["sequence", "label"], doubled), "m", tmp_path / "o")
    found = sides(
        imported, lambda row: min(imported.sequences[row], reverse_complement(imported.sequences[row]))
    )
    assert all(len(splits) == 1 for splits in found.values())
    assert set(imported.split.tolist()) == {"train", "dev", "test"}


def test_values_of_a_column_stay_together_or_are_asked_for(tmp_path: Path):
    rows = [(s, y, f"chr{i % 5}") for i, (s, y) in enumerate(ROWS)]
    path = table(tmp_path / "t.csv", ["sequence", "label", "chromosome"], rows)
    imported = import_table(path, "m", tmp_path / "a", TableOptions(split_by="chromosome"))
    found = sides(imported, lambda row: rows[row][2])
    assert sorted(map(len, found.values())) == [1] * 5
    assert set.union(*found.values()) == {"train", "dev", "test"}
    options = TableOptions(split_by="chromosome", test_values=("chr1",), dev_values=("chr3",))
    asked = import_table(path, "m", tmp_path / "b", options)
    assert sides(asked, lambda row: rows[row][2])["chr1"] == {"test"}
    assert sides(asked, lambda row: rows[row][2])["chr3"] == {"dev"}
    with pytest.raises(ConfigError, match=r"never holds 'chr9'; it holds chr0, chr1"):
        import_table(path, "m", tmp_path / "c", TableOptions(split_by="chromosome", test_values=("chr9",)))
    two = table(
        tmp_path / "two.csv", ["sequence", "label", "chromosome"], [(s, y, f"chr{y}") for s, y in ROWS]
    )
    with pytest.raises(InputError, match="2 groups that must stay together, too few for train, dev, test"):
        import_table(two, "m", tmp_path / "d", TableOptions(split_by="chromosome"))


def test_overlapping_regions_stay_together(tmp_path: Path):
    rows = [(s, y, "chr1", 100 * (i // 2), 100 * (i // 2) + 90) for i, (s, y) in enumerate(ROWS)]
    path = table(tmp_path / "t.csv", ["sequence", "label", "chrom", "start", "end"], rows)
    imported = import_table(path, "m", tmp_path / "o")
    assert all(len(splits) == 1 for splits in sides(imported, lambda row: rows[row][3]).values())
    assert "regions that overlap (chrom, start, end)" in imported.how_split


def test_overlaps_chain_even_over_a_long_region_that_holds_short_ones():
    pairs = overlapping(["a"] * 4, [0, 10, 50, 200], [100, 20, 60, 210])
    assert group_rows(4, [], [pairs]).tolist() == [0, 0, 0, 1]


def test_near_duplicates_on_either_strand_stay_together(tmp_path: Path):
    generator = np.random.default_rng(3)
    genome = [random_dna(generator, 200) for _ in range(30)]
    windows = [(g[a : a + 80], i % 2) for i, g in enumerate(genome) for a in (0, 20)]
    windows += [(reverse_complement(g[40:120]), i % 2) for i, g in enumerate(genome)]
    path = table(tmp_path / "t.csv", ["sequence", "label"], windows)
    found = sides(import_table(path, "m", tmp_path / "a"), lambda row: row // 2 if row < 60 else row - 60)
    assert any(len(splits) > 1 for splits in found.values())
    together = import_table(path, "m", tmp_path / "b", TableOptions(similar=0.5))
    found = sides(together, lambda row: row // 2 if row < 60 else row - 60)
    assert all(len(splits) == 1 for splits in found.values())
    assert "(30 groups)" in together.how_split


def test_similar_pairs_are_those_of_plain_counting():
    generator = np.random.default_rng(5)
    genome = random_dna(generator, 300)
    sequences = [genome[a : a + 60] for a in range(0, 240, 20)] + [
        random_dna(generator, 60),
        "ACGTN" * 12,
        "ACG",
    ]

    def kmers(text: str) -> set[str]:
        words = {text[i : i + 12] for i in range(len(text) - 11)}
        return {min(word, reverse_complement(word)) for word in words if "N" not in word}

    sets = [kmers(text) for text in sequences]
    expected = [
        (i, j)
        for i in range(len(sets))
        for j in range(i + 1, len(sets))
        if sets[i] and sets[j] and len(sets[i] & sets[j]) >= 0.4 * min(len(sets[i]), len(sets[j]))
    ]
    assert sorted(map(tuple, similar_pairs(sequences, 0.4).tolist())) == expected


@pytest.mark.parametrize("seed", range(5))
def test_every_stratum_gets_its_share(seed: int):
    generator = np.random.default_rng(seed)
    strata = generator.choice(3, 1000, p=[0.7, 0.2, 0.1])
    split = divide(np.arange(1000), strata, SHARES, seed)
    for stratum in range(3):
        rows = split[strata == stratum]
        for name, share in SHARES.items():
            assert abs((rows == name).sum() - share * rows.size) <= 1
    assert (divide(np.arange(1000), strata, SHARES, seed) == split).all()
    assert (divide(np.arange(1000), strata, SHARES, seed + 1) != split).any()


def test_strata_of_numbers_and_of_several_labels():
    values = np.random.default_rng(0).normal(size=200)
    assert np.bincount(strata_of(values, "regression")).tolist() == [20] * 10
    labels = np.array([[0, 1]] * 50 + [[1, 0]] * 50 + [[1, 1]] * 3 + [[0, 0]] * 2)
    assert np.bincount(strata_of(labels, "multi_label")).tolist() == [50, 50, 5]
