"""Which architectures work, from a configuration to a probe: measured on tiny models, written as a page.

    python -m benchmarks.architectures.run                    # all, some four minutes on one core
    python -m benchmarks.architectures.run roberta modernbert # some; the others' results are kept

Each is pretrained for two steps with CM-GEMS on made-up DNA, saved, loaded with plain ``transformers`` and
with our loader (the answers must be equal), fine-tuned for two steps, embedded, given LoRA adapters, and
asked for its longest row, which must run while one token more must not. ``results.json`` holds what came of
it, and ``docs/reference/architectures.md`` is made from that.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results.json"
PAGE: Final = HERE.parents[1] / "docs" / "reference" / "architectures.md"
_WORDS: Final = ("ACG", "TTA", "GGC", "CAT", "AAT", "GTC")


_ABOUT: Final = """\
Written by `python -m benchmarks.architectures.run` from runs on tiny models; do not edit. Each was built from
a configuration, pretrained for two steps with `cm_gems`, saved, loaded with plain `AutoModelForMaskedLM` and
with our loader (equal answers), fine-tuned for two steps, embedded for a probe, and given LoRA adapters.
*Packed* means that padding, and the vocabulary where nothing is predicted, are left out of the work; the
others train through their own forward pass, with the same loss. *Longest row* is what asking the model gave:
a row of so many tokens ran, and one more did not."""

_COLUMNS: Final = (
    "name",
    "tokenizer",
    "pretraining",
    "loss",
    "fine-tuning",
    "probe",
    "LoRA on",
    "longest row",
    "what does not work",
)


def backbones() -> list[str]:
    """Return the installed backbones that are no model type of transformers as well."""
    from benchmarks.architectures.tiny import architectures
    from dnamask_plugins.plugins import discover

    return sorted(set(discover("backbones")) - set(architectures()))


def make_data(place: Path) -> tuple[Path, Path]:
    """Write a corpus of random words and its NPMI table."""
    from dnamask_plugins.corpus.build import build_corpus
    from dnamask_plugins.npmi.table import NpmiTable

    rng = np.random.default_rng(7)
    fasta = place / "words.fa"
    fasta.write_text("".join(f">{name}\n{''.join(rng.choice(_WORDS, 10_000))}\n" for name in ("one", "two")))
    build_corpus([fasta], place / "corpus")
    NpmiTable.from_fasta([fasta], k=6, min_count=5).save(place / "table.safetensors")
    return place / "corpus", place / "table.safetensors"


def measure(kinds: list[str]) -> dict[str, dict[str, Any]]:
    """Take architectures on their journey; name to what came of it."""
    from rich.progress import track

    from benchmarks.architectures.journey import travel

    rows = {}
    with tempfile.TemporaryDirectory() as name:
        corpus, table = make_data(Path(name))
        for kind in track(kinds, "architectures", disable=not sys.stderr.isatty()):
            place = Path(name) / kind
            place.mkdir()
            rows[kind] = travel(kind, corpus, table, place).row()
            rows[kind]["reason"] = rows[kind]["reason"].replace(str(place / "end"), "the model")
    return rows


def page(results: dict[str, Any]) -> str:
    """Write the page from the results."""
    lines = [
        "# Architectures",
        "",
        *_ABOUT.splitlines(),
        "",
        f"Measured with transformers {results['transformers']}.",
        "",
        "## Backbones of this package",
        "",
        *_table([row for row in results["rows"].values() if row["backbone"]]),
        "",
        "## Masked language models of transformers",
        "",
        *_table([row for row in results["rows"].values() if not row["backbone"]]),
        "",
    ]
    return "\n".join(lines)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    columns = ("pretrained", "loads", "classified", "probed", "lora", "length")
    lines = [f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    for row in sorted(rows, key=lambda each: each["architecture"]):
        cells = [f"`{row['architecture']}`", row["tokenizer"], *(row.get(each, "no") for each in columns)]
        lines.append(f"| {' | '.join([*cells, row['reason'].replace('|', '/')])} |")
    return lines


def _tokenizer(kind: str) -> str:
    from dnamask_plugins.models.source import load_backbone

    config = dict(load_backbone(kind).tokenizer)
    name = config.pop("name")
    return f"`{name}` {config.get('path', ', '.join(f'{key}={value}' for key, value in config.items()))}"


def main(kinds: list[str]) -> None:
    """Measure, and write results and page."""
    import transformers

    from benchmarks.architectures.tiny import architectures

    ours = backbones()
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.is_file() else {}
    for kind, row in measure(kinds or [*ours, *architectures()]).items():
        backbone = kind in ours
        known[kind] = row | {"backbone": backbone, "tokenizer": _tokenizer(kind) if backbone else "any"}
        print(kind, row["reason"] or "works")
    results = {"transformers": transformers.__version__, "rows": dict(sorted(known.items()))}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page(results))


if __name__ == "__main__":
    main(sys.argv[1:])
