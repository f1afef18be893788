"""Tables in the forms that users have: one set of rows in many files."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from toy_data import labelled

ROWS = labelled(11, 60)
WORDS = ("plain", "telomere")


def table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]], separator: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    return path


def jsonl(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def kmers(sequence: str, k: int = 6) -> str:
    return " ".join(sequence[start : start + k] for start in range(len(sequence) - k + 1))


def fasta_per_class(folder: Path) -> Path:
    folder.mkdir()
    for label, word in enumerate(WORDS):
        text = "".join(f">{word}{row}\n{s}\n" for row, (s, y) in enumerate(ROWS) if y == label)
        (folder / f"{word}.fa").write_text(text)
    return folder


def parquet(path: Path) -> Path:
    from datasets import Dataset

    Dataset.from_dict({"seq": [s for s, _ in ROWS], "labels": [y for _, y in ROWS]}).to_parquet(str(path))
    return path
