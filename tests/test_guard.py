"""One guarded way to call a plugin, used everywhere."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from syntax import nodes_of

import dnamask_plugins
from dnamask_plugins.budget import Budget
from dnamask_plugins.errors import PluginError
from dnamask_plugins.guard import guarded_select
from dnamask_plugins.packing import select_packed
from dnamask_plugins.preview.masked import mask_sequences, measure
from dnamask_plugins.rng import RngKey
from dnamask_plugins.strategies.mixture import Mixture
from dnamask_plugins.strategies.reverse_complement import ReverseComplement
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer

PACKAGE = Path(dnamask_plugins.__file__).parent


class Raises(Span):
    name: ClassVar[str] = "acme.raises"

    def select(self, *_: Any) -> Any:
        raise KeyError("a gene\nnobody knows")


class MasksEverything(Span):
    name: ClassVar[str] = "acme.everything"

    def select(self, batch: Any, *_: Any) -> Any:
        return np.ones(batch.input_ids.shape, dtype=bool)


class MasksItsTokens(Span):
    name: ClassVar[str] = "acme.tokens"

    def select(self, batch: Any, *_: Any) -> Any:
        return ~batch.special_tokens_mask


class MasksOnePadding(Span):
    name: ClassVar[str] = "acme.padding"

    def select(self, batch: Any, *_: Any) -> Any:
        mask = ~batch.special_tokens_mask
        mask[batch.lengths.argmin(), -1] = True
        return mask


BATCH = NucleotideTokenizer().encode_batch(["ACGTACGTAC"])
KEY = RngKey.from_step(0, 0, [0])


@pytest.mark.parametrize(
    ("faulty", "fault"),
    [
        (Raises(), "raised KeyError: 'a gene"),
        (MasksEverything(), "selected special or padding tokens"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda faulty: Mixture([faulty]).select(BATCH, KEY, Budget(0.2)),
        lambda faulty: ReverseComplement(faulty).select(BATCH, KEY, Budget(0.2)),
        lambda faulty: select_packed(faulty, BATCH, np.zeros((1, 12), int), KEY, Budget(0.2)),
        lambda faulty: mask_sequences(["a"], ["ACGTACGT"], NucleotideTokenizer(), faulty, Budget(0.2)),
        lambda faulty: measure(["ACGTACGT"], NucleotideTokenizer(), faulty, Budget(0.2), steps=2),
    ],
    ids=["mixture", "reverse_complement", "packed", "preview", "report"],
)
def test_whoever_calls_a_faulty_strategy_names_it_in_one_line(faulty: Any, fault: str, call: Any) -> None:
    with pytest.raises(PluginError) as caught:
        call(faulty)
    assert fault in str(caught.value)
    assert f"'{faulty.name}'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_strategy_of_a_mixture_is_judged_by_its_own_rows() -> None:
    batch = NucleotideTokenizer().encode_batch(["ACGTACGTAC" if row % 3 else "AC" for row in range(30)])
    key, budget = RngKey.from_step(0, 0, range(30)), Budget(1.0)
    mask = Mixture([MasksItsTokens(), MasksItsTokens()]).select(batch, key, budget)
    assert (mask == ~batch.special_tokens_mask).all()
    with pytest.raises(PluginError, match=r"'acme.padding' .* selected special or padding tokens"):
        Mixture([MasksItsTokens(), MasksOnePadding()]).select(batch, key, budget)


class MasksAsASubclass(Span):
    name: ClassVar[str] = "acme.subclass"

    def select(self, *arguments: Any) -> Any:
        return np.ma.masked_array(super().select(*arguments))


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_arrays_of_other_kinds_are_understood(kind: Any) -> None:
    batch = replace(BATCH, special_tokens_mask=BATCH.special_tokens_mask.astype(kind))
    assert guarded_select(MasksAsASubclass(), batch, KEY, Budget(0.2)).sum() == 2
    with pytest.raises(PluginError, match="selected special or padding tokens"):
        guarded_select(MasksEverything(), batch, KEY, Budget(0.2))


def test_nobody_else_calls_plugins() -> None:
    """Outside the guard, the conformance kit and super(), no module calls a strategy."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name == "guard.py" or name.startswith("testing/"):
            continue
        for node in nodes_of(path):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            calls_strategy = node.func.attr == "select" and len(node.args) == 3
            own = isinstance(node.func.value, ast.Call | ast.Name) and "super" in ast.dump(node.func.value)
            if calls_strategy and not own:
                found.append(f"{name}:{node.lineno}")
    assert not found, f"call these with guarded_select: {found}"
