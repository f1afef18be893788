"""One optimizer step on the host: its examples masked, planned and counted, while the device does another.

A model on an accelerator must not wait for the host, and the host must not ask the device about data that it
made itself. So all that depends on the mask is worked out here before anything is sent (`Step`), and the next
step is made in a thread (`StepsAhead`): the compiled kernels let go of Python's lock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from dnamask_plugins import guard
from dnamask_plugins.masking import MaskedBatch, Masker
from dnamask_plugins.masks import report
from dnamask_plugins.models.plan import Plan
from dnamask_plugins.plugins.time_limit import is_compiling
from dnamask_plugins.strategies.building import table_of
from dnamask_plugins.training.examples import Examples, from_worker
from dnamask_plugins.training.objective import Objective
from dnamask_plugins.training.tensors import to_tensors
from dnamask_plugins.types import MaskSpec


@dataclass(frozen=True, eq=False)
class Step:
    """The micro-batches of one optimizer step as the model takes them.

    Attributes
    ----------
    number : int
    spec : MaskSpec
    examples : list of Examples
    batches : list of dict
        ``input_ids``, ``attention_mask``, ``labels``, the ``plan`` of `Plan.from_batch` and, where letters
        are learned, ``places``; on the host.
    tokens : int
        Tokens to predict.
    letters : float
        Weight of the hidden letters to predict.
    statistics : dict
        What the masks were like, for the log; empty where the step is not logged.
    """

    number: int
    spec: MaskSpec
    examples: list[Examples]
    batches: list[dict[str, Any]]
    tokens: int
    letters: float
    statistics: dict[str, float]

    @property
    def seen(self) -> int:
        """Tokens that the model reads, without padding."""
        return sum(int(each.batch.attention_mask.sum()) for each in self.examples)

    def described(self, seed: int) -> str:
        """Say what makes this step again, for messages."""
        ids = np.concatenate([each.ids for each in self.examples])
        names = ", ".join(name for name, _ in self.spec.weights)
        return f"at step {self.number} (strategy {names}, seed {seed}, example ids {ids.min()}..{ids.max()})"


def planned(
    masked: MaskedBatch, places: Any = None, pinned: bool = False, bucketed: bool = False
) -> dict[str, Any]:
    """Return the tensors of a masked batch with their plan, on the host.

    Parameters
    ----------
    masked : MaskedBatch
    places : float array, shape (B, L, w), optional
        See `Spellings.places`.
    pinned : bool
        In memory that a GPU copies from by itself.
    bucketed : bool
        With few different numbers of tokens; see `Plan.in_buckets`.
    """
    tensors: dict[str, Any] = to_tensors(masked)
    if places is not None:
        tensors["places"] = torch.from_numpy(places)
    plan = Plan.from_batch(**tensors)
    tensors["plan"] = plan.in_buckets() if bucketed else plan
    return {name: value.pin_memory() for name, value in tensors.items()} if pinned else tensors


@dataclass(frozen=True, eq=False)
class StepMaker:
    """Masks and plans the examples of a step: a pure function of them, the step and the spec.

    Attributes
    ----------
    masker : Masker
    objective : Objective
    logs : callable from a step's number to bool
        Whether its masks are measured.
    pinned, bucketed : bool
        See `planned`.
    """

    masker: Masker
    objective: Objective
    logs: Callable[[int], bool]
    pinned: bool = False
    bucketed: bool = False

    def __call__(self, number: int, spec: MaskSpec, examples: list[Examples]) -> Step:
        """Make the step."""
        masked = [self.masker(each.batch, spec, number, each.ids) for each in examples]
        places = [self.objective.places(m.mask, e.batch) for m, e in zip(masked, examples, strict=True)]
        statistics = {}
        if self.logs(number):
            pairs = ((m.mask, e.batch) for m, e in zip(masked, examples, strict=True))
            statistics = report(pairs, table_of(self.masker.strategies.values())).for_log()
        return Step(
            number,
            spec,
            examples,
            [planned(m, each, self.pinned, self.bucketed) for m, each in zip(masked, places, strict=True)],
            sum(int(each.mask.sum()) for each in masked),
            sum(float(each.sum(dtype=np.float64)) for each in places if each is not None),
            statistics,
        )


class StepsAhead:
    """Steps in order, the next one made in a thread while the one before is computed.

    Whether a curriculum switches is only known when its step begins. A step that was made under another spec
    is then masked again, from the same examples, so that the masks are those that would have been made
    without a thread.

    Parameters
    ----------
    make : StepMaker
    ahead : bool
        Whether to use a thread at all; on a CPU it would take the cores that the model computes on.
    """

    def __init__(self, make: StepMaker, ahead: bool) -> None:
        self.make, self.ahead = make, ahead
        self._waiting: queue.Queue[Step | BaseException] | None = None
        self._thread: threading.Thread | None = None

    def take(self, number: int, spec: MaskSpec, source: Iterator[Examples], count: int, last: bool) -> Step:
        """Return a step of `count` micro-batches from `source`; unless it is the last, begin the next one.

        Raises
        ------
        PluginError
            A plugin that was called in the thread raises, or hangs.
        """
        step = self._made(number) if self._waiting is not None else self._make(number, spec, source, count)
        if step.spec != spec:
            step = self.make(number, spec, step.examples)
        if self.ahead and not last:
            self._begin(number + 1, spec, source, count)
        return step

    def _read(self, number: int, source: Iterator[Examples], count: int) -> list[Examples]:
        with from_worker(number):
            return list(islice(source, count))

    def _make(self, number: int, spec: MaskSpec, source: Iterator[Examples], count: int) -> Step:
        return self.make(number, spec, self._read(number, source, count))

    def _begin(self, number: int, spec: MaskSpec, source: Iterator[Examples], count: int) -> None:
        results: queue.Queue[Step | BaseException] = queue.Queue(1)

        def work() -> None:
            try:
                results.put(self._make(number, spec, source, count))
            except BaseException as error:
                results.put(error)

        # A daemon: a plugin that hangs must not keep the process from ending.
        self._waiting, self._thread = results, threading.Thread(target=work, name="steps ahead", daemon=True)
        self._thread.start()

    def _made(self, number: int) -> Step:
        waiting, thread = self._waiting, self._thread
        assert waiting is not None
        assert thread is not None
        self._waiting = self._thread = None
        while True:
            try:
                result = waiting.get(timeout=guard.PATIENCE_SECONDS)
                break
            except queue.Empty:
                if not is_compiling():
                    raise guard.overdue(thread, f"at step {number}") from None
        if isinstance(result, BaseException):
            raise result
        return result
