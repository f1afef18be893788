"""Normalised pointwise mutual information of k-mers: count, score, keep in a table.

Public: `table.NpmiTable`. May import values, files, executors and `corpus`.
"""
