"""The strategy: motif occurrences first, then random windows of the same widths."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.strategies.base import NucleotideStrategy, SequenceView
from example_motif_span.matrices import Motif, load_motifs
from example_motif_span.scan import Scanner


@dataclass(frozen=True)
class MotifSpan(NucleotideStrategy):
    """Hide occurrences of transcription-factor motifs, whole, on both strands.

    Occurrences are hidden in random order until the mask rate is met; where a sequence holds too few, random
    windows as wide as the motifs spend the rest. Masking by biological units is what the CM-GEMS paper
    (Roy et al., ECAI 2024) names as future work.

    Parameters
    ----------
    matrices : str
        File in JASPAR's text format; a handful of textbook consensus sequences when empty.
    names : tuple of str
        Motifs to use, by matrix id or name; all when empty.
    p_value : float
        How often a place of random sequence may count as an occurrence of a motif.
    sha256 : str, optional
        Of the file: taken when it is first read, checked ever after.

    Raises
    ------
    ConfigError
        No motif is left, the file is not the recorded one, or the p-value is outside (0, 1).
    """

    name: ClassVar[str] = "example.motif_span"
    reads_sequence: ClassVar[bool] = True
    matrices: str = ""
    names: tuple[str, ...] = ()
    p_value: float = 1e-4
    sha256: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.p_value < 1:
            raise ConfigError(f"{self.name}: p_value {self.p_value!r} is outside (0, 1); 1e-4 is usual")
        object.__setattr__(self, "names", tuple(self.names))
        motifs = self.motifs
        if self.matrices:
            found = hashlib.sha256(Path(self.matrices).read_bytes()).hexdigest()
            if self.sha256 not in (None, found):
                raise ConfigError(
                    f"{self.name}: {self.matrices} is not the recorded file; its sha256 is {found}"
                )
            object.__setattr__(self, "sha256", found)
        if not motifs:
            raise ConfigError(f"{self.name}: no motif is called {', '.join(self.names)}; look into the file")

    @functools.cached_property
    def motifs(self) -> list[Motif]:
        """The motifs in use."""
        every = load_motifs(self.matrices)
        wanted = {name.lower() for name in self.names}
        return [m for m in every if not wanted or wanted & {m.name.lower(), *m.name.lower().split()}]

    @functools.cached_property
    def scanner(self) -> Scanner:
        """The motifs as they are scanned."""
        return Scanner.of(self.motifs, self.p_value)

    def units(self, sequence: SequenceView, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Yield the occurrences in random order, then random windows without end."""
        hits = np.unique(self.scanner.hits(sequence.codes), axis=0)
        for start, stop in rng.permutation(hits).tolist():
            yield start, stop
        widths = np.minimum(self.scanner.widths, sequence.length)
        while sequence.length:
            width = int(rng.choice(widths))
            start = int(rng.integers(0, sequence.length - width + 1))
            yield start, start + width
