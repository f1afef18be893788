"""The output folder of a run: whose it is, what may be written there, and from which checkpoint to go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dnamask_plugins import terminal
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import partial_of
from dnamask_plugins.locks import LOCK_FILE
from dnamask_plugins.training.checkpoints import (
    BEGUN,
    checkpoint_folders,
    checkpoint_step,
    damaged_file,
    find_checkpoints,
    is_ours,
    remove,
)

IDENTITY_FILE: Final = "identity.json"
RECORD_FILE: Final = "run.json"
_OWN: Final = (IDENTITY_FILE, RECORD_FILE)
_LEFT_BY_A_RUN: Final = (*_OWN, "settings.json", "history.jsonl")


def check_output(output: Path, inputs: Mapping[str, str | None]) -> None:
    """Refuse an output that is, holds or lies in something that the run reads.

    Parameters
    ----------
    output : Path
    inputs : mapping from setting to path or name, or None

    Raises
    ------
    ConfigError
        Names the setting.
    """
    target = output.resolve()
    if output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output} is a file; give a folder")
    for name, text in inputs.items():
        if text is None or not Path(text).exists():
            continue
        source = Path(text).resolve()
        if target == source or (source.is_dir() and target.is_relative_to(source)):
            raise ConfigError(f"--output {output} is the {name} itself or lies in it; give another folder")


def is_run(output: Path) -> bool:
    """Whether a folder holds a run of ours, finished or not."""
    return any((output / name).is_file() for name in _OWN) or bool(any(find_checkpoints(output)))


def prepare_output(output: Path, resume: bool, overwrite: bool = False) -> Path | None:
    """Make sure that a run may write a folder; return the checkpoint to go on from, None to begin.

    What does not carry our own seal is left as it is. A checkpoint of ours that was not finished is
    removed; one that was and is damaged is named, set aside as ``damaged-checkpoint-N``, and the one before
    is used.

    Raises
    ------
    ConfigError
        The folder holds something else, a checkpoint of others, or a run and `resume` is not set.
    """
    ours = is_run(output)
    if not ours and not overwrite and (found := _contents(output)):
        raise ConfigError(
            f"{output} holds {found[0]} and no run of dnamask; choose another --output, or pass --overwrite "
            "to write beside and over what is there"
        )
    for folder in checkpoint_folders(output):
        if not is_ours(folder):
            raise ConfigError(
                f"{folder} was not written by dnamask and is where a checkpoint may go; move it away, "
                "or give it as --backbone with another --output"
            )
    if overwrite:
        _begin_anew(output)
        return None
    if ours and not resume:
        raise ConfigError(
            f"{output} already holds a run; pass --resume to go on with it, or another --output "
            "(--overwrite begins it anew)"
        )
    return _newest_whole(output)


def _contents(output: Path) -> list[str]:
    if not output.is_dir():
        return []
    left_over = partial_of(output / "x").name.split(".partial-")[1].rpartition("-")[0]
    return sorted(
        each.name
        for each in output.iterdir()
        if each.name != LOCK_FILE and f".partial-{left_over}-" not in each.name
    )


def _begin_anew(output: Path) -> None:
    """Remove what a run before left: its checkpoints and its records, and nothing else."""
    for folder in checkpoint_folders(output):
        remove(folder)
    for name in _LEFT_BY_A_RUN if is_run(output) else ():
        (output / name).unlink(missing_ok=True)


def _newest_whole(output: Path) -> Path | None:
    """Return the newest checkpoint that is what was sealed, and clear away what is not."""
    chosen: Path | None = None
    damaged: list[tuple[Path, str]] = []
    for folder in checkpoint_folders(output):
        if (folder / BEGUN).is_file() or chosen is not None:
            continue
        bad = damaged_file(folder)
        if bad is None:
            chosen = folder
        else:
            damaged.append((folder, bad))
    before = chosen.name if chosen else "the beginning"
    for folder in checkpoint_folders(output):
        if (folder / BEGUN).is_file():
            if chosen is None or checkpoint_step(folder) > checkpoint_step(chosen):
                _say(f"{folder.name} is half-written: going on from {before}")
            remove(folder)
    for folder, bad in damaged:
        aside = _free_name(output, f"damaged-{folder.name}")
        folder.rename(aside)
        _say(f"{folder.name} is damaged ({bad}) and now called {aside.name}: going on from {before}")
    return chosen


def _free_name(output: Path, name: str) -> Path:
    taken = 1
    while (output / name if taken == 1 else output / f"{name}-{taken}").exists():
        taken += 1
    return output / name if taken == 1 else output / f"{name}-{taken}"


def _say(text: str) -> None:
    terminal.console(stderr=True, soft_wrap=True).print(text)
