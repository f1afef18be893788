"""Masked-language-model pretraining for DNA in which what gets masked, and when, is a plugin."""

__version__ = "0.1.0"
