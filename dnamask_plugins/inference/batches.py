"""Windows in batches of alike length, and the answers of a model in the order of the windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np
import torch

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.inference.windows import Window
from dnamask_plugins.models.forward import in_slices, tokens_at_once
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.types import TokenBatch

Answer = TypeVar("Answer")

_POOL: Final = 1024
"""Windows that are sorted by length together; all of them are in memory."""
_POOL_LETTERS: Final = 1 << 20
_CHUNK: Final = 64
"""Windows that are tokenized together."""


def answers(
    windows: Iterable[Window],
    tokenizer: DNATokenizer,
    limit: int | None,
    ask: Callable[[TokenBatch], Sequence[Answer]],
    device: torch.device,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Window, Answer | None]]:
    """Ask a model about windows.

    Parameters
    ----------
    windows : iterable of Window
    tokenizer : DNATokenizer
    limit : int or None
        Longest row in tokens; a window that gives more is halved, so that nothing is cut off.
    ask : callable
        Takes a batch and returns one answer a row. Called without gradients.
    device : torch.device
        Says how many tokens a batch may hold.
    progress : callable, optional
        Called with the number of nucleotides that were answered for since its last call.

    Yields
    ------
    Window, answer
        In the order of the windows. None where the window gives no token, as it is shorter than a k-mer.
    """
    for pool in _pools(windows):
        found: list[tuple[int, Window, Answer | None]] = []
        waiting = sorted(enumerate(pool), key=lambda item: -len(item[1].letters))
        while waiting:
            chunk, waiting = waiting[:_CHUNK], waiting[_CHUNK:]
            batch = tokenizer.encode_batch([window.letters for _, window in chunk])
            sizes = batch.attention_mask.sum(axis=1)
            long = [row for row in range(len(chunk)) if limit is not None and sizes[row] > limit]
            for row in long:
                number, window = chunk[row]
                waiting += [(number, half) for half in _halves(window)]
            if long:
                kept = [row for row in range(len(chunk)) if row not in set(long)]
                waiting = [chunk[row] for row in kept] + waiting
                continue
            shows = np.asarray((~batch.special_tokens_mask).any(axis=1))
            with torch.inference_mode():
                for rows, part in in_slices(batch, tokens_at_once(device)):
                    for row, answer in zip(range(rows.start, rows.stop), ask(part), strict=True):
                        number, window = chunk[row]
                        found.append((number, window, answer if shows[row] else None))
            if progress is not None:
                progress(sum(window.fresh for _, window in chunk))
        found.sort(key=lambda item: (item[0], item[1].start))
        yield from ((window, answer) for _, window, answer in found)


def _pools(windows: Iterable[Window]) -> Iterator[list[Window]]:
    pool: list[Window] = []
    letters = 0
    for window in windows:
        pool.append(window)
        letters += len(window.letters)
        if len(pool) == _POOL or letters >= _POOL_LETTERS:
            yield pool
            pool, letters = [], 0
    if pool:
        yield pool


def _halves(window: Window) -> tuple[Window, Window]:
    middle = len(window.letters) // 2
    if not middle:
        raise ConfigError("one nucleotide gives more tokens than the model takes; use the model's tokenizer")
    fresh = min(window.fresh, len(window.letters) - middle)
    first = replace(window, letters=window.letters[:middle], last=False, fresh=window.fresh - fresh)
    second = replace(window, start=window.start + middle, letters=window.letters[middle:], fresh=fresh)
    return first, second
