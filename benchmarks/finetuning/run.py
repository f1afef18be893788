"""Time per trial: the harness beside the same fine-tuning written with plain Trainer, in one run.

``python benchmarks/finetuning/run.py [--gue-dir DIR --bpe TOKENIZER_JSON] [--json OUT]``

Both sides start from the files and end with the test figures: same model, rows, learning rate, batch size,
number of steps and of dev evaluations. The plain side is what one writes from the documentation: `datasets`,
`AutoTokenizer`, `DataCollatorWithPadding` (pad to the longest), a checkpoint at each evaluation and
``load_best_model_at_end``. Runs alternate; the figures are medians. Without ``--gue-dir`` rows are made up.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}

import numpy as np
import torch
import transformers

from dnamask_plugins.harness.trials import Trial, run_trial
from dnamask_plugins.plugins import create, load
from dnamask_plugins.quiet import silence_datasets, silence_transformers
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.recipes import Recipe
from dnamask_plugins.tokenizers.export import save_pretrained


@dataclass(frozen=True)
class Case:
    """A tokenizer on a data set."""

    name: str
    task: Task
    folder: Path
    model: Path
    steps: int
    eval_steps: int
    rate: float = 5e-4
    batch: int = 32


def write_rows(folder: Path, task: Task, shortest: int, longest: int) -> None:
    """Make up rows whose label is whether a motif stands in them."""
    generator = np.random.default_rng(0)
    for split, rows in (("train", 4000), ("dev", 600), ("test", 600)):
        path = folder / task.name / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["sequence", "label"])
            for row in range(rows):
                text = "".join(generator.choice(list("ACGT"), generator.integers(shortest, longest + 1)))
                middle = len(text) // 2
                writer.writerow([text[:middle] + "TATAAAAG" * (row % 2) + text[middle:], row % 2])


def write_model(folder: Path, tokenizer: dict[str, Any]) -> Path:
    """Save a BERT of two layers with random weights, which train as fast as pretrained ones."""
    made = create("tokenizers", tokenizer)
    load("backbones", "bert_tiny").build(made, 0).save_pretrained(folder)
    save_pretrained(made, folder)
    return folder


def harness(case: Case, seed: int, output: Path) -> dict[str, float]:
    """Run one trial."""
    recipe = Recipe(
        learning_rate=case.rate,
        max_steps=case.steps,
        warmup_steps=10,
        eval_steps=case.eval_steps,
        global_batch=case.batch,
        select_by="metric",
    )
    trial = Trial(case.task, case.folder, str(case.model), {}, "finetune", recipe, "bench", seed, output)
    outcome = run_trial(trial)
    if outcome.error:
        raise SystemExit(outcome.error)
    return {"mcc": outcome.scores["mcc"], "padding": outcome.padding["train"]}


def plain(case: Case, seed: int, output: Path) -> dict[str, float]:
    """Do the same with plain Trainer."""
    from datasets import load_dataset
    from sklearn.metrics import matthews_corrcoef

    transformers.set_seed(seed)
    files = {split: str(case.folder / case.task.name / f"{split}.csv") for split in ("train", "dev", "test")}
    rows = load_dataset("csv", data_files=files, cache_dir=str(output / "cache"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(case.model)
    rows = rows.map(lambda batch: tokenizer(batch["sequence"]), batched=True, remove_columns=["sequence"])
    model = transformers.AutoModelForSequenceClassification.from_pretrained(case.model, num_labels=2)
    trainer = transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir=str(output / "checkpoints"),
            learning_rate=case.rate,
            max_steps=case.steps,
            warmup_steps=10,
            weight_decay=0.01,
            per_device_train_batch_size=case.batch,
            per_device_eval_batch_size=64,
            eval_strategy="steps",
            eval_steps=case.eval_steps,
            save_steps=case.eval_steps,
            save_total_limit=3,
            load_best_model_at_end=True,
            metric_for_best_model="mcc",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            seed=seed,
        ),
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        train_dataset=rows["train"],
        eval_dataset=rows["dev"],
        compute_metrics=lambda answer: {
            "mcc": matthews_corrcoef(answer.label_ids, answer.predictions.argmax(-1))
        },
    )
    trainer.train()
    return {"mcc": trainer.predict(rows["test"]).metrics["test_mcc"]}


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Alternate the two sides; the first round is thrown away."""
    sides: dict[str, Callable[[Case, int, Path], dict[str, float]]] = {"harness": harness, "plain": plain}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    processor: dict[str, list[float]] = {name: [] for name in sides}
    last: dict[str, dict[str, float]] = {}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            with tempfile.TemporaryDirectory() as folder:
                # Nothing tokenized before may help.
                from dnamask_plugins.harness import prepared

                prepared.forget()
                started, busy = time.perf_counter(), time.process_time()
                last[name] = side(case, repeat, Path(folder))
                if repeat:
                    wall[name].append(time.perf_counter() - started)
                    processor[name].append(time.process_time() - busy)
    return {
        "case": case.name,
        "steps": case.steps,
        "evaluations": case.steps // case.eval_steps,
        "wall_s": {name: [round(value, 2) for value in values] for name, values in wall.items()},
        "processor_s": {name: [round(value, 2) for value in values] for name, values in processor.items()},
        "ratio_wall": round(statistics.median(wall["plain"]) / statistics.median(wall["harness"]), 2),
        "ratio_processor": round(
            statistics.median(processor["plain"]) / statistics.median(processor["harness"]), 2
        ),
        "last": last,
    }


def main() -> None:
    """Measure both cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gue-dir", type=Path, help="GUE in its published layout: prom_300_tata is used")
    parser.add_argument(
        "--bpe", type=Path, help="tokenizer.json of a BPE tokenizer, for rows of varying length"
    )
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--eval-steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    silence_transformers()
    silence_datasets()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    results = []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        fixed = Task("prom/prom_core_tata", "bench", "mcc", classes=2)
        varying = Task("prom/prom_300_tata", "bench", "mcc", classes=2)
        folder = arguments.gue_dir or scratch / "rows"
        if arguments.gue_dir is None:
            write_rows(folder, fixed, 70, 70)
            write_rows(folder, varying, 40, 300)
        cases = [("fixed length: overlapping 6-mers", fixed, {"name": "kmer", "k": 6})]
        bpe = {"name": "bpe", "path": str(arguments.bpe)} if arguments.bpe else {"name": "logo", "n": 3}
        if arguments.bpe or arguments.gue_dir is None:
            cases.append((f"varying length: {bpe['name']}", varying, bpe))
        for number, (title, task, tokenizer) in enumerate(cases):
            model = write_model(scratch / f"model{number}", tokenizer)
            case = Case(title, task, folder, model, arguments.steps, arguments.eval_steps)
            results.append(measure(case, arguments.repeats))
            print(json.dumps(results[-1], indent=1))
    if arguments.json is not None:
        machine = {
            "threads": torch.get_num_threads(),
            "processor": platform.machine(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        arguments.json.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
