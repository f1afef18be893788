"""What the first of several processes does alone, and how the others learn of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from accelerate.utils import broadcast_object_list

from dnamask_plugins.locks import locked_folder

if TYPE_CHECKING:
    from transformers import TrainingArguments

_Decided = TypeVar("_Decided")


@contextlib.contextmanager
def folder_of_the_first(arguments: TrainingArguments, output: Path) -> Iterator[None]:
    """Hold the output folder in the process that writes it, for as long as the run lasts."""
    if arguments.process_index:
        yield
        return
    with locked_folder(output):
        yield


def decided_by_the_first(arguments: TrainingArguments, decide: Callable[[], _Decided]) -> _Decided:
    """Let the first process look at the folder, and have all do what it found; also its error is shared.

    Each for itself, a late process would see what an early one has written already.
    """
    if arguments.world_size == 1:
        return decide()

    told: list[Any] = [None]
    if arguments.process_index == 0:
        try:
            told = [decide()]
        except Exception as error:
            told = [error]
    broadcast_object_list(told, from_process=0)
    if isinstance(told[0], Exception):
        raise told[0]
    decided: _Decided = told[0]
    return decided
