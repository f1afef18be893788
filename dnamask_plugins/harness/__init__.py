"""Evaluating: tables of a user's own, fine-tuning, linear probe, and the run over many tasks and seeds.

Writes records of `results`; the tasks themselves are data in `tasks`.

May import `results`, `tasks`, `models`, `tokenizers` and what they may import; no run of pretraining.
"""
