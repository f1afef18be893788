"""What a person changes between two commands: the tests that do it, and the parts of the page about it."""

from __future__ import annotations

from typing import Any

TEST_FILES = (
    "tests/test_launchers.py",
    "tests/test_locks.py",
    "tests/pretrain/test_folder.py",
    "tests/pretrain/test_identity.py",
    "tests/pretrain/test_trainer_fields.py",
    "tests/training/test_checkpoints.py",
    "tests/training/test_processes.py",
)
"""Beside those of tests/faults."""

PERSON = (
    (
        "Any setting, between kill and resume",
        ("test_every_setting_of_a_run", "test_a_new_setting_cannot_be_forgotten"),
        "refused with both values, or named free (next table)",
    ),
    (
        "All free settings at once",
        ("test_what_is_named_free_changes_no_weight",),
        "the weights of a run left alone, bit by bit",
    ),
    (
        "`--max-steps` up, down, and where the learning rate does not depend on it",
        ("test_another_length", "test_without_a_horizon"),
        "refused, and with `--resume-anyway` marked in the record with the step; free with a constant rate",
    ),
    (
        "A plugin of another version or with another source",
        ("test_a_plugin_that_changed",),
        "refused; with `--resume-anyway` the record says which steps were made under which",
    ),
    (
        "`identity.json` deleted, damaged, edited, or of an earlier version",
        ("test_an_identity_that_cannot_be_read",),
        "refused in one line",
    ),
    (
        "Two processes, then one; `torchrun` as in the README on a machine without a GPU",
        ("test_the_command_of_the_readme",),
        "one run, equal to one process with the same global batch; resumed with one process: refused",
    ),
    (
        "Launchers that would start lone runs or shard the model; a stray `WORLD_SIZE`",
        (
            "test_processes_that_would_run_alone",
            "test_accelerate_that_starts_one",
            "test_a_sharded_model",
            "test_a_world_size",
            "test_processes_are_counted",
        ),
        "one line, exit code 2, before anything is written",
    ),
    (
        "One bit of a checkpoint flipped; a file zeroed, shortened, removed; the seal damaged",
        (
            "test_one_flipped_bit",
            "test_zeroed_shortened",
            "test_a_damaged_seal",
            "test_the_newest_that_is_whole",
        ),
        "the checkpoint is named and set aside, the one before is used",
    ),
    (
        "A plain Hugging Face checkpoint in the output folder; a removal that is killed",
        ("test_a_checkpoint_of_others", "test_only_what_carries_our_seal", "test_a_removal_that_is_killed"),
        "never removed; ours leave nothing that looks whole",
    ),
    (
        "`--output` with other files in it; `--overwrite`",
        ("test_a_folder_with_other_files", "test_overwrite_begins_anew", "test_new_and_empty_folders"),
        "refused in one line; with `--overwrite` what is not ours stays",
    ),
    (
        "`--output` that is the corpus, the table, the backbone or the tokenizer, or lies in it",
        ("test_nothing_that_is_read_is_written",),
        "refused, with `--overwrite` too; nothing in it changes",
    ),
    (
        "Two at once in one folder; the first one killed",
        ("test_a_second_process_is_told", "test_two_runs_at_once", "test_a_built_file_leaves_no_lock"),
        "the second is told who writes there; a killed one frees the folder",
    ),
    (
        "Any field of `TrainingArguments`, also one that a later version adds",
        (
            "test_every_field_of_the_installed",
            "test_a_field_that_a_later",
            "test_a_field_that_does_not_work",
            "test_such_a_field_may_ask",
            "test_fields_that_work_change_the_run",
        ),
        "works, or is refused with the reason and what to use",
    ),
    (
        "Values that cannot be: no steps, no batch, a negative seed, a logger that is not installed",
        ("test_values_that_cannot_be", "test_seeds_that_no_generator_takes"),
        "one line before anything is written",
    ),
)

NOT_COVERED = """
What is not covered: several machines and GPUs (tried with two processes of one machine without a GPU only);
a file system without locks; two output folders that are one through a mount; clocks and checksums against
somebody who forges them (XXH3 finds accidents); other versions of torch or transformers, other hardware or
another number of threads between two sessions, which are said and recorded but not refused, and may change
the last bits; FSDP and DeepSpeed, which are refused; `fp16`, `tf32` and `ddp_backend`, which are part of what
a run is but were not tried here.
"""


def walk_section(found: dict[str, list[str]] | None, cost: dict[str, Any] | None) -> list[str]:
    """Return the parts of the page about settings and about the cost of checksums."""
    parts = []
    if found:
        counted = sorted(name for name, told in found.items() if told)
        free = sorted(name for name, told in found.items() if not told)
        parts += [
            f"Of {len(found)} settings, read from the program itself, {len(counted)} are part of what a run "
            "is (`python benchmarks/reliability/settings_walk.py`); corpus and table count by content. "
            "The walk compares what a resume would compare; that it then stops is tried above.",
            "| between kill and resume | settings |\n|---|---|\n"
            f"| refused, with both values | {_listed(counted)} |\n"
            f"| free, and without effect on the weights | {_listed(free)} |",
        ]
    if cost:
        parts.append(
            f"Checksums of a checkpoint of {cost['parameters'] / 1e6:.0f} million parameters with its "
            f"optimizer ({cost['bytes'] / 1e9:.2f} GB) take {cost['xxh3_128_cpu_seconds']:g} s of CPU time, "
            f"{cost['read_alone_cpu_seconds']:g} s of it for reading; SHA-256 would take "
            f"{cost['sha256_cpu_seconds']:g} s (`python benchmarks/reliability/checksum.py`)."
        )
    return parts


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
