"""Writes the leaderboard page: everything inline, nothing fetched, nothing trusted."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import write_atomically
from dnamask_plugins.results import record_files
from dnamask_plugins.results.leaderboard import chart
from dnamask_plugins.results.leaderboard.aggregate import Leaderboard, aggregate
from dnamask_plugins.results.leaderboard.layout import TableLayout, thousands
from dnamask_plugins.results.leaderboard.relations import Relations
from dnamask_plugins.results.methods import method_title
from dnamask_plugins.results.records import ResultRecord
from dnamask_plugins.results.verify import Verdict, verify


@dataclass(frozen=True)
class Built:
    """What was written; ``bad`` are files that `verify` finds wrong, ``chart`` whether there is a chart."""

    page: Path
    leaderboard: Leaderboard
    bad: tuple[Verdict, ...]
    chart: bool


def build(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    watch: Callable[[Sequence[Path]], Iterable[Path]] = iter,
) -> Built:
    """Write ``OUT/index.html`` and, under ``OUT/records``, the records that its figures link to.

    Parameters
    ----------
    paths : sequence of paths
        Records, or folders of records.
    out : path
    watch : callable
        Passes on the files as they are read, and may show how far that is.

    Raises
    ------
    InputError
        No records, one that cannot be read, or a folder that cannot be written.
    """
    found = record_files.find(paths)
    if not found:
        raise InputError(
            f"{', '.join(map(str, paths))}: no result records; name a folder such as registry/results"
        )
    records, verdicts = [], {}
    for path in watch(found):
        verdict = verify(path)
        if verdict.record is None:
            raise InputError(verdict.problems[0])
        records.append(verdict.record)
        verdicts[verdict.record.id] = verdict
    leaderboard = aggregate(records, Relations.beside(map(Path, paths)))
    # The page is made before anything is written: what cannot be made leaves nothing behind.
    script = chart.library()
    html = render(leaderboard, verdicts, script)
    folder = Path(out)
    try:
        for record in _shown(leaderboard):
            copy = record_files.path_of(record, folder / "records")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(record_files.to_text(record, copy), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{error.filename or out}: cannot be written ({error.strerror}); choose another -o"
        ) from None
    page = folder / "index.html"
    write_atomically(page, html)
    bad = tuple(verdict for verdict in verdicts.values() if verdict.problems)
    return Built(page, leaderboard, bad, script is not None)


def render(leaderboard: Leaderboard, verdicts: Mapping[str, Verdict], library: str | None) -> str:
    """Return the page as HTML.

    Every name from a record passes through Jinja's escaping. The content security policy runs only the
    scripts whose hashes it lists, and lets nothing be fetched, should a name slip through all the same.

    Parameters
    ----------
    leaderboard : Leaderboard
    verdicts : mapping of str to Verdict
        By the id of a record.
    library : str or None
        The script that draws charts; without it there are none.
    """
    environment = Environment(
        loader=PackageLoader("dnamask_plugins.results.leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = thousands
    scripts = [script for script in (library, _asset("page.js")) if script is not None]
    return environment.get_template("page.html.j2").render(
        board=leaderboard,
        tables=[TableLayout.of(table, verdicts) for table in leaderboard.tables],
        style=Markup(_asset("page.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=" ".join(_csp_hash(script) for script in scripts),
        chart=None if library is None else chart.specification(),
        sources=_sources(leaderboard),
        method_title=method_title,
    )


def _shown(leaderboard: Leaderboard) -> Iterable[ResultRecord]:
    for table in leaderboard.tables:
        for entry in table.entries:
            yield from entry.records.values()


def _sources(leaderboard: Leaderboard) -> list[tuple[str, str]]:
    found = {
        (entry.origin, entry.url)
        for table in leaderboard.tables
        for entry in table.entries
        if entry.source == "published" and entry.origin
    }
    return sorted(found)


def _asset(name: str) -> str:
    return (files("dnamask_plugins.results.leaderboard") / "templates" / name).read_text("utf-8")


def _csp_hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
