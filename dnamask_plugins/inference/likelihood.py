"""How probable each nucleotide is, given all the others: the masking rule, applied after training.

A nucleotide is hidden by masking every token that shows it, so that on overlapping k-mers nothing of it is
left to be read off the neighbours. Each masked token gives a distribution over words; summed over their
spellings that is one over the four letters at the hidden place, as in `models.nucleotide_loss`. Where several
masked tokens cover the place, the mean of their log-probabilities is taken, and made to sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.budget import tokens_showing
from dnamask_plugins.models.forward import in_slices, model_inputs, tokens_at_once
from dnamask_plugins.models.masked_loss import masked_logits
from dnamask_plugins.models.nucleotide_loss import LetterTable
from dnamask_plugins.nucleotides import UNKNOWN, complement, decode_codes, encode_letters
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.types import BoolArray, NucleotideBatch, TokenBatch


@dataclass(frozen=True)
class Question:
    """Some nucleotides of a window, hidden together: upper-case letters, and places in ascending order."""

    letters: str
    places: tuple[int, ...]

    def on_the_other_strand(self) -> Question:
        """Return the same question of the reverse complement.

        Examples
        --------
        >>> Question("GGTAT", (1, 2)).on_the_other_strand()
        Question(letters='ATACC', places=(2, 3))
        """
        letters = decode_codes(complement(encode_letters(self.letters)[0])[::-1])
        return Question(letters, tuple(len(letters) - 1 - place for place in reversed(self.places)))


@dataclass(frozen=True, eq=False)
class NucleotideScorer:
    """A masked language model that is asked for single nucleotides.

    Attributes
    ----------
    model : PreTrainedModel
        A masked language model.
    tokenizer : DNATokenizer
        One that tells its spellings.
    table : LetterTable
    both_strands : bool
        Average the log-probabilities of a sequence and of its reverse complement.
    """

    model: Any
    tokenizer: DNATokenizer
    table: LetterTable
    both_strands: bool = False

    @classmethod
    def of(cls, model: Any, tokenizer: DNATokenizer, both_strands: bool = False) -> NucleotideScorer:
        """Make a scorer.

        Raises
        ------
        ConfigError
            The tokenizer does not tell how its ids are spelled.
        """
        table = LetterTable(Spellings.required(tokenizer, "score"))
        return cls(model.eval(), tokenizer, table, both_strands)

    def log_probabilities(self, codes: NDArray[np.uint8], hidden: BoolArray) -> NDArray[np.float64]:
        """Ask for the hidden nucleotides of one sequence, hidden together row by row.

        Parameters
        ----------
        codes : uint8 array, shape (n,)
            Nucleotide codes of the sequence.
        hidden : bool array, shape (R, n)
            Each row is one question: all its True nucleotides are hidden at once.

        Returns
        -------
        float64 array, shape (K, 4)
            Natural logarithms of the probabilities of A, C, G and T, for each True of `hidden` in the order
            of rows, then positions. NaN where no token shows the nucleotide.

        Examples
        --------
        >>> from dnamask_plugins.models.loading import load_masked_lm
        >>> from dnamask_plugins.plugins import create
        >>> kmers = create("tokenizers", "kmer", k=3)
        >>> scorer = NucleotideScorer.of(load_masked_lm("bert_tiny", kmers)[0], kmers)
        >>> codes = np.array([3, 0, 3, 0, 0, 0], dtype=np.uint8)  # TATAAA
        >>> given_rest = scorer.log_probabilities(codes, np.eye(6, dtype=bool))
        >>> given_rest.shape, bool(np.allclose(np.exp(given_rest).sum(axis=1), 1))
        ((6, 4), True)
        """
        forward = self._one_strand(codes, hidden)
        if not self.both_strands:
            return forward
        backward = self._one_strand(complement(codes)[::-1], hidden[:, ::-1])
        # Row by row the answers come from the last position to the first, for the complementary letters.
        counts = hidden.sum(axis=1)
        ends = np.cumsum(counts)
        order = np.concatenate(
            [np.arange(end - 1, end - count - 1, -1) for end, count in zip(ends, counts, strict=True)]
            or [np.empty(0)]
        ).astype(np.int64)
        return _normalised((forward + backward[order][:, ::-1]) / 2)

    def _one_strand(self, codes: NDArray[np.uint8], hidden: BoolArray) -> NDArray[np.float64]:
        device = next(self.model.parameters()).device
        one = np.ascontiguousarray(codes)[None]
        lengths = np.array([codes.size], dtype=np.int32)
        batch = self.tokenizer.encode_batch(NucleotideBatch(one, lengths, np.zeros(one.shape, dtype=bool)))
        found = [np.empty((0, 4))]
        per_slice = max(1, tokens_at_once(device) // max(batch.input_ids.shape[1], 1))
        for start in range(0, len(hidden), per_slice):
            rows = hidden[start : start + per_slice]
            found.append(self.ask(batch[np.zeros(len(rows), dtype=np.intp)], rows))
        return np.concatenate(found)

    def of_each(
        self, codes: NDArray[np.uint8], begin: int = 0, end: int | None = None, spacing: int | None = None
    ) -> NDArray[np.float64]:
        """Ask for every nucleotide of a part of one window.

        Parameters
        ----------
        codes : uint8 array, shape (n,)
            The window.
        begin, end : int
            The part; all of it by default.
        spacing : int, optional
            See `questions`.

        Returns
        -------
        float64 array, shape (end - begin, 4)
            As `log_probabilities` gives them.
        """
        end = codes.size if end is None else end
        if begin >= end:
            return np.empty((0, 4))
        hidden = questions(begin, end, codes.size, spacing)
        logs = np.empty((end - begin, 4))
        logs[np.nonzero(hidden)[1] - begin] = self.log_probabilities(codes, hidden)
        return logs

    def of_windows(self, questions: Sequence[Question]) -> list[NDArray[np.float64]]:
        """Ask one question of each of several windows, as many together as the device takes.

        Parameters
        ----------
        questions : sequence of Question
            Equal ones are asked once.

        Returns
        -------
        list of float64 array, shape (k, 4)
            For each question the log-probabilities of A, C, G and T at its k places, as
            `log_probabilities` gives them.

        Examples
        --------
        >>> from dnamask_plugins.models.loading import load_masked_lm
        >>> from dnamask_plugins.plugins import create
        >>> kmers = create("tokenizers", "kmer", k=3)
        >>> scorer = NucleotideScorer.of(load_masked_lm("bert_tiny", kmers)[0], kmers)
        >>> found = scorer.of_windows([Question("GGTATAAA", (2, 3)), Question("TATAAA", (0,))])
        >>> [logs.shape for logs in found]
        [(2, 4), (1, 4)]
        """
        once = list(dict.fromkeys(questions))
        forward = self._windows_one_strand(once)
        if self.both_strands:
            backward = self._windows_one_strand([question.on_the_other_strand() for question in once])
            # Places come from the last to the first there, and for the complementary letters.
            forward = [
                _normalised((one + other[::-1, ::-1]) / 2)
                for one, other in zip(forward, backward, strict=True)
            ]
        found = dict(zip(once, forward, strict=True))
        return [found[question] for question in questions]

    def _windows_one_strand(self, questions: Sequence[Question]) -> list[NDArray[np.float64]]:
        device = next(self.model.parameters()).device
        order = sorted(range(len(questions)), key=lambda number: -len(questions[number].letters))
        batch = self.tokenizer.encode_batch([questions[number].letters for number in order])
        hidden = np.zeros(batch.nucleotides.shape, dtype=bool)
        for row, number in enumerate(order):
            hidden[row, list(questions[number].places)] = True
        counts = hidden.sum(axis=1)
        found: list[Any] = [None] * len(questions)
        for rows, part in in_slices(batch, tokens_at_once(device)):
            logs = np.split(self.ask(part, hidden[rows]), np.cumsum(counts[rows])[:-1])
            for row, answer in zip(range(rows.start, rows.stop), logs, strict=True):
                found[order[row]] = answer
        return found

    def ask(self, batch: TokenBatch, hidden: BoolArray) -> NDArray[np.float64]:
        """Ask one question a row, bool (B, N); return log-probabilities (K, 4), see `log_probabilities`."""
        mask = tokens_showing(hidden, batch)
        rows, columns = np.nonzero(mask)
        sums = np.zeros((*hidden.shape, 4))
        counts = np.zeros(hidden.shape)
        if rows.size:
            device = next(self.model.parameters()).device
            masked = TokenBatch(
                np.where(mask, self.tokenizer.mask_token_id, batch.input_ids),
                batch.offsets,
                batch.special_tokens_mask,
                batch.attention_mask,
                batch.nucleotides,
                batch.lengths,
            )
            with torch.inference_mode():
                inputs = model_inputs(masked, device)
                logits = masked_logits(self.model, chosen=torch.from_numpy(mask).to(device), **inputs)
            starts, stops = batch.offsets[rows, columns].astype(np.int64).T
            width = min(int((stops - starts).max()), self.table.width)
            logs = (
                self.table.marginals(logits, width)
                .clamp_min(torch.finfo(torch.float32).tiny)
                .log()
                .cpu()
                .numpy()
            )
            token, place = np.nonzero(np.arange(width) < (stops - starts)[:, None])
            nucleotide = starts[token] + place
            asked = hidden[rows[token], nucleotide]
            token, place, nucleotide = token[asked], place[asked], nucleotide[asked]
            np.add.at(sums, (rows[token], nucleotide), logs[token, place])
            np.add.at(counts, (rows[token], nucleotide), 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(counts[..., None] > 0, sums / counts[..., None], np.nan)
        return _normalised(means[hidden])


def of_own(codes: NDArray[np.uint8], logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-probabilities (n,) of the letters in the sequence, from those of all four; NaN for N.

    Examples
    --------
    >>> of_own(np.array([0, 4], dtype=np.uint8), np.log([[0.5, 0.25, 0.125, 0.125]] * 2)).round(2).tolist()
    [-0.69, nan]
    """
    known = codes < UNKNOWN
    out = np.full(codes.size, np.nan)
    out[known] = logs[known, codes[known]]
    return out


def _normalised(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # NaN stays NaN
        return logs - np.logaddexp.reduce(logs, axis=-1, keepdims=True)


def questions(first: int, stop: int, length: int, spacing: int | None = None) -> BoolArray:
    """Return questions that together ask for every nucleotide from `first` to `stop`, bool (R, length).

    Parameters
    ----------
    first, stop, length : int
        Part of a sequence of so many nucleotides.
    spacing : int, optional
        Hide every nucleotide at this distance together, which needs so many questions instead of one a
        nucleotide, but hides some of the context too.

    Examples
    --------
    >>> [np.flatnonzero(row).tolist() for row in questions(1, 6, 8, spacing=3)]
    [[1, 4], [2, 5], [3]]
    """
    places = np.arange(first, stop)
    step = min(spacing or len(places), len(places))
    hidden = np.zeros((step, length), dtype=bool)
    hidden[(places - first) % max(step, 1), places] = True
    return hidden
