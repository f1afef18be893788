"""Reading of evaluation files (`tasks.data`): the published layouts, and what is wrong in one line."""

from __future__ import annotations

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest

from dnamask_plugins.errors import InputError
from dnamask_plugins.tasks import Task, fewshot, gue
from dnamask_plugins.tasks.data import draw_shots, limit_rows, read_labelled, read_task, suite_root

TASK = Task("toy/task", "toy", "mcc", classes=2)
PAIRS = dataclasses.replace(TASK, pair=True)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_rows_come_back_in_order_and_upper_case(tmp_path: Path, newline: str):
    path = write(tmp_path / "train.csv", newline.join(["sequence,label", "ACgt,0", '"NNRA",1', ""]))
    data = read_labelled(path, TASK)
    assert data.sequences == ("ACGT", "NNRA")
    assert data.labels.tolist() == [0, 1]


def test_gzip_reads_as_plain_and_has_the_hash_of_the_plain_file(tmp_path: Path):
    text = "sequence,label\nACGT,0\n"
    plain = read_labelled(write(tmp_path / "train.csv", text), TASK)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(text.encode()))
    packed = read_labelled(tmp_path / "packed.csv.gz", TASK)
    assert packed.sha256 == plain.sha256
    assert packed.sequences == plain.sequences


def test_a_folder_of_gzipped_files_is_found(tmp_path: Path):
    folder = folder_of(tmp_path, train="ACGT,0\nACGG,1\n", dev="ACGT,1\n", test="ACGT,1\n")
    plain = read_task(folder, TASK)
    for path in list((folder / "toy" / "task").iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = read_task(folder, TASK)
    assert {name: split.sha256 for name, split in packed.splits.items()} == {
        name: split.sha256 for name, split in plain.splits.items()
    }


def test_pairs_have_three_columns(tmp_path: Path):
    path = write(tmp_path / "train.csv", "sequence1,sequence2,label\nACGT,TTTT,1\n")
    data = read_labelled(path, PAIRS)
    assert (data.sequences, data.partners) == (("ACGT",), ("TTTT",))
    with pytest.raises(InputError, match="line 2 has 3 fields, but toy/task has 2"):
        read_labelled(path, TASK)


def test_fewshot_words_are_joined_to_a_sequence(tmp_path: Path):
    task = next(task for task in fewshot() if task.name == "Silencer/10")
    path = write(tmp_path / "train.tsv", '"sequence"\t"label"\n"ACGTAC CGTACG GTACGT"\t1\n')
    assert read_labelled(path, task).sequences == ("ACGTACGT",)


BAD_FILES = {
    "no header": ("ACGT,0\nTTTT,1\n", r"train\.csv: line 1 is no header"),
    "label no integer": (
        "sequence,label\nACGT,0\nACGT,yes\n",
        r"train\.csv: line 3: label 'yes' is no integer",
    ),
    "label real": ("sequence,label\nACGT,0.5\n", r"train\.csv: line 2: label '0.5' is no integer"),
    "label too large": ("sequence,label\nACGT,2\n", r"train\.csv: line 2: label 2, but .* 0\.\.1"),
    "label negative": ("sequence,label\nACGT,-1\n", r"train\.csv: line 2: label -1"),
    "protein letter": (
        "sequence,label\nACGT,0\nACET,1\n",
        r"train\.csv: line 3, letter 3: 'E' is no nucleotide",
    ),
    "no sequence": ("sequence,label\n,1\n", r"train\.csv: line 2 has no sequence"),
    "one field": ("sequence,label\nACGT\n", r"train\.csv: line 2 has 1 fields"),
    "empty": ("", r"train\.csv: empty"),
    "header only": ("sequence,label\n", r"train\.csv: no rows"),
    "letter not ascii": ("sequence,label\nACG\u00c9,1\n", r"train\.csv: line 2: '\u00c9'"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_line_that_names_file_and_row(tmp_path: Path, name: str):
    text, words = BAD_FILES[name]
    with pytest.raises(InputError, match=words) as caught:
        read_labelled(write(tmp_path / "train.csv", text), TASK)
    assert "\n" not in str(caught.value)


def test_a_cut_off_gzip_and_binary_are_one_line(tmp_path: Path):
    whole = gzip.compress(b"sequence,label\n" + b"ACGT,0\n" * 999)
    (tmp_path / "train.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        read_labelled(tmp_path / "train.csv.gz", TASK)
    (tmp_path / "dev.csv").write_bytes(b"sequence,label\n\xff\xfe\x00")
    with pytest.raises(InputError, match="not text"):
        read_labelled(tmp_path / "dev.csv", TASK)


def folder_of(tmp_path: Path, **splits: str) -> Path:
    for split, rows in splits.items():
        write(tmp_path / "toy" / "task" / f"{split}.csv", "sequence,label\n" + rows)
    return tmp_path


def test_a_bomb_is_one_line_and_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from dnamask_plugins.corpus import compressed
    from dnamask_plugins.harness.tables.reading import read_table

    monkeypatch.setattr(compressed, "LEAST_ALLOWED", 1 << 16)
    path = tmp_path / "mouse" / "9" / "train.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"sequence,label\n" + b"A" * (1 << 22)))
    for read in (lambda: read_labelled(path, TASK), lambda: read_table(path)):
        with pytest.raises(
            InputError, match=r"train.csv.gz: unpacks to over [\d,]+ bytes from [\d,]+, which"
        ):
            read()


def test_a_class_missing_from_train_is_refused(tmp_path: Path):
    folder = folder_of(tmp_path, train="ACGT,0\nACGG,0\n", dev="ACGT,1\n", test="ACGT,1\n")
    with pytest.raises(InputError, match=r"train\.csv: no row of class 1 in 2 rows"):
        read_task(folder, TASK)


def test_a_label_that_train_never_has_is_refused_where_classes_are_open(tmp_path: Path):
    folder = folder_of(tmp_path, train="ACGT,0\nACGG,1\n", dev="ACGT,1\n", test="ACGT,1\nAAAA,2\n")
    with pytest.raises(InputError, match=r"test\.csv: row 2 below the header has label 2"):
        read_task(folder, dataclasses.replace(TASK, classes=None))


def test_dev_stands_in_for_train_only_when_asked(tmp_path: Path):
    folder = folder_of(tmp_path, dev="ACGT,0\nACGG,1\n", test="ACGT,1\n")
    with pytest.raises(InputError, match="--allow-dev-as-train"):
        read_task(folder, TASK)
    data = read_task(folder, TASK, dev_as_train=True)
    assert data.dev_as_train
    assert data.train is data.dev
    assert set(data.splits) == {"dev", "test"}
    whole = folder_of(tmp_path, train="ACGT,0\nACGG,1\n")
    assert not read_task(whole, TASK, dev_as_train=True).dev_as_train


def test_the_folder_above_gue_is_taken_too(tmp_path: Path):
    (tmp_path / "GUE").mkdir()
    assert suite_root(tmp_path) == suite_root(tmp_path / "GUE") == tmp_path / "GUE"
    with pytest.raises(InputError, match="no such folder"):
        suite_root(tmp_path / "nowhere")


def test_draws_are_balanced_recorded_by_seed_and_differ(tmp_path: Path):
    rows = "".join(
        f"{'ACGT' * 5}{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16]},{i % 2}\n" for i in range(64)
    )
    data = read_labelled(write(tmp_path / "train.csv", "sequence,label\n" + rows), TASK)
    draws = [draw_shots(data, 10, seed) for seed in (0, 0, 1)]
    assert [np.bincount(draw.labels).tolist() for draw in draws] == [[10, 10]] * 3
    assert draws[0].sequences == draws[1].sequences != draws[2].sequences
    with pytest.raises(InputError, match="class 0 has 32 rows, but 50 shots"):
        draw_shots(data, 50, 0)
    assert limit_rows(data, None, 0) is limit_rows(data, 64, 0) is data
    assert len(limit_rows(data, 7, 0)) == 7


def test_the_published_files_have_the_known_hashes_and_rows(shared_data: Path):
    present = [task for task in gue() if (shared_data / "gue" / task.name).is_dir()]
    assert len(present) == 23
    for task in present:
        if task.name.startswith(("mouse", "EMP/H3", "prom/prom_300_all")):
            data = read_task(shared_data / "gue", task, dev_as_train=True)
            assert {name: split.sha256 for name, split in data.splits.items()} == dict(task.sha256)
            assert all(len(split) == task.rows[name] for name, split in data.splits.items())


def test_fewshot_files_hold_what_is_said_of_them(shared_data: Path):
    tasks = {task.name: task for task in fewshot()}
    core = read_task(shared_data / "fewshot", tasks["Prom-core/10"])
    assert np.bincount(core.train.labels).tolist() == [10, 10]
    assert len(core.test) == 5920
    assert {len(sequence) for sequence in core.test.sequences} == {70}
    silencer = read_task(shared_data / "fewshot", tasks["Silencer/50"])
    assert np.bincount(silencer.train.labels).tolist() == [500, 500]
    assert np.bincount(draw_shots(silencer.train, 50, 0).labels).tolist() == [50, 50]
    with pytest.raises(InputError, match="no test file for Cohn-enh/10"):
        read_task(shared_data / "fewshot", tasks["Cohn-enh/10"])
