"""A cell as its genes, ranked by expression, in the manner of Geneformer."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.config import Configurable
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.nucleotides import PADDING, UNKNOWN
from dnamask_plugins.types import Encoding, TokenBatch

PAD, MASK, CLS, EOS = range(4)
_FIRST: Final = 4
_NOT_DNA: Final = "the input is a cell, a mapping from gene to count, and not a sequence of nucleotides"


@dataclass(frozen=True)
class GeneRankTokenizer(Configurable):
    """Rank the genes of a cell by expression over their typical expression (Theodoris et al., Nature 2023).

    Each gene is a token and a position of its own: offsets are [i, i + 1). What strategies call nucleotides
    are positions here, all of them of unknown letter.

    Parameters
    ----------
    genes : tuple of str
        Vocabulary, in the order of the ids; the ids begin behind [PAD], [MASK], [CLS] and [EOS].
    typical : tuple of float, optional
        Typical expression of each gene, by which counts are divided; 1 when absent.
    longest : int
        Genes that are kept of a cell.

    Raises
    ------
    ConfigError
        Genes repeat, or the typical expressions do not fit them.

    Examples
    --------
    >>> tokenizer = GeneRankTokenizer(("GATA1", "TP53", "ACTB"), typical=(1.0, 2.0, 50.0))
    >>> tokenizer.encode({"ACTB": 60, "GATA1": 3, "TP53": 0}).input_ids.tolist()
    [2, 4, 6, 3]
    """

    name: ClassVar[str] = "example.gene_rank"
    expected_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("encodes_to_arrays",),
        _NOT_DNA,
    )
    genes: tuple[str, ...] = ()
    typical: tuple[float, ...] | None = None
    longest: int = 2048

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", tuple(self.genes))
        if len(set(self.genes)) < len(self.genes):
            raise ConfigError(f"{self.name}: a gene is listed twice; give each once")
        if self.typical is not None:
            object.__setattr__(self, "typical", tuple(self.typical))
            if len(self.typical) != len(self.genes) or min(self.typical, default=1) <= 0:
                raise ConfigError(f"{self.name}: typical must be one number above 0 for each of the genes")

    @property
    def vocab_size(self) -> int:
        """Genes and special tokens."""
        return _FIRST + len(self.genes)

    @property
    def pad_token_id(self) -> int:
        """Id of [PAD]."""
        return PAD

    @property
    def mask_token_id(self) -> int:
        """Id of [MASK]."""
        return MASK

    @property
    def special_ids(self) -> NDArray[np.int64]:
        """Ids of [PAD], [MASK], [CLS] and [EOS]."""
        return np.arange(_FIRST, dtype=np.int64)

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        return {gene: index for index, gene in enumerate(self.genes)}

    def encode(self, cell: Mapping[str, float]) -> Encoding:  # type: ignore[override]
        """Tokenize one cell; genes without counts, and those the vocabulary lacks, are left out.

        Raises
        ------
        InputError
            The cell is no mapping from gene to count.
        """
        if not isinstance(cell, Mapping):
            raise InputError(f"{self.name}: {_NOT_DNA}; got {type(cell).__name__}")
        known = [
            (self._index[gene], count) for gene, count in cell.items() if count > 0 and gene in self._index
        ]
        # Ties go by vocabulary, so that a cell has one encoding whatever the order of its genes.
        ranked = sorted(known, key=lambda each: (-each[1] / self._typical(each[0]), each[0]))[: self.longest]
        ids = np.array([CLS, *(_FIRST + index for index, _ in ranked), EOS], dtype=np.int64)
        offsets = np.zeros((ids.size, 2), dtype=np.int32)
        offsets[1:-1, 0] = np.arange(len(ranked))
        offsets[1:-1, 1] = offsets[1:-1, 0] + 1
        return Encoding(ids, offsets, ids < _FIRST)

    def encode_batch(self, cells: Sequence[Mapping[str, float]]) -> TokenBatch:
        """Tokenize many cells, padded on the right."""
        encodings = [self.encode(cell) for cell in cells]
        width = max((each.input_ids.size for each in encodings), default=2)
        ids = np.full((len(cells), width), PAD, dtype=np.int64)
        offsets = np.zeros((len(cells), width, 2), dtype=np.int32)
        positions = np.full((len(cells), width - 2), PADDING, dtype=np.uint8)
        lengths = np.array([each.input_ids.size - 2 for each in encodings], dtype=np.int32)
        for row, each in enumerate(encodings):
            ids[row, : each.input_ids.size] = each.input_ids
            offsets[row, : each.input_ids.size] = each.offsets
            # A gene id does not fit into a nucleotide code, so that the letters say nothing.
            positions[row, : lengths[row]] = UNKNOWN
        return TokenBatch(ids, offsets, ids < _FIRST, ids != PAD, positions, lengths)

    def _typical(self, index: int) -> float:
        return 1.0 if self.typical is None else self.typical[index]
