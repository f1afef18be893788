"""Writes ``docs/reliability.md`` from the records beside it.

    python benchmarks/reliability/report.py [--run-tests [WORD]]

``--run-tests`` runs the tests behind the tables first, or the files whose names hold a word, and records what
passed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from person import NOT_COVERED, PERSON, TEST_FILES, walk_section

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RECORDS = HERE / "records"
PAGE = ROOT / "docs" / "reliability.md"

# What was done, the tests that do it, and what they demand.
FAULTS = (
    (
        "Disk full, at 13 moments from the first file to the last picture",
        ("test_a_full_disk_costs_nothing_but_time",),
        "one line; every whole checkpoint stays; with room again `--resume` gives the same weights",
    ),
    (
        "Disk full while a corpus or a table is built, also in the place of another",
        ("test_builds_leave_nothing_half_written", "test_a_build_does_not_harm_what_it_was_to_replace"),
        "one line; nothing half-written is left; what stood there is untouched",
    ),
    (
        "Read-only folder",
        ("test_a_read_only_folder_is_refused_before_the_first_step",),
        "one line before the first step",
    ),
    (
        "Corpus deleted under a running job",
        ("test_a_corpus_deleted_under_a_run_is_still_read",),
        "the run ends with the same weights: the open file stays readable",
    ),
    (
        "Corpus cut to nothing under a running job, with a loader worker and without",
        ("test_a_corpus_cut_short",),
        "one line instead of a bus error; with the file back `--resume` gives the same weights",
    ),
    (
        "Loader worker killed from outside",
        ("test_a_loader_worker_that_is_killed",),
        "one line that names the checkpoint left",
    ),
    (
        "Clock turned back ten years in a run that keeps two checkpoints",
        ("test_a_clock_that_turns_back", "test_masks_of_one_step_do_not_depend_on_the_clock"),
        "the newest by step are kept and resumed from; same weights, same masks",
    ),
    (
        "Loss that is no number",
        ("test_a_loss_that_is_no_number",),
        "stops with step, strategy, seed and example ids; `--resume` from the checkpoint before",
    ),
    (
        "A third party's strategy, curriculum or tokenizer that raises, hangs or returns rubbish in mid-run",
        ("test_it_is_named_and_nothing_is_lost", "test_a_strategy_nobody_has"),
        "one line with plugin, distribution, version, step and example ids; last checkpoint whole; "
        "once mended, `--resume` gives the weights of a run without the fault",
    ),
    (
        "SIGTERM, SIGINT, SIGUSR1 to `corpus build` and `gue run`",
        ("test_commands_stopped_by_a_signal", "test_gue_run_goes_on_where_it_was_stopped"),
        "one line, exit code 75 (130 for SIGINT), no rubbish left; the same command goes on",
    ),
    (
        "What a killed writer left",
        ("test_what_a_killed_writer_left", "test_any_missing_or_shortened_file"),
        "removed by the next write; a checkpoint that lacks a byte is not used",
    ),
    (
        "Weights, configurations and tokenizers that carry code; archives",
        (
            "test_weights_that_would_run_code",
            "test_a_model_with_code_of_its_own",
            "test_an_index_of_shards",
            "test_a_zip_in_the_place",
            "test_no_pickle",
            "test_pickle_is_imported",
            "test_code_beside_a_model",
            "test_no_archive",
        ),
        "refused, nothing runs, nobody is asked; no pickle is loaded but with `weights_only`, "
        "no archive is unpacked",
    ),
    (
        "Hostile names of tasks, models and records",
        (
            "test_no_name_becomes_a_path_outside",
            "test_a_download_writes_below",
            "test_every_shipped_task_keeps_the_rule",
        ),
        "stay below their folder or are refused",
    ),
    (
        "Plugin of a distribution that the registry does not know",
        ("test_an_unverified_distribution",),
        "one warning on first use",
    ),
    (
        "Kept cases: files that crashed a reader, or might have",
        ("test_is_read_or_refused", "test_every_target_has_cases"),
        "read, or refused in an error of ours",
    ),
    (
        "Properties of inputs: any layout of FASTA, tables, assignments; any bytes; damaged files",
        (
            "test_fasta_comes_back",
            "test_a_table_of_labels",
            "test_any_bytes",
            "test_a_damaged_file",
            "test_an_assignment",
            "test_a_table_comes_back",
            "test_the_usual_accidents",
            "test_a_record_of_one_base",
            "test_a_very_long_line",
        ),
        "what is ours comes back to the letter; the rest is read or refused",
    ),
)


INTRODUCTION = """
Written by `python benchmarks/reliability/report.py` from `benchmarks/reliability/records`; do not edit.
Every study is a command there, whose first lines say what it does. The figures were taken on a machine of
two cores that much other work shared.
"""
KILLS = """
Runs of 40 steps (two micro-batches each, two loader workers, dropout, evaluated and saved every 5 steps)
are killed with SIGKILL again and again until they have finished, and compared with a run left alone, bit by
bit: weights, optimizer, learning-rate schedule, random states, curriculum state, log, TensorBoard scalars
and, in forked runs, the masks of every micro-batch. Kills fall at random, within 30 ms of the moment at
which a checkpoint appears, and just before and after an evaluation is handed to the curriculum.
*Half-written* counts the kills after which a checkpoint, file or folder lay there unfinished; it was passed
over. Builds and `gue run` (two tasks, two seeds) are started again and their files compared.
"""
FUZZING = """
Coverage-guided (atheris, libFuzzer): whatever is no error of ours is a crash, as are two readings that
disagree. Each crash was mended and is among the kept cases; the last column is the state after that.
Crashes found before the count began (regions outside a corpus, which ended the process; deep nesting, blank
headers, numbers of thousands of digits) are among the kept cases too.
"""


def plain(text: str) -> str:
    """Return a paragraph as one line."""
    return " ".join(text.split())


def record(name: str) -> Any:
    path = RECORDS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def run_tests(words: str) -> None:
    """Run the fault tests, file by file, and record their outcomes by function."""
    path = RECORDS / "fault_tests.json"
    files = [*sorted((ROOT / "tests" / "faults").glob("test_*.py")), *(ROOT / each for each in TEST_FILES)]
    for file in (each for each in files if words in each.name):
        outcomes: dict[str, Counter[str]] = {}
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log.xml"
            command = [sys.executable, "-m", "pytest", "-q", str(file), f"--junitxml={log}"]
            subprocess.run(command, cwd=ROOT, check=False)
            for case in ElementTree.parse(log).iter("testcase"):
                kinds = {child.tag for child in case}
                bad = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else ""
                outcomes.setdefault(case.get("name", "").split("[")[0], Counter())[bad or "passed"] += 1
        totals = record("fault_tests") or {}
        totals |= {name: dict(sorted(found.items())) for name, found in outcomes.items()}
        path.write_text(json.dumps(dict(sorted(totals.items())), indent=1) + "\n")


def kill_rows() -> list[str]:
    rows = []
    for name, how in (("pretrain", "forked"), ("command", "`dnamask pretrain`")):
        for curriculum, result in ((record(f"kill_{name}") or {}).get("result") or {}).items():
            kills = result["kills"]
            between = sum(number for way, number in kills.items() if "evaluation" in way)
            cells = [
                f"{curriculum} ({how})",
                sum(kills.values()),
                kills.get("while saving", 0),
                between,
                result["half_written_checkpoints"],
                result["runs"],
                len(result["differences"]),
            ]
            rows.append(f"| {' | '.join(map(str, cells))} |")
    for name, what in (("gue", "`gue run`"), ("npmi", "`npmi build`"), ("corpus", "`corpus build`")):
        found = record(f"kill_{name}")
        if found:
            result = found["result"]
            partial = result.get("with_a_partial_file_or_folder_beside", "")
            rows.append(
                f"| {what} | {result['kills']} | | | {partial} | {result.get('runs', '')} | "
                f"{len(result['differences'])} |"
            )
    return rows


def fuzz_rows() -> list[str]:
    found = record("fuzzing") or {}
    rows = [
        f"| {name} | {entry['executions']:,} | {entry['crashes_found']} | "
        f"{'crash' if entry['last_call']['crashed'] else 'none'} |"
        for name, entry in found.items()
    ]
    total = sum(entry["executions"] for entry in found.values())
    return [*rows, f"| **together** | **{total:,}** | {sum(e['crashes_found'] for e in found.values())} | |"]


def soak_rows() -> list[str]:
    soak = record("soak")
    names = {
        "rss_main_mib": "memory of the main process, MiB",
        "rss_workers_mib": "memory of the workers, MiB",
        "files_main": "open files of the main process",
        "files_workers": "open files of the workers",
        "threads": "threads of the main process",
        "steps_per_cpu_second": "steps per CPU second of the main process",
        "steps_per_second": "steps per second",
    }
    return [
        f"| {words} | {soak[key]['mean']:,.1f} | {soak[key]['first']:,.1f} | {soak[key]['last']:,.1f} | "
        f"{soak[key]['per_hour']:+,.2f} ± {soak[key]['plus_minus']:,.2f} |"
        for key, words in names.items()
        if soak and key in soak
    ]


def whole_log() -> list[str]:
    """Say what an earlier run showed, when checkpoints still held the whole log."""
    soak = record("soak_whole_log")
    if not soak:
        return []
    speed, memory = soak["steps_per_cpu_second"], soak["rss_main_mib"]
    return [
        "In a run before, every row of the log stayed in the Trainer's state and was written into every "
        f"checkpoint: in {soak['minutes']:.0f} minutes memory rose by {memory['per_hour']:.0f} ± "
        f"{memory['plus_minus']:.0f} MiB an hour, and steps per CPU second fell from {speed['first']:.0f} to "
        f"{speed['last']:.0f} ({speed['per_hour']:+.0f} ± {speed['plus_minus']:.0f} an hour). Since then all "
        "but the newest rows, one to two thousand, are moved to `history.jsonl`."
    ]


def _ending(soak: dict[str, Any]) -> str:
    code = soak.get("exit_code_after_sigterm")
    return "" if code is None else f", then SIGTERM: exit code {code}"


def fault_rows(faults: tuple[Any, ...]) -> list[str]:
    outcomes = record("fault_tests") or {}
    rows = []
    for what, tests, demand in faults:
        counts: Counter[str] = Counter()
        for name, outcome in outcomes.items():
            if name.startswith(tests):
                counts.update(outcome)
        said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "not run"
        rows.append(f"| {what} | {demand} | {said} |")
    return rows


def page() -> str:
    """Return the text of the page."""
    soak, line = record("soak"), record("long_line")
    parts = [
        "# What was tried, and what happened",
        plain(INTRODUCTION),
        "## Killed and resumed",
        plain(KILLS),
        "| run | kills | while saving | around an evaluation | half-written | runs | differences |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(kill_rows()),
        "## Fuzzed",
        plain(FUZZING),
        "| reader | executions | crashes found | in the last call |\n|---|---|---|---|\n"
        + "\n".join(fuzz_rows()),
    ]
    if line:
        parts.append(
            f"A FASTA line of {line['bases']:,} bases is read and its 6-mers counted with at most "
            f"{line['peak_memory_mib']} MiB ({line['of_which_before_reading_mib']} MiB of them taken before "
            f"the first byte), in {line['cpu_seconds']:g} s of CPU time."
        )
    if soak:
        watched = f"{soak['steps']:,} steps, {soak['evaluations_and_saves']:,} evaluations and saves"
        parts += [
            "## Left running",
            f"{soak['minutes']:g} minutes of pretraining ({soak['what']}), the first fifth left out: "
            f"{watched}, {soak['checkpoints_at_end']} checkpoints at the end{_ending(soak)}. Slopes are "
            "least squares with 95% intervals; the machine's load is in the record.",
            "| | mean | first | last | slope per hour |\n|---|---|---|---|---|\n" + "\n".join(soak_rows()),
            *whole_log(),
        ]
    parts += [
        "## A person, not only a kill",
        "What is changed between two commands, and what happens; tests as named in "
        "`benchmarks/reliability/person.py`.",
        "| what is changed | what happens | tests |\n|---|---|---|\n" + "\n".join(fault_rows(PERSON)),
        *walk_section(record("settings_walk"), record("checksum")),
        plain(NOT_COVERED),
        "## Faults and strangers",
        "Tests in `tests/faults`; what a test demands stands in the second column.",
        "| what | what happens | tests |\n|---|---|---|\n" + "\n".join(fault_rows(FAULTS)),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run-tests", nargs="?", const="", metavar="WORD", help="only files with this word")
    options = parser.parse_args()
    if options.run_tests is not None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        run_tests(options.run_tests)
    PAGE.write_text(page())
    print(PAGE)


if __name__ == "__main__":
    main()
