"""A checkpoint is what was sealed, to the bit; folders of others are never touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnamask_plugins.training.checkpoints import (
    BEGUN,
    MARKER,
    begin,
    damaged_file,
    find_checkpoints,
    is_ours,
    is_whole,
    keep_newest,
    remove,
    seal,
)

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    return made(tmp_path, 5)


def made(run: Path, step: int) -> Path:
    folder = run / f"checkpoint-{step}"
    begin(folder)
    for name in ("model.safetensors", "optimizer.pt"):
        (folder / name).write_bytes(CONTENT)
    (folder / "below").mkdir()
    (folder / "below" / "state.json").write_text("{}")
    seal(folder)
    return folder


@pytest.mark.parametrize("place", [0, 1, 4_000, len(CONTENT) - 1])
@pytest.mark.parametrize("bit", [0, 7])
def test_one_flipped_bit_is_found(sealed: Path, place: int, bit: int) -> None:
    assert damaged_file(sealed) is None
    content = bytearray(CONTENT)
    content[place] ^= 1 << bit
    (sealed / "optimizer.pt").write_bytes(content)
    assert is_whole(sealed)
    assert damaged_file(sealed) == "optimizer.pt"


def test_zeroed_shortened_missing_and_unread_files_are_found(sealed: Path) -> None:
    for name, content in (("model.safetensors", bytes(len(CONTENT))), ("below/state.json", b"")):
        before = (sealed / name).read_bytes()
        (sealed / name).write_bytes(content)
        assert damaged_file(sealed) == name
        (sealed / name).write_bytes(before)
    (sealed / "optimizer.pt").unlink()
    assert damaged_file(sealed) == "optimizer.pt"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"format": 2}', '{"format": 2, "files": {"a": 1}}', '{"a": "b"}']
)
def test_a_damaged_seal_is_no_seal(sealed: Path, text: str) -> None:
    (sealed / MARKER).write_text(text)
    assert damaged_file(sealed) is not None
    assert not is_whole(sealed)


def test_a_seal_of_sizes_alone_is_still_read(sealed: Path) -> None:
    """As versions before 0.2 wrote it."""
    (sealed / MARKER).write_text(json.dumps({"optimizer.pt": len(CONTENT)}))
    assert damaged_file(sealed) is None
    (sealed / "optimizer.pt").write_bytes(b"short")
    assert damaged_file(sealed) == "optimizer.pt"


def test_only_what_carries_our_seal_is_ours(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        made(tmp_path, step)
    foreign = tmp_path / "checkpoint-0"
    foreign.mkdir()
    (foreign / "model.safetensors").write_bytes(CONTENT)
    assert not is_ours(foreign)
    keep_newest(tmp_path, 2)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "checkpoint-0",
        "checkpoint-2",
        "checkpoint-3",
    ]
    assert (foreign / "model.safetensors").read_bytes() == CONTENT


def test_a_removal_that_is_killed_leaves_nothing_that_looks_whole(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", die)
    with pytest.raises(KeyboardInterrupt):
        remove(sealed)
    assert find_checkpoints(sealed.parent) == ([], [sealed])
    assert (sealed / BEGUN).is_file()


def test_files_follow_the_umask(sealed: Path) -> None:
    model = sealed / "model.safetensors"
    model.chmod(0o600)
    (sealed.parent / "new").touch()
    seal(sealed)
    assert model.stat().st_mode == (sealed.parent / "new").stat().st_mode
