"""Curricula: which strategy holds at a step, and how much is masked; one class a file.

They are loaded as plugins, by name. May import values, the contracts and `plugins`; a curriculum knows no
model.
"""
