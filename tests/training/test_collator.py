"""The collator in other people's loops: the masks of MaskingTrainer, and never one mask for ever."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from loaders import let_go
from torch.utils.data import DataLoader

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.masking import Masker
from dnamask_plugins.training.collator import MaskingCollator

SEQUENCES = ["".join(np.random.default_rng(row).choice(list("ACGT"), 40)) for row in range(4)]
EXAMPLES = [{"sequence": sequence, "example_id": row} for row, sequence in enumerate(SEQUENCES)]
LINEAR = {"name": "linear", "strategy": "span", "start": 0.4, "end": 0.2, "steps": 12}


def expected_masks(steps: int) -> list[np.ndarray]:
    """Mask as MaskingTrainer does: `Masker` with the spec of the step."""
    collator = MaskingCollator("nucleotide", LINEAR, seed=3)
    masker: Masker = collator.masker
    found = []
    for step in range(steps):
        rows = EXAMPLES[2 * (step % 2) : 2 * (step % 2) + 2]
        tokens = collator.tokenize(rows)
        spec = collator.schedule.spec_at(step)
        found.append(masker(tokens.batch, spec, step, np.array([row["example_id"] for row in rows])).mask)
    return found


def masked_tokens(batch: dict[str, torch.Tensor]) -> np.ndarray:
    return (batch["labels"] != -100).numpy()


@pytest.mark.parametrize(
    "workers",
    [
        {},
        {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": "fork"},
        {"num_workers": 2, "multiprocessing_context": "fork"},
        {"num_workers": 1, "persistent_workers": True, "multiprocessing_context": "spawn"},
    ],
    ids=["none", "fork-persistent", "fork", "spawn-persistent"],
)
def test_masks_made_in_the_loop_are_those_of_the_trainer(workers: dict[str, object]) -> None:
    collator = MaskingCollator("nucleotide", LINEAR, seed=3)
    loader = DataLoader(EXAMPLES, batch_size=2, collate_fn=collator.tokenize, **workers)
    found, step = [], 0
    for _ in range(3):
        for tokens in loader:
            found.append(masked_tokens(collator.mask(tokens, step)))
            step += 1
    for ours, theirs in zip(found, expected_masks(6), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len({each.tobytes() for each in found}) == 6


def test_a_plain_loop_that_keeps_the_step_gets_them_too() -> None:
    collator = MaskingCollator("nucleotide", LINEAR, seed=3)
    found, step = [], 0
    for _ in range(3):
        for batch in DataLoader(EXAMPLES, batch_size=2, collate_fn=collator):
            found.append(masked_tokens(batch))
            step += 1
            collator.schedule.step = step
    for ours, theirs in zip(found, expected_masks(6), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("persistent", [False, True])
def test_masking_in_a_worker_is_refused_in_one_line(persistent: bool) -> None:
    workers = {"num_workers": 1, "persistent_workers": persistent}
    collator = MaskingCollator("nucleotide", LINEAR)
    with pytest.raises(ConfigError, match=r"num_workers=0 .*collator\.tokenize.*MaskingTrainer") as caught:
        next(iter(DataLoader(EXAMPLES, batch_size=2, collate_fn=collator, **workers)))
    let_go(caught.value)


def test_the_plain_trainer_never_repeats_a_mask(tmp_path) -> None:
    from datasets import Dataset
    from transformers import BertConfig, BertForMaskedLM, Trainer, TrainingArguments

    from dnamask_plugins.training.callback import CurriculumCallback

    masks: dict[int, set[bytes]] = {}

    class Watched(MaskingCollator):
        def mask(self, examples, step=None):
            batch = super().mask(examples, step)
            for row, example in enumerate(examples.ids.tolist()):
                masks.setdefault(example, set()).add(masked_tokens(batch)[row].tobytes())
            return batch

    def trained(**loader: object) -> None:
        collator = Watched("nucleotide", LINEAR, seed=3)
        shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        arguments = TrainingArguments(
            str(tmp_path), num_train_epochs=6, per_device_train_batch_size=2, remove_unused_columns=False,
            report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True, **loader,
        )  # fmt: skip
        model = BertForMaskedLM(BertConfig(vocab_size=collator.dna_tokenizer.vocab_size, **shape))
        data = Dataset.from_list(EXAMPLES)
        Trainer(model, arguments, collator, data, callbacks=[CurriculumCallback(collator.schedule)]).train()

    trained()
    assert {len(found) for found in masks.values()} == {6}
    with pytest.raises(ConfigError, match="dataloader_num_workers=0") as caught:
        trained(dataloader_num_workers=1, dataloader_persistent_workers=True)
    let_go(caught.value)


@pytest.mark.parametrize("given", ["7", "chr1:5", None, 2**63, -(2**63) - 1, 2.0, float("nan")])
def test_an_example_id_that_is_no_integer_is_one_line(given: object) -> None:
    collator = MaskingCollator("nucleotide", LINEAR)
    with pytest.raises(InputError, match=r"example_id .* is no integer from -2\*\*63") as caught:
        collator([{"sequence": "ACGTACGT", "example_id": given}])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("given", [0, -1, 2**63 - 1, -(2**63), np.int32(5), np.uint64(7), torch.tensor(3)])
def test_every_integer_of_64_bits_is_an_id(given: object) -> None:
    collator = MaskingCollator("nucleotide", LINEAR)
    assert collator.tokenize([{"sequence": "ACGTACGT", "example_id": given}]).ids.tolist() == [int(given)]
