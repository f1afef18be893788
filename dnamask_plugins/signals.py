"""The signals that ask a command to end, and the exit codes that answer them."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Final

RESUME: Final = 75
"""BSD's EX_TEMPFAIL, try again: it tells a scheduler that the same command goes on."""

EXIT_CODES: Final[Mapping[signal.Signals, int]] = {
    signal.SIGTERM: RESUME,
    signal.SIGINT: 130,
    # Slurm's warning before the end of a job; Windows knows no such signal.
    **({signal.SIGUSR1: RESUME} if hasattr(signal, "SIGUSR1") else {}),
}
