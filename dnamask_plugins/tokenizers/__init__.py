"""Tokenizers: which nucleotides each token shows; one kind a file, with saving, loading and training.

They are loaded as plugins, by name, or by `loading` from a folder. May import values, the contracts,
`plugins` and `corpus` (to train one); Hugging Face's libraries inside functions.
"""
