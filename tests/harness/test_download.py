"""Fetching through `datasets` from a local folder that is laid out as the one on the hub."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from toy_data import labelled, write_csv

from dnamask_plugins.harness.download import download, rows_to_csv
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.data import read_task

TASK = Task("EMP/H3", "gue", "mcc", classes=2, hub="somebody/GUE", hub_config="emp_H3")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set folder with configurations named in its card, splits train, test, dev."""
    folder = tmp_path / "hub"
    card = ["---", "configs:"]
    for name, pair in (("emp_H3", False), ("EPI_K562", True)):
        card += [f"- config_name: {name}", "  data_files:"]
        for number, split in enumerate(("train", "test", "dev")):
            rows = labelled(number, 24)
            made = [(text[:20], text[20:], label) for text, label in rows] if pair else rows
            header = "seq_a,seq_b,label" if pair else "sequence,label"
            write_csv(folder / "GUE" / name / f"{split}.csv", made, header)
            card += [f"  - split: {split}", f'    path: "GUE/{name}/{split}.csv"']
    (folder / "README.md").write_text("\n".join([*card, "---", ""]))
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return folder


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_files_come_out_as_they_are_on_the_hub(hub: Path, tmp_path: Path):
    out = tmp_path / "out"
    published = {split: sha256(hub / "GUE" / "emp_H3" / f"{split}.csv") for split in ("train", "dev", "test")}
    task = dataclasses.replace(TASK, sha256=published, rows={"train": 24})
    fetched = list(download([task], out, dataset=str(hub)))
    assert [(item.split, item.status, item.as_published) for item in fetched] == [
        ("train", "fetched", True),
        ("dev", "fetched", True),
        ("test", "fetched", True),
    ]
    assert read_task(out, task).train.sha256 == published["train"]


def test_what_is_there_is_kept_and_only_the_rest_is_fetched(hub: Path, tmp_path: Path):
    out = tmp_path / "out"
    list(download([TASK], out, dataset=str(hub)))
    (out / "EMP" / "H3" / "dev.csv").unlink()
    before = (out / "EMP" / "H3" / "train.csv").stat().st_mtime_ns
    asked = []

    def load(dataset: str, name: str, split: str) -> object:
        from datasets import load_dataset

        asked.append(split)
        return load_dataset(dataset, name, split=split)

    again = list(download([TASK], out, dataset=str(hub), loader=load))
    assert [item.status for item in again] == ["kept", "fetched", "kept"]
    assert asked == ["dev"]
    assert (out / "EMP" / "H3" / "train.csv").stat().st_mtime_ns == before


def test_pairs_keep_both_sequences(hub: Path, tmp_path: Path):
    task = Task("EPI/K562", "gue_plus", "mcc", classes=2, pair=True, hub="x/y", hub_config="EPI_K562")
    assert {item.status for item in download([task], tmp_path / "out", dataset=str(hub))} == {"fetched"}
    data = read_task(tmp_path / "out", task)
    assert (len(data.train.sequences[0]), len(data.train.partners[0])) == (20, 20)


def test_other_bytes_are_reported_and_other_rows_refused(hub: Path, tmp_path: Path):
    other = dataclasses.replace(TASK, sha256={"train": "0" * 64}, rows={"dev": 25})
    fetched = {item.split: item for item in download([other], tmp_path / "out", dataset=str(hub))}
    assert (fetched["train"].status, fetched["train"].as_published) == ("fetched", False)
    assert (fetched["dev"].status, fetched["dev"].detail) == ("failed", "24 rows instead of 25")
    assert not (tmp_path / "out" / "EMP" / "H3" / "dev.csv").exists()


def test_a_fetch_that_breaks_leaves_nothing_half_written_and_the_rest_goes_on(hub: Path, tmp_path: Path):
    def load(dataset: str, name: str, split: str) -> object:
        if split in ("dev", "validation", "valid"):
            raise ConnectionError("the line\nwent dead")
        from datasets import load_dataset

        return load_dataset(dataset, name, split=split)

    fetched = list(download([TASK], tmp_path / "out", dataset=str(hub), loader=load))
    assert [item.status for item in fetched] == ["fetched", "failed", "fetched"]
    assert "the line went dead" in fetched[1].detail
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == [
        "test.csv",
        "train.csv",
    ]
    assert [item.status for item in download([TASK], tmp_path / "out", dataset=str(hub))] == [
        "kept",
        "fetched",
        "kept",
    ]


def test_a_task_that_names_no_data_set_says_so(tmp_path: Path):
    nameless = dataclasses.replace(TASK, hub_config="")
    assert {item.detail for item in download([nameless], tmp_path)} == {
        "the task names no data set on the hub"
    }


def test_csv_is_written_as_the_published_files_are():
    assert rows_to_csv(["sequence", "label"], [("ACGT", 0)]) == b"sequence,label\nACGT,0\n"
