"""The confirmatory study: a verdict that is right about made-up seeds, and a page that hides nothing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.confirmatory import gate0, methods, outcomes, probing, report, simulate  # noqa: E402
from benchmarks.confirmatory.finetuning import read_results, read_the_mean, rows_of  # noqa: E402
from benchmarks.confirmatory.pretraining import HERE, Model, form_settings  # noqa: E402
from benchmarks.confirmatory.registration import Registration  # noqa: E402
from benchmarks.confirmatory.verdict import detectable, holm, judge, one_sided_welch, spread_of_difference  # noqa: E402
from dnamask_plugins.errors import ConfigError  # noqa: E402
from dnamask_plugins.files import write_json  # noqa: E402
from dnamask_plugins.harness.encoding import EncodedData  # noqa: E402
from dnamask_plugins.pretrain.settings import PretrainSettings  # noqa: E402
from dnamask_plugins.results.metrics import compute_scores  # noqa: E402

SEEDS = list(range(12))


def claim(kind: str = "better", margin: float = 0.0, than: tuple[str, ...] = ("span",)) -> dict[str, Any]:
    return {"name": "C", "text": "it helps", "kind": kind, "arm": "ours", "than": than, "margin": margin}


def drawn(mean: float, seed: int, spread: float = 0.01) -> dict[int, float]:
    values = np.random.default_rng(seed).normal(mean, spread, len(SEEDS))
    return dict(zip(SEEDS, (values - values.mean() + mean).tolist(), strict=True))


class TestVerdict:
    def test_a_clear_gain_is_shown_and_none_is_not(self) -> None:
        for gain, status in ((0.03, "shown"), (0.0, "not shown"), (-0.03, "not shown")):
            figures = {"ours": drawn(0.6 + gain, 1), "span": drawn(0.6, 2)}
            assert judge([claim()], SEEDS, figures, {})[0].status == status

    def test_a_margin_has_to_be_cleared(self) -> None:
        figures = {"ours": drawn(0.625, 1), "span": drawn(0.6, 2)}
        assert [judge([claim(margin=m)], SEEDS, figures, {})[0].status for m in (0.0, 0.01, 0.03)] == [
            "shown", "shown", "not shown",
        ]  # fmt: skip

    def test_not_worse_by_a_margin(self) -> None:
        figures = {"ours": drawn(0.598, 1), "span": drawn(0.6, 2)}
        status = [judge([claim("not_worse", m)], SEEDS, figures, {})[0].status for m in (0.001, 0.02)]
        assert status == ["not shown", "shown"]

    def test_better_than_each_needs_the_hardest(self) -> None:
        figures = {"ours": drawn(0.65, 1), "span": drawn(0.6, 2), "genemask": drawn(0.65, 3)}
        found = judge([claim(than=("span", "genemask"))], SEEDS, figures, {})[0]
        assert found.status == "not shown"
        assert found.difference == pytest.approx(0.0, abs=1e-9)

    def test_a_missing_seed_decides_nothing_unless_it_was_excluded(self) -> None:
        figures = {"ours": drawn(0.7, 1), "span": drawn(0.6, 2)}
        del figures["ours"][5]
        found = judge([claim()], SEEDS, figures, {})[0]
        assert (found.status, found.p, found.detail) == ("incomplete", None, "lacks ours 5")
        assert judge([claim()], SEEDS, figures, {}, {"ours": [5]})[0].status == "shown"

    def test_an_early_verdict_is_no_looser_than_the_last(self) -> None:
        figures = {"ours": drawn(0.608, 1), "span": drawn(0.6, 2)}
        other = claim(than=("absent",)) | {"name": "D"}
        alone, early = judge([claim()], SEEDS, figures, {})[0], judge([claim(), other], SEEDS, figures, {})[0]
        assert early.corrected == pytest.approx(2 * (alone.corrected or 0))

    def test_a_count_of_seeds_needs_all_of_them(self) -> None:
        reaches = claim("reaches", than=()) | {"below": 15.0}
        perplexity = {"ours": dict.fromkeys(SEEDS, 14.0)}
        assert judge([reaches], SEEDS, {}, perplexity)[0].status == "shown"
        perplexity["ours"][3] = 15.1
        assert judge([reaches], SEEDS, {}, perplexity)[0].status == "not shown"

    def test_welch_is_one_sided(self) -> None:
        high, low = list(drawn(0.7, 1).values()), list(drawn(0.6, 2).values())
        assert one_sided_welch(high, low, 0) < 1e-6
        assert one_sided_welch(low, high, 0) > 1 - 1e-6
        assert one_sided_welch([1.0, 1.0], [1.0, 1.0], 0.0) == 1.0

    def test_the_interval_is_that_of_scipy(self) -> None:
        one, other = list(drawn(0.7, 1).values()), list(drawn(0.68, 2, 0.02).values())[:5]
        error, freedom = spread_of_difference(one, other)
        found = stats.ttest_ind(one, other, equal_var=False)
        assert freedom == pytest.approx(found.df)
        assert (np.mean(one) - np.mean(other)) / error == pytest.approx(found.statistic)
        figures = {"ours": dict(enumerate(one)), "span": dict(enumerate(other))}
        interval = judge([claim()], SEEDS, figures, {}, {"span": list(range(5, 12))})[0].interval
        assert interval == pytest.approx(tuple(found.confidence_interval(0.95)))

    def test_holm_against_statsmodels_figures(self) -> None:
        assert holm([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.06, 0.06, 0.5])
        assert holm([]) == []


def test_the_error_of_the_whole_study_stays_below_five_percent() -> None:
    registration = Registration.read()
    null = simulate.null_truth(registration.content)
    shown = simulate.shares_shown(registration, null, 0.012, 40, seed=3, seeds=6)
    # 5% and three standard errors of 40 draws.
    assert shown["any"] <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5


def test_at_the_null_every_claim_is_just_false() -> None:
    registration = Registration.read().content
    null = simulate.null_truth(registration)
    for claim in registration["claim"]:
        if claim["kind"] != "reaches":
            edge = claim["margin"] if claim["kind"] == "better" else -claim["margin"]
            gaps = [null[claim["arm"]] - null[arm] - edge for arm in claim["than"]]
            assert min(gaps) == pytest.approx(0)


def test_a_gain_of_four_points_beyond_the_edge_is_nearly_always_found() -> None:
    registration = Registration.read()
    null = simulate.null_truth(registration.content)
    truth = null | {"cm_gems": null["cm_gems"] + 0.04}
    assert simulate.shares_shown(registration, truth, 0.012, 20, seed=3, seeds=6)["C1"] > 0.7


def test_the_effect_called_detectable_is_found_in_four_of_five() -> None:
    rng, found = np.random.default_rng(0), 0
    error, freedom = 0.01 * (2 / 12) ** 0.5, 22.0
    gain = detectable(error, freedom, 0.02, tests=5)
    for _ in range(300):
        one, other = rng.normal(gain, 0.01, 12), rng.normal(0, 0.01, 12)
        found += one_sided_welch(one.tolist(), other.tolist(), 0.02) < 0.05 / 5
    assert 0.72 < found / 300 < 0.88


def draft_text() -> str:
    text = (HERE / "registration.toml").read_text()
    return re.sub(r"^status = .*\n(frozen = .*\n)?", 'status = "draft"\n', text, count=1, flags=re.MULTILINE)


class TestRegistration:
    def test_every_arm_builds_its_settings(self, tmp_path: Path) -> None:
        registration = Registration.read()
        for arm in registration.content["arm"]:
            settings = registration.model(arm, 0).pretraining(tmp_path)
            assert isinstance(settings, PretrainSettings)
            assert settings.trainer["max_steps"] == registration.content["arm"][arm].get("steps", 1000)

    def test_arms_differ_only_in_what_they_say(self) -> None:
        registration = Registration.read()
        span, genemask = (registration.model(arm, 0).settings for arm in ("span", "genemask"))
        assert {key for key in span if span[key] != genemask[key]} == {"curriculum"}
        assert len({model.identity for model in registration.models()}) == len(list(registration.models()))

    def test_a_registered_file_that_was_changed_is_refused(self, tmp_path: Path) -> None:
        draft = draft_text()
        path = tmp_path / "registration.toml"
        path.write_text(draft)
        frozen = Registration.read(path).fingerprint
        registered = draft.replace('status = "draft"', f'status = "registered"\nfrozen = "{frozen}"')
        path.write_text(registered)
        assert Registration.read(path).is_registered
        path.write_text(registered.replace("margin = 0.02", "margin = 0.01", 1))
        with pytest.raises(ConfigError, match="was changed after it was registered"):
            Registration.read(path)

    def test_a_claim_about_no_arm_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "registration.toml"
        path.write_text(draft_text().replace('arm = "cm_gems"', 'arm = "cm_gem"', 1))
        with pytest.raises(ConfigError, match="'cm_gem', which is no arm"):
            Registration.read(path)


def complete(registration: Registration, records: Path, seeds: int = 2) -> Registration:
    """Write made-up records for the first seeds, and return a registration of those."""
    content = {**registration.content, "seeds": list(range(seeds)), "stop": {"least_seeds": seeds}}
    small = Registration(content)
    for model in small.models():
        write_json(model.record_path(records), {"identity": model.identity, "evaluations": []})
        results = {attempt.key: {"mcc": 0.5, "few_mcc": 0.2} for attempt in small.attempts()}
        write_json(outcomes.results_path(model, records), results)
    return small


class TestSeeds:
    def test_a_verdict_is_about_the_first_complete_seeds(self, tmp_path: Path) -> None:
        registration = Registration.read()
        least = registration.content["stop"]["least_seeds"]
        every = {arm: dict.fromkeys(registration.seeds_of(arm), 0.5) for arm in registration.content["arm"]}
        assert registration.complete_seeds(every) == registration.seeds
        cut = {arm: dict(values) for arm, values in every.items()}
        del cut["cm_gems"][registration.seeds[least + 1]]
        assert registration.decided_seeds(cut) == registration.seeds[: least + 1]
        del cut["cm_gems"][registration.seeds[1]]
        assert registration.complete_seeds(cut) == registration.seeds[:1]
        assert len(registration.decided_seeds(cut)) == least  # and the verdict lacks a seed

    def test_arms_with_fewer_seeds_hold_nothing_up(self) -> None:
        registration = Registration.read()
        few = registration.content["arm"]["span_5000"]["seeds"]
        assert registration.left_out["span_5000"] == registration.seeds[few:]
        assert registration.left_out["span"] == []

    def test_none_was_used_before(self) -> None:
        used = {seed for stage in gate0.TABLE["stage"] for seed in stage.get("seeds", [])}
        assert not used & set(Registration.read().seeds)


class TestProbe:
    def test_parts_average_to_the_mean_and_order_is_kept(self) -> None:
        import types

        class Model(torch.nn.Module):
            def forward(self, input_ids: Any, output_hidden_states: bool, attention_mask: Any = None) -> Any:
                states = torch.stack([input_ids.float(), input_ids.float() ** 2], -1)
                return types.SimpleNamespace(hidden_states=(states, states + 1))

        rows = [[0, *range(1, 9), 2], [0, 5, 6, 7, 8, 2]]
        ids = np.concatenate(rows).astype(np.int32)
        data = EncodedData(ids, np.array([0, 10, 16]), None, np.zeros(2, dtype=np.int64), 99, 0)
        states = probing.embed(Model(), data, [0, 99])
        assert states.shape == (2, 2, probing.PARTS + 1, 2)
        assert states[0, 0, 0, 0] == 0  # the first token, which shows nothing
        # Nine tokens in four parts: 1 2 3, 4 5, 6 7, 8 2.
        assert states[0, 0, 1:, 0].tolist() == [2.0, 4.5, 6.5, 5.0]
        assert states[1, 1, 1:, 0].tolist() == [6.5, 8.0, 9.0, 3.0]

    def test_few_rows_are_balanced_and_drawn_anew(self) -> None:
        labels = np.array([0] * 500 + [1] * 100)
        one, other = probing.few_rows(labels, 0), probing.few_rows(labels, 1)
        assert np.bincount(labels[one]).tolist() == [probing.FEW_ROWS] * 2
        assert set(one) != set(other)


class TestDepartures:
    @pytest.fixture
    def study(self, tmp_path: Path) -> tuple[Registration, Path]:
        return complete(Registration.read(), tmp_path), tmp_path

    def test_a_complete_study_has_none(self, study: tuple[Registration, Path]) -> None:
        assert outcomes.departures(*study) == []
        assert outcomes.figures(*study)["span"] == {0: 0.5, 1: 0.5}

    def test_missing_arms_seeds_and_tasks_are_named(self, study: tuple[Registration, Path]) -> None:
        registration, records = study
        registration.model("global", 0).record_path(records).unlink()
        registration.model("global", 1).record_path(records).unlink()
        registration.model("cm_gems", 1).record_path(records).unlink()
        path = outcomes.results_path(registration.model("span", 1), records)
        results = json.loads(path.read_text())
        write_json(path, {key: value for key, value in results.items() if not key.startswith("tf/4 ")})
        assert outcomes.departures(registration, records) == [
            "span: tf/4 not measured, seeds 1",
            "cm_gems: no model of seeds 1",
            "global: no model of any seed",
        ]
        assert 1 not in outcomes.figures(registration, records)["span"]

    def test_other_settings_recipes_and_arms_are_named(self, study: tuple[Registration, Path]) -> None:
        registration, records = study
        model = registration.model("span", 0)
        write_json(model.record_path(records), {"identity": "other", "evaluations": []})
        write_json(records / "study" / "rotary.peeked.seed-0.json", {"identity": "x"})
        assert outcomes.departures(registration, records) == [
            "span: made with other settings than registered, seeds 0",
            "rotary.peeked.seed-0: trained but not registered",
        ]
        lines = outcomes.departures(Registration({**registration.content, "head": "probe-mean"}), records)
        assert "genemask: mouse/0 not measured, any seed" in lines

    def test_excluded_seeds_are_named(self, study: tuple[Registration, Path]) -> None:
        registration, records = study
        changed = {**registration.content, "exclusions": {"seeds": {"span": [1]}}}
        assert outcomes.departures(Registration(changed), records) == [
            "span: seeds 1 left out for a registered reason"
        ]

    def test_the_committed_page_names_those_of_the_committed_records(self) -> None:
        registration = Registration.read()
        page = report.PAGE.read_text()
        assert report.fill(page, {"departures": report.departures_list(registration)}) == page


class TestPage:
    def test_is_made_of_the_records(self) -> None:
        page = report.PAGE.read_text()
        assert report.fill(page, report.parts(Registration.read())) == page

    def test_says_incomplete_and_gives_every_p_value(self, tmp_path: Path) -> None:
        content = {**Registration.read().content, "status": "registered"}
        text = report.verdicts(Registration(content), tmp_path)
        assert text.count("**incomplete**") == len(content["claim"])
        small = complete(Registration(content), tmp_path)
        text = report.verdicts(small, tmp_path)
        assert "p (Holm)" in text
        assert text.count("**incomplete**") == 1  # the claim about perplexity, which these records lack

    def test_places_are_not_forgotten(self) -> None:
        with pytest.raises(ValueError, match="no place for nonsense"):
            report.fill("", {"nonsense": ""})


def test_no_arm_of_a_draft_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.confirmatory import run

    done: list[str] = []
    monkeypatch.setattr(run, "prepare", lambda data, work: done.append("prepare"))
    monkeypatch.setattr(run.gate0, "run_stage", lambda stage, *given: done.append(stage["name"]))
    monkeypatch.setattr(run.methods, "run_methods", lambda *given: done.append("methods"))
    monkeypatch.setattr(run, "run_registered", lambda *given: done.append("registered"))
    monkeypatch.setattr(sys, "argv", ["run.py", "--data", str(tmp_path), "--work", str(tmp_path)])
    draft = Registration({**Registration.read().content, "status": "draft"})
    monkeypatch.setattr(run.Registration, "read", lambda: draft)
    assert run.main() == 0
    assert "registered" not in done
    registered = Registration({**draft.content, "status": "registered"})
    monkeypatch.setattr(run.Registration, "read", lambda: registered)
    assert run.main() == 0
    assert done[-1] == "registered"


def test_lists_are_balanced_where_they_are_cut() -> None:
    made = methods.models()
    arms = len({model.arm for model in made})
    assert len({model.form for model in made[:arms]}) == 1
    assert [model.seed for model in made] == sorted(model.seed for model in made)
    stage = next(each for each in gate0.TABLE["stage"] if each["name"] == "confirm")
    first = list(gate0.attempts(stage, (1e-3, "mean")))[: len(stage["models"])]
    assert len({attempt for _, attempt in first}) == 1


def test_gate_0_never_reads_a_test_file() -> None:
    listed = [each for stage in gate0.TABLE["stage"] for each in gate0.attempts(stage, (1e-3, "mean"))]
    assert {attempt.on for _, attempt in listed} == {"dev"}
    assert {attempt.on for attempt in Registration.read().attempts()} == {"test"}


def test_a_model_is_made_once_and_its_record_is_found_again(small_corpus: Path, tmp_path: Path) -> None:
    from benchmarks.confirmatory.pretraining import make, read_record

    (tmp_path / "human").mkdir()
    (tmp_path / "human" / "corpus").symlink_to(small_corpus)
    trainer = {"eval_steps": 1, "save_steps": 2, "per_device_train_batch_size": 2}
    settings = form_settings(
        "letters", 2, curriculum={"name": "constant", "strategy": "random_token"}, trainer=trainer
    )
    settings["validation"] = {"windows": 2, "length": 60}
    settings["windows"] = {"full_length": 60, "min_length": 60}
    model = Model("methods", "letters", "tiny", 0, settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Model, "pretraining", without_table(Model.pretraining))
        record = make(model, tmp_path, tmp_path / "records")
    assert [row["step"] for row in record["evaluations"]] == [1, 2]
    assert 3 < record["evaluations"][-1]["nucleotide_perplexity"] < 5
    assert read_record(model, tmp_path / "records") == json.loads(json.dumps(record))
    other = Model("methods", "letters", "tiny", 1, settings)
    assert read_record(other, tmp_path / "records") is None


def without_table(original: Any) -> Any:
    """Leave the NPMI table out, which letters under random masks do not read."""
    from dataclasses import replace

    return lambda self, work: replace(original(self, work), npmi=None)


def test_the_mean_head_reads_every_token_and_no_padding() -> None:
    from transformers import EsmConfig, EsmForSequenceClassification

    config = EsmConfig(
        vocab_size=12, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        pad_token_id=0, mask_token_id=4, position_embedding_type="rotary", hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, token_dropout=False,
    )  # fmt: skip
    torch.manual_seed(0)
    model = EsmForSequenceClassification(config).eval()
    ids = torch.tensor([[2, 7, 8, 3]])
    padded, mask = torch.tensor([[2, 7, 8, 3, 0, 0]]), torch.tensor([[1, 1, 1, 1, 0, 0]])
    with torch.no_grad():
        states = model.esm(ids).last_hidden_state
        head = model.classifier
        expected = head.out_proj(torch.tanh(head.dense(states.mean(1))))
        read_the_mean(model)
        torch.testing.assert_close(model(ids).logits, expected)
        torch.testing.assert_close(model(padded, attention_mask=mask).logits, expected, atol=1e-5, rtol=1e-4)


def test_the_registered_figures_are_those_of_their_answers(shared_data: Path) -> None:
    registration = Registration.read()
    attempt = next(each for each in registration.attempts() if each.task == "mouse/2")
    _, scored, classes = rows_of(shared_data, attempt.task, attempt.train_rows, attempt.on)
    seen = 0
    for model in registration.models():
        figures = read_results(outcomes.results_path(model)).get(attempt.key)
        if figures is not None:
            answers = np.array(list(figures["answers"]), dtype=np.int64)
            again = compute_scores(scored.labels, answers, classes)["mcc"]
            assert figures["mcc"] == pytest.approx(again, abs=5e-5)
            seen += 1
    assert seen > 60
