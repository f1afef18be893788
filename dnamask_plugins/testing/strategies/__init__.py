"""What a masking strategy promises beyond its types; the order here is that of the report."""

from dnamask_plugins.testing.strategies import form, amount, repeatability, hard_cases  # isort: skip

__all__ = ["amount", "form", "hard_cases", "repeatability"]
