"""What a check is, how it fails, and how the checks of a plugin are run one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dnamask_plugins.errors import PluginError, suggest
from dnamask_plugins.kinds import KINDS

Status = Literal["passed", "failed", "expected", "not run", "unexpectedly passed"]


class CheckFailure(AssertionError):
    """A plugin broke a promise: what was expected, what came, and a small example that shows it."""

    def __init__(self, expected: str, came: str, example: str) -> None:
        self.expected, self.came, self.example = expected, came, example
        super().__init__(f"expected {expected}\n    came {came}\n example {example}")


class NotRun(Exception):
    """A check says nothing, because a more basic one failed or the plugin makes no such promise."""


@dataclass(frozen=True)
class Check:
    """One promise that every plugin of a kind makes.

    Attributes
    ----------
    name : str
        What holds, in words joined by underscores.
    promise : str
        The same as a sentence.
    needs : tuple of str
        Checks without which this one would only repeat their failure.
    """

    name: str
    promise: str
    needs: tuple[str, ...]
    run: Callable[[Any], None] = field(repr=False)


CHECKS: Final[dict[str, dict[str, Check]]] = {kind: {} for kind in KINDS}
"""Kind -> name -> check, in the order in which they are run."""


_METHODS: Final[Mapping[str, str]] = {
    "strategies": "select",
    "curricula": "spec",
    "tokenizers": "encode_batch",
    "backbones": "recognises",
    "tasks": "tasks",
}
"""Kind -> a method that only its contract has."""


def promise(
    *kinds: str, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Register a function as a check of some kinds of plugin; its docstring is the promise."""

    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        text = inspect.getdoc(function) or ""
        for kind in kinds:
            CHECKS[kind][function.__name__] = Check(
                function.__name__, text.split("\n\n")[0].replace("\n", " "), needs, function
            )
        return function

    return register


def require(holds: bool, *, expected: str, came: str, example: str) -> None:
    """Raise `CheckFailure` unless a condition holds."""
    if not holds:
        raise CheckFailure(expected, came, example)


def kind_of_plugin(plugin: Any) -> str:
    """Return the kind of a plugin object, judged by its methods.

    Raises
    ------
    PluginError
        It has the methods of no contract.
    """
    for kind, method in _METHODS.items():
        if callable(getattr(plugin, method, None)):
            return kind
    raise PluginError(
        f"{plugin!r} is no plugin: it has none of {', '.join(_METHODS.values())}; give an object, no class "
        "(and tasks as dnamask_plugins.testing.Suite(name, tasks))"
    )


@dataclass(frozen=True)
class Outcome:
    """What became of one check."""

    check: Check
    status: Status
    detail: str = ""


@dataclass(eq=False)
class Examination:
    """The checks of one plugin, each run at most once.

    Parameters
    ----------
    plugin : strategy, curriculum or tokenizer
    expected_failures : mapping from check name to reason
        Promises that the plugin says it does not keep. A plugin may also carry them itself, as a class
        attribute `expected_failures`.
    """

    plugin: Any
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kind = kind_of_plugin(self.plugin)
        declared = getattr(self.plugin, "expected_failures", {})
        self.expected_failures = {**declared, **self.expected_failures}
        self._results: dict[str, Exception | None] = {}
        for name in self.expected_failures:
            if name not in self.checks:
                raise PluginError(
                    f"expected failure '{name}' is no check of {self.kind}; {suggest(name, self.checks)}"
                )

    @property
    def checks(self) -> Mapping[str, Check]:
        """The checks of this kind of plugin."""
        return CHECKS[self.kind]

    def run(self, name: str) -> None:
        """Run one check.

        Raises
        ------
        CheckFailure
            The promise does not hold.
        NotRun
            A check that this one needs failed, or the plugin makes no such promise.
        """
        if name not in self._results:
            self._results[name] = self._try(self.checks[name])
        result = self._results[name]
        if result is not None:
            raise result

    def outcome(self, name: str) -> Outcome:
        """Run one check and say what became of it."""
        check, reason = self.checks[name], self.expected_failures.get(name)
        try:
            self.run(name)
        except CheckFailure as failure:
            return (
                Outcome(check, "failed", str(failure))
                if reason is None
                else Outcome(check, "expected", reason)
            )
        except NotRun as why:
            return Outcome(check, "not run", str(why))
        return Outcome(check, "passed" if reason is None else "unexpectedly passed", reason or "")

    def _try(self, check: Check) -> Exception | None:
        for needed in check.needs:
            try:
                self.run(needed)
            except (CheckFailure, NotRun):
                return NotRun(f"says nothing before {needed} passes")
        try:
            check.run(self.plugin)
        except (CheckFailure, NotRun) as result:
            return result
        except Exception as error:
            failure = CheckFailure("no exception", f"{type(error).__name__}: {error}", _where(error))
            failure.__cause__ = error
            return failure
        return None


def examine(plugin: Any, expected_failures: Mapping[str, str] | None = None) -> list[Outcome]:
    """Run every check on a plugin object.

    Parameters
    ----------
    plugin : strategy, curriculum or tokenizer
    expected_failures : mapping from check name to reason, optional

    Returns
    -------
    list of Outcome

    Examples
    --------
    >>> from dnamask_plugins.curricula.constant import Constant
    >>> {outcome.status for outcome in examine(Constant("span"))}
    {'passed'}
    """
    examination = Examination(plugin, expected_failures or {})
    return [examination.outcome(name) for name in examination.checks]


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "no traceback"
    return f"raised in {trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
