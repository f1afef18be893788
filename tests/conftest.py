"""Fixtures that every part shares."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

# What commands remember about their user is remembered elsewhere, for the time of the tests.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="dnamask-state-")

pytest_plugins = ("hub_cache", "small_run", "toy_suite")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real data and golden answers: beside the checkout, or named by DNAMASK_TEST_DATA."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("DNAMASK_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"real data is not here ({folder}); set DNAMASK_TEST_DATA to run this test")
    return folder
