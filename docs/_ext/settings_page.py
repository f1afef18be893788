"""Every setting of a pretraining run with type and default, from the classes that read them."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any


def write() -> str:
    """Return the page."""
    from dnamask_plugins.pretrain import settings

    lines = [
        "# Settings of `pretrain`",
        "",
        "Each may stand in the TOML file of `dnamask pretrain --config run.toml` and on the command line as",
        "`--set NAME=VALUE`; many have a flag of their own (see [the commands](cli.md)). A flag wins over `--set`,",
        "and `--set` over the file.",
        "",
        *_table(settings.PretrainSettings, ""),
    ]
    for each in dataclasses.fields(settings.PretrainSettings):
        nested = each.default_factory
        if inspect.isclass(nested) and dataclasses.is_dataclass(nested):
            lines += [f"## `[{each.name}]`", "", (nested.__doc__ or "").split("\n")[0], ""]
            lines += _table(nested, f"{each.name}.")
    lines += [
        "## `[trainer]`",
        "",
        "Fields of `transformers.TrainingArguments`. The recipe of GeneMask and CM-GEMS stands unless you change it:",
        "",
        "| field | recipe |",
        "|---|---|",
        *(f"| `{name}` | `{value}` |" for name, value in settings.RECIPE.items()),
        "",
    ]
    return "\n".join(lines)


def _table(cls: Any, prefix: str) -> list[str]:
    meanings = _attributes(cls)
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for each in dataclasses.fields(cls):
        if inspect.isclass(each.default_factory) and dataclasses.is_dataclass(each.default_factory):
            continue
        kind = str(each.type).replace("|", "or").replace("Mapping[str, Any]", "table")
        lines.append(f"| `{prefix}{each.name}` | {kind} | {_default(each)} | {meanings.get(each.name, '')} |")
    return [*lines, ""]


def _default(each: dataclasses.Field[Any]) -> str:
    if each.default is not dataclasses.MISSING:
        return f"`{each.default}`"
    if each.default_factory is not dataclasses.MISSING:
        return f"`{each.default_factory()}`"
    return "required"


def _attributes(cls: Any) -> dict[str, str]:
    """Read the section "Attributes" of a NumPy docstring: name to meaning."""
    text = inspect.cleandoc(cls.__doc__ or "").partition("Attributes\n----------\n")[2]
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in text.splitlines():
        head = re.match(r"(\w[\w, ]*?)\s*:", line)
        if head and not line.startswith(" "):
            names = [name.strip() for name in head[1].split(",")]
        elif line.startswith(" "):
            for name in names:
                meanings[name] = f"{meanings.get(name, '')} {line.strip()}".strip()
    return meanings
