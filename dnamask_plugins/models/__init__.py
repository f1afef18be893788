"""Models: what a backbone is, loading and saving, adapters, and the masked loss without padding.

Backbones by family are in `backbones`. Knows nothing of curricula, corpora or runs.

May import values, the contracts, `plugins` and `tokenizers`.
"""
