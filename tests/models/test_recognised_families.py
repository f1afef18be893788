"""A backbone says what it recognises and how it runs packed; whose it is makes no difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import BertForMaskedLM

from dnamask_plugins.models import families, packed_layers
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.backbones.bert import BertEncoder
from dnamask_plugins.models.families import family_of, installed
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.models.packed_layers import encoder_of
from dnamask_plugins.plugins import create, load

SMALL = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}


class AcmeBert(BertForMaskedLM):
    """Somebody else's model, which happens to compute what BERT does."""


@pytest.fixture
def acme() -> AcmeBert:
    config = load("backbones", "bert_tiny").build_config(create("tokenizers", "kmer", k=3), **SMALL)
    return AcmeBert(config).eval()


def test_a_subclass_of_a_known_architecture_is_not_taken_for_it(acme: AcmeBert) -> None:
    assert encoder_of(acme) is None


def test_a_third_partys_backbone_gets_the_fast_loss(acme: AcmeBert, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Counting(BertEncoder):
        def head(self, model: Any, hidden: torch.Tensor) -> torch.Tensor:
            asked.append(hidden.shape[0])
            return super().head(model, hidden)

    def packed(model: Any) -> BertEncoder | None:
        return Counting() if type(model) is AcmeBert else None

    theirs = replace(load("backbones", "bert_tiny"), name="acme.bert", packed=packed)

    def with_theirs() -> Iterator[Backbone]:
        yield from installed()
        yield theirs

    monkeypatch.setattr(families, "installed", with_theirs)
    monkeypatch.setattr(packed_layers, "_FOUND", {})
    ids = torch.tensor([[2, 9, 4, 8, 3], [2, 9, 3, 0, 0]])
    labels = torch.tensor([[-100, -100, 7, -100, -100], [-100, 7, -100, -100, -100]])
    loss, count = masked_lm_loss(acme, ids, ids != 0, labels)
    assert asked == [count] == [2]
    expected = acme(ids, attention_mask=ids != 0, labels=labels).loss
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(
    ("settings", "family"),
    [
        ({"model_type": "bert"}, "bert"),
        ({"model_type": "esm"}, "esm"),
        ({"model_type": "bert", "alibi_starting_size": 512}, "dnamask_dnabert2"),
        ({"model_type": "prokbert", "layer_norm_eps": 1e-12}, "dnamask_prokbert"),
        ({"model_type": "megatron-bert", "position_embedding_type": "relative_key"}, "dnamask_prokbert"),
        ({"model_type": "megatron-bert"}, None),
        ({"model_type": "bert", "rope_theta": 1e4, "pooler_type": "mean"}, "mutbert"),
        ({"model_type": "prokbert", "norm_eps": 1e-5}, None),
        ({"model_type": "bert", "pre_layer_norm": True}, "gena_lm"),
        ({"model_type": "esm", "add_bias_fnn": False}, "nucleotide_transformer_v2"),
        ({"add_bias_fnn": False}, "nucleotide_transformer_v2"),
        ({"model_type": "caduceus"}, "caduceus"),
        ({"model_type": "t5"}, None),
        ({}, None),
    ],
)
def test_a_configuration_is_recognised(settings: dict[str, Any], family: str | None) -> None:
    found = family_of(settings)
    assert (None if found is None else found.model_type) == family
