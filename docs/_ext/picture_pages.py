"""The pictures of what strategies hide, drawn by the package on a sequence of a genome that it ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

LENGTH = 84
RATE = 0.15
STRATEGIES = {
    "random tokens": "random_token",
    "span": "span",
    "GeneMask": "genemask",
    "GLOBAL": "global_npmi",
}
COLOURS = ("#eceff3", "#f2c879", "#d1495b")
MEANINGS = (
    "visible",
    "masked, but a visible token still shows it (nothing to learn)",
    "hidden: no visible token shows it",
)


def draw(folder: Path) -> None:
    """Write ``masks.png`` where it is not yet there."""
    target = folder / "masks.png"
    if target.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    target.write_bytes(masks())


def masks() -> bytes:
    """Draw the same sequence under four strategies and four tokenizers; return a PNG."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    letters, table, tokenizers = _inputs()
    figure = Figure(figsize=(12, 6.4), dpi=120, facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(tokenizers), 1, gridspec_kw={"hspace": 0.55})
    for axes, (title, tokenizer) in zip(panels, tokenizers.items(), strict=True):
        _panel(axes, title, letters, tokenizer, table)
    handles = [Patch(color=colour, label=label) for colour, label in zip(COLOURS, MEANINGS, strict=True)]
    figure.legend(handles=handles, loc="upper center", ncols=3, frameon=False, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def _panel(axes: Any, title: str, letters: str, tokenizer: Any, table: Any) -> None:
    from matplotlib.colors import ListedColormap

    from dnamask_plugins.budget import Budget
    from dnamask_plugins.plugins import create
    from dnamask_plugins.preview.masked import mask_sequences

    rows, labels = [], []
    for label, name in STRATEGIES.items():
        needs_table = name in ("genemask", "global_npmi")
        strategy = create("strategies", name, **({"npmi": table} if needs_table else {}))
        # Of a few masks the one nearest to the rate: a single short sequence strays far from it.
        masked = min(
            (
                mask_sequences(["x"], [letters], tokenizer, strategy, Budget(RATE), step=step)[0]
                for step in range(20)
            ),
            key=lambda each: abs(each.masked / each.maskable - RATE),
        )
        rows.append(masked.state)
        labels.append(f"{label}  {100 * masked.masked / masked.maskable:.0f}%")
    axes.imshow(np.stack(rows), cmap=ListedColormap(COLOURS), vmin=0, vmax=2, aspect="auto")
    for row in range(len(rows)):
        for place, letter in enumerate(letters):
            colour = "white" if rows[row][place] == 2 else "#20242a"
            axes.text(
                place, row, letter, ha="center", va="center", fontsize=6.5, family="monospace", color=colour
            )
    axes.set_yticks(range(len(rows)), labels, fontsize=8.5)
    axes.set_xticks([])
    axes.set_title(title, loc="left", fontsize=10, weight="bold")
    axes.tick_params(length=0)
    for edge in axes.spines.values():
        edge.set_visible(False)


def _inputs() -> tuple[str, Any, dict[str, Any]]:
    import tempfile

    from dnamask_plugins.corpus.bundled import bundled_genomes
    from dnamask_plugins.corpus.fasta import FastaSource
    from dnamask_plugins.npmi.table import NpmiTable
    from dnamask_plugins.plugins import create
    from dnamask_plugins.tokenizers.train import collect_pieces, train_tokenizer

    genome = bundled_genomes()["yeast"]
    table = NpmiTable.from_fasta([genome], k=6, min_count=20)
    letters = collect_pieces([FastaSource(genome)], 10_000_000)[100][:LENGTH]
    with tempfile.TemporaryDirectory() as folder:
        bpe = train_tokenizer([genome], Path(folder) / "bpe", vocab_size=1024)
    return (
        letters,
        table,
        {
            "overlapping 6-mers (DNABERT)": create("tokenizers", "kmer", k=6),
            "byte-pair encoding (DNABERT-2)": bpe,
            "non-overlapping 6-mers (LOGO)": create("tokenizers", "logo"),
            "single letters": create("tokenizers", "nucleotide"),
        },
    )
