"""Watches what a run masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dnamask_plugins.masking import Masker
from dnamask_plugins.training.validation import VALIDATION_SEED


class Recording:
    """What every training batch was masked with, by (step, example id)."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self.specs: dict[int, Any] = {}

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> Recording:
        """Record from now on."""
        original = Masker.__call__

        def masked(masker: Masker, batch: Any, spec: Any, step: int, ids: Any) -> Any:
            out = original(masker, batch, spec, step, ids)
            if masker.seed != VALIDATION_SEED:
                self.specs[step] = spec
                for row, example in enumerate(ids):
                    places = np.flatnonzero(out.mask[row])
                    replaced = out.input_ids[row][places]
                    self.rows[step, int(example)] = tuple(places.tolist()), tuple(replaced.tolist())
            return out

        monkeypatch.setattr(Masker, "__call__", masked)
        return self


class Killed(BaseException):
    """The process is gone: nothing may clean up after this."""


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Let the run die when it masks the batch of a step."""
    original = Masker.__call__

    def masked(masker: Masker, batch: Any, spec: Any, now: int, ids: Any) -> Any:
        if masker.seed != VALIDATION_SEED and now == step:
            raise Killed
        return original(masker, batch, spec, now, ids)

    monkeypatch.setattr(Masker, "__call__", masked)


def same_weights(a: Path, b: Path) -> bool:
    """Whether two model folders hold the same tensors, bit by bit."""
    first, second = load_file(a / "model.safetensors"), load_file(b / "model.safetensors")
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
