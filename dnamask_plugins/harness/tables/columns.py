"""Which column is what: sequence, second sequence of a pair, labels, split, place on a genome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.harness.tables.file_names import split_of
from dnamask_plugins.harness.tables.reading import Table
from dnamask_plugins.tasks.columns import (
    CHROMOSOME,
    END,
    LABEL,
    LOOKED_AT,
    START,
    by_name,
    listed,
    sequence_columns,
)


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are used.

    Attributes
    ----------
    sequences : tuple of str
        One, or two for pairs.
    labels : tuple of str
        One, or several for a multi-label task.
    split : str or None
        Says train, dev or test for each row.
    place : tuple of str, or None
        Chromosome, start and end.
    unused : tuple of str
    """

    sequences: tuple[str, ...]
    labels: tuple[str, ...]
    split: str | None
    place: tuple[str, str, str] | None
    unused: tuple[str, ...]


def find_columns(table: Table, sequence: Sequence[str] = (), label: Sequence[str] = ()) -> Columns:
    """Find the columns by their names, or take the names that are given.

    Where no name tells, a column of nucleotide letters is the sequence, and what else there is, if it is
    one column, or several of 0 and 1, the label.

    Raises
    ------
    ConfigError
        A given name is no column.
    InputError
        The columns do not tell what they are.
    """
    names = [name for name in table.columns if not _is_index(name, table.columns[name])]
    for given in (*sequence, *label):
        if given not in table.columns:
            raise ConfigError(f"{table.files[0]}: no column '{given}'; {suggest(given, names)}")
    sequences = tuple(sequence) or sequence_columns(names, table.columns, str(table.files[0]))
    rest = [name for name in names if name not in sequences]
    place = _place([name for name in rest if name not in label])
    split = next((name for name in rest if name.lower() == "split" and _is_split(table.columns[name])), None)
    taken = {split, *(place or ())}
    labels = tuple(label) or _labels([name for name in rest if name not in taken], table)
    unused = tuple(name for name in table.columns if name not in {*sequences, *labels, *taken})
    return Columns(sequences, labels, split, place, unused)


def _labels(rest: Sequence[str], table: Table) -> tuple[str, ...]:
    known = by_name(LABEL, rest)
    if known is not None:
        return (known,)
    if len(rest) == 1:
        return (rest[0],)
    flags = tuple(name for name in rest if {str(value) for value in table.columns[name]} <= {"0", "1"})
    if len(flags) > 1:
        return flags
    found = listed(rest) or "there is none besides the sequence"
    raise InputError(
        f"{table.files[0]}: which column is the label? ({found}); "
        "name it with --label-column, several by comma for a multi-label task"
    )


def _place(names: Sequence[str]) -> tuple[str, str, str] | None:
    chromosome, start, end = (by_name(words, names) for words in (CHROMOSOME, START, END))
    return None if chromosome is None or start is None or end is None else (chromosome, start, end)


def _is_index(name: str, values: Sequence[Any]) -> bool:
    """Whether a column without a name counts the rows."""
    unnamed = not name.strip() or re.fullmatch(r"Unnamed: \d+|__index_level_\d+__", name) is not None
    return unnamed and all(str(value).isdigit() for value in values[:LOOKED_AT])


def _is_split(values: Sequence[Any]) -> bool:
    return all(split_of(str(value)) is not None for value in set(map(str, values)))
