"""Fixtures that every part shares."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# What commands remember about their user is remembered elsewhere, for the time of the tests.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="dnamask-state-")

# A busy machine makes any example slow; what an example finds does not depend on the clock.
hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")

# A suite that was put into the background ignores SIGINT, and so would the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ("hub_cache", "interpreters", "small_run", "toy_suite")


@pytest.fixture(scope="module", autouse=True)
def _collected() -> Iterator[None]:
    """Take what is imported before a module, and what lives after it, out of the garbage collector's sight.

    Trainer collects whenever it begins and ends, which costs half a second once all libraries are imported.
    """
    gc.freeze()
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real data and golden answers: beside the checkout, or named by DNAMASK_TEST_DATA."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DNAMASK_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real data is not here ({folder}); set DNAMASK_TEST_DATA to run this test")
    return folder
