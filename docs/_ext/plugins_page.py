"""The entry-point groups and what this distribution registers in each."""

from __future__ import annotations

import inspect

GROUPS = {
    "strategies": "a class that selects the tokens to predict (`MaskingStrategy`)",
    "curricula": "a class that says which strategy, and how much, holds at a step (`Curriculum`)",
    "tokenizers": "a class that says which nucleotides each token shows (`DNATokenizer`)",
    "backbones": "a `Backbone`: how a family of models is recognised and built",
    "tasks": "a function that returns tasks, or the tasks themselves",
}


def write() -> str:
    """Return the page."""
    from dnamask_plugins import plugins

    lines = [
        "# Entry points",
        "",
        "A plugin is a class or an object that the metadata of an installed package names in one of these groups:",
        "",
        "| group | what it names |",
        "|---|---|",
        *(f"| `dnamask.{kind}` | {what} |" for kind, what in GROUPS.items()),
        "",
        "```toml",
        '[project.entry-points."dnamask.strategies"]',
        '"yourlab.name" = "your_package.strategy:YourStrategy"',
        "```",
        "",
        "Names are lower case with underscores; those of third parties carry a vendor prefix. Two providers of one",
        "name are an error that names both. `dnamask new KIND yourlab.name` writes a package with all of this.",
        "",
    ]
    for kind in GROUPS:
        lines += [f"## `dnamask.{kind}`", "", "| name | what it does |", "|---|---|"]
        for name, providers in sorted(plugins.discover(kind).items()):
            if any(each.distribution == "dnamask-plugins" for each in providers):
                lines.append(f"| `{name}` | {_first_line(plugins.load(kind, name))} |")
        lines.append("")
    return "\n".join(lines)


def _first_line(loaded: object) -> str:
    described = getattr(loaded, "summary", None) or getattr(loaded, "title", None)
    text = described if isinstance(described, str) else inspect.getdoc(loaded) or ""
    return text.split("\n")[0].replace("|", r"\|")
