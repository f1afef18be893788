"""Puts generated tables into README.md, between two markers."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).with_name("README.md")


def replace_section(name: str, content: str) -> None:
    begin, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
    text = README.read_text()
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    README.write_text(f"{before}{begin}\n\n{content.strip()}\n\n{end}{after}")


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
