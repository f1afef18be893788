"""One pretraining run: its settings, the run itself, its record, and what it will cost.

Imports the loop (`training`) and `models`; nothing below imports it.

May import everything up to `training`.
"""
