"""ProkBERT against Megatron-BERT with relative positions, as transformers had it, and its file layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import Ids, check_answers, inputs, write_checkpoint

from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.source import find_source
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

GOLDEN = json.loads((Path(__file__).parent / "golden" / "prokbert.json").read_text())["forms"]
TOKENIZER = Ids(24, pad=0, mask=4)


@pytest.fixture(params=GOLDEN)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return GOLDEN[request.param]


def test_answers_are_the_originals(form: dict[str, Any], tmp_path: Path) -> None:
    check_answers(form, TOKENIZER, tmp_path)


def test_a_saved_folder_gives_the_same_model_and_the_table_nothing_reads_is_gone(
    form: dict[str, Any], tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path / "model", form["config"], form["masked_lm"], form["tied"])
    model, description = load_masked_lm(folder, TOKENIZER)
    assert not [name for name, _ in model.named_parameters() if "position_embeddings" in name]
    assert description.max_positions == 20
    model.eval().save_pretrained(tmp_path / "saved")
    again = load_masked_lm(tmp_path / "saved", TOKENIZER)[0].eval()
    assert type(again) is type(model)
    with torch.no_grad():
        assert torch.equal(again(**inputs(form)).logits, model(**inputs(form)).logits)


def test_the_longest_row_runs_and_a_longer_one_does_not(tmp_path: Path) -> None:
    form = GOLDEN["published"]
    folder = write_checkpoint(tmp_path / "model", form["config"], form["masked_lm"], form["tied"])
    model = load_masked_lm(folder, TOKENIZER)[0].eval()
    assert model(input_ids=torch.full((1, 20), 7)).logits.shape == (1, 20, 24)
    with pytest.raises(IndexError):
        model(input_ids=torch.full((1, 21), 7))


def test_mini_long_words_begin_every_second_letter_and_the_model_has_room_for_more(tmp_path: Path) -> None:
    """As published: 4,101 words beside a model of 4,200, and the shift in the configuration."""
    form = GOLDEN["renamed"]
    words = KmerTokenizer(2, "ACGT").vocabulary
    folder = write_checkpoint(tmp_path / "long", form["config"], form["masked_lm"], form["tied"])
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    source = find_source(folder)
    tokenizer = source.tokenizer()
    assert tokenizer == KmerTokenizer(2, "ACGT", shift=2)
    model, description = load_masked_lm(source, tokenizer)
    assert (tokenizer.vocab_size, model.config.vocab_size, description.vocab_size) == (21, 24, 24)
