"""Speed and memory of reading FASTA, counting k-mers, and cutting windows; each beside its peers.

    python benchmarks/counting/run.py [--fasta GENOME.fa.gz] [--runs 5]

Every row is a process of its own with one thread; time is CPU time (so that neighbours
on the machine disturb little), the median of the runs after one that is not counted (compilation, file
cache); memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROWS: dict[str, Callable[[Path], Callable[[], int]]] = {}
COUNTER_PART = 2_000_000


def row(name: str) -> Callable[[Callable[[Path], Callable[[], int]]], Callable[[Path], Callable[[], int]]]:
    def add(prepare: Callable[[Path], Callable[[], int]]) -> Callable[[Path], Callable[[], int]]:
        ROWS[name] = prepare
        return prepare

    return add


def _codes(path: Path):
    import numpy as np

    from dnamask_plugins.corpus.fasta import FastaSource

    return np.concatenate([chunk.packed for chunk in FastaSource(path).chunks()])


def _kernel(k: int) -> Callable[[Path], Callable[[], int]]:
    def prepare(path: Path) -> Callable[[], int]:
        from dnamask_plugins.npmi.counting import KmerCounter

        codes = _codes(path)

        def once() -> int:
            counter = KmerCounter(k)
            counter.feed(codes)
            counter.counts()
            return codes.size

        return once

    return prepare


for _k in (4, 6, 8, 10):
    ROWS[f"count k=1..{_k}: dnamask, codes in memory"] = _kernel(_k)


@row("count k=1..6: numpy bincount, one pass a length")
def _bincount(path: Path) -> Callable[[], int]:
    import numpy as np

    codes = _codes(path) & 7

    def once() -> int:
        valid, word = codes < 4, codes.astype(np.int16)
        good, code = valid.copy(), word.copy()
        for length in range(1, 7):
            if length > 1:
                good = good[:-1] & valid[length - 1 :]
                code = code[:-1] * 4 + word[length - 1 :]
            np.bincount(code[good], minlength=4**length)
        return codes.size

    return once


@row("count k=6 only: numpy bincount")
def _bincount_one(path: Path) -> Callable[[], int]:
    import numpy as np

    codes = _codes(path) & 7

    def once() -> int:
        size = codes.size - 5
        good, code = np.ones(size, dtype=bool), np.zeros(size, dtype=np.int16)
        for shift in range(6):
            part = codes[shift : shift + size]
            good &= part < 4
            code = code * 4 + part
        np.bincount(code[good], minlength=4**6)
        return codes.size

    return once


@row(f"count k=6 only: Counter over slices, first {COUNTER_PART // 1_000_000} Mb")
def _counter(path: Path) -> Callable[[], int]:
    from dnamask_plugins.corpus.fasta import read_fasta

    text = next(read_fasta(path)).sequence.decode().upper()
    start = next(index for index, letter in enumerate(text) if letter != "N")
    text = text[start : start + COUNTER_PART]

    def once() -> int:
        Counter(text[index : index + 6] for index in range(len(text) - 5))
        return len(text)

    return once


@row("FASTA to NPMI table, k=6: dnamask")
def _table(path: Path) -> Callable[[], int]:
    from dnamask_plugins.npmi.table import NpmiTable

    return lambda: NpmiTable.from_fasta([path], 6).provenance["sources"][0]["nucleotides"]


@row("FASTA to corpus store: dnamask")
def _store(path: Path) -> Callable[[], int]:
    from dnamask_plugins.corpus.build import build_corpus

    folder = Path(tempfile.mkdtemp(dir=path.parent))

    def once() -> int:
        store = build_corpus([path], folder / "corpus")
        shutil.rmtree(folder / "corpus")
        return store.index["sources"][0]["nucleotides"]

    return once


@row("read FASTA: dnamask (letters checked, hashed)")
def _own(path: Path) -> Callable[[], int]:
    from dnamask_plugins.corpus.fasta import FastaSource

    return lambda: sum(chunk.packed.size for chunk in FastaSource(path).chunks())


@row("read FASTA: needletail")
def _needletail(path: Path) -> Callable[[], int]:
    import needletail

    return lambda: sum(len(record.seq) for record in needletail.parse_fastx_file(str(path)))


@row("read FASTA: pyfastx")
def _pyfastx(path: Path) -> Callable[[], int]:
    import pyfastx

    return lambda: sum(len(sequence) for _, sequence in pyfastx.Fasta(str(path), build_index=False))


@row("read FASTA: pyfaidx")
def _pyfaidx(path: Path) -> Callable[[], int]:
    import pyfaidx

    return lambda: sum(len(str(record)) for record in pyfaidx.Fasta(str(path)))


@row("windows, batches of 10, half of 510, half of 5..510")
def _windows(path: Path) -> Callable[[], int]:
    import numpy as np

    from dnamask_plugins.corpus.build import build_corpus
    from dnamask_plugins.corpus.windows import WindowSampler

    sampler = WindowSampler(build_corpus([path], Path(tempfile.mkdtemp(dir=path.parent)) / "corpus"))
    batches = np.arange(20_000, dtype=np.int64).reshape(-1, 10)
    return lambda: sum(int(sampler(ids).lengths.sum()) for ids in batches)


def measure(name: str, path: Path, runs: int) -> None:
    """Run one row in this process and print nucleotides a second and peak memory."""
    once = ROWS[name](path)
    once()
    times = []
    for _ in range(runs):
        begin = time.process_time()
        nucleotides = once()
        times.append(time.process_time() - begin)
    rates = sorted(nucleotides / seconds / 1e6 for seconds in times)
    # Not getrusage: its peak includes that of the parent before exec.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(f"{statistics.median(rates)} {rates[0]} {rates[-1]} {peak}")


def _available(name: str) -> bool:
    reader = name.rpartition(": ")[2]
    return (
        not name.startswith("read FASTA: ") or " " in reader or importlib.util.find_spec(reader) is not None
    )


def main() -> None:
    """Measure every row and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fasta", type=Path, help="genome; the bundled S. aureus when not given")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        measure(arguments.row, arguments.fasta, arguments.runs)
        return
    from dnamask_plugins.corpus.bundled import bundled_genomes

    genome = arguments.fasta or bundled_genomes()["s_aureus"]
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "genome.fa", Path(folder) / "genome.fa.gz"
        with (gzip.open if genome.suffix == ".gz" else open)(genome, "rb") as source:
            plain.write_bytes(source.read())
        packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
        fourfold = Path(folder) / "fourfold.fa"
        body = plain.read_bytes().partition(b"\n")[2].rstrip()
        fourfold.write_bytes(b">one_record\n" + b"\n".join([body] * 4) + b"\n")
        print("| what | file | Mbp/s median (min, max) | peak MiB |\n|---|---|---|---|")
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        for name in ROWS:
            files = [plain, packed] if "FASTA" in name else [plain]
            if name.startswith(("FASTA to NPMI", "read FASTA")):
                files.append(fourfold)
            for file in files:
                label = {plain: "plain", packed: "gzip", fourfold: "plain, 4 x as long"}[file]
                if not _available(name):
                    print(f"| {name} | {label} | not installed | |")
                    continue
                command = [sys.executable, __file__, "--row", name, "--fasta", file, "--runs", arguments.runs]
                done = subprocess.run(
                    [str(part) for part in command], env=os.environ | threads, capture_output=True, text=True
                )
                if done.returncode:
                    print(f"| {name} | {label} | {done.stderr.strip().splitlines()[-1]} | |")
                    continue
                median, low, high, peak = map(float, done.stdout.split())
                memory = f"{peak:,.0f}" if "FASTA" in name else ""
                print(
                    f"| {name} | {label} | {median:,.0f} ({low:,.0f}, {high:,.0f}) | {memory} |", flush=True
                )


if __name__ == "__main__":
    main()
