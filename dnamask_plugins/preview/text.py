"""A masked sequence in the terminal: coloured, and still legible without colour."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from dnamask_plugins.preview.masked import HIDDEN, LEAKING, SHOWN, MaskedSequence

_LINE = 60
_STYLES = {SHOWN: "", LEAKING: "yellow", HIDDEN: "bold white on red"}
_MARKS = {SHOWN: " ", LEAKING: ".", HIDDEN: "^"}
LEGEND = "^ hidden    . covered by a masked token, but a visible one shows it"


def print_sequences(console: Console, title: str, sequences: list[MaskedSequence]) -> None:
    """Print sequences in lines of 60 letters with their position, each over a line of marks."""
    console.print(Text(title, style="bold"))
    for sequence in sequences:
        console.print()
        console.print(Text.assemble((sequence.name, "bold cyan"), "  ", sequence.summary()))
        margin = len(str(len(sequence.letters))) + 2
        for start in range(0, len(sequence.letters), _LINE):
            states = sequence.state[start : start + _LINE].tolist()
            line = Text(f"{start:>{margin - 2}}  ", style="dim")
            for letter, state in zip(sequence.letters[start : start + _LINE], states, strict=True):
                line.append(letter, style=_STYLES[state] or "not dim")
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
            marks = "".join(_MARKS[state] for state in states).rstrip()
            if marks:
                console.print(
                    Text(" " * margin + marks, style="red"), no_wrap=True, overflow="ignore", crop=False
                )
    console.print()
    console.print(Text(LEGEND, style="dim"))
