"""Names of the suites that ship with the package; their tasks are in `dnamask_plugins.tasks`.

Apart from the tasks, which take time to read: a command line knows its suites without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

GUE: Final = "gue"
GUE_PLUS: Final = "gue_plus"
FEWSHOT: Final = "fewshot"
NUCLEOTIDE_TRANSFORMER: Final = "nucleotide_transformer"
GENOMIC_BENCHMARKS: Final = "genomic_benchmarks"

OF_GUE: Final = (GUE, GUE_PLUS)
"""What ``dnamask gue`` runs; ``--tasks all`` is the first."""

OF_FEWSHOT: Final = (FEWSHOT,)
"""What ``dnamask fewshot`` runs."""

TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {GUE: "GUE", FEWSHOT: "GeneMask few-shot", GUE_PLUS: "GUE+"}
)
"""What tables call a suite, in the order in which they show them."""


def suite_title(suite: str) -> str:
    """Return what tables call a suite.

    Examples
    --------
    >>> suite_title("gue_plus"), suite_title("acme.sites")
    ('GUE+', 'acme.sites')
    """
    return TITLES.get(suite, suite)


def table_order(suite: str) -> tuple[int, str]:
    """Return what sorts suites: those with a title in its order, then the others by name.

    Examples
    --------
    >>> sorted(["acme.sites", "gue_plus", "gue", "acme.motifs"], key=table_order)
    ['gue', 'gue_plus', 'acme.motifs', 'acme.sites']
    """
    return ([*TITLES, suite].index(suite), suite)
