"""What the checksums of a checkpoint cost: a model of 90 million parameters and its optimizer, 1.08 GB.

    python benchmarks/reliability/checksum.py [--folder FOLDER]

CPU seconds of this process, so that other work on the machine does not count; best of three.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dnamask_plugins.training.checkpoints import checksum

PARAMETERS = 90_000_000
RECORD = Path(__file__).resolve().parent / "records" / "checksum.json"


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of three calls."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return round(min(taken), 3)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        digest = hashlib.sha256()  # hashlib.file_digest is of Python 3.11
        while block := stream.read(1 << 20):
            digest.update(block)
        return digest.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        files = [Path(name) / "model.safetensors", Path(name) / "optimizer.pt"]
        block = os.urandom(1 << 22)
        for path, size in zip(files, (4 * PARAMETERS, 8 * PARAMETERS), strict=True):
            with path.open("wb") as out:
                for start in range(0, size, len(block)):
                    out.write(block[: size - start])
        found = {
            "parameters": PARAMETERS,
            "bytes": sum(path.stat().st_size for path in files),
            "xxh3_128_cpu_seconds": cpu_seconds(lambda: [checksum(path) for path in files]),
            "sha256_cpu_seconds": cpu_seconds(lambda: [sha256(path) for path in files]),
            "read_alone_cpu_seconds": cpu_seconds(lambda: [_read(path) for path in files]),
        }
    RECORD.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found))


def _read(path: Path) -> None:
    with path.open("rb") as stream:
        while stream.read(1 << 22):
            pass


if __name__ == "__main__":
    main()
