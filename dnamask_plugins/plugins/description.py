"""What a plugin says of itself: its summary and parameters, read from docstring and signature."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One parameter of a plugin's constructor."""

    name: str
    type: str
    default: str
    meaning: str


def summary_of(plugin: Any) -> str:
    """Return a `summary` of its own, else the first paragraph of the docstring on one line, else nothing."""
    if isinstance(getattr(plugin, "summary", None), str):
        return str(plugin.summary)
    own = plugin if inspect.isclass(plugin) or inspect.isroutine(plugin) else type(plugin)
    text = inspect.cleandoc(own.__doc__ or "")
    if re.match(rf"{own.__name__}\(.*\)$", text):  # what @dataclass writes when the author wrote nothing
        return ""
    return " ".join(text.split("\n\n")[0].split())


def parameters_of(plugin: Any) -> list[Parameter]:
    """Return the parameters of a plugin class; empty for objects.

    Examples
    --------
    >>> from dnamask_plugins.curricula.constant import Constant
    >>> [each.name for each in parameters_of(Constant)]
    ['strategy', 'mask_rate']
    """
    if not inspect.isclass(plugin):
        return []
    documented = _documented(inspect.cleandoc(plugin.__doc__ or ""))
    found = []
    for each in inspect.signature(plugin).parameters.values():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            continue
        annotation = "" if each.annotation is each.empty else inspect.formatannotation(each.annotation)
        kind, meaning = documented.get(each.name, (annotation.strip("'"), ""))
        default = "required" if each.default is each.empty else _default(each.default)
        found.append(Parameter(each.name, kind, default, meaning))
    return found


def _default(value: Any) -> str:
    # A dataclass default factory has no value to show before it is called.
    return "computed" if type(value).__name__ == "_HAS_DEFAULT_FACTORY_CLASS" else repr(value)


def _documented(docstring: str) -> dict[str, tuple[str, str]]:
    """Read the ``Parameters`` section of a NumPy-style docstring: name -> (type, meaning)."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", docstring, re.M | re.S)
    found: dict[str, tuple[str, str]] = {}
    if section is None:
        return found
    for block in re.split(r"\n(?=\S)", section[1].strip("\n")):
        head, _, body = block.partition("\n")
        names, _, kind = head.partition(":")
        for name in names.split(","):
            found[name.strip()] = (kind.strip(), " ".join(body.split()))
    return found
