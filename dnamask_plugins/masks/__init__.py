"""What masks were like: one report, read by the training log, the preview, the kit and the benchmarks.

It may import the values below it (types, nucleotides, budget, protocols) and nothing that makes masks.
"""

from dnamask_plugins.masks.report import MaskReport, hidden_in_tokens, report

__all__ = ["MaskReport", "hidden_in_tokens", "report"]
