"""Of several records of one model and task the newest counts, everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from dnamask_plugins.results.records import ResultRecord


def age(record: ResultRecord) -> tuple[str, str]:
    """Order records by their time; those of one second by their id."""
    return record.created, record.id


def newest(records: Iterable[ResultRecord]) -> ResultRecord:
    """Return the newest of some records."""
    return max(records, key=age)
