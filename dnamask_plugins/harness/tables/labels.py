"""Labels as a table holds them, turned into what is trained on: classes, numbers, or several yes-or-no's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError
from dnamask_plugins.tasks.metrics import Kind

_MOST_CLASSES: Final = 1000
_MOST_WHOLE: Final = 100
"""More different whole numbers than this are taken for a quantity only on request."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of all rows.

    Attributes
    ----------
    kind : {"classification", "regression", "multi_label"}
    names : tuple of str
        Of the classes, or of the labels of a multi-label task; empty for regression.
    values : array
        int64 (n,) class numbers; float64 (n,); or int64 (n, labels) of 0 and 1.
    note : str
        How they were read, where there is something to say.
    """

    kind: Kind
    names: tuple[str, ...]
    values: NDArray[Any]
    note: str = ""


def read_labels(
    columns: Sequence[Sequence[Any]],
    column_names: Sequence[str],
    where: Callable[[int], str],
    kind: Kind | None = None,
    class_names: Sequence[str] = (),
) -> Labels:
    """Turn label columns into numbers.

    Parameters
    ----------
    columns : sequence of sequences
        One column; several, each of 0 and 1, for a multi-label task.
    column_names : sequence of str
    where : callable
        Names a row in an error.
    kind : {"classification", "regression", "multi_label"}, optional
        Found out where it is not given: fractions are regression, several columns are multi-label, words
        and whole numbers are classes.
    class_names : sequence of str
        Names of classes 0, 1, 2 ..., or the words in the order that their numbers shall have.

    Raises
    ------
    InputError
        A label is missing or of another kind, or there is one class only.

    Examples
    --------
    >>> read_labels([["yes", "no", "yes"]], ["label"], str).names
    ('no', 'yes')
    >>> read_labels([["2", "1", "2"]], ["label"], str).values.tolist()
    [1, 0, 1]
    """
    if len(columns) > 1 or kind == "multi_label":
        if kind not in (None, "multi_label"):
            raise InputError(f"{len(columns)} label columns, but the kind is {kind}; name one column")
        return _multilabel(columns, column_names, where)
    texts = [_text(value) for value in columns[0]]
    for row, text in enumerate(texts):
        if not text:
            raise InputError(f"{where(row)}: has no label; remove the row")
    numbers = _numbers(texts)
    whole = numbers is not None and all(number.is_integer() for number in numbers)
    if kind is None and numbers is not None:
        different = len(set(numbers))
        if whole and different > _MOST_WHOLE:
            raise InputError(
                f"column '{column_names[0]}' holds {different} different whole numbers: classes or amounts? "
                "say --kind classification or --kind regression"
            )
        kind = "classification" if whole else "regression"
    if kind == "regression":
        if numbers is None:
            row = next(row for row, text in enumerate(texts) if _number(text) is None)
            raise InputError(f"{where(row)}: label {texts[row][:30]!r} is no number; correct it")
        return Labels("regression", (), np.array(numbers, dtype=np.float64))
    if whole:
        assert numbers is not None
        texts = [str(int(number)) for number in numbers]
    return _classes(texts, column_names[0], class_names, whole)


def _classes(texts: list[str], column: str, given: Sequence[str], whole: bool) -> Labels:
    counts = Counter(texts)
    found = sorted(counts, key=int) if whole else sorted(counts)
    if len(found) < 2:
        raise InputError(
            f"column '{column}' holds one class only ({found[0][:30]!r} in all {len(texts)} rows); "
            "a classifier needs two"
        )
    if len(found) > min(_MOST_CLASSES, max(2, len(texts) // 2)):
        raise InputError(
            f"column '{column}' holds {len(found)} different labels in {len(texts)} rows; is it an "
            "identifier? name another with --label-column"
        )
    note = ""
    names = tuple(found)
    if given and set(found) <= set(given):
        names = tuple(given)
    elif given and whole and found == [str(number) for number in range(len(given))]:
        names, found = tuple(given), found
    elif given:
        strange = next(name for name in found if name not in given)
        raise InputError(
            f"column '{column}' holds {strange!r}, which is none of {', '.join(given)}; correct it"
        )
    elif whole and found != [str(number) for number in range(len(found))]:
        note = "numbered anew from 0: " + ", ".join(
            f"{name} is {number}" for number, name in enumerate(found[:6])
        )
    keys = found if given and not set(found) <= set(given) else names
    place = {name: number for number, name in enumerate(keys)}
    return Labels("classification", names, np.array([place[text] for text in texts], dtype=np.int64), note)


def _multilabel(
    columns: Sequence[Sequence[Any]], names: Sequence[str], where: Callable[[int], str]
) -> Labels:
    if len(columns) == 1:
        rows = [value if isinstance(value, (list, tuple)) else str(value).split() for value in columns[0]]
        width = len(rows[0])
        uneven = next((row for row, values in enumerate(rows) if len(values) != width), None)
        if uneven is not None or width < 2:
            raise InputError(
                f"{where(uneven or 0)}: {len(rows[uneven or 0])} labels; a multi-label task has as many in "
                "every row, and two at least"
            )
        columns = [[row[place] for row in rows] for place in range(width)]
        names = [f"{names[0]}_{place}" for place in range(width)]
    values = np.zeros((len(columns[0]), len(columns)), dtype=np.int64)
    for place, column in enumerate(columns):
        for row, value in enumerate(column):
            number = _number(_text(value))
            if number not in (0.0, 1.0):
                raise InputError(
                    f"{where(row)}: label {value!r} of '{names[place]}' is neither 0 nor 1; correct it"
                )
            values[row, place] = int(number)
    empty = next((names[place] for place in range(len(columns)) if len(set(values[:, place])) < 2), None)
    if empty is not None:
        raise InputError(
            f"column '{empty}' holds one value only, so that nothing can be learnt; leave it out"
        )
    return Labels("multi_label", tuple(names), values)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _numbers(texts: Sequence[str]) -> list[float] | None:
    numbers = [_number(text) for text in texts]
    return (
        None
        if any(number is None for number in numbers)
        else [float(number) for number in numbers if number is not None]
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(text.lower())
    return number if math.isfinite(number) and "_" not in text else None
