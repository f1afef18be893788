"""The checks as pytest cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dnamask_plugins.testing.core import CheckFailure, Examination, NotRun


@dataclass(frozen=True)
class CheckCase:
    """One check of one plugin, to be called in a test."""

    name: str
    examination: Examination

    def __call__(self, plugin: Any) -> None:
        """Run the check; skip where it can say nothing.

        Raises
        ------
        CheckFailure
            The promise does not hold.
        """
        import pytest

        try:
            self.examination.run(self.name)
        except NotRun as why:
            pytest.skip(str(why))


def parametrize_with_checks(
    plugins: Sequence[Any], expected_failures: Mapping[str, Mapping[str, str]] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Parametrize a test with every check of every plugin.

    Parameters
    ----------
    plugins : sequence of plugin objects
    expected_failures : mapping from plugin name to {check name: reason}, optional
        Promises that a plugin does not keep, and why. One that holds after all fails the test.

    Examples
    --------
    The whole test file of a plugin package::

        from acme_motifs import MotifSpan
        from dnamask_plugins.testing import parametrize_with_checks


        @parametrize_with_checks([MotifSpan()])
        def test_conformance(plugin, check):
            check(plugin)
    """
    import pytest

    cases = []
    for plugin in plugins:
        examination = Examination(plugin, (expected_failures or {}).get(plugin.name, {}))
        for name in examination.checks:
            reason = examination.expected_failures.get(name)
            marks = (
                [] if reason is None else [pytest.mark.xfail(reason=reason, raises=CheckFailure, strict=True)]
            )
            case = CheckCase(name, examination)
            cases.append(pytest.param(plugin, case, id=f"{plugin.name}-{name}", marks=marks))
    return pytest.mark.parametrize(("plugin", "check"), cases)
