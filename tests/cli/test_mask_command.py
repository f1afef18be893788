"""`dnamask mask` as a user runs it."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from dnamask_plugins.cli import main
from dnamask_plugins.npmi.table import NpmiTable

SEQUENCE = "ACGTACGGTTACAGGTCCATTGACCATGAACCAGGTTTACGGATCA"


@pytest.fixture
def run(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(["mask", *arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, error = capsys.readouterr()
        return code, out, error

    return call


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 5000))]
    return NpmiTable.from_sequences(texts, k=3, min_count=1).save(
        tmp_path_factory.mktemp("npmi") / "table.npmi"
    )


def test_text_is_legible_without_colour(run):
    code, out, _ = run("--strategy", "span", "-s", SEQUENCE, "-t", "kmer:k=3", "--mask-rate", "0.3")
    assert code == 0
    lines = out.splitlines()
    letters = next(line for line in lines if "ACGTACGG" in line)
    marks = lines[lines.index(letters) + 1]
    hidden = int(re.search(r"(\d+) of 46 nucleotides hidden", out).group(1))
    assert marks.count("^") == hidden > 0
    assert "\x1b[" not in out
    assert letters.strip().endswith(SEQUENCE)


def test_json_has_everything_and_agrees_with_itself(run, table):
    code, out, _ = run(
        "--strategy", "genemask", "-t", "kmer:k=3", "--npmi", str(table.path), "-s", SEQUENCE,
        "--format", "json", "--seed", "5", "--mask-rate", "0.3",
    )  # fmt: skip
    assert code == 0
    content = json.loads(out)
    found = content["sequences"][0]
    assert content["strategy"]["npmi"]["fingerprint"] == table.fingerprint
    assert found["sequence"] == SEQUENCE
    assert found["mask_rate"] == pytest.approx(len(found["masked"]) / 44)
    assert not set(found["masked"]) & {i for i, special in enumerate(found["special_tokens_mask"]) if special}
    visible = [o for i, o in enumerate(found["offsets"]) if i not in found["masked"]]
    hidden = {p for p in range(46) if not any(start <= p < stop for start, stop in visible)}
    assert {p for start, stop in found["hidden"] for p in range(start, stop)} == hidden
    assert found["score_window"] == 3
    assert found["scores"][4] == pytest.approx(table.score(SEQUENCE[4:7]), abs=1e-6)
    assert len(found["scores"]) == 44


def test_shows_the_mask_of_training(run):
    """Sequence i of the preview is example i of a run with that seed, at that step."""
    from dnamask_plugins.corruption import Corruption
    from dnamask_plugins.masking import Masker
    from dnamask_plugins.strategies.span import Span
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    from dnamask_plugins.types import MaskSpec

    arguments = ["--strategy", "span", "-s", SEQUENCE, "--format", "json", "--seed", "3", "--step", "40"]
    found = json.loads(run(*arguments)[1])["sequences"][0]
    tokenizer = KmerTokenizer(6)
    masker = Masker({"span": Span()}, Corruption.for_tokenizer(tokenizer), seed=3)
    masked = masker(tokenizer.encode_batch([SEQUENCE]), MaskSpec.single("span", 0.15), 40, np.array([0]))
    assert found["masked"] == np.flatnonzero(masked.mask[0]).tolist()


def test_page_is_escaped_and_needs_nothing_else(run, tmp_path, table):
    fasta = tmp_path / "in.fa"
    fasta.write_text(f"><script>alert(1)</script>\n{SEQUENCE}\n>second\n{SEQUENCE[::-1]}\n")
    page = tmp_path / "page.html"
    code, out, _ = run(
        "--strategy", "span", "--fasta", str(fasta), "--npmi", str(table.path), "--format", "html",
        "-o", str(page),
    )  # fmt: skip
    assert (code, out.strip()) == (0, str(page))
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "second" in text
    assert not re.search(r"(src|href)\s*=|url\(|@import", text)
    letters = re.sub(r"<[^>]*>", "", text.split("<pre>")[1].split("</pre>")[0])
    assert SEQUENCE in letters


def test_picture(run, tmp_path, table):
    from matplotlib.image import imread

    picture = tmp_path / "mask.png"
    arguments = ["--strategy", "genemask", "--npmi", str(table.path), "-s", SEQUENCE, "-t", "nucleotide"]
    assert run(*arguments, "--format", "png", "-o", str(picture))[0] == 0
    pixels = imread(picture)
    assert pixels.shape[1] > 1000
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50
    assert run("--strategy", "span", "-s", SEQUENCE * 40, "--format", "png", "-o", str(picture))[0] == 0


def test_report(run):
    code, out, _ = run("--strategy", "random_token", "-s", SEQUENCE * 8, "--report", "--repeats", "20")
    assert code == 0
    assert re.search(r"readable from neighbours\s+0\.9", out)
    content = json.loads(run("--strategy", "span", "-s", SEQUENCE * 8, "--report", "--format", "json")[1])
    assert content["examples"] == 100
    assert content["token_rate"] == pytest.approx(0.15, abs=0.005)


def test_parameters_of_the_strategy(run, table):
    arguments = ["--strategy", "global_npmi", "--npmi", str(table.path), "-s", SEQUENCE, "--format", "json"]
    warm = json.loads(run(*arguments, "--set", "temperature=0.5")[1])
    assert warm["strategy"]["temperature"] == 0.5


def test_lower_case_and_region(run):
    text = SEQUENCE[:20] + SEQUENCE[20:].lower()
    arguments = [
        "--strategy",
        "random_token",
        "-t",
        "nucleotide",
        "-s",
        text,
        "--format",
        "json",
        "--mask-rate",
        "1",
    ]
    found = json.loads(run(*arguments, "--repeat-weight", "0")[1])["sequences"][0]
    assert found["hidden"] == [[0, 20]]
    part = json.loads(run(*arguments, "--region", "15-25")[1])["sequences"][0]
    assert part["sequence"] == text[15:25]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--strategy", "gene_mask", "-s", "ACGT"], "did you mean 'genemask'"),
        (["--strategy", "genemask", "-s", "ACGT"], "NPMI table"),
        (["--strategy", "span", "-s", "ACGT", "--mask-rate", "0"], "outside"),
        (["--strategy", "span", "-s", "ACGT", "--mask-rate", "1.2"], "outside"),
        (["--strategy", "span", "-s", "ACGT", "--repeat-weight", "2"], "--repeat-weight"),
        (["--strategy", "span", "-s", "ACGT", "--set", "lenght=2"], "did you mean 'length'"),
        (["--strategy", "span", "-s", "ACGT", "--set", "length"], "KEY=VALUE"),
        (["--strategy", "span", "-s", "AC-T"], "position 2"),
        (["--strategy", "span", "-s", ""], "empty"),
        (["--strategy", "span"], "--fasta"),
        (["--strategy", "span", "-s", "ACGT", "--fasta", "x"], "one of"),
        (["--strategy", "span", "--fasta", "/nowhere/x.fa"], "/nowhere/x.fa"),
        (["--strategy", "span", "-s", "ACGT", "--format", "png"], "-o"),
        (["--strategy", "span", "-s", "ACGT", "--region", "3"], "START-STOP"),
        (["--strategy", "span", "-s", "ACGT", "--region", "30-40"], "empty"),
        (["--strategy", "span", "-s", "A" * 20001], "--region"),
        (["--strategy", "span", "-s", "ACGT", "-t", "kmre"], "kmer"),
        (["--strategy", "span", "-s", "ACGT", "-o", "/proc/nothing/x"], "/proc/nothing/x"),
    ],
)
def test_bad_input_is_one_line_and_code_2(run, arguments, words):
    code, out, error = run(*arguments)
    assert code == 2
    assert out == ""
    assert error.count("\n") == 1
    assert words in error


def test_the_command_loads_fast():
    """Importing the module pulls in nothing heavy."""
    import subprocess
    import sys

    code = (
        "import sys, dnamask_plugins.cli.commands.mask; "
        "print([m for m in ('numpy', 'numba', 'torch', 'matplotlib', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
