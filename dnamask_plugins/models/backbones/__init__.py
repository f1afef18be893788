"""Backbones: small declarations that turn a tokenizer into a masked language model."""

from dnamask_plugins.models.backbones.base import Backbone

__all__ = ["Backbone"]
