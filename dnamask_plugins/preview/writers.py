"""A preview in each form that ``dnamask mask`` can make, one writer a form."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from dnamask_plugins import terminal
from dnamask_plugins.budget import Budget
from dnamask_plugins.masks.report import MaskReport
from dnamask_plugins.preview.masked import MaskedSequence
from dnamask_plugins.preview.page import page
from dnamask_plugins.preview.picture import draw
from dnamask_plugins.protocols import DNATokenizer, MaskingStrategy

_WIDTH: Final = 100
"""Columns of a text that goes to a file."""


@dataclass(frozen=True, eq=False)
class Preview:
    """Masked sequences, and what they were masked with.

    Attributes
    ----------
    strategy, tokenizer : object
    names : tuple of str
        Strategy and tokenizer, as the user named them.
    budget : Budget
    seed, step : int
    settings : mapping of str to str
        Further settings that the user gave, for a page.
    sequences : list of MaskedSequence
    """

    strategy: MaskingStrategy
    tokenizer: DNATokenizer
    names: tuple[str, str]
    budget: Budget
    seed: int
    step: int
    settings: Mapping[str, str]
    sequences: list[MaskedSequence]

    @property
    def rate(self) -> str:
        """The mask rate in words."""
        text = f"{self.budget.rate:g} of the {self.budget.per}s"
        return text if self.budget.draw == "exact" else f"{text}, drawn independently"

    @property
    def title(self) -> str:
        """One line for text and picture."""
        return f"{self.names[0]} on {self.names[1]}, {self.rate}"


def as_json(preview: Preview) -> str:
    """Write everything that there is, as JSON."""
    budget = preview.budget
    content = {
        "strategy": preview.strategy.to_config(),
        "tokenizer": dict(preview.tokenizer.to_config()),
        "budget": {"rate": budget.rate, "per": budget.per, "draw": budget.draw},
        "seed": preview.seed,
        "step": preview.step,
        "sequences": [each.to_json() for each in preview.sequences],
    }
    return json.dumps(content, indent=1)


def as_page(preview: Preview) -> str:
    """Write a page of HTML that needs nothing else."""
    strategy, tokenizer = preview.names
    settings = {"strategy": strategy, "tokenizer": tokenizer, "mask rate": preview.rate}
    settings |= {"seed": str(preview.seed), "step": str(preview.step), **preview.settings}
    return page(f"What {strategy} hides", settings, preview.sequences)


def as_picture(preview: Preview) -> bytes:
    """Draw a PNG."""
    return draw(preview.sequences, preview.title)


def as_text(preview: Preview) -> str:
    """Write lines for a file; the terminal has its own width and colours."""
    from dnamask_plugins.preview.text import print_sequences

    buffer = io.StringIO()
    print_sequences(terminal.console(file=buffer, width=_WIDTH), preview.title, preview.sequences)
    return buffer.getvalue()


WRITERS: Final[Mapping[str, Callable[[Preview], str | bytes]]] = {
    "text": as_text,
    "json": as_json,
    "html": as_page,
    "png": as_picture,
}


def report_as_json(report: MaskReport) -> str:
    """Write a report over many masks as JSON; what could not be measured is null."""
    values: Mapping[str, Any] = asdict(report)
    return json.dumps({key: None if _unknown(value) else value for key, value in values.items()}, indent=1)


def report_as_text(report: MaskReport) -> str:
    """Write a report over many masks as lines."""
    lines = {
        "masked examples": f"{report.examples}",
        "realised rate": f"{report.token_rate:.3f} of the tokens",
        "its spread": f"{report.rate_spread:.4f} ({report.rate_lowest:.3f} to {report.rate_highest:.3f})",
        "nucleotides hidden": f"{report.hidden_nucleotides:.3f}",
        "masked tokens readable from neighbours": f"{report.recoverable:.3f}",
        "masked tokens with one hidden nucleotide": f"{report.one_hidden:.3f}",
        "hidden nucleotides in a masked token": f"{report.mean_hidden:.2f}",
    }
    if not _unknown(report.mean_npmi):
        lines["mean NPMI of the masked tokens"] = f"{report.mean_npmi:.3f}"
    return "\n".join(f"{label:<41} {value}" for label, value in lines.items())


def _unknown(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
