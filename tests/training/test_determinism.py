"""A mask depends on (seed, step, example id) only, and a switch holds from exactly its step."""

from __future__ import annotations

from typing import Any

import pytest
from recording import Killed, Recording, kill_at

from dnamask_plugins.pretrain.run import pretrain


def masks_of(settings: Any, **keywords: Any) -> Recording:
    with pytest.MonkeyPatch.context() as patch:
        recording = Recording().watch(patch)
        pretrain(settings, quiet=True, **keywords)
    return recording


@pytest.fixture
def reference(tiny: Any) -> Recording:
    return masks_of(tiny("reference"))


@pytest.mark.parametrize(
    "trainer",
    [
        {"dataloader_num_workers": 1},
        {"dataloader_num_workers": 3, "dataloader_prefetch_factor": 4},
        {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1},
        {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8},
    ],
    ids=["1 worker", "3 workers", "one large batch", "8 micro-batches"],
)
def test_masks_do_not_depend_on_workers_or_batches(tiny: Any, reference: Recording, trainer: Any) -> None:
    other = masks_of(tiny("other", trainer=trainer))
    assert len(reference.rows) == 6 * 8
    assert other.rows == reference.rows
    assert other.specs == reference.specs


def test_switch_takes_effect_at_the_step_of_its_evaluation(reference: Recording) -> None:
    names = [reference.specs[step].weights[0][0] for step in range(6)]
    assert names == ["genemask"] * 4 + ["global_npmi"] * 2


def test_another_seed_gives_other_masks(tiny: Any, reference: Recording) -> None:
    assert masks_of(tiny("other", seed=1)).rows != reference.rows


def test_the_same_example_is_masked_otherwise_at_another_step() -> None:
    from dnamask_plugins.training.collator import MaskingCollator

    collator = MaskingCollator(
        "kmer", {"name": "constant", "strategy": "span"}, mask_share=1.0, random_share=0.0
    )
    example = [{"sequence": "ACGTTGCAACGTAGCTAGCTTACG" * 5, "example_id": 3}]
    seen = set()
    for collator.schedule.step in range(10):
        seen.add(tuple(collator(example)["labels"].flatten().tolist()))
    assert len(seen) == 10


def test_masks_are_the_same_after_a_resume(tiny: Any, reference: Recording) -> None:
    with pytest.MonkeyPatch.context() as patch:
        first = Recording().watch(patch)
        kill_at(patch, 4)
        with pytest.raises(Killed):
            pretrain(tiny("resumed"), quiet=True)
    second = masks_of(tiny("resumed"), resume=True)
    assert {step for step, _ in first.rows} == {0, 1, 2, 3}
    assert {step for step, _ in second.rows} == {3, 4, 5}
    assert first.rows | second.rows == reference.rows
    assert first.specs | second.specs == reference.specs
