"""From FASTA to windows: reading, a memory-mapped store, sampling by region.

Public: `fasta`, `build`, `store`, `windows`, `split`, `bundled`. May import values, files and
executors; knows no tokenizer, no model and no run.
"""
