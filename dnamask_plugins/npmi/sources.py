"""Counts of k-mers from files: FASTA, and tables that someone else counted."""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from dnamask_plugins.corpus.fasta import FastaSource
from dnamask_plugins.corpus.sources import Progress, cannot_read
from dnamask_plugins.errors import InputError
from dnamask_plugins.executors import Executor, LocalExecutor
from dnamask_plugins.npmi.counting import ALPHABET, LONGEST_K, Counts, KmerCounter, kmer_code


def count_files(
    paths: Iterable[str | Path], k: int, progress: Progress | None = None, executor: Executor | None = None
) -> tuple[dict[int, Counts], list[dict[str, Any]]]:
    """Count the k-mers of FASTA files, and all shorter ones; returns the sums by length, and the sources.

    Raises
    ------
    InputError
        There is no file, or one cannot be read.
    """
    count = functools.partial(count_fasta, k=k, progress=progress)
    counted = sorted((executor or LocalExecutor()).map(count, list(enumerate(paths))), key=itemgetter(0))
    if not counted:
        raise InputError("no FASTA file was given; name at least one")
    lengths = counted[0][1]
    totals = {
        length: functools.reduce(np.add, [each[length] for _, each, _ in counted]) for length in lengths
    }
    return totals, [source for _, _, source in counted]


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


def require_any(counts: Counts, k: int, source: str) -> None:
    """Raise InputError where nothing was counted."""
    if not counts.any():
        raise InputError(
            f"{source}: no stretch of {k} nucleotides A, C, G, T; give longer sequences or a smaller k"
        )


def read_counts(path: str | Path) -> dict[int, Counts]:
    """Read a CSV with a header and the columns ``kmer`` (or ``ngram``) and ``count``: length to counts.

    Raises
    ------
    InputError
        The file is no such table; names the line.
    """
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
                kmer, count = _counted(row[column], row["count"], f"{path}, line {reader.line_num}", seen)
                table = counts.setdefault(len(kmer), np.zeros(4 ** len(kmer), dtype=np.int64))
                table[kmer_code(kmer)] = count
    except OSError as error:
        raise InputError(cannot_read(path, error)) from None
    except (ValueError, csv.Error, OverflowError) as error:
        raise InputError(f"{path}: is no CSV of k-mer counts ({error})") from None
    if not counts:
        raise InputError(f"{path}: lists no k-mer; give a CSV with the columns kmer and count")
    return counts


def _counted(kmer: str | None, count: str | None, place: str, seen: set[str]) -> tuple[str, int]:
    kmer, text = (kmer or "").strip().upper(), (count or "").strip()
    if not 1 <= len(kmer) <= LONGEST_K or set(kmer) - set(ALPHABET):
        raise InputError(f"{place}: {kmer!r} is not a k-mer over {ALPHABET}; correct it")
    if not text.isascii() or not text.isdigit():
        raise InputError(f"{place}: count {text!r} is not a whole number from 0; correct it")
    if kmer in seen:
        raise InputError(f"{place}: {kmer} is listed twice; remove one of them")
    seen.add(kmer)
    return kmer, int(text)
