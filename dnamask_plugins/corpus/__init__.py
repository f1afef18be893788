"""From FASTA to windows: reading, a memory-mapped store, sampling by region; search of sequences in it.

Public: `fasta`, `build`, `store`, `windows`, `split`, `bundled`, `occurrence`. May import values, files and
executors; knows no tokenizer, no model and no run.
"""
