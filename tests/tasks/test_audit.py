"""The audit: made-up files with planted faults, and the faults known of GUE."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnamask_plugins.tasks import Task, gue
from dnamask_plugins.tasks.audit import audit_task, leaked_rows
from dnamask_plugins.tasks.data import TaskData, read_task

TASK = Task("toy/task", "toy", "mcc", classes=2)


def build(tmp_path: Path, task: Task = TASK, **splits: list[str]) -> TaskData:
    header = "a,b,label" if task.pair else "sequence,label"
    for split, rows in splits.items():
        path = tmp_path / "toy" / "task" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n")
    return read_task(tmp_path, task)


def test_planted_faults_are_counted(tmp_path: Path):
    data = build(
        tmp_path,
        train=["AAACC,0", "AAACC,0", "AAACC,1", "CCGTN,1", "GATTACA,0"],
        dev=["AAACC,1", "TTTTT,0"],
        test=["AAACC,0", "AAACC,0", "TGTAATC,1", "CCGTN,0", "CCCCC,1", "TTTTT,1"],
    )
    audit = audit_task(data)
    train = audit.splits["train"]
    assert (train.rows, train.duplicate_rows, train.contradicting_sequences) == (5, 2, 1)
    assert (train.shortest, train.median, train.longest) == (5, 5, 7)
    assert dict(train.other_letters) == {"N": 1}
    assert dict(train.classes) == {"0": 3, "1": 2}
    test = next(part for part in audit.overlaps if (part.split, part.within) == ("test", "train"))
    assert (test.sequences, test.rows, test.other_label) == (2, 3, 1)
    assert (test.reverse_complements, test.reverse_complement_rows) == (1, 1)
    assert leaked_rows(data).tolist() == [True, True, True, True, False, True]
    assert audit.leaked_test_rows == 5


def test_a_pair_leaks_only_whole(tmp_path: Path):
    task = Task("toy/task", "toy", "mcc", classes=2, pair=True)
    data = build(
        tmp_path,
        task,
        train=["AAACC,GGGTT,0", "CCCCC,TTTTT,1"],
        dev=["ACGTA,ACGTA,0"],
        test=["AAACC,TTTTT,0", "AAACC,GGGTT,1", "GGTTT,AACCC,0"],
    )
    assert leaked_rows(data).tolist() == [False, True, True]


def test_plain_json_comes_out(tmp_path: Path):
    import json

    data = build(tmp_path, train=["AAACC,0", "CCGTN,1"], dev=["AAACC,1"], test=["AAACC,0"])
    assert json.loads(json.dumps(audit_task(data).to_json()))["overlaps"][0]["split"] == "dev"


@pytest.mark.parametrize("name", ["prom/prom_core_all", "prom/prom_core_tata", "tf/4", "tf/1", "mouse/3"])
def test_known_faults_of_gue(shared_data: Path, name: str):
    task = next(task for task in gue() if task.name == name)
    audit = audit_task(read_task(shared_data / "gue", task))
    across = {(part.split, part.within): part for part in audit.overlaps}
    assert audit.splits["train"].duplicate_rows == task.known["train_duplicate_rows"]
    assert across["test", "train"].sequences == task.known["test_in_train"]
    assert across["test", "train"].other_label == task.known["test_in_train_other_label"]
    assert across["dev", "train"].sequences == task.known["dev_in_train"]
    assert all(split.as_published for split in audit.splits.values())


def test_the_two_faults_that_everybody_should_know(shared_data: Path):
    tasks = {task.name: task for task in gue()}
    core = audit_task(read_task(shared_data / "gue", tasks["prom/prom_core_all"]))
    test = next(part for part in core.overlaps if (part.split, part.within) == ("test", "train"))
    assert (test.sequences, test.other_label) == (42, 6)
    factor = audit_task(read_task(shared_data / "gue", tasks["tf/4"]))
    dev = next(part for part in factor.overlaps if (part.split, part.within) == ("dev", "train"))
    assert (dev.sequences, factor.splits["dev"].rows) == (346, 1000)
    assert factor.splits["train"].duplicate_rows == 3789
