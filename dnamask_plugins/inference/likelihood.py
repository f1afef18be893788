"""How probable each nucleotide is, given all the others: the masking rule, applied after training.

A nucleotide is hidden by masking every token that shows it, so that on overlapping k-mers nothing of it is
left to be read off the neighbours. Each masked token gives a distribution over words; summed over their
spellings that is one over the four letters at the hidden place, as in `models.nucleotide_loss`. Where several
masked tokens cover the place, the mean of their log-probabilities is taken, and made to sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dnamask_plugins.budget import tokens_showing
from dnamask_plugins.models.forward import half_precision, model_inputs, tokens_at_once
from dnamask_plugins.models.masked_loss import masked_logits
from dnamask_plugins.models.nucleotide_loss import LetterTable
from dnamask_plugins.nucleotides import complement
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.types import BoolArray, NucleotideBatch, TokenBatch


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
            with torch.inference_mode(), half_precision(device):
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
