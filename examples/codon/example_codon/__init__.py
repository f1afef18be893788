"""Codons and RNA letters."""
