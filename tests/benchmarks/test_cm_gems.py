"""The reproduction study: what is excluded, that only masks differ between arms, what the report says."""

from __future__ import annotations

import json
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.cm_gems import comparing, report  # noqa: E402
from benchmarks.cm_gems.exclusion import exclude, find_shared  # noqa: E402
from benchmarks.cm_gems.run import stage_identity  # noqa: E402
from benchmarks.cm_gems.study import HERE, Table  # noqa: E402
from dnamask_plugins.nucleotides import encode_letters  # noqa: E402

CONFIGS = sorted(path for path in HERE.glob("*.toml") if path.name != "arms.toml")
_TURN = str.maketrans("ACGT", "TGCA")


def random_dna(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), length))


def turned(text: str) -> str:
    return text.translate(_TURN)[::-1]


def shares_by_search(text: str, genome: str, shared: int) -> bool:
    strands = (text, turned(text))
    return any(strand[i : i + shared] in genome for strand in strands for i in range(len(text) - shared + 1))


class TestExclusion:
    def test_finds_what_a_search_for_every_stretch_finds(self) -> None:
        rng = np.random.default_rng(5)
        genome = random_dna(rng, 6000)
        texts = []
        for _ in range(120):
            stretch, at = int(rng.integers(40, 62)), int(rng.integers(0, 5900))
            piece = genome[at : at + stretch]
            piece = piece if rng.random() < 0.5 else turned(piece)
            left = int(rng.integers(0, 40))
            texts.append(random_dna(rng, left) + piece + random_dna(rng, 40 - left))
        found = find_shared(texts, [encode_letters(genome)[0]])
        expected = [shares_by_search(text, genome, 50) for text in texts]
        assert 10 < sum(expected) < 110
        assert found.hit.tolist() == expected

    @pytest.mark.parametrize(("stretch", "cut"), [(49, False), (50, True)])
    @pytest.mark.parametrize("at", [0, 7, 19, 31])
    def test_fifty_is_the_border_wherever_the_stretch_begins(self, stretch: int, cut: bool, at: int) -> None:
        rng = np.random.default_rng(stretch + at)
        genome = random_dna(rng, 1000)
        before, after = genome[299].translate(_TURN), genome[300 + stretch].translate(_TURN)
        text = (
            (random_dna(rng, at)[: max(at - 1, 0)] + before if at else "")
            + genome[300 : 300 + stretch]
            + after
        )
        assert find_shared([text], [encode_letters(genome)[0]]).hit.tolist() == [cut]

    def test_the_whole_place_is_cut_and_nothing_else(self) -> None:
        rng = np.random.default_rng(1)
        genome = random_dna(rng, 500)
        text = random_dna(rng, 10) + genome[200:260] + random_dna(rng, 5)
        shared = find_shared([turned(text)], [encode_letters(genome)[0]])
        cut = np.flatnonzero(shared.cut[0])
        assert cut.min() >= 190
        assert cut.max() < 265
        assert set(range(200, 260)) <= set(cut.tolist())
        assert cut.size == 75
        assert shared.hit.tolist() == [True]
        assert shared.whole.tolist() == [False]

    def test_a_place_at_the_end_of_the_genome_and_unknown_letters(self) -> None:
        rng = np.random.default_rng(2)
        genome = "N" * 10 + random_dna(rng, 80)
        text = genome[35:] + "ACGT"
        shared = find_shared([text, "N" * 60, "ACGT"], [encode_letters(genome)[0]])
        assert shared.hit.tolist() == [True, False, False]
        assert np.flatnonzero(shared.cut[0]).tolist() == list(range(35, 90))

    def test_writes_a_genome_without_them_and_says_so(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(3)
        genome = random_dna(rng, 2000)
        (tmp_path / "genome.fa").write_text(f">one\n{genome}\n")
        folder = tmp_path / "gue" / "mouse" / "3"
        folder.mkdir(parents=True)
        (folder / "test.csv").write_text(f"sequence,label\n{genome[100:200]},1\n{random_dna(rng, 100)},0\n")
        (tmp_path / "fewshot").mkdir()
        found = exclude(tmp_path / "genome.fa", tmp_path, tmp_path / "out")
        assert (found["sharing"], found["whole"], found["cut_nucleotides"]) == (1, 1, 100)
        import gzip

        kept = gzip.decompress((tmp_path / "out" / "genome.fa.gz").read_bytes()).decode()
        assert "".join(kept.split("\n")[1:]) == genome[:100] + "N" * 100 + genome[200:]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("tiny", [False, True])
class TestTables:
    def test_only_the_masks_differ_between_arms(self, config: Path, tiny: bool) -> None:
        units = Table.read(config, tiny).units
        for one, other in combinations(units, 2):
            keys = {*one.settings, *other.settings}
            differing = {key for key in keys if one.settings.get(key) != other.settings.get(key)}
            methods = {"init", "loss"} if config.stem.startswith("gpu_") else set()
            assert differing <= {"curriculum", "mask", "strategies", *methods}

    def test_no_two_units_are_the_same_run(self, config: Path, tiny: bool) -> None:
        table = Table.read(config, tiny)
        trained = [unit.identity for unit in table.units]
        assert len(set(trained)) == len(trained)

    def test_settings_are_accepted_and_seeds_come_one_after_the_other(
        self, config: Path, tiny: bool, tmp_path: Path
    ) -> None:
        units = Table.read(config, tiny).units
        assert [unit.seed for unit in units] == sorted(unit.seed for unit in units)
        for unit in units:
            settings = unit.pretraining(tmp_path)
            assert settings.seed == unit.seed
            assert settings.trainer_arguments["max_steps"] % settings.trainer_arguments["eval_steps"] == 0


def test_measuring_otherwise_trains_nothing_anew() -> None:
    import dataclasses

    table = Table.read(HERE / "core.toml")
    unit = table.units[0]
    other = dataclasses.replace(unit, evaluation=dataclasses.replace(unit.evaluation, windows=7))
    stages = ("pretrain", "measure", "finetune")
    same = [stage_identity(unit, table, stage) == stage_identity(other, table, stage) for stage in stages]
    assert same == [True, False, True]


def record(arm: str, seed: int, loss: float, right: int, rows: int = 400) -> dict[str, Any]:
    """Make a record whose probe gets the first `right` rows right."""
    labels = "01" * (rows // 2)
    predictions = labels[:right] + labels[right:].translate(str.maketrans("01", "10"))
    probe = {
        "mcc_without_leaks": 2 * right / rows - 1, "test_rows": rows, "classes": 2, "labels": labels,
        "predictions": predictions, "leaked": [],
    }  # fmt: skip
    return {
        "table": "core", "arm": arm, "title": arm, "seed": seed, "parameters": 5,
        "settings": {"curriculum": {"name": "constant"}}, "stages": {"pretrain": "x", "measure": "y"},
        "loss": {"span": loss, "genemask": loss + 0.2, "random_token": 0.0}, "loss_elsewhere": {},
        "curve": [], "probe": {"mouse/3": probe}, "fewshot": {}, "masks": None, "cpu_seconds": {},
        "pretraining": {"steps": 9, "switch_step": None},
    }  # fmt: skip


class TestReport:
    def test_verdicts_follow_the_rule(self) -> None:
        arms = {
            "span": {s: record("span", s, 7.0 + s / 100, 280) for s in range(3)},
            "genemask": {s: record("genemask", s, 6.5 + s / 99, 360) for s in range(3)},
            "global": {s: record("global", s, 7.0 + s * (1 - s), 280 + 3 * (-1) ** s) for s in range(3)},
        }
        text, facts = report.tests_table(arms, "span")
        assert facts["genemask"]["verdicts"] == {"loss": "lower", "probe": "higher", "finetune": "untested"}
        assert facts["global"]["verdicts"]["loss"] == "no difference found"
        assert facts["global"]["verdicts"]["probe"] == "no difference found"
        assert "-0.500" in text

    @pytest.mark.parametrize("seeds", [1, 2])
    def test_fewer_than_three_seeds_are_never_a_difference(self, seeds: int) -> None:
        arms = {
            "span": {s: record("span", s, 7.0 + s / 50, 200) for s in range(seeds)},
            "genemask": {s: record("genemask", s, 5.0 + s / 51, 390) for s in range(seeds)},
        }
        _, facts = report.tests_table(arms, "span")
        assert set(facts["genemask"]["verdicts"].values()) == {"untested"}

    def test_the_mean_leaves_out_the_mask_that_leaks(self) -> None:
        assert report.loss_of(record("span", 0, 7.0, 1)) == pytest.approx(7.1)

    def test_a_table_is_made_of_records_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "core"
        folder.mkdir()
        for arm, loss in (("span", 7.0), ("genemask", 6.9)):
            for seed in range(2):
                path = folder / f"{arm}.seed-{seed}.json"
                path.write_text(json.dumps(record(arm, seed, loss, 250)))
        readme = tmp_path / "README.md"
        readme.write_text("a\n<!-- table core -->\nold\n<!-- /table core -->\nb\n")
        assert report.write_table(HERE / "core.toml", tmp_path, readme)
        written = readme.read_text()
        assert written.startswith("a\n")
        assert written.endswith("\nb\n")
        assert "old" not in written
        assert "4 of 39 models measured" in written
        assert (tmp_path / "figures" / "core_masks.png").stat().st_size > 1000


class TestComparing:
    def test_holm_against_figures_worked_out_by_hand(self) -> None:
        assert comparing.holm({"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04}) == pytest.approx(
            {"a": 0.04, "b": 0.06, "c": 0.06, "d": 0.06}
        )

    def test_rows_that_both_get_right_make_no_difference(self) -> None:
        arm = {s: record("x", s, 7.0, 300) for s in range(3)}
        test = comparing.over_rows(arm, arm, "probe", resamples=200)
        assert test is not None
        assert (test.mean, test.low, test.high) == (0.0, 0.0, 0.0)

    def test_leaked_rows_do_not_count(self) -> None:
        arm = {s: record("x", s, 7.0, 300) for s in range(2)}
        base = {s: record("y", s, 7.0, 200) for s in range(2)}
        for side in (arm, base):
            for each in side.values():
                # With the rows gone in which they differ, the two are alike.
                each["probe"]["mouse/3"]["leaked"] = list(range(200, 300))
        test = comparing.over_rows(arm, base, "probe", resamples=200)
        assert test is not None
        assert test.low == test.high == 0.0


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Make a corpus, tables and one data set of random sequence, where `run` looks for them."""
    from dnamask_plugins.corpus.build import build_corpus
    from dnamask_plugins.npmi.table import NpmiTable

    rng = np.random.default_rng(4)
    human = tmp_path / "work" / "human"
    human.mkdir(parents=True)
    (human / "genome.fa").write_text(f">x\n{random_dna(rng, 60_000)}\n")
    build_corpus([human / "genome.fa"], human / "corpus")
    NpmiTable.from_fasta([human / "genome.fa"], min_count=1).save(human / "npmi_pmi_masking.safetensors")
    folder = tmp_path / "data" / "gue" / "mouse" / "3"
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        rows = "".join(f"{random_dna(rng, 101)},{row % 2}\n" for row in range(20))
        (folder / f"{split}.csv").write_text("sequence,label\n" + rows)
    (tmp_path / "trial.toml").write_text(
        f'extends = "{HERE / "core.toml"}"\n'
        '[tiny]\narms = ["cm_gems", "untrained"]\n[tiny.evaluation]\nspecies = []\nsteps = [2]\n'
    )
    return tmp_path


def run_table(world: Path, monkeypatch: pytest.MonkeyPatch, *flags: str) -> int:
    from benchmarks.cm_gems import run

    words = [
        "run",
        "trial.toml",
        "--tiny",
        "--data",
        "data",
        "--work",
        "work",
        "--results",
        "results",
        *flags,
    ]
    monkeypatch.chdir(world)
    monkeypatch.setattr(sys, "argv", words)
    return run.main()


def test_a_table_is_run_in_pieces_and_ends_the_same(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.cm_gems import run

    assert run_table(world, monkeypatch, "--minutes", "0") == run.AGAIN
    assert not (world / "results").exists()
    assert run_table(world, monkeypatch, "--stages", "pretrain") == 0
    path = world / "results" / "trial_tiny" / "cm_gems.seed-0.json"
    assert set(json.loads(path.read_text())["stages"]) == {"pretrain"}
    assert run_table(world, monkeypatch) == 0
    done = json.loads(path.read_text())
    assert set(done["stages"]) == {"pretrain", "measure", "finetune"}
    # Perplexity moves by less than the threshold of the trial: the second evaluation switches.
    assert done["pretraining"]["switch_step"] == 4
    assert set(done["loss"]) == set(Table.read(HERE / "core.toml").strategies)
    assert [point["step"] for point in done["curve"]] == [2]
    assert done["probe"]["mouse/3"]["test_rows"] == done["finetune"]["mouse/3"]["test_rows"] == 20
    assert 0.1 < done["masks"]["token_rate"] < 0.2
    assert str(world) not in path.read_text()

    before = path.read_bytes()
    assert run_table(world, monkeypatch) == 0
    assert path.read_bytes() == before

    from benchmarks.cm_gems.register import register
    from dnamask_plugins.results import record_files
    from dnamask_plugins.results.verify import verify

    table = Table.read(world / "trial.toml", tiny=True)
    for method in ("probe", "finetune"):
        written = register(table, world / "results", world / "registry", method)
        assert len(written) == 2
        for path in written:
            run_info = record_files.read(path).run
            assert run_info is not None
            assert run_info.scale_note.startswith("study of small models")
            assert verify(path).problems == ()
