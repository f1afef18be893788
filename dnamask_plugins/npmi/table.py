"""The NPMI table: scores of every k-mer with where they come from, in one safetensors file (no pickle)."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from dnamask_plugins.config import canonical_json
from dnamask_plugins.corpus.sources import Progress, file_sha256
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.executors import Executor
from dnamask_plugins.npmi.counting import (
    ALPHABET,
    LONGEST_K,
    Counts,
    both_strands,
    check_k,
    count_sequences,
    kmer_code,
    with_marginals,
)
from dnamask_plugins.npmi.scoring import PAPER_MIN_COUNT, Scores, Variant, score_counts
from dnamask_plugins.npmi.sources import count_files, read_counts, require_any
from dnamask_plugins.npmi.table_file import ARRAYS, FORMAT, PACKAGE, damaged, read_table, write_table


@dataclass(frozen=True, eq=False)
class NpmiTable:
    """NPMI of every k-mer over A, C, G, T.

    Attributes
    ----------
    k : int
    scores : float64 array, shape (4**k,)
        NPMI by k-mer code: A C G T = 0 1 2 3, first letter highest; NaN where the k-mer is rarer than
        `min_count`. A k-mer without a score is never chosen.
    pmi : float64 array, shape (4**k,)
    counts : int64 array, shape (4**k,)
    variant : {"pmi_masking", "genemask_released"}
    min_count : int
    provenance : mapping
        Plain JSON: sources with their sha256, windows counted, strands, package version.
    path : Path or None
        The file it was loaded from or saved to.

    Examples
    --------
    >>> table = NpmiTable.from_sequences(["ACACACACACAC"], k=2, min_count=1)
    >>> round(table.score("AC"), 3), table.score("GG")
    (0.78, nan)
    """

    k: int
    scores: Scores
    pmi: Scores
    counts: Counts
    variant: str
    min_count: int
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    def __post_init__(self) -> None:
        if type(self.k) is not int or not 1 <= self.k <= LONGEST_K:
            raise ConfigError(
                f"NPMI table: k is {self.k!r}, but must be a whole number from 1 to {LONGEST_K}"
            )
        for name, dtype in ARRAYS.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if array.shape != (4**self.k,):
                raise ConfigError(
                    f"NPMI table: {name} has shape {array.shape}, k = {self.k} needs ({4**self.k},)"
                )
            array = array.view()
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_counts(
        cls,
        counts: Counts,
        k: int,
        *,
        shorter: Mapping[int, Counts] | None = None,
        variant: Variant = "pmi_masking",
        min_count: int = PAPER_MIN_COUNT,
        provenance: Mapping[str, Any] | None = None,
    ) -> Self:
        """Score counts.

        Parameters
        ----------
        counts : int64 array, shape (4**k,)
        k : int
            2 to 12.
        shorter : mapping from length to int64 array, optional
            Counts of shorter k-mers; those that are not given are marginals of the next longer ones.
        variant : {"pmi_masking", "genemask_released"}
            See `scoring.score_counts`.
        min_count : int
            Smallest count that gets a score.
        provenance : mapping, optional
            Kept in the file beside the counts.
        """
        check_k(k)
        tables = with_marginals(counts, k, shorter or {})
        pmi, scores = score_counts(tables, k, variant, min_count)
        windows = {str(length): int(tables[length].sum()) for length in sorted(tables)}
        origin = {"windows": windows, "strands": "as given"} | dict(provenance or {})
        return cls(k, scores, pmi, tables[k], variant, min_count, origin | {"package": PACKAGE})

    @classmethod
    def from_fasta(
        cls,
        paths: Iterable[str | Path],
        k: int = 6,
        *,
        variant: Variant = "pmi_masking",
        min_count: int = PAPER_MIN_COUNT,
        reverse_complement: bool = False,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> Self:
        """Count and score the k-mers of FASTA files.

        Parameters
        ----------
        paths : iterable of path
            Plain or gzip FASTA.
        k : int
            2 to 12.
        variant, min_count
            See `from_counts`.
        reverse_complement : bool
            Count the other strand too.
        progress : callable, optional
            Called with the number of bytes read since the last call; for counting in this process.
        executor : Executor, optional
            Counts the files; one after the other in this process by default.

        Raises
        ------
        InputError
            A file cannot be used, or holds no window of k nucleotides.
        """
        totals, sources = count_files(paths, check_k(k), progress, executor)
        require_any(totals[k], k, ", ".join(source["file"] for source in sources))
        return cls._from_all_lengths(totals, k, variant, min_count, reverse_complement, sources)

    @classmethod
    def from_sequences(
        cls,
        sequences: Sequence[str],
        k: int = 6,
        *,
        variant: Variant = "pmi_masking",
        min_count: int = PAPER_MIN_COUNT,
        reverse_complement: bool = False,
    ) -> Self:
        """Count and score the k-mers of strings; parameters as in `from_fasta`."""
        counts = count_sequences(sequences, check_k(k))
        require_any(counts[k], k, "the sequences")
        return cls._from_all_lengths(counts, k, variant, min_count, reverse_complement, [])

    @classmethod
    def _from_all_lengths(
        cls,
        counts: dict[int, Counts],
        k: int,
        variant: Variant,
        min_count: int,
        reverse_complement: bool,
        sources: list[dict[str, Any]],
    ) -> Self:
        if reverse_complement:
            counts = both_strands(counts)
        origin = {"sources": sources, "strands": "both" if reverse_complement else "as given"}
        return cls.from_counts(
            counts[k], k, shorter=counts, variant=variant, min_count=min_count, provenance=origin
        )

    @classmethod
    def from_counts_csv(
        cls,
        path: str | Path,
        *,
        variant: Variant = "pmi_masking",
        min_count: int = PAPER_MIN_COUNT,
        reverse_complement: bool = False,
    ) -> Self:
        """Score a CSV with a header and the columns ``kmer`` (or ``ngram``) and ``count``.

        The longest k-mers in the file are scored; rows of shorter ones, when there are any of a length,
        are taken as they are, other lengths are marginals.

        Raises
        ------
        InputError
            The file is no such table.
        """
        counts = read_counts(path)
        k = max(counts)
        if k < 2:
            raise InputError(f"{path}: single nucleotides have no NPMI; give counts of 2-mers or longer")
        source = {"file": Path(path).name, "sha256": file_sha256(path)}
        return cls._from_all_lengths(counts, k, variant, min_count, reverse_complement, [source])

    @functools.cached_property
    def order(self) -> NDArray[np.int64]:
        """Codes of the k-mers that have a score, highest first."""
        scored = np.flatnonzero(~np.isnan(self.scores))
        order = scored[np.argsort(-self.scores[scored], kind="stable")]
        order.flags.writeable = False
        return order

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content: k, variant, cut-off and the arrays; not of file names or dates."""
        header = {"format": FORMAT, "k": self.k, "variant": self.variant, "min_count": self.min_count}
        digest = hashlib.sha256(canonical_json(header).encode())
        for name, dtype in ARRAYS.items():
            digest.update(getattr(self, name).astype(np.dtype(dtype).newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def score(self, kmer: str) -> float:
        """Return the NPMI of one k-mer; NaN when it has none."""
        if len(kmer) != self.k or set(kmer.upper()) - set(ALPHABET):
            raise InputError(f"{kmer!r} is not a {self.k}-mer over {ALPHABET}")
        return float(self.scores[kmer_code(kmer)])

    def save(self, path: str | Path) -> Self:
        """Write the table, whole or not at all, and return it with its path.

        Raises
        ------
        InputError
            The file cannot be written.
        """
        metadata = {name: getattr(self, name) for name in ("k", "variant", "min_count", "fingerprint")}
        metadata["provenance"] = dict(self.provenance)
        write_table(Path(path), {name: getattr(self, name) for name in ARRAYS}, metadata)
        return replace(self, path=Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a table that `save` wrote.

        Raises
        ------
        InputError
            The file is missing, corrupt, no NPMI table, or of another alphabet.
        """
        path = Path(path)
        arrays, metadata = read_table(path)
        try:
            fields = {name: metadata[name] for name in ("k", "variant", "min_count", "provenance")}
            table = cls(**fields | arrays, path=path)
            intact = table.fingerprint == metadata["fingerprint"]
        except (ValueError, TypeError, KeyError, ConfigError):
            intact = False
        if not intact:
            raise InputError(damaged(path))
        return table

    def to_config(self) -> dict[str, Any]:
        """Return ``{"path", "fingerprint"}``: enough to find the table and to know it again."""
        return {"path": None if self.path is None else str(self.path), "fingerprint": self.fingerprint}

    @classmethod
    def from_config(cls, config: Mapping[str, Any] | str | Path) -> Self:
        """Load the table that `to_config` named, or one at a path.

        Raises
        ------
        ConfigError
            The configuration names no file.
        InputError
            The file is unusable, or holds another table than the one that was named.
        """
        if isinstance(config, (str, Path)):
            return cls.load(config)
        if not config.get("path"):
            raise ConfigError("the NPMI table has no path; call its save() before saving what uses it")
        table = cls.load(config["path"])
        expected = config.get("fingerprint")
        if expected and table.fingerprint != expected:
            raise InputError(
                f"{config['path']}: is another NPMI table than the one used before "
                f"({table.fingerprint[:12]}, not {expected[:12]}); put the old one back, or build anew"
            )
        return table
