"""What is measured of a model: loss under every mask, probes, few-shot draws, fine-tuning, its masks."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.cm_gems.study import Evaluation, Unit
from dnamask_plugins.budget import hidden_nucleotides, maskable_tokens
from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.corpus.windows import WindowSampler, validation_windows
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.harness.encoding import encode_data
from dnamask_plugins.harness.model_source import ModelSource
from dnamask_plugins.harness.outcome import TrialOutcome
from dnamask_plugins.harness.probe import embed
from dnamask_plugins.harness.runner import RunRequest, execute, plan_run
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.loading import load_base, load_masked_lm
from dnamask_plugins.models.masked_loss import install_masked_forward
from dnamask_plugins.models.source import find_source
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.pretrain.parts import shortest_sequence
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.quiet import without_convergence_warnings
from dnamask_plugins.results.resampling import confusion, metric_of
from dnamask_plugins.strategies.building import build_strategies, build_strategy
from dnamask_plugins.tasks import Task, all_suites
from dnamask_plugins.tasks.data import draw_shots, find_file, read_labelled, suite_root
from dnamask_plugins.tasks.recipes import Recipe
from dnamask_plugins.training.validation import Measured, Validation, masked_loss_sum
from dnamask_plugins.types import MaskSpec, TokenBatch

MASK_RATE = 0.15
TOP_SHARE = 0.1
"""K-mers with the highest NPMI that count as high: this share of all that have a score."""


@functools.cache
def _validation(
    work: Path, species: str, tokenizer_key: str, windows: int, length: int, masks: str
) -> Validation:
    import json

    from dnamask_plugins.plugins import create

    tokenizer = create("tokenizers", json.loads(tokenizer_key))
    store = CorpusStore.open(work / species / "corpus")
    # Masks are those of the human table everywhere: what is measured must not change with the genome.
    table = NpmiTable.load(work / "human" / "npmi_pmi_masking.safetensors")
    strategies = {label: build_strategy(config, table) for label, config in json.loads(masks).items()}
    batch = guarded_encode(tokenizer, validation_windows(store, windows, length))
    return Validation(batch, Masker(strategies, Corruption.for_tokenizer(tokenizer)), MASK_RATE)


def losses(
    folder: Path,
    tokenizer: Any,
    work: Path,
    species: str,
    evaluation: Evaluation,
    strategies: Mapping[str, Mapping[str, Any]],
) -> dict[str, float]:
    """Measure the mean masked-token loss (nats) of a model folder under every mask."""
    import json

    key = json.dumps(dict(tokenizer.to_config()))
    size = evaluation.windows, evaluation.length
    validation = _validation(work, species, key, *size, json.dumps(strategies))
    model, _ = load_masked_lm(str(folder), tokenizer)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()
    install_masked_forward(model)
    found = {}
    with torch.no_grad():
        for label in strategies:
            batches = validation.batches(MaskSpec.single(label, MASK_RATE))
            total = masked_loss_sum(lambda batch: model(**batch, masked_only=True), batches, device)
            measured = Measured.from_sums(total)
            assert measured is not None
            found[label] = round(measured.token, 5)
    return found


def masks(settings: PretrainSettings, history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Make the masks of the logged steps again, as training made them, and describe them.

    The log says which shares of the strategies held at a step; a mask depends on nothing else that is not
    in the settings.
    """
    from dnamask_plugins.plugins import create

    tokenizer = find_source(settings.backbone).tokenizer(settings.tokenizer)
    curriculum = create("curricula", settings.curriculum)
    table = NpmiTable.load(Path(settings.npmi)) if settings.npmi else None
    strategies = build_strategies(curriculum, settings.strategies, table)
    mask = settings.mask
    masker = Masker(
        strategies,
        Corruption.for_tokenizer(tokenizer),
        settings.seed,
        mask.per,
        mask.draw,  # type: ignore[arg-type]
    )
    windows = settings.windows
    sampler = WindowSampler(
        CorpusStore.open(Path(settings.corpus)),
        seed=settings.seed,
        full_length=windows.full_length,
        full_share=windows.full_share,
        min_length=max(windows.min_length, shortest_sequence(tokenizer, windows.min_length)),
        reverse_complement=windows.reverse_complement,
    )
    arguments = settings.trainer_arguments
    rows = arguments["per_device_train_batch_size"] * arguments["gradient_accumulation_steps"]
    # High is always said of the definition's table, whichever one the arm uses.
    human = NpmiTable.load(Path(settings.corpus).parents[1] / "human" / "npmi_pmi_masking.safetensors")
    high = human.scores >= np.nanquantile(human.scores, 1 - TOP_SHARE)
    rate = curriculum.spec(curriculum.initial_state(), 0).mask_rate
    logged = [row for row in history if "loss" in row]
    drawn: dict[int, int] = {}
    predicted = maskable = hidden = nucleotides = scored = top = 0
    tokens_seen = np.zeros(tokenizer.vocab_size, dtype=bool)
    kmers_hidden = np.zeros(high.size, dtype=bool)
    for row in logged:
        step = int(row["step"]) - 1
        shares = [(name, row[f"strategy/{name}"]) for name in curriculum.strategies]
        spec = MaskSpec.mixture(shares, rate)
        ids = np.arange(step * rows, (step + 1) * rows, dtype=np.int64)
        batch = guarded_encode(tokenizer, sampler(ids), mask.repeat_weight)
        chosen = masker(batch, spec, step, ids).mask
        predicted += int(chosen.sum())
        maskable += int(maskable_tokens(batch).sum())
        truly = hidden_nucleotides(chosen, batch)
        hidden += int(truly.sum())
        nucleotides += int(batch.lengths.sum())
        tokens_seen[np.unique(batch.input_ids[chosen])] = True
        whole = _whole_kmers(truly, batch, human.k)
        scored += int(whole.size)
        top += int(high[whole].sum())
        kmers_hidden[np.unique(whole)] = True
        drawn[step] = int(chosen.sum())
    return {
        "steps_looked_at": len(logged),
        "predicted_tokens_per_step": round(predicted / max(len(logged), 1), 2),
        "token_rate": round(predicted / max(maskable, 1), 5),
        "hidden_nucleotides": round(hidden / max(nucleotides, 1), 5),
        "distinct_tokens": int(tokens_seen.sum()),
        "possible_tokens": int(tokenizer.vocab_size - tokenizer.special_ids.size),
        "hidden_6mers": scored,
        "distinct_hidden_6mers": int(kmers_hidden.sum()),
        "high_npmi_share": round(top / scored, 5) if scored else None,
    }


def _whole_kmers(hidden: NDArray[np.bool_], batch: TokenBatch, k: int) -> NDArray[np.int64]:
    """Return the codes of all k-mers of which no letter is shown, int64 (any,)."""
    letters = batch.nucleotides
    usable = hidden & (letters < 4)
    width = letters.shape[1] - k + 1
    whole = np.ones((letters.shape[0], width), dtype=bool)
    codes = np.zeros((letters.shape[0], width), dtype=np.int64)
    for shift in range(k):
        whole &= usable[:, shift : shift + width]
        codes = codes * 4 + np.minimum(letters[:, shift : shift + width], 3)
    return codes[whole]


def classify(
    unit: Unit,
    folder: Path,
    data: Path,
    work: Path,
    tasks: Sequence[str],
    method: str,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """Probe or fine-tune a model folder on tasks of GUE with the harness; what came, by task."""
    if not tasks:
        return {}
    known = {task.name: task for task in all_suites()["gue"]}
    recipe = work / "finetune.toml"
    fields = dict(unit.evaluation.finetune_recipe)
    Recipe.from_mapping(fields, "finetune_recipe")
    recipe.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in fields.items()))
    request = RunRequest(
        model=str(folder),
        data_folder=data / "gue",
        tasks=tuple(known[name] for name in tasks),
        seeds=(seed,),
        output=folder / "harness",
        method=method,  # type: ignore[arg-type]
        recipe=str(recipe),
        train_limit=unit.evaluation.probe_rows if method == "probe" else None,
    )
    found = {}
    for done, outcome in execute(plan_run(request), quiet=True):
        if outcome.status == "failed":
            raise RuntimeError(f"{unit.name}: {method} on {done.task.name}: {outcome.error}")
        found[done.task.name] = _figures(outcome)
    return found


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _figures(outcome: TrialOutcome) -> dict[str, Any]:
    predictions = outcome.predictions
    assert predictions is not None
    leaked = np.zeros(len(predictions), dtype=bool) if predictions.leaked is None else predictions.leaked
    return {
        "mcc": round(outcome.scores["mcc"], 5),
        "mcc_without_leaks": round(outcome.scores.get("mcc_without_leaks", outcome.scores["mcc"]), 5),
        "accuracy": round(outcome.scores["accuracy"], 5),
        "dev": {key: round(value, 5) for key, value in outcome.dev.items()},
        "train_rows": outcome.train_rows,
        "test_rows": len(predictions),
        "leaked_rows": int(leaked.sum()),
        "classes": outcome.classes,
        "data_sha256": dict(outcome.data_sha256),
        "wall_time_s": outcome.wall_time_s,
        "best_step": outcome.best_step,
        "recipe": {key: value for key, value in outcome.recipe.items() if key != "note"},
        "labels": _digits(predictions.labels),
        "predictions": _digits(predictions.predictions),
        "leaked": np.flatnonzero(leaked).tolist(),
    }


def _digits(values: NDArray[np.int64]) -> str:
    return "".join(str(int(value)) for value in values)


def fewshot(unit: Unit, folder: Path, data: Path) -> dict[str, Any]:
    """Draw balanced few-shot training sets and fit a logistic regression on frozen embeddings of each.

    All draws come from the data set's largest training file, with the draw's number as the seed.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    evaluation = unit.evaluation
    if not evaluation.fewshot:
        return {}
    root = suite_root(data / "fewshot")
    task = _largest(root, evaluation.fewshot)
    train = read_labelled(find_file(root, task, "train"), task)  # type: ignore[arg-type]
    test = read_labelled(find_file(root, task, "test"), task)  # type: ignore[arg-type]
    source = ModelSource.find(str(folder))
    model, _ = load_base(source.folder, source.tokenizer, seed=0)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    special = np.asarray(source.tokenizer.special_ids).tolist()
    features = {
        name: embed(model, encode_data(part, source.tokenizer, None), special)
        for name, part in (("train", train), ("test", test))
    }
    row_of = {id(text): row for row, text in enumerate(train.sequences)}
    seen = set(train.sequences)
    fresh = np.array([text not in seen for text in test.sequences])
    result: dict[str, Any] = {"data": task.name, "test_rows": int(fresh.sum()), "accuracy": {}}
    for shots in evaluation.shots:
        accuracies = []
        for draw in range(evaluation.draws):
            part = draw_shots(train, shots, draw)
            rows = [row_of[id(text)] for text in part.sequences]
            classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
            with without_convergence_warnings():
                classifier.fit(features["train"][rows], part.labels)
            predicted = classifier.predict(features["test"][fresh])
            table = confusion(test.labels[fresh], predicted, 2)
            accuracies.append(round(float(metric_of("accuracy", table)), 5))
        result["accuracy"][str(shots)] = accuracies
    return result


def _largest(root: Path, name: str) -> Task:
    tasks = [task for task in all_suites()["fewshot"] if task.name.split("/")[0] == name]
    there = [task for task in tasks if find_file(root, task, "train") and find_file(root, task, "test")]
    return max(there, key=lambda task: task.shots or 0)
