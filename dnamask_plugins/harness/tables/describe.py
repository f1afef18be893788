"""What was read, in words: rows, classes, lengths, duplicates, what the model cuts, and the split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dnamask_plugins.harness.encoding import EncodedData
from dnamask_plugins.harness.tables.importing import Imported
from dnamask_plugins.tasks import SPLITS
from dnamask_plugins.tasks.audit import TaskAudit

_NAMED = 8


def describe_table(imported: Imported, audit: TaskAudit) -> list[tuple[str, str]]:
    """Return lines of (what, how) about a table and its split."""
    table, columns = imported.table, imported.columns
    lengths = np.array([len(sequence) for sequence in imported.sequences])
    files = ", ".join(path.name for path in table.files[:4]) + (" ..." if len(table.files) > 4 else "")
    lines = [
        ("data", f"{files}: {len(table):,} rows"),
        (
            "sequence",
            f"{_columns(columns.sequences)}, {int(np.median(lengths)):,} nucleotides "
            f"({lengths.min():,} to {lengths.max():,})",
        ),
        ("label", f"{_columns(columns.labels)}: {_labels(imported)}"),
    ]
    if columns.unused:
        lines.append(("not used", _columns(columns.unused)))
    lines += [("note", note) for note in imported.notes]
    sizes = ", ".join(f"{split} {int((imported.split == split).sum()):,}" for split in SPLITS)
    lines.append(("split", f"{sizes}; {imported.how_split}"))
    lines.append(("repeated", _repeated(audit)))
    return lines


def describe_tokens(encoded: Mapping[str, EncodedData], limit: int | None) -> tuple[str, str]:
    """Return the line about tokens: how many a row has, and how many rows the model's length cuts."""
    lengths = np.concatenate([split.lengths for split in encoded.values()])
    cut = {name: split.truncated for name, split in encoded.items() if split.truncated}
    words = ", ".join(f"{rows:,} of {name}" for name, rows in cut.items())
    known = "no limit" if limit is None else f"at most {limit:,}"
    return "tokens", (
        f"{int(np.median(lengths)):,} a row ({lengths.min():,} to {lengths.max():,}), {known}; "
        f"{'cut: ' + words if cut else 'no row is cut'}"
    )


def _columns(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names[:_NAMED]] + (["..."] if len(names) > _NAMED else [])
    return f"column{'s' * (len(names) > 1)} {', '.join(quoted)}"


def _labels(imported: Imported) -> str:
    labels = imported.labels
    if labels.kind == "regression":
        low, middle, high = (float(value) for value in np.quantile(labels.values, (0, 0.5, 1)))
        return f"numbers from {low:.4g} to {high:.4g}, median {middle:.4g} (regression)"
    counts: Any = labels.values.sum(axis=0) if labels.kind == "multi_label" else np.bincount(labels.values)
    named = [f"{name} {int(count):,}" for name, count in zip(labels.names, counts, strict=False)]
    words = ", ".join(named[:_NAMED]) + (" ..." if len(named) > _NAMED else "")
    what = "labels of 0 and 1" if labels.kind == "multi_label" else "classes"
    return f"{len(labels.names)} {what}: {words}"


def _repeated(audit: TaskAudit) -> str:
    twice = sum(split.duplicate_rows for split in audit.splits.values())
    contradicting = sum(split.contradicting_sequences for split in audit.splits.values())
    words = [f"{twice:,} rows stand in their split before"]
    if contradicting:
        words.append(f"{contradicting:,} sequences with several labels")
    words.append(f"{audit.leaked_test_rows:,} test rows stand in train or dev (either strand)")
    return "; ".join(words)
