"""Importing this module makes transformers' Auto classes know the architectures of this package.

After it, ``AutoModelForMaskedLM.from_pretrained(folder)`` loads a DNABERT-2 that was saved by us; models on
architectures that transformers has (BERT, ESM, ...) need nothing of the kind.
"""

from dnamask_plugins.models.families import register_ours

register_ours()
