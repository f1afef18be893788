"""Libraries that talk and draw bars on the user's terminal, silenced in one place.

What they would say is judged here and said in one line, or shown by `terminal`. Each function imports its
library, so that a caller pays only for what it uses.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def silence_transformers() -> None:
    """Silence the notes and bars of transformers for the rest of the process: for commands."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the notes and bars of transformers in a block: for calls from a program of someone else's."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    silence_transformers()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def silence_numba() -> None:
    """Keep numba from colouring, for the rest of the process: for commands, before it is imported.

    Where colorama is installed, numba takes over standard output and ends it with a colour code, also on a
    terminal that knows none.
    """
    # Later it would do nothing but make numba read all its settings anew.
    if "numba" not in sys.modules:
        os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")


def silence_datasets() -> None:
    """Silence the bars of datasets for the rest of the process."""
    from datasets import disable_progress_bars

    disable_progress_bars()


@contextmanager
def without_convergence_warnings() -> Iterator[None]:
    """Let scikit-learn stop at its limit of iterations without a word: the limit is a setting of the fit."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
