"""Moves mass between strategies by measured loss."""
