"""Exact search in a genome, against Python's own substring search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.corpus.occurrence import find_occurrences
from dnamask_plugins.tasks.audit import reverse_complement


def fasta(path: Path, *records: str) -> Path:
    path.write_text("".join(f">r{number}\n{record}\n" for number, record in enumerate(records)))
    return path


def brute_force(queries: list[str], records: list[str]) -> list[bool]:
    return [
        any(query in record or reverse_complement(query) in record for record in records) for query in queries
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_finds_what_substring_search_finds(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    dna = st.text(alphabet="ACGTN", min_size=12, max_size=90)
    records = data.draw(st.lists(dna, min_size=1, max_size=3))
    queries = data.draw(st.lists(dna, min_size=1, max_size=6))
    for record in records:
        start = data.draw(st.integers(0, len(record) - 12))
        piece = record[start : start + data.draw(st.integers(12, 90))]
        queries.append(piece if data.draw(st.booleans()) else reverse_complement(piece))
    path = fasta(tmp_path_factory.mktemp("fasta") / "g.fa", *records)
    result = find_occurrences(queries, [path])
    expected = brute_force(queries, records)
    assert result.nucleotides == sum(map(len, records))
    for query, found, searchable, truth in zip(
        queries, result.found, result.searchable, expected, strict=True
    ):
        if searchable:
            assert found == truth
        else:
            assert not found
            assert max(map(len, query.split("N"))) < min(32, *map(len, queries))


def test_a_sequence_across_the_pieces_of_a_chromosome_is_found(tmp_path: Path):
    genome = "".join(np.random.default_rng(3).choice(list("ACGT"), 4000))
    queries = [genome[start : start + 250] for start in range(0, 3750, 50)] + ["ACGT" * 60]
    result = find_occurrences(queries, [fasta(tmp_path / "g.fa", genome)], block=100)
    assert result.found.tolist() == [True] * (len(queries) - 1) + [False]


def test_nothing_is_found_across_two_records(tmp_path: Path):
    left, right = "ACGGTCATTACGGATTCAGG" * 3, "TTGACCAGTTTACGACCATG" * 3
    path = fasta(tmp_path / "g.fa", left, right)
    assert find_occurrences([left[-30:] + right[:30], left, right], [path]).found.tolist() == [
        False,
        True,
        True,
    ]


def test_lower_case_genome_and_repeats_of_a_query(tmp_path: Path):
    path = fasta(tmp_path / "g.fa", "ttttt" + "acgtacgatcgatcgattac" * 2)
    query = "ACGTACGATCGATCGATTAC"
    assert find_occurrences([query, query, reverse_complement(query)], [path]).found.tolist() == [True] * 3


def test_many_queries_with_one_seed_are_told_apart(tmp_path: Path):
    shared = "A" * 40
    path = fasta(tmp_path / "g.fa", "CC" + shared + "CGCG" + shared + "GTGT")
    queries = [shared + "CGCG", shared + "GTGT", shared + "TTTT", shared]
    assert find_occurrences(queries, [path]).found.tolist() == [True, True, False, True]


def test_no_queries_and_short_ones(tmp_path: Path):
    path = fasta(tmp_path / "g.fa", "ACGTACGTACGTACGT")
    assert find_occurrences([], [path]).found.size == 0
    short = find_occurrences(["ACGT"], [path])
    assert (short.found.tolist(), short.searchable.tolist()) == ([False], [False])


def test_chromosome_20_holds_the_known_share_of_promoters(shared_data: Path):
    from dnamask_plugins.tasks import gue
    from dnamask_plugins.tasks.audit import audit_task, search_corpus
    from dnamask_plugins.tasks.data import read_task

    task = next(task for task in gue() if task.name == "prom/prom_core_all")
    data = read_task(shared_data / "gue", task)
    found = search_corpus([data], [shared_data / "genomes" / "GRCh37_chr20.fa.gz"])
    audit = audit_task(data, found[task.name])
    train = next(part for part in audit.corpus if part.split == "train")
    assert audit.corpus_nucleotides == 63_025_520
    # 54 of 23,705 negatives and 670 of 23,651 positives, counted independently.
    assert dict(train.by_class) == {"0": 54, "1": 670}
    assert train.fraction_by_class["1"] == pytest.approx(0.0283, abs=1e-4)
