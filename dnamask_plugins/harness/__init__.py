"""Evaluating: data of a task, leak audit, fine-tuning, linear probe, and the run over many tasks and seeds.

Writes records of `results`; the tasks themselves are data in `tasks`.
"""
