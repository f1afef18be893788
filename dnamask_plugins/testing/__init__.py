"""The conformance kit: what every plugin promises, checked by one decorator or by ``dnamask check``.

It calls plugins directly, on purpose. May import everything but runs and evaluation; plugins
import it in tests.
"""

from dnamask_plugins.testing import (  # each registers its checks
    backbones,
    common,
    curricula,
    reading,
    strategies,
    tasks,
    tokenizers,
)
from dnamask_plugins.testing.core import CHECKS, Check, CheckFailure, Examination, NotRun, Outcome, examine
from dnamask_plugins.testing.pytest_support import parametrize_with_checks
from dnamask_plugins.testing.tasks import Suite

__all__ = [
    "CHECKS",
    "Check",
    "CheckFailure",
    "Examination",
    "NotRun",
    "Outcome",
    "Suite",
    "backbones",
    "common",
    "curricula",
    "examine",
    "parametrize_with_checks",
    "reading",
    "strategies",
    "tasks",
    "tokenizers",
]
