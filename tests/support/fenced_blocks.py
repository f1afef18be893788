"""Fenced blocks of Markdown files, with the directives that stand in a comment before them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:<!-- (?P<directive>[^\n]*?) -->\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    A comment before it may say ``run: no``, ``file: PATH`` (write it there) or ``needs: MODULE``.
    """

    language: str
    text: str
    line: int
    directive: str = ""

    def argument(self, word: str) -> str | None:
        """Return what a directive says, None when it is another one."""
        name, _, value = self.directive.partition(": ")
        return value if name == word else None

    @property
    def commands(self) -> list[str]:
        """The commands of a console block: lines that begin with a dollar sign."""
        joined = self.text.replace("\\\n", " ")
        return [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]


def blocks_of(path: Path) -> list[Block]:
    """Read the fenced blocks of a file, in order."""
    text = path.read_text(encoding="utf-8")
    return [
        Block(
            match["language"],
            match["text"],
            text.count("\n", 0, match.start("text")) + 1,
            match["directive"] or "",
        )
        for match in _BLOCK.finditer(text)
    ]
