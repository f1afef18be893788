"""The `evaluate` module `dna_classification` and what it computes."""
