"""Loaders whose iteration ended with an error."""

from __future__ import annotations

import traceback


def let_go(error: BaseException | None) -> None:
    """End the frames of an error, and with them the loaders that they iterate over.

    A loader that is left to the garbage collector waits five seconds for each of its workers, and that in
    whatever test comes next.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
