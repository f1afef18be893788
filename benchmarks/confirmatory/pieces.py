"""A program of the study that does its work in pieces: its options, its clock, and how it ends."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.cm_gems.run import AGAIN, Clock, TimeUp
from benchmarks.confirmatory.pretraining import RECORDS
from dnamask_plugins.errors import DnamaskError


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every such program is told; STUDY_DATA and STUDY_WORK may name the folders."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("data", "work"):
        folder = os.environ.get(f"STUDY_{name.upper()}")
        parser.add_argument(f"--{name}", type=Path, default=folder, required=folder is None)
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--minutes", type=float, help="stop after this long")
    return parser


def in_pieces(minutes: float | None, work: Callable[[Clock], None]) -> int:
    """Work until all is done (exit code 0) or the time is up (75); 2 where an error says what to do."""
    from dnamask_plugins.pretrain.signals import Interrupted

    clock, started = Clock(minutes), time.process_time()
    try:
        work(clock)
    except (TimeUp, Interrupted):
        spent = time.process_time() - started
        print(f"time is up after {spent:.0f} CPU s; run the same command again", flush=True)
        return AGAIN
    except DnamaskError as error:
        print(str(error), file=sys.stderr)
        return 2
    finally:
        clock.stop()
    return 0
