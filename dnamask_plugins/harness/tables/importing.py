"""From a table to a task: data in the harness's layout, split.tsv, task.toml, and what to tell the user."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.files import write_atomically
from dnamask_plugins.harness.tables import splitting
from dnamask_plugins.harness.tables.columns import Columns, find_columns
from dnamask_plugins.harness.tables.file_names import split_of
from dnamask_plugins.harness.tables.labels import Labels, read_labels
from dnamask_plugins.harness.tables.reading import Table, read_table
from dnamask_plugins.harness.tables.sequences import clean_sequences
from dnamask_plugins.harness.tables.similarity import K, similar_pairs
from dnamask_plugins.harness.tables.task_files import label_text, task_toml
from dnamask_plugins.tasks import SPLITS, Task
from dnamask_plugins.tasks.metrics import Kind, metrics_of

DATA_FOLDER: Final = "data"
SPLIT_FILE: Final = "split.tsv"


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read and split; what is None or empty is found out and said.

    Attributes
    ----------
    splits : mapping of str to Path
        Files of dev and test beside the one of train.
    sequence_columns, label_columns : tuple of str
    kind : {"classification", "regression", "multi_label"} or None
    class_names : tuple of str
    metric : str or None
    dev, test : float
        Shares that are split off where there is no such split.
    split_by : str or None
        Column whose values are never on two sides (chromosome, species, gene).
    dev_values, test_values : tuple of str
        Values of that column that make up dev and test.
    similar : float or None
        Rows that share this part of their 12-mers stay together.
    split_seed : int
    other_letters_as_n : bool
    """

    splits: Mapping[str, Path] = field(default_factory=dict)
    sequence_columns: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()
    kind: Kind | None = None
    class_names: tuple[str, ...] = ()
    metric: str | None = None
    dev: float = 0.1
    test: float = 0.1
    split_by: str | None = None
    dev_values: tuple[str, ...] = ()
    test_values: tuple[str, ...] = ()
    similar: float | None = None
    split_seed: int = 0
    other_letters_as_n: bool = False

    def __post_init__(self) -> None:
        if not (0 < self.dev < 1 and 0 < self.test < 1 and self.dev + self.test < 1):
            raise ConfigError(
                f"shares {self.dev} for dev and {self.test} for test leave nothing to train on; "
                "give two fractions such as 0.1"
            )
        if self.similar is not None and not 0 < self.similar <= 1:
            raise ConfigError(f"--similar {self.similar}: give a share above 0, up to 1")
        if (self.dev_values or self.test_values) and self.split_by is None:
            raise ConfigError("--dev-values and --test-values are of a column; name it with --split-by")


@dataclass(frozen=True, eq=False)
class Imported:
    """A task that was read from a table.

    Attributes
    ----------
    task : Task
    folder : Path
        Holds the task's files in the layout of the harness.
    columns : Columns
    labels : Labels
    split : str array, shape (n,)
        Of each row.
    sequences : tuple of str
    partners : tuple of str, or None
    how_split : str
    notes : tuple of str
    table : Table
    """

    task: Task
    folder: Path
    columns: Columns
    labels: Labels
    split: NDArray[np.str_]
    sequences: tuple[str, ...]
    partners: tuple[str, ...] | None
    how_split: str
    notes: tuple[str, ...]
    table: Table


def import_table(data: Path, name: str, folder: Path, options: TableOptions | None = None) -> Imported:
    """Read a table and write it as a task of the harness.

    Parameters
    ----------
    data : Path
        See `read_table`.
    name : str
        Of the task.
    folder : Path
        Gets ``data/NAME/train.csv`` (dev, test) and ``split.tsv``.
    options : TableOptions, optional

    Raises
    ------
    InputError, ConfigError
        One line that names the file, and the row where there is one.
    """
    options = options or TableOptions()
    table = read_table(data, options.splits)
    columns = find_columns(table, options.sequence_columns, options.label_columns)
    texts = [
        clean_sequences(table.columns[column], table.where, other_letters_as_n=options.other_letters_as_n)
        for column in columns.sequences
    ]
    sequences, partners = texts[0][0], texts[1][0] if len(texts) == 2 else None
    try:
        label_columns = [table.columns[column] for column in columns.labels]
        labels = read_labels(label_columns, columns.labels, table.where, options.kind, options.class_names)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    split, how = _split(table, columns, labels, sequences, partners, options)
    task = Task(
        name=name,
        suite="own",
        kind=labels.kind,
        metric=_metric(labels.kind, options.metric),
        classes=len(labels.names) if labels.kind != "regression" else None,
        labels=labels.names,
        pair=partners is not None,
    )
    notes = tuple(filter(None, (*(note for _, note in texts), labels.note)))
    imported = Imported(
        task, folder / DATA_FOLDER, columns, labels, split, sequences, partners, how, notes, table
    )
    _write(imported, folder)
    return imported


def _metric(kind: Kind, wanted: str | None) -> str:
    if wanted is None:
        return metrics_of(kind)[0]
    if wanted not in metrics_of(kind):
        raise ConfigError(f"metric '{wanted}' of a task of {kind}; {suggest(wanted, metrics_of(kind))}")
    return wanted


def _split(
    table: Table,
    columns: Columns,
    labels: Labels,
    sequences: Sequence[str],
    partners: Sequence[str] | None,
    options: TableOptions,
) -> tuple[NDArray[np.str_], str]:
    """Return the split of every row, and in words how it came about."""
    given, words = _given_split(table, columns)
    if given is None and options.split_by is not None and (options.dev_values or options.test_values):
        wanted = {"dev": options.dev_values, "test": options.test_values}
        given = splitting.by_values(_column(table, options.split_by), wanted, options.split_by)
        words = f"by values of '{options.split_by}'"
    elif given is not None and (options.split_by or options.similar):
        raise ConfigError(
            "the data are split already; --split-by and --similar are for a table without splits"
        )
    given = np.full(len(table), "train") if given is None else given
    missing = [split for split in SPLITS[1:] if not (given == split).any()]
    if not missing:
        return given, words
    rows = np.flatnonzero(given == "train")
    groups, together = _groups(table, columns, sequences, partners, options)
    within = np.unique(groups[rows], return_inverse=True)[1].reshape(-1)
    whole = {"dev": options.dev, "test": options.test}
    shares = {split: whole[split] for split in missing}
    shares = {"train": 1 - sum(shares.values()), **shares}
    strata = splitting.strata_of(labels.values[rows], labels.kind)
    result = given.astype("<U5")
    result[rows] = splitting.divide(within, strata, shares, options.split_seed)
    made = f"{' and '.join(missing)} split off with seed {options.split_seed}, stratified; {together}"
    return result, "; ".join(filter(None, (words, made)))


def _given_split(table: Table, columns: Columns) -> tuple[NDArray[np.str_] | None, str]:
    if table.split is not None:
        return np.array(table.split), "by files"
    if columns.split is not None:
        values = [split_of(str(value)) for value in table.columns[columns.split]]
        return np.array(values), f"by the column '{columns.split}'"
    return None, ""


def _groups(
    table: Table,
    columns: Columns,
    sequences: Sequence[str],
    partners: Sequence[str] | None,
    options: TableOptions,
) -> tuple[NDArray[np.int64], str]:
    keys: list[Sequence[Any]] = [splitting.same_sequence(sequences, partners)]
    words = ["equal sequences and reverse complements"]
    pairs = []
    if options.split_by is not None:
        keys.append([str(value) for value in _column(table, options.split_by)])
        words.append(f"rows of one '{options.split_by}'")
    if columns.place is not None:
        pairs.append(_overlaps(table, columns.place))
        words.append(f"regions that overlap ({', '.join(columns.place)})")
    if options.similar is not None:
        for side in (sequences, partners):
            if side is not None:
                pairs.append(similar_pairs(side, options.similar))
        words.append(f"sequences that share {options.similar:.0%} of their {K}-mers")
    groups = splitting.group_rows(len(table), keys, pairs)
    return groups, f"on one side: {', '.join(words)} ({int(groups.max()) + 1:,} groups)"


def _overlaps(table: Table, place: tuple[str, str, str]) -> NDArray[np.int64]:
    chromosome, start, end = (table.columns[name] for name in place)
    try:
        starts, ends = ([int(value) for value in values] for values in (start, end))
    except (TypeError, ValueError):
        raise InputError(
            f"{table.files[0]}: columns '{place[1]}' and '{place[2]}' must hold whole numbers; correct them"
        ) from None
    return splitting.overlapping([str(value) for value in chromosome], starts, ends)


def _column(table: Table, name: str) -> list[Any]:
    if name not in table.columns:
        raise ConfigError(f"--split-by {name}: no such column; {suggest(name, table.columns)}")
    return table.columns[name]


def _write(imported: Imported, folder: Path) -> None:
    header = ["sequence1", "sequence2", "label"] if imported.task.pair else ["sequence", "label"]
    labels = [label_text(value) for value in imported.labels.values]
    for split in SPLITS:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(header)
        for row in np.flatnonzero(imported.split == split).tolist():
            second = [imported.partners[row]] if imported.partners is not None else []
            writer.writerow([imported.sequences[row], *second, labels[row]])
        path = imported.folder / imported.task.name / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue().encode())
    lines = ["file\trow\tsplit"]
    for (file, row), split in zip(imported.table.origin, imported.split.tolist(), strict=True):
        lines.append(f"{imported.table.files[file].name}\t{row}\t{split}")
    write_atomically(folder / SPLIT_FILE, ("\n".join(lines) + "\n").encode())
    write_atomically(folder / "task.toml", task_toml(imported.task).encode())
