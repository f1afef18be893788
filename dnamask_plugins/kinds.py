"""What can be plugged in, and what one of each kind is called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SINGULAR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "strategies": "strategy",
        "curricula": "curriculum",
        "tokenizers": "tokenizer",
        "backbones": "backbone",
        "tasks": "task",
    }
)
"""One of each kind, as messages and commands call it."""

KINDS: Final = tuple(SINGULAR)
"""The entry-point group of a kind is ``dnamask.KIND``; its folder in the registry, ``KIND/``."""
