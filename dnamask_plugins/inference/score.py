"""Pseudo-likelihood of a file of sequences: each nucleotide given all others of its window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.inference.job import Collector, OpenModel, Reading, open_parts
from dnamask_plugins.inference.likelihood import NucleotideScorer, of_own
from dnamask_plugins.inference.outputs import TABLES, check_suffix, write_table
from dnamask_plugins.inference.windows import Window
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.nucleotides import LETTERS, decode_codes, encode_letters

if TYPE_CHECKING:
    import pyarrow as pa

OVERLAP: Final = 0.5
"""Of windows of a long sequence, so that every nucleotide is scored with a quarter of a window around it."""


@dataclass(frozen=True, eq=False)
class ScoredPart:
    """Scores of a part of a sequence.

    Attributes
    ----------
    name : str
    start : int
        Of the part, in the sequence.
    codes : uint8 array, shape (n,)
        Its nucleotides.
    logs : float64 array, shape (n, 4)
        Natural logarithms of the probabilities of A, C, G, T at each place, given all others of the window;
        NaN where no token shows the place.
    last : bool
        Whether the sequence ends here.
    done : int
        Windows of the input that are dealt with.
    """

    name: str
    start: int
    codes: NDArray[np.uint8]
    logs: NDArray[np.float64]
    last: bool
    done: int

    @property
    def own(self) -> NDArray[np.float64]:
        """Log-probabilities of the letters in the sequence, shape (n,); NaN for letters like N."""
        return of_own(self.codes, self.logs)


@dataclass(frozen=True)
class ScoreSummary:
    """What was scored.

    Attributes
    ----------
    nucleotides, scored : int
        In the output, and those that have a score.
    mean : float
        Of their log-probabilities; exp(-mean) is the perplexity per nucleotide.
    resumed_at : int
        Windows that an earlier command had done.
    reading : Reading
        With the window and stride that were used.
    """

    nucleotides: int
    scored: int
    mean: float
    resumed_at: int
    reading: Reading


def open_scorer(reference: str, both_strands: bool = False) -> tuple[OpenModel, NucleotideScorer]:
    """Load a masked language model that can be asked for nucleotides.

    Raises
    ------
    ConfigError
        Its masked-language head was never trained, or its tokenizer does not tell spellings.
    """
    model = OpenModel.load(reference, load_masked_lm)
    if model.description.started_fresh:
        raise ConfigError(
            f"{reference}: has no trained masked-language head ({model.description.started_fresh[0]} is "
            "missing); give a pretrained model, not a fine-tuned one"
        )
    return model, NucleotideScorer.of(model.model, model.tokenizer, both_strands)


def score_windows(
    scorer: NucleotideScorer,
    windows: Iterator[Window],
    limit: int | None,
    skip: int = 0,
    spacing: int | None = None,
) -> Iterator[ScoredPart]:
    """Score sequences window by window; where windows overlap, a nucleotide is scored in the middle of one.

    Parameters
    ----------
    scorer : NucleotideScorer
    windows : iterator of Window
        In order, all of them: those that are skipped say where the scores of the next begin.
    limit : int or None
        Longest row in tokens; a window that gives more is scored in halves.
    skip : int
        Windows that are done.
    spacing : int, optional
        See `questions`.
    """
    begin = 0
    for held, following in _pairs(windows):
        if held.start == 0:
            begin = 0
        # Half-way between the ends of the overlap with the next window.
        end = held.stop if following is None else (following.start + held.stop + 1) // 2
        if held.number >= skip:
            codes = encode_letters(held.letters)[0]
            logs = _score(scorer, codes, begin - held.start, end - held.start, limit, spacing)
            part = codes[begin - held.start : end - held.start]
            yield ScoredPart(held.name, begin, part, logs, held.last, held.number + 1)
        begin = end


def _pairs(windows: Iterator[Window]) -> Iterator[tuple[Window, Window | None]]:
    """Yield each window with the next one of the same sequence."""
    held: Window | None = None
    for window in windows:
        if held is not None:
            yield held, None if held.last else window
        held = window
    if held is not None:
        yield held, None


def _score(
    scorer: NucleotideScorer,
    codes: NDArray[np.uint8],
    begin: int,
    end: int,
    limit: int | None,
    spacing: int | None,
) -> NDArray[np.float64]:
    if begin >= end:
        return np.empty((0, 4))
    tokens = scorer.tokenizer.encode(decode_codes(codes)).input_ids.size
    if limit is not None and tokens > limit and codes.size > 1:
        middle = codes.size // 2
        return np.concatenate(
            [
                _score(scorer, codes[:middle], begin, min(end, middle), limit, spacing),
                _score(scorer, codes[middle:], max(begin - middle, 0), end - middle, limit, spacing),
            ]
        )
    return scorer.of_each(codes, begin, end, spacing)


def score_file(
    reference: str,
    reading: Reading,
    output: Path,
    both_strands: bool = False,
    spacing: int | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ScoreSummary:
    """Score every nucleotide of a file of sequences.

    Parameters
    ----------
    reference : str
        Model folder, or owner/name on the hub.
    reading : Reading
    output : Path
        ``.tsv`` or ``.parquet``: ``name``, ``position`` (0-based), ``letter``, ``p_A`` to ``p_T``, and
        ``log_p``, the natural logarithm of the probability of the letter in the sequence.
    both_strands : bool
        Average the log-probabilities of both strands.
    spacing : int, optional
        See `questions`.
    overwrite : bool
    progress : callable, optional
        Called with the number of nucleotides scored since its last call.
    """
    check_suffix(output, TABLES)
    model, scorer = open_scorer(reference, both_strands)
    reading = reading.fitted(model, OVERLAP)
    settings = {"both strands": both_strands, "spacing": spacing}
    with open_parts(output, model, reading, settings, overwrite) as parts:
        resumed_at = parts.done
        collector = Collector(parts, _table)
        for part in score_windows(scorer, reading.windows(), model.limit, parts.done, spacing):
            collector.add(part, part.done, len(part.codes))
            if progress is not None:
                progress(len(part.codes))
        collector.flush()
        total, scored, nucleotides = 0.0, 0, parts.rows()
        for table in parts.tables():
            values = table.column("log_p").to_numpy()
            known = values[~np.isnan(values)]
            total, scored = total + float(known.sum()), scored + known.size
        write_table(parts)
        return ScoreSummary(
            nucleotides, scored, total / scored if scored else float("nan"), resumed_at, reading
        )


def _table(rows: list[ScoredPart]) -> pa.Table:
    counts = [row.codes.size for row in rows]
    letters = np.frombuffer(LETTERS.encode(), dtype="S1").astype(str)
    probabilities = np.exp(np.concatenate([row.logs for row in rows]))
    columns = {
        "name": pa.array(np.repeat(np.array([row.name for row in rows], dtype=object), counts), pa.string()),
        "position": pa.array(np.concatenate([row.start + np.arange(row.codes.size) for row in rows])),
        "letter": pa.array(letters[np.concatenate([row.codes for row in rows])]),
        **{f"p_{letter}": pa.array(probabilities[:, code]) for code, letter in enumerate("ACGT")},
        "log_p": pa.array(np.concatenate([row.own for row in rows])),
    }
    return pa.table(columns)


def read_scores(path: Path, start: int = 0, stop: int | None = None) -> ScoredPart:
    """Read the scores of the first sequence of a file that `score_file` wrote.

    Parameters
    ----------
    path : Path
    start, stop : int
        The part that is wanted.

    Raises
    ------
    InputError
        Nothing is there.
    """
    name: str | None = None
    found = []
    for batch in _score_batches(path):
        name = batch.column("name")[0].as_py() if name is None else name
        rows = np.array(batch.column("name").to_pylist(), dtype=object) == name
        positions = batch.column("position").to_numpy()
        wanted = rows & (positions >= start) & (positions < (np.inf if stop is None else stop))
        found.append(batch.filter(pa.array(wanted)))
        if not rows.all() or (stop is not None and positions[-1] >= stop):
            break
    table = pa.Table.from_batches(found) if found else None
    if table is None or not table.num_rows or name is None:
        raise InputError(f"{path}: holds no score from {start} to {stop}; choose another part")
    codes = encode_letters("".join(table.column("letter").to_pylist()))[0]
    columns = [table.column(f"p_{letter}").to_numpy().astype(np.float64) for letter in "ACGT"]
    with np.errstate(divide="ignore"):
        return ScoredPart(name, start, codes, np.log(np.stack(columns, axis=1)), True, 0)


def _score_batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from pq.ParquetFile(path).iter_batches()
        return

    types = {"name": pa.string(), **{f"p_{letter}": pa.float64() for letter in "ACGT"}}
    with pa.csv.open_csv(
        path,
        parse_options=pa.csv.ParseOptions(delimiter="\t"),
        convert_options=pa.csv.ConvertOptions(column_types=types),
    ) as reader:
        yield from reader
