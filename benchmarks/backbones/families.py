"""Which family does what: one table, filled by running each on a tiny model of its published form.

    python benchmarks/backbones/families.py --out families.json --page families.md

For each family a folder as its authors publish it is made: their configuration with small sizes, their names
of the parameters, their tokenizer's files, random weights. Then are run: the conformance kit on its
tokenizer, two steps of pretraining with cm_gems from that folder, the packed loss against the model's own,
and a fine-tuning, a probe and adapters on a made-up task through the harness of GUE. A cell says yes, or the
error in its words. The page in the documentation is made so, with `results/families.json` beside it.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from family_rows import ROWS, Row

from dnamask_plugins import __version__
from dnamask_plugins.corpus.build import build_corpus
from dnamask_plugins.harness.runner import RunRequest, execute, plan_run
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.models.packed_layers import encoder_of
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.quiet import quiet_transformers
from dnamask_plugins.tasks import load_tasks
from dnamask_plugins.testing import examine
from dnamask_plugins.tokenizers.loading import load_tokenizer

COLUMNS = ("tokenizer", "pretraining with cm_gems", "packed loss", "fine-tuning", "probe", "LoRA")
SUITE = """
[suite]
name = "made-up"

[recipes.any]
select_by = "last"
learning_rate = 1e-3
num_train_epochs = 1
global_batch = 8

[[task]]
name = "made_up/motif"
classes = 2
length = 60
metric = "mcc"
species = "none"
"""


def letters(count: int, seed: int) -> str:
    """Random DNA."""
    return "".join(random.Random(seed).choices("ACGT", k=count))


def make_data(folder: Path) -> None:
    """Write a genome, its corpus and table, and a task that asks whether a motif is there."""
    genome = folder / "genome.fa"
    genome.write_text("".join(f">{name}\n{letters(20_000, seed)}\n" for seed, name in enumerate("ab")))
    build_corpus([genome], folder / "corpus")
    NpmiTable.from_fasta([genome], k=6, min_count=2).save(folder / "table.safetensors")
    for split, rows in (("train", 24), ("dev", 8), ("test", 12)):
        path = folder / "data" / "made_up" / "motif" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["sequence", "label"])
            for row in range(rows):
                text = letters(60, hash((split, row)) & 0xFFFF)
                writer.writerow([text[:20] + "TTAGGGTTAGGG" + text[32:] if row % 2 else text, row % 2])
    (folder / "suite.toml").write_text(SUITE)


def try_tokenizer(row: Row, model: Path, data: Path) -> str:
    """Run the conformance kit."""
    outcomes = examine(load_tokenizer(row.asked or str(model)))
    failed = [each.check.name for each in outcomes if each.status in ("failed", "unexpectedly passed")]
    return f"fails {', '.join(failed)}" if failed else f"yes ({len(outcomes)} checks)"


def try_pretraining(row: Row, model: Path, data: Path) -> str:
    """Train two steps with CM-GEMS from the published folder."""
    settings = {
        "backbone": str(model),
        "corpus": str(data / "corpus"),
        "npmi": str(data / "table.safetensors"),
        "output": str(model.parent / "run"),
        "curriculum": {"name": "cm_gems", "threshold": 1e9},
        "windows": {"full_length": 60},
        "validation": {"windows": 4, "length": 60},
        "trainer": {
            "max_steps": 2,
            "eval_steps": 1,
            "save_steps": 2,
            "per_device_train_batch_size": 4,
            "gradient_accumulation_steps": 1,
            "report_to": [],
        },
    }
    if row.asked is not None:
        settings["tokenizer"] = row.asked
    record = pretrain(PretrainSettings.from_mapping(settings), quiet=True).record
    return "yes" if record["curriculum"]["state"]["switch_step"] is not None else "did not switch"


def try_packed(row: Row, model: Path, data: Path) -> str:
    """Compare the packed loss with the model's own on a batch with padding."""
    tokenizer = load_tokenizer(row.asked or str(model))
    network = load_masked_lm(model, tokenizer)[0].eval()
    if encoder_of(network) is None:
        return "own forward pass"
    batch = tokenizer.encode_batch([letters(60, 1), letters(37, 2)])
    ids = torch.from_numpy(batch.input_ids)
    mask = torch.from_numpy(batch.attention_mask)
    labels = torch.where(torch.from_numpy(~batch.special_tokens_mask), ids, -100)
    labels[:, ::2] = -100
    with torch.no_grad():
        ours = masked_lm_loss(network, ids, mask, labels)[0]
        theirs = network(input_ids=ids, attention_mask=mask.long(), labels=labels).loss
    difference = float((ours - theirs).abs() / theirs)
    return "yes" if difference < 1e-5 else f"differs by {difference:.1e}"


def try_harness(method: str) -> Callable[[Row, Path, Path], str]:
    """Evaluate the pretrained folder on the made-up task."""

    def run(row: Row, model: Path, data: Path) -> str:
        trained = model.parent / "run"
        request = RunRequest(
            model=str(trained if (trained / "config.json").is_file() else model),
            data_folder=data / "data",
            tasks=load_tasks(data / "suite.toml"),
            seeds=(0,),
            output=model.parent / f"results-{method}",
            method=method,  # type: ignore[arg-type]
            overrides={} if method == "probe" else {"max_steps": 2},
        )
        outcome = next(iter(dict(execute(plan_run(request), quiet=True)).values()))
        return "yes" if outcome.status in ("ok", "collapsed") else outcome.error

    return run


TRIALS: dict[str, Callable[[Row, Path, Path], str]] = dict(
    zip(
        COLUMNS,
        (try_tokenizer, try_pretraining, try_packed, *map(try_harness, ("finetune", "probe", "lora"))),
        strict=True,
    )
)


def fill(row: Row, data: Path) -> dict[str, str]:
    """Run all that there is to one family."""
    with tempfile.TemporaryDirectory() as name:
        model = Path(name) / "published"
        try:
            row.publish(model, data / "genome.fa")
        except Exception as error:
            return {column: f"{type(error).__name__}: {error}" for column in COLUMNS}
        cells = {}
        for column, trial in TRIALS.items():
            try:
                cells[column] = " ".join(trial(row, model, data).split())
            except Exception as error:
                cells[column] = " ".join(f"{type(error).__name__}: {error}".replace(name, "").split())[:160]
        return cells


def page(document: dict[str, Any]) -> str:
    """Write the table as Markdown."""
    lines = [
        "# Families of models",
        "",
        "Made by `python benchmarks/backbones/families.py`: each row is a tiny model with random weights in",
        "the published form of its family (configuration, names of parameters, files of the tokenizer), and",
        "everything was run on it. *Golden* says what the answers of the layers were compared with;",
        "*transformers*: its own implementation is used as it is.",
        "",
        f"| family | {' | '.join(COLUMNS)} | golden |",
        f"|---|{'---|' * (len(COLUMNS) + 1)}",
    ]
    for row in document["rows"]:
        cells = (str(row["cells"][column]).replace("|", "/") for column in COLUMNS)
        lines.append(f"| {row['family']} | {' | '.join(cells)} | {row['golden']} |")
    lines += [
        "",
        "*Own forward pass*: trained and evaluated as well, with padding and the whole vocabulary computed.",
        "RNA models come with the optional package `examples/rna`.",
        "",
        f"dnamask_plugins {document['dnamask_plugins']}, PyTorch {document['torch']}, transformers "
        f"{document['transformers']}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--only", nargs="*", help="parts of the families' names")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, quiet_transformers():
        data = Path(name)
        make_data(data)
        for row in ROWS:
            if options.only and not any(part in row.family for part in options.only):
                continue
            cells = fill(row, data)
            rows.append({"family": row.family, "golden": row.golden, "cells": cells})
            print(row.family, cells, flush=True)
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    document = {"dnamask_plugins": __version__, **versions, "rows": rows}
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    if options.page is not None:
        options.page.write_text(page(document))


if __name__ == "__main__":
    main()
