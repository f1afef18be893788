"""Records say what was done and nothing of where on a machine its files lie."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dnamask_plugins.environment import command_line, without_folders


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/me/corpora/human", "human"),
        ("~/models/logo/", "logo"),
        ("./run", "run"),
        ("zhihan1996/DNABERT-2-117M", "zhihan1996/DNABERT-2-117M"),
        ("strategy/genemask", "strategy/genemask"),
        ("logo", "logo"),
        ("a line\n/with/one", "a line\n/with/one"),
        ("", ""),
        (3, 3),
    ],
)
def test_local_paths_are_reduced_to_their_last_part(text: object, kept: object) -> None:
    assert without_folders({"deep": [{"er": text}]}) == {"deep": [{"er": kept}]}


def test_what_exists_here_is_local_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "corpus").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "data")
    assert without_folders(".") == "data"
    assert without_folders("..") == tmp_path.name
    monkeypatch.chdir(tmp_path)
    assert without_folders("data/corpus") == "corpus"
    typed = [
        "/opt/bin/dnamask",
        "pretrain",
        "--corpus",
        "data/corpus",
        "--output=/scratch/me/out",
        "--set",
        "a.b=1/2",
    ]
    monkeypatch.setattr(sys, "argv", typed)
    assert command_line() == ["dnamask", "pretrain", "--corpus", "corpus", "--output=out", "--set", "a.b=1/2"]
