"""Importing this module makes transformers' Auto classes know the architectures of this package.

After it, ``AutoModelForMaskedLM.from_pretrained(folder)`` loads a DNABERT-2 that was saved by us; models on
the BERT and ESM architectures need nothing of the kind.
"""

from dnamask_plugins.models.backbones import dnabert2

dnabert2.register()
