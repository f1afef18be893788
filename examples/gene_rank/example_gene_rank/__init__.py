"""Cells as ranked genes."""
