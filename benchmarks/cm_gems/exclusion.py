"""Cuts evaluation sequences out of a pretraining corpus, and says what was cut.

``python -m benchmarks.cm_gems.exclusion --fasta GENOME --data DATA --out FOLDER``

Every stretch of 50 or more nucleotides that an evaluation sequence (train, dev or test of any task at hand)
shares with the genome, on either strand, counts. What is cut is not the stretch alone but the whole place
at which the sequence would lie there, so that its flanks go too. Cut nucleotides become N: positions stay,
and no window crosses them.

Any shared stretch of 50 holds a 32-mer that begins at a multiple of 19 in the evaluation sequence, whatever
its offset. So only those are indexed, packed into 64 bits without loss, and each hit is extended to its
longest exact match.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.compiled import njit
from dnamask_plugins.corpus.fasta import CODE_BITS, FastaSource
from dnamask_plugins.corpus.sources import file_sha256
from dnamask_plugins.files import write_json
from dnamask_plugins.nucleotides import complement, encode_letters
from dnamask_plugins.splitmix import mix64
from dnamask_plugins.tasks import SPLITS, Task, all_suites
from dnamask_plugins.tasks.data import find_file, read_labelled, suite_root

SHARED = 50
SEED = 32
STRIDE = SHARED - SEED + 1

_mix64 = njit(inline="always")(mix64)


@dataclass(frozen=True, eq=False)
class Sequences:
    """Evaluation sequences, one behind the other, on both strands; a letter 4 stands between two."""

    letters: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Sequences:
        """Lay out sequences: number 2 i is text i as it stands, 2 i + 1 its reverse complement."""
        parts, lengths = [], []
        wall = np.array([4], dtype=np.uint8)
        for text in texts:
            codes, _ = encode_letters(text)
            for strand in (codes, complement(codes)[::-1]):
                parts += [np.minimum(strand, 4).astype(np.uint8), wall]
                lengths.append(strand.size)
        sizes = np.array(lengths, dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes + 1)[:-1]]).astype(np.int64)
        return cls(np.concatenate(parts), starts, sizes)


@njit(cache=True)
def _seeds(letters, starts, lengths, seed, stride):  # type: ignore[no-untyped-def]
    """List the seeds of all sequences: packed letters, sequence, offset."""
    count = 0
    for row in range(starts.size):
        count += max(0, (lengths[row] - seed) // stride + 1)
    words = np.empty(count, np.uint64)
    rows = np.empty(count, np.int32)
    offsets = np.empty(count, np.int32)
    made = 0
    for row in range(starts.size):
        for offset in range(0, lengths[row] - seed + 1, stride):
            word, clean = np.uint64(0), True
            for shift in range(seed):
                letter = letters[starts[row] + offset + shift]
                clean = clean and letter < 4
                word = (word << np.uint64(2)) | np.uint64(letter & 3)
            if clean:
                words[made], rows[made], offsets[made] = word, row, offset
                made += 1
    return words[:made], rows[:made], offsets[:made]


@njit(cache=True)
def _scan(codes, words, heads, rows, offsets, seen, letters, starts, lengths, seed, shared, cut, hit, whole):  # type: ignore[no-untyped-def]
    """Mark in `cut` where sequences lie that share `shared` nucleotides; `hit`, `whole` say which do."""
    mask = np.uint64(seen.size - 1)
    word, run = np.uint64(0), 0
    for position in range(codes.size):
        code = codes[position]
        if code > 3:
            run = 0
            continue
        word = (word << np.uint64(2)) | np.uint64(code)
        run += 1
        if run < seed or not seen[_mix64(word) & mask]:
            continue
        place = np.searchsorted(words, word)
        if place == words.size or words[place] != word:
            continue
        for entry in range(heads[place], heads[place + 1]):
            row = rows[entry]
            begin = position - seed + 1 - offsets[entry]
            base, size = starts[row], lengths[row]
            left = position - seed + 1
            while left > 0 and left > begin and codes[left - 1] == letters[base + left - 1 - begin]:
                left -= 1
            right = position + 1
            while (
                right < codes.size and right < begin + size and codes[right] == letters[base + right - begin]
            ):
                right += 1
            if right - left < shared:
                continue
            hit[row] = True
            whole[row] = whole[row] or right - left == size
            for other in range(max(begin, 0), min(begin + size, codes.size)):
                cut[other] = True


@dataclass(frozen=True, eq=False)
class Shared:
    """What a genome shares with evaluation sequences.

    Attributes
    ----------
    cut : list of bool arrays, one per record, shape (nucleotides,)
    hit, whole : bool arrays, shape (texts,)
        Which texts share a stretch with it, and which occur as a whole.
    """

    cut: list[NDArray[np.bool_]]
    hit: NDArray[np.bool_]
    whole: NDArray[np.bool_]


def find_shared(texts: Sequence[str], records: Sequence[NDArray[np.uint8]], shared: int = SHARED) -> Shared:
    """Find the texts that share `shared` or more nucleotides with records, on either strand."""
    sequences = Sequences.of(texts)
    words, rows, offsets = _seeds(
        sequences.letters, sequences.starts, sequences.lengths, SEED, shared - SEED + 1
    )
    order = np.argsort(words, kind="stable")
    distinct, first = np.unique(words[order], return_index=True)
    heads = np.append(first, words.size).astype(np.int64)
    slots = 1 << max(10, int(np.ceil(np.log2(max(distinct.size, 1) * 16))))
    seen = np.zeros(slots, dtype=np.bool_)
    with np.errstate(over="ignore"):
        seen[(mix64(distinct) & np.uint64(slots - 1)).astype(np.int64)] = True
    hit = np.zeros(sequences.starts.size, dtype=np.bool_)
    whole = np.zeros_like(hit)
    cuts = []
    for codes in records:
        cut = np.zeros(codes.size, dtype=np.bool_)
        _scan(
            codes, distinct, heads, rows[order], offsets[order], seen, sequences.letters, sequences.starts,
            sequences.lengths, SEED, shared, cut, hit, whole,
        )  # fmt: skip
        cuts.append(cut)
    return Shared(cuts, hit.reshape(-1, 2).any(axis=1), whole.reshape(-1, 2).any(axis=1))


def evaluation_sequences(data: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """Read every split at hand of every task: (task, split) to sequences."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for suite, folder in (("gue", data / "gue"), ("fewshot", data / "fewshot")):
        root = suite_root(folder)
        for task in all_suites()[suite]:
            for split in SPLITS:
                path = find_file(root, task, split)
                if path is not None:
                    found[f"{suite}/{task.name}", split] = _read(path, task)
    return found


def _read(path: Path, task: Task) -> tuple[str, ...]:
    return read_labelled(path, task).sequences


def exclude(fasta: Path, data: Path, out: Path) -> dict[str, Any]:
    """Write the genome with N where evaluation sequences lie, and the report; returns the report."""
    source = FastaSource(fasta)
    parts: dict[int, list[NDArray[np.uint8]]] = {}
    names: dict[int, str] = {}
    for chunk in source.chunks():
        parts.setdefault(chunk.record, []).append(chunk.packed & CODE_BITS)
        names[chunk.record] = chunk.name
    records = [np.concatenate(pieces) for pieces in parts.values()]
    splits = evaluation_sequences(data)
    texts = list(dict.fromkeys(text for sequences in splits.values() for text in sequences))
    place = {text: row for row, text in enumerate(texts)}
    shared = find_shared(texts, records)
    known = sum(int((codes < 4).sum()) for codes in records)
    removed = sum(int((cut & (codes < 4)).sum()) for cut, codes in zip(shared.cut, records, strict=True))
    out.mkdir(parents=True, exist_ok=True)
    letters = np.frombuffer(b"ACGTN", dtype=np.uint8)
    target = out / "genome.fa.gz"
    partial = target.with_name(".genome.fa.gz.partial")
    with gzip.open(partial, "wb", compresslevel=1) as stream:
        for name, codes, cut in zip(names.values(), records, shared.cut, strict=True):
            stream.write(f">{name}\n".encode())
            text = letters[np.where(cut, 4, np.minimum(codes, 4))]
            for start in range(0, text.size, 60_000):
                stream.write(text[start : start + 60_000].tobytes() + b"\n")
    partial.replace(target)
    report = {
        "genome": {"file": fasta.name, "sha256": file_sha256(fasta), "nucleotides": known},
        "rule": {"shared_nucleotides": SHARED, "strands": "both", "cut": "the whole place of the sequence"},
        "sequences": len(texts),
        "sharing": int(shared.hit.sum()),
        "whole": int(shared.whole.sum()),
        "cut_nucleotides": removed,
        "cut_share": round(removed / known, 6),
        "splits": [
            {
                "task": task,
                "split": split,
                "rows": len(sequences),
                "sharing": int(shared.hit[[place[text] for text in sequences]].sum()),
                "whole": int(shared.whole[[place[text] for text in sequences]].sum()),
            }
            for (task, split), sequences in splits.items()
        ],
    }
    write_json(out / "exclusion.json", report)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fasta", type=Path, required=True, help="genome, plain or gzip")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds gue/ and fewshot/")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    report = exclude(given.fasta, given.data, given.out)
    print(
        f"{report['sharing']} of {report['sequences']} evaluation sequences share {SHARED} nucleotides "
        f"({report['whole']} occur as a whole); {report['cut_nucleotides']:,} of "
        f"{report['genome']['nucleotides']:,} nucleotides cut ({report['cut_share']:.2%})"
    )


if __name__ == "__main__":
    main()
