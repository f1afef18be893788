"""From a table to answers, as a new user would go: every command, its time, and what it said.

``python run.py --bin BIN -o FOLDER``: BIN holds the ``python`` and ``dnamask`` of an environment in which the
package was installed. ``FOLDER/results.json`` gets the times; a second call goes on after the last command
that ended. One thread.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
GENOMES = (
    "python -c 'from dnamask_plugins.corpus.bundled import bundled_genomes as g; "
    'print(g()["fly"], g()["yeast"])\''
)
COMMANDS = {
    "tables": "python make_tables.py",
    "corpus": "dnamask corpus build --fasta FLY --fasta YEAST -o corpus",
    "pretrain": "dnamask pretrain --backbone bert-tiny --corpus corpus --curriculum constant "
    "--set curriculum.strategy=span --max-steps 200 --eval-steps 100 --batch-size 16 --accumulation 1 "
    "--set validation.windows=64 --set trainer.learning_rate=0.002 -o model",
    "fine-tune": "dnamask finetune species.csv --model model -o species --seeds 0 "
    "--floors kmers,onehot,untrained --set learning_rate=0.0005 --set num_train_epochs=2",
    "predict": "dnamask predict species/model species.csv -o species.tsv --both-strands",
    "regression": "dnamask finetune skew.csv --model model -o skew --kind regression --seeds 0 "
    "--set learning_rate=0.002",
    "predict numbers": "dnamask predict skew/model skew.csv -o skew.tsv",
    "likelihood": "dnamask score model promoter.fa -o promoter.tsv --picture promoter.png --region 160-300",
    "variants": "dnamask score model --variants variants.vcf --reference promoter.fa -o effects.tsv",
    "embed": "dnamask embed model species.csv -o species.npz --picture map.png",
}
"""What a user types, in this order."""


def run(command: str, folder: Path, binaries: Path) -> dict[str, Any]:
    """Run one command in a folder; return its times and what it said."""
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    environment.pop("PYTHONPATH", None)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "command": command,
        "processor_s": round(processor, 1),
        "wall_s": round(time.perf_counter() - started, 1),
        "said": (done.stdout + done.stderr).strip().splitlines()[-12:],
    }


def main() -> None:
    """Run every command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "make_tables.py", given.output)
    binaries, file = given.bin.absolute(), given.output / "results.json"
    found = run(GENOMES, given.output, binaries)["said"][0].split()
    results = json.loads(file.read_text()) if file.is_file() else {}
    for name, command in COMMANDS.items():
        if name in results:
            continue
        typed = command.replace("FLY", found[0]).replace("YEAST", found[1])
        results[name] = run(typed, given.output, binaries) | {"command": command}
        print(f"{name}: {results[name]['processor_s']} s processor, {results[name]['wall_s']} s", flush=True)
        print("\n".join(f"  {line}" for line in results[name]["said"]), flush=True)
        file.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
