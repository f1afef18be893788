"""Writes ``known_data.json``: what the published files hold, as hashes; records are checked by them.

    python -m dnamask_plugins.results.known_data GUE

For every test file of GUE that lies in the folder as it was published: a hash of its labels and, where
train and dev are there too, one of the rows in them. Known ones that are not there are kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dnamask_plugins.errors import InputError
from dnamask_plugins.files import write_json
from dnamask_plugins.results.checks import data
from dnamask_plugins.tasks import gue


def write_known(folder: Path, out: Path) -> int:
    """Add the data sets of a folder to the file; returns how many were found as published."""
    known = dict(data._fingerprints()) if out.is_file() else {}
    found = 0
    for task in gue():
        try:
            read = data.read_data(folder, task.suite, task.name, dev_as_train=True)
        except InputError:
            continue
        hashes = read["sha256"]
        if hashes["test"] == task.sha256.get("test"):
            entry: dict[str, Any] = {"task": task.name, "labels": data.label_hash(read["labels"])}
            if "train" in hashes and all(task.sha256.get(split) == each for split, each in hashes.items()):
                entry["leaks"] = data.flag_hash(read["leaked"])
                entry["against"] = {split: hashes[split] for split in ("train", "dev")}
            known[hashes["test"]] = entry
            found += 1
    write_json(out, dict(sorted(known.items(), key=lambda item: item[1]["task"])))
    return found


if __name__ == "__main__":
    print(write_known(Path(sys.argv[1]), Path(__file__).with_name("known_data.json")), "data sets")
