"""Makes everything that the tables are computed from: corpora without evaluation sequences, NPMI tables.

``python -m benchmarks.cm_gems.prepare --data DATA --work WORK``

DATA is a folder with ``genomes/``, ``gue/`` and ``fewshot/``; nothing of it is copied into the project. WORK
gets the corpora and tables; ``results/data.json`` says what they are and what was excluded.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.cm_gems.exclusion import exclude
from dnamask_plugins.corpus.build import BuildOptions, build_corpus
from dnamask_plugins.corpus.split import SplitOptions
from dnamask_plugins.files import write_json
from dnamask_plugins.npmi.table import NpmiTable

RESULTS = Path(__file__).parent / "results"

SPECIES = {
    "human": "GRCh37_chr20.fa.gz",
    "fly": "D.melanogaster.chr4.fasta.gz",
    "yeast": "S.cerevisiae.chrI.fasta.gz",
    "bacteria": "E.Coli.MG1655-K12.fasta.gz",
}
BPE = "dnabert2_bpe"
VARIANTS = ("pmi_masking", "genemask_released")


def prepare(data: Path, work: Path) -> dict[str, Any]:
    """Build what is missing in `work`; returns the facts."""
    facts: dict[str, Any] = {}
    shutil.copytree(data / "tokenizers" / BPE, work / "tokenizers" / BPE, dirs_exist_ok=True)
    for species, name in SPECIES.items():
        folder = work / species
        fasta = folder / "genome.fa.gz"
        if not (folder / "exclusion.json").is_file() or not fasta.is_file():
            report = exclude(data / "genomes" / name, data, folder)
        else:
            report = json.loads((folder / "exclusion.json").read_text())
        # Regions above half a window: most of what exclusion leaves between two cuts can be used.
        options = BuildOptions(split=SplitOptions(window=126))
        corpus = build_corpus([fasta], folder / "corpus", options)
        tables = {}
        for variant in VARIANTS:
            path = folder / f"npmi_{variant}.safetensors"
            if not path.is_file():
                NpmiTable.from_fasta([fasta], k=6, variant=variant).save(path)
            tables[variant] = NpmiTable.load(path).fingerprint
        facts[species] = {
            "exclusion": report,
            "corpus": {
                "nucleotides": len(corpus),
                "fingerprint": corpus.fingerprint,
                "split": corpus.index["split"],
            },
            "npmi": tables,
        }
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    facts = prepare(given.data, given.work)
    write_json(RESULTS / "data.json", facts)
    for species, fact in facts.items():
        print(
            f"{species}: {fact['corpus']['nucleotides']:,} nucleotides kept, "
            f"{fact['exclusion']['cut_share']:.2%} cut, {fact['exclusion']['sharing']} sequences shared"
        )


if __name__ == "__main__":
    main()
