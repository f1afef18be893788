"""The NPMI table: scores of every k-mer with where they come from, in one safetensors file (no pickle)."""

from __future__ import annotations

import csv
import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from dnamask_plugins import __version__
from dnamask_plugins.config import canonical_json
from dnamask_plugins.corpus.fasta import FastaSource
from dnamask_plugins.corpus.sources import Progress, cannot_read, file_sha256
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.executors import Executor, LocalExecutor
from dnamask_plugins.files import parse_json, write_atomically
from dnamask_plugins.npmi.counting import (
    LONGEST_K,
    Counts,
    KmerCounter,
    both_strands,
    check_k,
    count_sequences,
    kmer_names,
    marginal,
)
from dnamask_plugins.npmi.scoring import PAPER_MIN_COUNT, Scores, Variant, score_counts

FORMAT: Final = "dnamask-npmi-1"
ALPHABET: Final = "ACGT"
_PACKAGE: Final = f"dnamask-plugins {__version__}"
_ARRAYS: Final = {"counts": np.int64, "pmi": np.float64, "scores": np.float64}


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
        for name, dtype in _ARRAYS.items():
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
        tables = {k: np.asarray(counts, dtype=np.int64)}
        if tables[k].shape != (4**k,):
            raise ConfigError(f"counts have shape {tables[k].shape}; k = {k} needs ({4**k},)")
        given = shorter or {}
        for length in range(k - 1, 0, -1):
            table = given[length] if length in given else marginal(tables[length + 1])
            tables[length] = np.asarray(table, dtype=np.int64)
        pmi, scores = score_counts(tables, k, variant, min_count)
        windows = {str(length): int(tables[length].sum()) for length in sorted(tables)}
        origin = {"windows": windows, "strands": "as given"} | dict(provenance or {})
        return cls(k, scores, pmi, tables[k], variant, min_count, origin | {"package": _PACKAGE})

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
        check_k(k)
        count = functools.partial(count_fasta, k=k, progress=progress)
        counted = sorted((executor or LocalExecutor()).map(count, list(enumerate(paths))), key=itemgetter(0))
        if not counted:
            raise InputError("no FASTA file was given; name at least one")
        totals = {
            length: functools.reduce(np.add, [each[length] for _, each, _ in counted])
            for length in counted[0][1]
        }
        sources = [source for _, _, source in counted]
        return cls._from_counter(totals, k, variant, min_count, reverse_complement, {"sources": sources})

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
        return cls._from_counter(counts, k, variant, min_count, reverse_complement, {"sources": []})

    @classmethod
    def _from_counter(
        cls,
        counts: dict[int, Counts],
        k: int,
        variant: Variant,
        min_count: int,
        reverse_complement: bool,
        origin: dict[str, Any],
    ) -> Self:
        if not counts[k].any():
            files = ", ".join(source["file"] for source in origin["sources"]) or "the sequences"
            raise InputError(
                f"{files}: no stretch of {k} nucleotides A, C, G, T; give longer sequences or a smaller k"
            )
        if reverse_complement:
            counts = both_strands(counts)
        origin["strands"] = "both" if reverse_complement else "as given"
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
        counts = _read_counts(path)
        k = max(counts)
        if k < 2:
            raise InputError(f"{path}: single nucleotides have no NPMI; give counts of 2-mers or longer")
        if reverse_complement:
            counts = both_strands(counts)
        origin = {
            "sources": [{"file": Path(path).name, "sha256": file_sha256(path)}],
            "strands": "both" if reverse_complement else "as given",
        }
        return cls.from_counts(
            counts[k], k, shorter=counts, variant=variant, min_count=min_count, provenance=origin
        )

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
        for name, dtype in _ARRAYS.items():
            digest.update(getattr(self, name).astype(np.dtype(dtype).newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def score(self, kmer: str) -> float:
        """Return the NPMI of one k-mer; NaN when it has none."""
        if len(kmer) != self.k or set(kmer.upper()) - set(ALPHABET):
            raise InputError(f"{kmer!r} is not a {self.k}-mer over {ALPHABET}")
        return float(self.scores[_code(kmer)])

    def rows(self, top: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield k-mers with count, pmi, npmi and rank, highest first; those without a score last.

        Parameters
        ----------
        top : int, optional
            How many; all when not given. PMI, NPMI and rank are None where there is no score.
        """
        names = kmer_names(self.k)
        unscored = np.setdiff1d(np.arange(4**self.k), self.order)
        for place, code in enumerate(np.concatenate([self.order, unscored])[:top].tolist()):
            scored = place < self.order.size
            yield {
                "kmer": names[code],
                "count": int(self.counts[code]),
                "pmi": float(self.pmi[code]) if scored else None,
                "npmi": float(self.scores[code]) if scored else None,
                "rank": place + 1 if scored else None,
            }

    def require(self, k: int) -> Self:
        """Return this table if it is of the k asked for.

        Raises
        ------
        InputError
            It is not.
        """
        if self.k != k:
            raise InputError(
                f"{self.path or 'NPMI table'}: holds {self.k}-mers, {k}-mers are needed; "
                f"build one with 'dnamask npmi build --k {k}'"
            )
        return self

    def save(self, path: str | Path) -> Self:
        """Write the table, whole or not at all, and return it with its path.

        Raises
        ------
        InputError
            The file cannot be written.
        """
        from safetensors.numpy import save

        metadata = {
            "format": FORMAT,
            "alphabet": ALPHABET,
            "k": self.k,
            "variant": self.variant,
            "min_count": self.min_count,
            "fingerprint": self.fingerprint,
            "provenance": dict(self.provenance),
        }
        content = save({name: getattr(self, name) for name in _ARRAYS}, {"npmi": canonical_json(metadata)})
        write_atomically(Path(path), content)
        return self._at(Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a table that `save` wrote.

        Raises
        ------
        InputError
            The file is missing, corrupt, no NPMI table, or of another alphabet.
        """
        from safetensors import SafetensorError, safe_open

        path = Path(path)
        try:
            # safetensors words a folder or an unreadable file as if it were corrupt.
            with open(path, "rb"):
                pass
            with safe_open(path, framework="np") as file:
                text = (file.metadata() or {}).get("npmi")
                arrays = {name: file.get_tensor(name) for name in _ARRAYS if name in file.keys()}  # noqa: SIM118
        except OSError as error:
            raise InputError(cannot_read(path, error)) from None
        except (SafetensorError, ValueError) as error:
            raise InputError(
                f"{path}: is no NPMI table, or a damaged one ({error}); build it with 'dnamask npmi build'"
            ) from None
        if text is None:
            raise InputError(
                f"{path}: is a safetensors file, but no NPMI table; build one with 'dnamask npmi build'"
            )
        try:
            metadata = parse_json(text)
            if metadata["format"] != FORMAT:
                raise InputError(
                    f"{path}: format {metadata['format']!r} is unknown to {_PACKAGE}; update the package"
                )
            if metadata["alphabet"] != ALPHABET:
                raise InputError(
                    f"{path}: is over the alphabet {metadata['alphabet']}; one over {ALPHABET} is needed"
                )
            fields = {name: metadata[name] for name in ("k", "variant", "min_count", "provenance")}
            table = cls(**fields, **arrays, path=path)
            intact = table.fingerprint == metadata["fingerprint"]
        except (ValueError, TypeError, KeyError, ConfigError):
            intact = False
        if not intact:
            raise InputError(f"{path}: is a damaged NPMI table; build it again")
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

    def _at(self, path: Path) -> Self:
        return type(self)(
            self.k, self.scores, self.pmi, self.counts, self.variant, self.min_count, self.provenance, path
        )


def count_fasta(
    numbered: tuple[int, str | Path], k: int, progress: Progress | None = None
) -> tuple[int, dict[int, Counts], dict[str, Any]]:
    """Count the k-mers of one FASTA file, and all shorter ones.

    Parameters
    ----------
    numbered : tuple of int and path
        Its place among the files, and the file.
    k : int
    progress : callable, optional

    Returns
    -------
    place : int
    counts : dict of int to int64 array
        Length to counts.
    source : dict
        Provenance of the file.
    """
    place, path = numbered
    counter = KmerCounter(k)
    source = FastaSource(path, progress)
    for chunk in source.chunks():
        if chunk.start == 0:
            counter.end_sequence()
        counter.feed(chunk.packed)
    return place, counter.counts(), source.provenance()


def _code(kmer: str) -> int:
    code = 0
    for letter in kmer.upper():
        code = code * 4 + ALPHABET.index(letter)
    return code


def _read_counts(path: str | Path) -> dict[int, Counts]:
    counts: dict[int, Counts] = {}
    seen: set[str] = set()
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            columns = reader.fieldnames or []
            column = next((name for name in ("kmer", "ngram") if name in columns), None)
            if column is None or "count" not in columns:
                raise InputError(f"{path}: needs a header with the columns kmer (or ngram) and count; add it")
            for row in reader:
                place = f"{path}, line {reader.line_num}"
                kmer, text = (row[column] or "").strip().upper(), (row["count"] or "").strip()
                if not 1 <= len(kmer) <= LONGEST_K or set(kmer) - set(ALPHABET):
                    raise InputError(f"{place}: {kmer!r} is not a k-mer over {ALPHABET}; correct it")
                if not text.isascii() or not text.isdigit():
                    raise InputError(f"{place}: count {text!r} is not a whole number from 0; correct it")
                if kmer in seen:
                    raise InputError(f"{place}: {kmer} is listed twice; remove one of them")
                seen.add(kmer)
                table = counts.setdefault(len(kmer), np.zeros(4 ** len(kmer), dtype=np.int64))
                table[_code(kmer)] = int(text)
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None
    except (ValueError, csv.Error, OverflowError) as error:
        raise InputError(f"{path}: is no CSV of k-mer counts ({error})") from None
    if not counts:
        raise InputError(f"{path}: lists no k-mer; give a CSV with the columns kmer and count")
    return counts
