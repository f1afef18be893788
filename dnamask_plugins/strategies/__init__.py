"""Strategies: which tokens are predicted; one class a file, their loops in `kernels`, built by `building`.

They are loaded as plugins, by name; `base` makes writing one short. May import values, the contracts,
`guard`, `masking` and NPMI tables; a strategy knows no tokenizer and no model.
"""
