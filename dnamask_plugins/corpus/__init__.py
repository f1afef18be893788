"""From FASTA to windows: reading, a memory-mapped store, sampling by region."""
