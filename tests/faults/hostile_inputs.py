"""One function per kind of file that a user or a stranger hands in: bytes in, nothing out.

Each raises only what is a crash: anything else than `DnamaskError`, or two readings that disagree. The
property tests, the kept cases in ``cases/`` and ``benchmarks/reliability/fuzz.py`` all go through these.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gzip
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dnamask_plugins.config import parse_assignment
from dnamask_plugins.corpus.build import BuildOptions, build_corpus
from dnamask_plugins.corpus.fasta import FastaSource
from dnamask_plugins.corpus.split import SplitOptions
from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.corpus.windows import WindowSampler, validation_windows
from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.files import read_toml
from dnamask_plugins.harness.outcome import read_outcome
from dnamask_plugins.harness.recipe_choice import read_recipe
from dnamask_plugins.npmi.sources import read_counts
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.plugins import create
from dnamask_plugins.pretrain.settings import PretrainSettings, merge
from dnamask_plugins.registry_index import read_folder
from dnamask_plugins.results import predictions, record_files
from dnamask_plugins.tasks import Task, load_tasks
from dnamask_plugins.tasks.data import read_labelled
from dnamask_plugins.tokenizers.loading import load_tokenizer
from dnamask_plugins.training.checkpoints import is_whole

TARGETS: dict[str, Callable[[bytes], None]] = {}
_TASKS = (
    Task("toy/plain", "toy", "mcc", classes=2),
    Task("toy/pair", "toy", "mcc", pair=True),
    Task("toy/shots", "toy", "mcc", classes=3, layout="fewshot"),
)
_LONG_KMER = re.compile(rb"[ACGTacgt]{7}")


def target(function: Callable[[bytes], None]) -> Callable[[bytes], None]:
    TARGETS[function.__name__] = function
    return function


@functools.cache
def scratch() -> Path:
    """Return a folder in memory, where there is one, that goes with the process."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hostile-", dir=memory if os.access(memory, os.W_OK) else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def written(name: str, data: bytes) -> Path:
    path = scratch() / name
    path.write_bytes(data)
    return path


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call, and take an error of ours for an answer."""
    try:
        return function(*arguments)
    except DnamaskError:
        return None


def _letters(path: Path, block: int) -> list[tuple[str, bytes]] | str:
    found: dict[int, tuple[str, list[bytes]]] = {}
    try:
        for chunk in FastaSource(path).chunks(block):
            name, pieces = found.setdefault(chunk.record, (chunk.name, []))
            assert name == chunk.name
            assert sum(map(len, pieces)) == chunk.start
            pieces.append(chunk.packed.tobytes())
    except DnamaskError as error:
        return str(error)
    return [(name, b"".join(pieces)) for name, pieces in found.values()]


@target
def fasta(data: bytes) -> None:
    """Read FASTA in one piece and in blocks of 61 bytes: the same letters, or the same complaint."""
    path = written("x.fa", data)
    whole, pieces = _letters(path, 1 << 14), _letters(path, 61)
    # What is wrong first depends on how far the decompressor reads ahead.
    both_refused = isinstance(whole, str) and isinstance(pieces, str) and data[:2] == b"\x1f\x8b"
    assert whole == pieces or both_refused, (whole, pieces)


@target
def fasta_gzip(data: bytes) -> None:
    """Read gzip-compressed FASTA; the last bytes are missing in two of three cases."""
    packed = gzip.compress(data, 1)
    missing = len(data) % 3
    _letters(written("x.fa.gz", packed[: len(packed) - missing]), 1 << 14)


@target
def csv(data: bytes) -> None:
    """Read a split of a plain, a pair and a few-shot task."""
    for task, name in zip(_TASKS, ("x.csv", "x.csv", "x.tsv"), strict=True):
        read = attempt(read_labelled, written(name, data), task)
        assert read is None or len(read.sequences) == read.labels.size > 0


@target
def counts(data: bytes) -> None:
    """Read a CSV of k-mer counts; those of long k-mers are not scored, which would take a second each."""
    path = written("counts.csv", data)
    attempt(read_counts if _LONG_KMER.search(data) else NpmiTable.from_counts_csv, path)


@target
def toml(data: bytes) -> None:
    """Read settings of a run, tasks, a recipe and a registry entry from TOML."""
    path = written("strategies/x.toml", data)
    values = attempt(read_toml, path)
    attempt(load_tasks, path)
    attempt(read_recipe, path)
    attempt(read_folder, scratch())
    if values is not None:
        settings = attempt(PretrainSettings.from_mapping, values)
        attempt(PretrainSettings.from_mapping, merge({"corpus": "c", "output": "o"}, values))
        if settings is not None:
            attempt(create, "curricula", settings.curriculum)


@target
def assignment(data: bytes) -> None:
    """Read a ``--set``."""
    with contextlib.suppress(UnicodeDecodeError):
        attempt(parse_assignment, data.decode())


@target
def table(data: bytes) -> None:
    """Load an NPMI table."""
    attempt(NpmiTable.load, written("x.safetensors", data))


@functools.cache
def corpus() -> Path:
    rng = np.random.default_rng(3)
    lines = "".join(f">{i}\n{''.join(rng.choice(list('ACGTacgt'), 300))}\n" for i in range(3))
    fasta_file = written("corpus.fa", lines.encode())
    build_corpus([fasta_file], scratch() / "corpus", BuildOptions(split=SplitOptions(window=20)))
    return scratch() / "corpus"


def _open_and_cut(name: str, data: bytes) -> None:
    original = corpus()
    folder = scratch() / "hostile"
    if not folder.is_dir():
        shutil.copytree(original, folder)
    before = (original / name).read_bytes()
    (folder / name).write_bytes(data)
    try:
        store = CorpusStore.open(folder)
        WindowSampler(store, full_length=40, min_length=10)(np.arange(4))
        validation_windows(store, 2, 20)
    except DnamaskError:
        pass
    finally:
        (folder / name).write_bytes(before)


@target
def corpus_index(data: bytes) -> None:
    """Open a corpus with a strange index and cut windows from it."""
    _open_and_cut("index.json", data)


@target
def corpus_regions(data: bytes) -> None:
    """Open a corpus with strange regions and cut windows from it."""
    _open_and_cut("regions.safetensors", data)


@target
def prediction_file(data: bytes) -> None:
    """Read predictions, compressed or not by the caller."""
    attempt(predictions.decode, data, "x")
    attempt(predictions.decode, gzip.compress(data, 1), "x")


@target
def record(data: bytes) -> None:
    """Read a result record, the outcome of a trial and a checkpoint's marker."""
    path = written("complete.json", data)
    attempt(record_files.read, path)
    read_outcome(path)
    is_whole(path.parent)


@target
def tokenizer(data: bytes) -> None:
    """Load a tokenizer's folder with a strange configuration."""
    path = written("tokenizer/dnamask_tokenizer.json", data)
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        config = json.loads(data)["config"]
        if isinstance(config, dict) and config.get("name") in ("huggingface", "bpe"):
            return  # would look into whatever path it names, or ask the hub
    attempt(load_tokenizer, path.parent)


for _name in ("strategies", "tokenizer"):
    (scratch() / _name).mkdir()
