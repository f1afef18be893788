"""Reads a FASTA file of one line of more than two thousand million bases, and counts its 6-mers.

    python benchmarks/reliability/long_line.py [--bases 2200000000]

The file is written to the temporary folder and removed. Peak memory is that of the process that read it.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

RECORD = Path(__file__).resolve().parent / "records" / "long_line.json"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bases", type=int, default=2_200_000_000)
    options = parser.parse_args()
    from dnamask_plugins.npmi.table import NpmiTable

    part = b"ACGTTGCAGTCC" * 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.fa"
        with path.open("wb") as stream:
            stream.write(b">chromosome\n")
            left = options.bases
            while left:
                left -= stream.write(part[:left])
            stream.write(b"\n")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        table = NpmiTable.from_fasta([path], k=6)
        record = {
            "bases": options.bases,
            "windows_counted": int(table.counts.sum()),
            "cpu_seconds": round(time.process_time() - began, 1),
            "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "of_which_before_reading_mib": round(before / 1024),
        }
    assert record["windows_counted"] == options.bases - 5
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
