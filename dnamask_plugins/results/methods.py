"""Ways to get an answer out of a model, and the tracks in which models are ranked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Method = Literal["finetune", "lora", "probe", "baseline"]

METHODS: Final[Mapping[str, str]] = {
    "finetune": "fine-tuned",
    "lora": "LoRA",
    "probe": "linear probe",
    "baseline": "floor",
}
"""Name in records and on the command line, and what tables show."""

STANDARD: Final = "standard"
TRACKS: Final = (STANDARD, "gue_pretrained")
"""Models further pretrained on GUE's own sequences are ranked apart."""


def method_title(method: str) -> str:
    """Return what tables show for a method; empty for published figures, which have none."""
    return METHODS.get(method, method)
