"""Normalised pointwise mutual information of k-mers: count, score, keep in a table."""
