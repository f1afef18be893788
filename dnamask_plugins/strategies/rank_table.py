"""The NPMI table of a strategy: an object or a path, used as ranks, written down as path and fingerprint."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.protocols import ScoreTable


@dataclass(frozen=True, eq=False)
class RankTable:
    """Scores and ranks of all k-mers, by code (A C G T = 0 1 2 3, first letter highest).

    Attributes
    ----------
    k : int
    scores : float64 array, shape (4**k,)
        NaN where a k-mer has no score.
    source : mapping or None
        Path and fingerprint of the file the table is in.
    """

    k: int
    scores: NDArray[np.float64]
    source: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, strategy: str, npmi: object) -> Self:
        """Read a table from what the user gave: an object, a path, or a configuration.

        Raises
        ------
        ConfigError
            Nothing usable was given.
        InputError
            The file cannot be used, or is not the one that the configuration was made with.
        """
        if isinstance(npmi, cls):
            return npmi
        if isinstance(npmi, Mapping) and "scores" in npmi:
            values = [np.nan if score is None else score for score in npmi["scores"]]
            return cls._checked(strategy, int(npmi["k"]), values, None)
        if isinstance(npmi, (str, os.PathLike, Mapping)):
            from dnamask_plugins.npmi.table import NpmiTable

            npmi = NpmiTable.from_config(npmi if isinstance(npmi, Mapping) else Path(npmi))
        if isinstance(npmi, ScoreTable):
            source = npmi.to_config() if getattr(npmi, "path", None) is not None else None  # type: ignore[attr-defined]
            return cls._checked(strategy, int(npmi.k), npmi.scores, source)
        raise ConfigError(
            f"{strategy} needs an NPMI table; give npmi=PATH (--npmi PATH), made with 'dnamask npmi build'"
        )

    @classmethod
    def _checked(cls, strategy: str, k: int, scores: Any, source: Mapping[str, Any] | None) -> Self:
        values = np.array(scores, dtype=np.float64)
        if k < 1 or values.shape != (4**k,):
            raise ConfigError(
                f"{strategy}: an NPMI table of k = {k} holds {4 ** max(k, 0)} scores, not {values.size}"
            )
        return cls(k, values, source)

    def to_config(self) -> dict[str, Any]:
        """Return path and fingerprint; a table that was never saved is written out in full."""
        if self.source is not None:
            return dict(self.source)
        return {"k": self.k, "scores": [None if np.isnan(score) else float(score) for score in self.scores]}

    @functools.cached_property
    def ranks(self) -> NDArray[np.int32]:
        """Rank of each k-mer, shape (4**k,): higher is better, equal scores share one, -1 without a score."""
        scored = ~np.isnan(self.scores)
        ranks = np.full(self.scores.shape, -1, dtype=np.int32)
        ranks[scored] = np.unique(self.scores[scored], return_inverse=True)[1]
        return ranks

    @functools.cached_property
    def position_ranks(self) -> NDArray[np.int32]:
        """Ranks by *position*, shape (4**k + 4,): that of the token whose id is the window's position.

        Nothing is without a rank here: what has no score ranks below all others.

        Only the programs released with GeneMask and CM-GEMS look scores up like this. Token 0 is [CLS], so
        the window that starts at nucleotide s is token s + 1; ids are DNABERT's (five special ids, then the
        k-mers with their letters in the order A, T, C, G).
        """
        digits = np.arange(4**self.k)
        codes = np.zeros(4**self.k, dtype=np.int64)
        for place in range(self.k):
            codes += np.array([0, 3, 1, 2])[(digits >> 2 * place) & 3] << 2 * place
        return np.concatenate([np.zeros(4, dtype=np.int32), self.ranks[codes] + np.int32(1)])

    def lookup_ranks(self, lookup: str) -> NDArray[np.int32]:
        """Return the ranks for ``lookup="kmer"`` or ``"position"``."""
        return self.position_ranks if lookup == "position" else self.ranks


def check_lookup(strategy: str, lookup: str) -> None:
    """Raise a ConfigError for an unknown way to look scores up."""
    if lookup not in ("kmer", "position"):
        raise ConfigError(
            f"{strategy}: lookup is 'kmer' or 'position' (the released programs' fault), not {lookup!r}"
        )
