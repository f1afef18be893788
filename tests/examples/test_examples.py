"""The example plugins, installed from wheels as a stranger's would be, do what they say."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins import plugins
from dnamask_plugins.budget import Budget, token_rate
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.masking import Masker
from dnamask_plugins.nucleotides import complement, encode_letters
from dnamask_plugins.rng import RngKey
from dnamask_plugins.testing import examine
from dnamask_plugins.tokenizers.export import to_huggingface
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
from dnamask_plugins.types import MaskSpec

Run = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = {
    "example.motif_span": ("strategies", "example-motif-span"),
    "example.gene_modules": ("strategies", "example-gene-rank"),
    "example.adaptive_loss": ("curricula", "example-adaptive-loss"),
    "example.codon": ("tokenizers", "example-codon"),
    "example.rna": ("tokenizers", "example-codon"),
    "example.gene_rank": ("tokenizers", "example-gene-rank"),
}

TWO_MATRICES = """>XX0001.1 first
A [ 0 9 0 10 ]
C [ 10 0 0 0 ]
G [ 0 1 0 0 ]
T [ 0 0 10 0 ]
>XX0002.1 second
A 5 0 0
C 0 5 0
G 0 0 5
T 0 0 0
"""


@pytest.fixture(scope="module")
def site(install: Callable[..., Path]) -> Path:
    return install(*sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml")))


@pytest.fixture(scope="module", autouse=True)
def installed(site: Path) -> Iterator[None]:
    sys.path.insert(0, str(site))
    plugins.forget()
    yield
    sys.path.remove(str(site))
    plugins.forget()
    for name in [name for name in sys.modules if name.startswith("example_")]:
        del sys.modules[name]


def create(name: str, **parameters: Any) -> Any:
    return plugins.create(NAMES[name][0], name, **parameters)


pytestmark = pytest.mark.filterwarnings("ignore::dnamask_plugins.plugins.PluginWarning")


def key(rows: int) -> RngKey:
    return RngKey.from_step(0, 0, np.arange(rows))


def random_text(length: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), size=length))


def test_the_command_line_lists_checks_and_describes_them(site: Path, run: Run) -> None:
    """One process for all commands, since starting one costs more than what it does."""
    commands = [["list", "--json"], *(["check", name, "--kind", NAMES[name][0], "--json"] for name in NAMES)]
    program = (
        "import sys, json\n"
        "from dnamask_plugins.cli import main\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    try: main(arguments)\n"
        "    except SystemExit as end: assert not end.code, (arguments, end.code)\n"
        "    print('\\f')\n"
    )
    done = run("-c", program, json.dumps(commands), site=site)
    listed, *checked = (json.loads(text) for text in done.stdout.split("\f")[:-1])
    found = {row["name"]: row for row in listed}
    for name, (kind, distribution) in NAMES.items():
        assert (found[name]["kind"], found[name]["distribution"]) == (kind, distribution)
    for name, report in zip(NAMES, checked, strict=True):
        assert report["plugin"]["name"] == name
        statuses = {row["status"] for row in report["checks"]}
        assert statuses <= {"passed", "expected", "not run"}, name
        assert sum(row["status"] == "passed" for row in report["checks"]) >= 7


def test_pretraining_with_all_of_them(site: Path, run: Run, tmp_path: Path) -> None:
    """Codons, the adaptive curriculum and motif masks in one run through the real command line."""
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">one\n" + random_text(30_000) + "\n>two\n" + random_text(30_000, 1) + "\n")
    dnamask = ("-m", "dnamask_plugins")
    run(*dnamask, "corpus", "build", "--fasta", str(fasta), "-o", "corpus", site=site, cwd=tmp_path)
    table = ("--k", "3", "--min-count", "5", "-o", "table.safetensors")
    run(*dnamask, "npmi", "build", "--fasta", str(fasta), *table, site=site, cwd=tmp_path)
    arguments = [
        *("--backbone", "bert-tiny", "--tokenizer", "example.codon", "--corpus", "corpus"),
        *("--curriculum", "example.adaptive_loss", "--npmi", "table.safetensors", "-o", "model"),
        *("--set", 'curriculum.strategies=["genemask", "example.motif_span", "span"]'),
        *("--set", "validation.windows=16", "--max-steps", "4", "--eval-steps", "2"),
        *("--batch-size", "4", "--accumulation", "1", "--quiet"),
    ]
    run(*dnamask, "pretrain", *arguments, site=site, cwd=tmp_path)
    record = json.loads((tmp_path / "model" / "run.json").read_text())
    state = record["curriculum"]["state"]
    assert state["evaluated_step"] == 4
    assert sum(state["shares"]) == pytest.approx(1)
    assert len(set(state["shares"])) == 3, "no mass moved"

    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer("AUGGCC")["input_ids"] == create("example.codon").encode("AUGGCC").input_ids.tolist()


class TestMotifSpan:
    """The scan against plain enumeration, and what gets hidden."""

    @pytest.mark.parametrize("p_value", [0.3, 0.05, 1e-2, 1e-3, 1e-9])
    def test_threshold_is_that_of_all_words(self, p_value: float) -> None:
        from example_motif_span.scan import BIN, score_threshold

        rng = np.random.default_rng(3)
        matrix = np.rint(rng.normal(size=(6, 4)) / BIN) * BIN
        scores = [
            sum(column[x] for column, x in zip(matrix, word, strict=True)) for word in np.ndindex((4,) * 6)
        ]
        threshold = score_threshold(matrix, p_value) - BIN / 2
        share = np.mean(np.array(scores) >= threshold)
        if p_value < 1 / 4096:
            assert share == pytest.approx(1 / 4096)
            return
        assert 0 < share <= p_value
        just_below = max(score for score in scores if score < threshold)
        assert np.mean(np.array(scores) >= just_below - BIN / 2) > p_value, "a lower threshold would do"

    def test_hits_are_those_of_a_plain_scan_on_both_strands(self) -> None:
        from example_motif_span.matrices import read_jaspar
        from example_motif_span.scan import BIN, Scanner, score_threshold

        motifs = read_jaspar(TWO_MATRICES, "text")
        text = random_text(3000) + "NN" + "CATA" + "TATG"
        codes, _ = encode_letters(text)
        found = sorted(map(tuple, Scanner.of(motifs, 0.02).hits(codes).tolist()))
        expected = []
        for motif in motifs:
            matrix = np.rint(motif.log_odds() / BIN) * BIN
            threshold = score_threshold(matrix, 0.02) - BIN / 2
            for start in range(len(text) - len(matrix) + 1):
                word = codes[start : start + len(matrix)]
                for strand in (word, complement(word[::-1])):
                    if strand.max() < 4 and matrix[np.arange(len(matrix)), strand].sum() >= threshold:
                        expected.append((start, start + len(matrix)))
        assert found == sorted(expected)
        assert len(found) > 20

    def test_a_planted_site_is_hidden_whole_on_either_strand(self, tmp_path: Path) -> None:
        file = tmp_path / "motifs.txt"
        file.write_text(
            ">M1 box\nA [ 9 0 9 0 0 9 9 0 ]\nC [ 0 9 0 0 0 0 0 9 ]\n"
            "G [ 0 0 0 9 0 0 0 0 ]\nT [ 0 0 0 0 9 0 0 0 ]\n"
        )
        strategy = create("example.motif_span", matrices=str(file), p_value=1e-4)
        rows = ["CCCCCCCCCCACAGTAACCCCCCCCCCCCCCCCCCCCCCCC", "CCCCCCCCCCGTTACTGTCCCCCCCCCCCCCCCCCCCCCCC"]
        for tokenizer in (NucleotideTokenizer(), KmerTokenizer(6)):
            batch = tokenizer.encode_batch(rows)
            rate = 8 / 41 if tokenizer.name == "nucleotide" else 13 / 36
            mask = strategy.select(batch, key(2), Budget(rate))
            for row in range(2):
                hidden = batch.offsets[row][mask[row]]
                assert hidden[:, 0].min() >= 10 - (tokenizer.name == "kmer") * 5
                assert hidden[:, 1].max() <= 18 + (tokenizer.name == "kmer") * 5
                assert mask[row].sum() == (8 if tokenizer.name == "nucleotide" else 13)

    def test_file_and_names_are_part_of_the_configuration(self, tmp_path: Path) -> None:
        file = tmp_path / "motifs.txt"
        file.write_text(TWO_MATRICES)
        strategy = create("example.motif_span", matrices=str(file), names=["second"])
        assert [motif.name for motif in strategy.motifs] == ["XX0002.1 second"]
        config = strategy.to_config()
        assert plugins.create("strategies", config).to_config() == config
        file.write_text(TWO_MATRICES.replace("9", "8"))
        with pytest.raises(ConfigError, match="is not the recorded file"):
            plugins.create("strategies", config)

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "holds no motif"),
            (">m\nA [ 1 2 ]\nC [ 1 2 ]\nG [ 1 2 ]\n", "rows A, C, G, T"),
            (">m\nA [ 1 2 ]\nC [ 1 ]\nG [ 1 2 ]\nT [ 1 2 ]\n", "of one length"),
            (">m\nA [ 0 ]\nC [ 0 ]\nG [ 0 ]\nT [ 0 ]\n", "empty column"),
            (">m\nA [ -1 ]\nC [ 3 ]\nG [ 0 ]\nT [ 0 ]\n", "negative count"),
            ("ACGTACGT", "rows A, C, G, T"),
        ],
    )
    def test_files_that_are_none(self, tmp_path: Path, text: str, complaint: str) -> None:
        file = tmp_path / "motifs.txt"
        file.write_text(text)
        with pytest.raises(InputError, match=complaint):
            create("example.motif_span", matrices=str(file))

    def test_real_matrices_on_a_real_genome(self, shared_data: Path) -> None:
        """JASPAR's vertebrate matrices on human mitochondrial DNA: what is hidden are occurrences."""
        from example_motif_span.matrices import load_motifs

        path = next((shared_data / "motifs").glob("*.jaspar.txt"))
        motifs = load_motifs(str(path))
        rows = next((shared_data / "motifs").glob("*.tsv")).read_text().splitlines()[1:]
        lengths = {row.split("\t")[0]: int(row.split("\t")[-1]) for row in rows}
        assert {motif.name.split()[0]: len(motif.counts) for motif in motifs} == lengths
        names = [motif.name.split()[0] for motif in motifs][:150]
        strategy = create("example.motif_span", matrices=str(path), names=names)
        lines = (shared_data / "genomes" / "H.sapiens.MT.fa").read_text().splitlines()[1:]
        text = "".join(lines)[:8000]
        batch = NucleotideTokenizer().encode_batch([text[at : at + 500] for at in range(0, 8000, 500)])
        mask = strategy.select(batch, key(len(batch)), Budget(0.15))
        assert np.mean(token_rate(mask, batch)) == pytest.approx(0.15, abs=0.005)
        inside = []
        for row in range(len(batch)):
            covered = np.zeros(500, dtype=bool)
            for start, stop in strategy.scanner.hits(batch.nucleotides[row, :500]):
                covered[start:stop] = True
            inside.append(covered[mask[row, 1:501]].mean())
            assert covered.mean() < 0.9
        assert np.mean(inside) > 0.95


class TestAdaptiveLoss:
    def update(self, curriculum: Any, state: Any, step: int, perplexities: list[float]) -> Any:
        metrics = {f"perplexity/{n}": p for n, p in zip(curriculum.strategies, perplexities, strict=True)}
        return curriculum.update(state, step, {"perplexity": perplexities[0], **metrics})

    def test_mass_goes_to_the_greater_loss(self) -> None:
        curriculum = create("example.adaptive_loss", strategies=["a", "b", "c"], least=0.0)
        state = self.update(curriculum, curriculum.initial_state(), 500, [100.0, 200.0, 400.0])
        assert [share for _, share in curriculum.spec(state, 500).weights] == pytest.approx(
            [1 / 7, 2 / 7, 4 / 7]
        )
        state = self.update(curriculum, state, 1000, [50.0, 50.0, 50.0])
        assert state["shares"] == pytest.approx([1 / 7, 2 / 7, 4 / 7])

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(st.tuples(*[st.floats(1e-3, 1e6)] * 3), max_size=20), st.floats(0, 5), st.floats(0, 1 / 3)
    )
    def test_shares_are_shares_whatever_happens(
        self, story: list[tuple[float, ...]], speed: float, least: float
    ) -> None:
        curriculum = create("example.adaptive_loss", strategies=["a", "b", "c"], speed=speed, least=least)
        state = curriculum.initial_state()
        for index, perplexities in enumerate(story):
            state = json.loads(json.dumps(self.update(curriculum, state, index, list(perplexities))))
            assert math.fsum(state["shares"]) == pytest.approx(1)
            assert min(state["shares"]) >= least - 1e-9
            assert isinstance(curriculum.spec(state, index), MaskSpec)

    def test_an_evaluation_counts_once_and_none_without_figures(self) -> None:
        curriculum = create("example.adaptive_loss", strategies=["a", "b"])
        state = self.update(curriculum, curriculum.initial_state(), 500, [100.0, 200.0])
        assert self.update(curriculum, state, 500, [900.0, 1.0]) == state
        assert self.update(curriculum, state, 1000, [math.inf, 1.0])["shares"] == state["shares"]

    @pytest.mark.parametrize(
        "wrong", [{"strategies": ["a"]}, {"strategies": ["a", "a"]}, {"least": 0.9}, {"speed": -1}]
    )
    def test_settings_that_make_no_sense(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ConfigError):
            create("example.adaptive_loss", **wrong)


class TestCodons:
    def test_the_vocabulary_is_codonberts(self) -> None:
        tokenizer = create("example.codon")
        assert tokenizer.vocab_size == 69
        assert tokenizer.vocabulary[:8] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "AAA", "AAU", "AAG")
        assert tokenizer.vocabulary[-1] == "CCC"

    @pytest.mark.parametrize("frame", [0, 1, 2])
    def test_saved_models_read_the_same_ids(self, frame: int) -> None:
        tokenizer = create("example.codon", frame=frame)
        exported = to_huggingface(tokenizer)
        for text in ("AUGGCCTAA", "augNccta", "A", "", random_text(100)):
            assert exported(text)["input_ids"] == tokenizer.encode(text).input_ids.tolist()

    @pytest.mark.parametrize("name", ["genemask", "global_npmi", "span", "random_token"])
    @pytest.mark.parametrize("k", [3, 6])
    def test_the_strategies_of_cm_gems_work_on_codons(self, name: str, k: int) -> None:
        scores = {"k": k, "scores": np.random.default_rng(0).normal(size=4**k).tolist()}
        parameters = {"npmi": scores} if "npmi" in name or "gene" in name else {}
        strategy = plugins.create("strategies", name, **parameters)
        tokenizer = create("example.codon")
        batch = tokenizer.encode_batch([random_text(301, seed) for seed in range(30)])
        mask = strategy.select(batch, key(30), Budget(0.15))
        assert not (mask & batch.special_tokens_mask).any()
        assert np.mean(token_rate(mask, batch)) == pytest.approx(0.15, abs=0.01)

    def test_rna_letters_have_no_frame(self) -> None:
        tokenizer = create("example.rna")
        assert tokenizer.encode("GAUT").input_ids.tolist() == [4, 2, 3, 3]
        assert to_huggingface(tokenizer)("GAUT")["input_ids"] == [4, 2, 3, 3]


class TestGeneRank:
    def cells(self, count: int = 200) -> list[dict[str, float]]:
        """Two modules of four genes that are on or off together, and twelve genes that come and go."""
        rng = np.random.default_rng(0)
        cells = []
        for _ in range(count):
            on = [f"m{module}g{gene}" for module in (0, 1) if rng.random() < 0.5 for gene in range(4)]
            on += [f"x{gene}" for gene in range(12) if rng.random() < 0.5]
            cells.append({gene: float(rng.integers(1, 100)) for gene in on})
        return cells

    def tokenizer(self) -> Any:
        genes = [f"m{module}g{gene}" for module in (0, 1) for gene in range(4)] + [
            f"x{gene}" for gene in range(12)
        ]
        return create("example.gene_rank", genes=genes)

    def test_ranking_is_by_expression_over_the_typical(self) -> None:
        tokenizer = create("example.gene_rank", genes=["a", "b", "c"], typical=[1.0, 10.0, 1.0])
        assert tokenizer.encode({"b": 50, "a": 6, "c": 0, "unheard": 9}).input_ids.tolist() == [2, 4, 5, 3]
        one, other = {"a": 2, "c": 2}, {"c": 2, "a": 2}
        assert tokenizer.encode(one).input_ids.tolist() == tokenizer.encode(other).input_ids.tolist()

    def test_a_sequence_is_no_cell(self) -> None:
        with pytest.raises(InputError, match="mapping from gene to count"):
            self.tokenizer().encode("ACGT")

    def test_npmi_is_the_formula(self) -> None:
        from example_gene_rank.npmi import cooccurrence_npmi

        rng = np.random.default_rng(1)
        cells = [rng.choice(6, size=rng.integers(1, 6), replace=False) for _ in range(60)]
        scores = cooccurrence_npmi(cells, 6, least=3)
        for g, h in itertools.combinations(range(6), 2):
            both = sum(g in cell and h in cell for cell in cells) / 60
            if both * 60 < 3:
                assert np.isnan(scores[g, h])
                continue
            p_g, p_h = (sum(x in cell for cell in cells) / 60 for x in (g, h))
            assert (
                scores[g, h] == scores[h, g] == pytest.approx(math.log(both / (p_g * p_h)) / -math.log(both))
            )

    def test_modules_are_hidden_together(self) -> None:
        from example_gene_rank.npmi import cooccurrence_npmi
        from example_gene_rank.strategy import partners_of

        tokenizer = self.tokenizer()
        batch = tokenizer.encode_batch(self.cells())
        genes = [row[row >= 4] for row in batch.input_ids]
        partners = partners_of(cooccurrence_npmi(genes, tokenizer.vocab_size))
        assert {int(gene) for gene in partners} == set(range(4, 12)), "only module genes have partners"
        mask = create("example.gene_modules", partners=partners).select(batch, key(len(batch)), Budget(0.3))
        assert np.nanmean(token_rate(mask, batch)) == pytest.approx(0.3, abs=0.01)
        whole = random = 0
        loose = plugins.create("strategies", "random_token").select(batch, key(len(batch)), Budget(0.3))
        for row, module in itertools.product(range(len(batch)), (range(4, 8), range(8, 12))):
            columns = np.isin(batch.input_ids[row], list(module))
            whole += columns.any() and mask[row, columns].all()
            random += columns.any() and loose[row, columns].all()
        assert whole > 5 * max(random, 1)

    def test_curricula_and_corruption_work_on_cells(self) -> None:
        tokenizer = self.tokenizer()
        cells = self.cells(40)
        batch = tokenizer.encode_batch(cells)
        modules = create("example.gene_modules", partners={"4": [5, 6, 7]})
        easy = plugins.create("strategies", "span")
        masker = Masker({"span": easy, "modules": modules}, Corruption.for_tokenizer(tokenizer))
        curriculum = plugins.create("curricula", "cm_gems", easy="span", hard="modules", threshold=1.0)
        state = curriculum.initial_state()
        for step, perplexity in ((1, 20.0), (2, 19.5)):
            masked = masker(batch, curriculum.spec(state, step), step, np.arange(40))
            assert ((masked.labels == -100) | (masked.labels >= 4)).all()
            replaced = masked.input_ids[masked.mask]
            assert ((replaced == 1) | (replaced >= 4)).all()
            state = curriculum.update(state, step, {"perplexity": perplexity})
        assert curriculum.spec(state, 3).weights == (("modules", 1.0),)

    def test_what_does_not_fit_is_said(self) -> None:
        """Every promise either holds, or the class names the reason, or a more basic one did not fit."""
        outcomes = examine(self.tokenizer())
        assert {each.status for each in outcomes} == {"passed", "expected", "not run"}
        assert [each.check.name for each in outcomes if each.status == "expected"] == ["encodes_to_arrays"]
