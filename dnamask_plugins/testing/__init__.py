"""The conformance kit: what every plugin promises, checked by one decorator or by ``dnamask check``."""

from dnamask_plugins.testing import common, curricula, reading, strategies, tokenizers  # register checks
from dnamask_plugins.testing.core import CHECKS, Check, CheckFailure, Examination, NotRun, Outcome, examine
from dnamask_plugins.testing.pytest_support import parametrize_with_checks

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailure",
    "Examination",
    "NotRun",
    "Outcome",
    "common",
    "curricula",
    "examine",
    "parametrize_with_checks",
    "reading",
    "strategies",
    "tokenizers",
]
