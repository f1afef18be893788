"""Scores of files: every nucleotide once, variants in the order of their file, nothing wrong in silence."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy_data import random_dna

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.inference.effects import log_odds, score_variants
from dnamask_plugins.inference.job import Collector, InferenceWarning, OpenModel, Reading
from dnamask_plugins.inference.likelihood import NucleotideScorer, Question
from dnamask_plugins.inference.mutagenesis import draw
from dnamask_plugins.inference.score import read_scores, score_file
from dnamask_plugins.inference.sequences import read_pieces
from dnamask_plugins.inference.variants import contexts, read_variants
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.nucleotides import encode_letters
from dnamask_plugins.tokenizers.loading import load_tokenizer

CHROMOSOMES = {
    "chr1": random_dna(np.random.default_rng(1), 130),
    "chr2": random_dna(np.random.default_rng(2), 40) + "N",
}


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "ref.fa"
    path.write_text("".join(f">{name}\n{letters.lower()}\n" for name, letters in CHROMOSOMES.items()))
    return path


@pytest.fixture
def scorer(tiny_model: Path) -> NucleotideScorer:
    tokenizer = load_tokenizer(tiny_model)
    return NucleotideScorer.of(load_masked_lm(tiny_model, tokenizer)[0], tokenizer)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def alone(scorer: NucleotideScorer, window: str, place: int) -> np.ndarray:
    hidden = np.zeros((1, len(window)), dtype=bool)
    hidden[0, place] = True
    return scorer.log_probabilities(encode_letters(window)[0], hidden)[0]


def test_every_nucleotide_is_scored_once_in_the_middle_of_a_window(
    tiny_model: Path, fasta: Path, scorer: NucleotideScorer, tmp_path: Path
):
    output = tmp_path / "scores.tsv"
    summary = score_file(str(tiny_model), Reading(str(fasta), window=60, stride=30), output)
    rows = rows_of(output)
    assert [(row["name"], int(row["position"]), row["letter"]) for row in rows] == [
        (name, place, letter) for name, letters in CHROMOSOMES.items() for place, letter in enumerate(letters)
    ]
    assert rows[-1]["log_p"] == "" == rows[-1]["p_A"]
    assert (summary.nucleotides, summary.scored) == (171, 170)
    known = [float(row["log_p"]) for row in rows[:-1]]
    assert summary.mean == pytest.approx(np.mean(known), abs=1e-6)
    # Windows begin at 0, 30, 60 and 70; each is asked for what lies between the middles of its overlaps.
    sequence = CHROMOSOMES["chr1"]
    for place, start in ((0, 0), (44, 0), (45, 30), (74, 30), (75, 60), (94, 60), (95, 70), (129, 70)):
        logs = alone(scorer, sequence[start : start + 60], place - start)
        found = [float(rows[place][f"p_{letter}"]) for letter in "ACGT"]
        np.testing.assert_allclose(found, np.exp(logs), rtol=1e-5)


def test_a_killed_score_goes_on(
    tiny_model: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reading = Reading(str(fasta), window=60, stride=30)
    score_file(str(tiny_model), reading, tmp_path / "straight.tsv", spacing=5)
    real = Collector.add

    def killed(self, row, done, weight=1):  # type: ignore[no-untyped-def]
        real(self, row, done, weight)
        self.flush()
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Collector, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        score_file(str(tiny_model), reading, tmp_path / "out.tsv", spacing=5)
    monkeypatch.setattr(Collector, "add", real)
    assert score_file(str(tiny_model), reading, tmp_path / "out.tsv", spacing=5).resumed_at == 2
    assert (tmp_path / "out.tsv").read_text() == (tmp_path / "straight.tsv").read_text()


def test_windows_beyond_the_model_are_scored_in_halves(
    make_model: Callable[..., Path], fasta: Path, tmp_path: Path
):
    model = make_model(tokenizer={"name": "nucleotide"}, max_position_embeddings=66)
    with pytest.warns(InferenceWarning, match="halved"):
        score_file(str(model), Reading(str(fasta), window=100), tmp_path / "out.tsv", spacing=8)
    assert len(rows_of(tmp_path / "out.tsv")) == 171


def test_windows_are_those_of_the_pretraining(tiny_model: Path, tmp_path: Path):
    """A model with rotary positions that read 126 nucleotides was worse than guessing at 510."""
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    assert Reading("x").fitted(OpenModel.load(str(folder), load_masked_lm)).window == 512
    (folder / "run.json").write_text('{"settings": {"windows": {"full_length": 126}}}')
    model = OpenModel.load(str(folder), load_masked_lm)
    assert Reading("x").fitted(model).window == 126
    assert Reading("x", window=300).fitted(model).window == 300


def test_a_fine_tuned_model_has_no_masked_head(tmp_path: Path, tiny_model: Path, fasta: Path):
    from dnamask_plugins.models.loading import load_classifier
    from dnamask_plugins.tokenizers.export import save_pretrained

    tokenizer = load_tokenizer(tiny_model)
    folder = tmp_path / "classifier"
    load_classifier(tiny_model, tokenizer, 2)[0].save_pretrained(folder)
    save_pretrained(tokenizer, folder)
    with pytest.raises((ConfigError, InputError), match="classifier"):
        score_file(str(folder), Reading(str(fasta)), tmp_path / "out.tsv")


def allele(name: str, place: int, shift: int = 1) -> tuple[str, str]:
    ref = CHROMOSOMES[name][place]
    return ref, "ACGT"["ACGT".index(ref) + shift - 4]


def vcf_of(path: Path, rows: list[tuple[str, int, str, str]]) -> Path:
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL"]
    lines += [
        f"{chrom}\t{pos}\tv{number}\t{ref}\t{alt}\t." for number, (chrom, pos, ref, alt) in enumerate(rows)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_effects_are_the_ratio_of_hidden_alleles(
    tiny_model: Path, fasta: Path, scorer: NucleotideScorer, tmp_path: Path
):
    first, second = CHROMOSOMES["chr1"], CHROMOSOMES["chr2"]
    ref, alt = allele("chr2", 3)
    middle, other = allele("chr1", 70), allele("chr1", 70, 2)
    several = first[80:84], allele("chr1", 80)[1] + first[81:83] + allele("chr1", 83)[1]
    vcf = vcf_of(
        tmp_path / "v.vcf",
        [
            ("chr2", 4, ref, alt),
            ("chr1", 71, middle[0], f"{middle[1]},{other[1]}"),
            ("chr1", 81, *several),
            ("chr1", 130, *allele("chr1", 129)),
            ("chr1", 5, first[4:6], first[4]),
            ("chr1", 6, first[5], "<DEL>"),
            ("chr2", 41, "N", "A"),
        ],
    )
    output = tmp_path / "effects.tsv"
    summary = score_variants(str(tiny_model), vcf, fasta, output, window=40)
    rows = rows_of(output)
    assert [row["id"] for row in rows] == ["v0", "v1", "v1", "v2", "v3", "v4", "v5", "v6"]
    assert [row["pos"] for row in rows] == ["4", "71", "71", "81", "130", "5", "6", "41"]
    assert [row["note"] for row in rows[6:]] == ["no plain allele", "no plain allele"]
    assert [row["effect"] for row in rows[6:]] == ["", ""]
    assert (summary.variants, summary.unscored, summary.of_length) == (8, 2, 1)

    def effect(window: str, place: int, one: str, other: str) -> float:
        logs = alone(scorer, window, place)
        return logs["ACGT".index(other)] - logs["ACGT".index(one)]

    assert float(rows[0]["effect"]) == pytest.approx(effect(second[:40], 3, ref, alt), rel=1e-4)
    assert float(rows[1]["effect"]) == pytest.approx(effect(first[50:90], 20, *middle), rel=1e-4)
    assert float(rows[2]["effect"]) == pytest.approx(effect(first[50:90], 20, *other), rel=1e-4)
    assert float(rows[4]["effect"]) == pytest.approx(
        effect(first[90:130], 39, *allele("chr1", 129)), rel=1e-4
    )
    hidden = np.zeros((1, 40), dtype=bool)
    hidden[0, [18, 21]] = True
    logs = scorer.log_probabilities(encode_letters(first[62:102])[0], hidden)
    expected = sum(
        logs[row, "ACGT".index(several[1][place])] - logs[row, "ACGT".index(several[0][place])]
        for row, place in enumerate((0, 3))
    )
    assert float(rows[3]["effect"]) == pytest.approx(expected, rel=1e-4)


def test_an_indel_compares_the_windows_of_both_alleles(
    tiny_model: Path, fasta: Path, scorer: NucleotideScorer, tmp_path: Path
):
    first = CHROMOSOMES["chr1"]
    rows = [
        ("chr1", 61, first[60], first[60] + "TATA"),
        ("chr1", 61, first[60:63], first[60]),
        ("chr1", 2, first[1:3], first[1]),
        ("chr1", 61, first[60], first[60] + "A" * 40),
        ("chr1", 21, first[20:80], first[20]),
    ]
    output = tmp_path / "effects.tsv"
    summary = score_variants(
        str(tiny_model), vcf_of(tmp_path / "v.vcf", rows), fasta, output, window=40, both_strands=True
    )
    found = rows_of(output)
    assert (summary.of_length, summary.unscored) == (3, 2)
    assert {row["note"] for row in found[3:]} == {"longer than the window"}
    both = NucleotideScorer.of(scorer.model, scorer.tokenizer, both_strands=True)

    def odds(window: str) -> float:
        each = [alone(both, window, place)["ACGT".index(letter)] for place, letter in enumerate(window)]
        return float(sum(each) + len(window) * np.log(4))

    # 36 letters around an insertion of 4, so that its window has 40; 40 around the deletions.
    windows = (
        (first[42:78], first[42:61] + "TATA" + first[61:78]),
        (first[41:81], first[41:61] + first[63:81]),
        (first[:40], first[:2] + first[3:40]),
    )
    for row, (ref, alt) in zip(found, windows, strict=False):
        assert float(row["log_p_ref"]) == pytest.approx(odds(ref), abs=1e-4)
        assert float(row["effect"]) == pytest.approx(odds(alt) - odds(ref), abs=1e-4)


def test_to_a_model_that_guesses_length_is_nothing(scorer: NucleotideScorer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        NucleotideScorer,
        "log_probabilities",
        lambda self, codes, hidden: np.full((int(hidden.sum()), 4), np.log(0.25)),
    )
    assert log_odds(scorer, "ACGTNACG") == pytest.approx(0) == pytest.approx(log_odds(scorer, "A", 3))


def test_many_windows_at_once_answer_as_one_by_one(tiny_model: Path, scorer: NucleotideScorer):
    generator = np.random.default_rng(7)
    asked = [Question(random_dna(generator, length), (1, length // 2)) for length in (12, 90, 7, 90, 40)]
    for both in (False, True):
        one = NucleotideScorer.of(scorer.model, scorer.tokenizer, both)
        for question, logs in zip([*asked, asked[0]], one.of_windows([*asked, asked[0]]), strict=True):
            hidden = np.zeros((1, len(question.letters)), dtype=bool)
            hidden[0, list(question.places)] = True
            expected = one.log_probabilities(encode_letters(question.letters)[0], hidden)
            np.testing.assert_allclose(logs, expected, atol=1e-5)


def test_killed_variants_go_on(
    tiny_model: Path, fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    places = [100, 7, 50, 20]
    vcf = vcf_of(tmp_path / "v.vcf", [("chr1", place + 1, *allele("chr1", place)) for place in places])
    score_variants(str(tiny_model), vcf, fasta, tmp_path / "straight.tsv")
    real = Collector.add

    def killed(self, row, done, weight=1):  # type: ignore[no-untyped-def]
        real(self, row, done, weight)
        self.flush()
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Collector, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        score_variants(str(tiny_model), vcf, fasta, tmp_path / "out.tsv")
    monkeypatch.setattr(Collector, "add", real)
    assert score_variants(str(tiny_model), vcf, fasta, tmp_path / "out.tsv").resumed_at == 2
    assert (tmp_path / "out.tsv").read_text() == (tmp_path / "straight.tsv").read_text()


def test_a_table_and_a_gzipped_vcf_say_the_same(tmp_path: Path):
    vcf = vcf_of(tmp_path / "v.vcf", [("chr1", 5, "A", "C,G")])
    zipped = tmp_path / "v.vcf.gz"
    zipped.write_bytes(gzip.compress(vcf.read_bytes()))
    table = tmp_path / "v.csv"
    table.write_text('alt,ref,pos,chromosome,name\n"C,G",a,5,chr1,v0\n')
    assert read_variants(zipped) == read_variants(vcf) == read_variants(table)


def test_chr20_and_20_are_the_same_and_that_is_said(tmp_path: Path, fasta: Path):
    vcf = vcf_of(tmp_path / "v.vcf", [("1", 8, *allele("chr1", 7))])
    with pytest.warns(InferenceWarning, match="'1' of the variants is taken for 'chr1'"):
        assert len(list(contexts(read_variants(vcf), read_pieces(fasta), 20, "ref.fa"))) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("chr3", 5, "A", "C"), r"ref.fa has no sequence 'chr3' \(it has chr1, chr2\)"),
        (("chr1", 500, "A", "C"), r"chr1:500 A>C: lies beyond the end.*130"),
        (("chr1", 5, *allele("chr1", 4)[::-1]), "is it another assembly"),
        (("chr1", 0, "A", "C"), "line 3 is no variant.*count from 1"),
        (("chr1", "five", "A", "C"), "line 3 is no variant"),
    ],
)
def test_variants_that_do_not_fit_are_refused(row: tuple, message: str, tmp_path: Path, fasta: Path):
    with pytest.raises(InputError, match=message):
        list(contexts(read_variants(vcf_of(tmp_path / "v.vcf", [row])), read_pieces(fasta), 20, "ref.fa"))


def test_contexts_do_not_depend_on_the_pieces(tmp_path: Path, fasta: Path):
    rows = [("chr1", place + 1, *allele("chr1", place)) for place in (0, 1, 30, 31, 64, 65, 128, 129)]
    first = CHROMOSOMES["chr1"]
    # Their windows begin later than that of a variant behind them.
    rows += [("chr1", 61, first[60:74], first[60]), ("chr1", 100, first[99], first[99] + "T" * 15)]
    listed = read_variants(vcf_of(tmp_path / "v.vcf", rows))

    def windows(block: int) -> list[tuple[str, int]]:
        found = contexts(listed, read_pieces(fasta, block=block), 20, "ref.fa")
        return [(context.letters, context.place) for context in found]

    assert windows(1 << 20) == windows(7) == windows(64)
    assert [len(letters) for letters, _ in windows(7)] == [20] * 7 + [5] + [20] * 2


def test_scores_become_a_picture(tiny_model: Path, fasta: Path, tmp_path: Path):
    for suffix in (".tsv", ".parquet"):
        output = tmp_path / f"out{suffix}"
        score_file(str(tiny_model), Reading(str(fasta)), output, spacing=10)
        part = read_scores(output, 20, 110)
        assert part.codes.tolist() == encode_letters(CHROMOSOMES["chr1"][20:110])[0].tolist()
    assert draw(part.codes, part.logs, "title", 20).startswith(b"\x89PNG")
    with pytest.raises(InputError, match="--region"):
        draw(np.zeros(5000, dtype=np.uint8), np.zeros((5000, 4)), "title")
    with pytest.raises(InputError, match="holds no score from 900"):
        read_scores(output, 900, 1000)
