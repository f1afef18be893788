"""A plan in buckets is the plan: the same losses, gradients and counts, and few shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from masked_models import assert_same_gradients, build, gradients, make_batch

from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.models.plan import Plan


@pytest.mark.parametrize("name", ["bert", "dnabert2", "esm rotary", "modernbert"])
@pytest.mark.parametrize("lengths", [(17, 17, 3, 9, 1, 17), (6, 2), (70, 3)])
def test_loss_and_gradients_do_not_change(name: str, lengths: tuple[int, ...]) -> None:
    model = build(name)
    ids, attention, labels = make_batch(lengths, rate=0.5)
    # ESM divides by the share of a window's tokens that are not [MASK].
    ids[:, 0], labels[:, 0] = 5, -100
    batch = ids, attention, labels
    plan = Plan.from_batch(*batch)
    filled = plan.in_buckets()
    assert filled.count == plan.count < len(filled.targets)
    assert len(filled.rows.index) % 64 == len(filled.targets) % 64 == 0
    assert max(filled.rows.segments.lengths) == max(lengths)
    expected, count = masked_lm_loss(model, *batch, plan=plan)
    loss, again = masked_lm_loss(model, *batch, plan=filled)
    assert count == again
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=1e-5)
    assert_same_gradients(gradients(model, expected), gradients(model, loss))


def test_nothing_masked_and_windows_of_one_token() -> None:
    ids, attention, labels = make_batch((9, 4))
    plan = Plan.from_batch(ids, attention, torch.full_like(labels, -100)).in_buckets()
    assert (plan.count, len(plan.targets)) == (0, 0)
    alone = Plan.from_batch(*make_batch((1, 1, 1), rate=1.0))
    assert alone.in_buckets() is alone


def shapes(plan: Plan) -> tuple[Any, ...]:
    segments = plan.rows.segments
    return len(plan.rows.index), len(plan.targets), len(segments.lengths), len(plan.segments.lengths)


def test_fifty_steps_have_few_shapes() -> None:
    rng = np.random.default_rng(0)
    plain, filled = set(), set()
    for seed in range(50):
        lengths = [512 if rng.random() < 0.5 else int(rng.integers(7, 513)) for _ in range(64)]
        plan = Plan.from_batch(*make_batch(lengths, seed, rate=0.15))
        plain.add(shapes(plan))
        filled.add(shapes(plan.in_buckets()))
    assert len(plain) == 50
    assert len(filled) <= 12
