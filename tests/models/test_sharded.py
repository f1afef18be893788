"""Models whose layers are sharded: the masked loss steps aside, and is the same."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.fsdp.wrap import ModuleWrapPolicy

from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import install_masked_forward, masked_lm_loss
from dnamask_plugins.plugins import create

SMALL = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 2}
IDS = torch.tensor([[2, 9, 4, 8, 3], [2, 9, 3, 0, 0]])
LABELS = torch.tensor([[-100, -100, 7, -100, -100], [-100, 7, -100, -100, -100]])

pytestmark = [
    pytest.mark.filterwarnings("ignore:FSDP"),
    pytest.mark.filterwarnings("ignore:`?torch"),
]


def model(backbone: str) -> nn.Module:
    return load_masked_lm(backbone, create("tokenizers", "kmer", k=3), seed=0, **SMALL)[0].eval()


@pytest.fixture
def group() -> Iterator[None]:
    """A group of one process: parameters are sharded all the same."""
    distributed.init_process_group("gloo", rank=0, world_size=1, store=distributed.HashStore())
    yield
    distributed.destroy_process_group()


def layers(inner: nn.Module) -> nn.Module:
    for layer in inner.base_model.encoder.layer:
        fully_shard(layer, mesh=init_device_mesh("cpu", (1,)))
    return inner


def layers_and_model(inner: nn.Module) -> nn.Module:
    return fully_shard(layers(inner), mesh=init_device_mesh("cpu", (1,)))


def first_version(inner: nn.Module) -> nn.Module:
    policy = ModuleWrapPolicy({type(inner.base_model.encoder.layer[0])})
    cpu = torch.device("cpu")
    return FullyShardedDataParallel(inner, auto_wrap_policy=policy, use_orig_params=True, device_id=cpu)


@pytest.mark.parametrize("backbone", ["bert_tiny", "dnabert2"])
@pytest.mark.parametrize("shard", [layers, layers_and_model, first_version])
@pytest.mark.parametrize("installed", [False, True])
def test_the_loss_and_gradient_of_sharded_layers_are_those_of_whole_ones(
    group: None, backbone: str, shard: Callable[[Any], Any], installed: bool
) -> None:
    whole, inner = model(backbone), model(backbone)
    expected = masked_lm_loss(whole, IDS, IDS != 0, LABELS)[0]
    expected.backward()
    sharded = shard(inner)
    if installed:
        install_masked_forward(inner)
        sharded.forward = functools.partial(sharded.forward, masked_only=True)
    batch = {"input_ids": IDS, "attention_mask": IDS != 0, "labels": LABELS}
    with pytest.warns(UserWarning, match="sharded"):
        loss = (sharded if installed else functools.partial(masked_lm_loss, sharded))(**batch)[0]
    loss.backward()
    torch.testing.assert_close(loss, expected)
    words = inner.get_input_embeddings().weight.grad
    words = words.full_tensor() if hasattr(words, "full_tensor") else words
    torch.testing.assert_close(words, whole.get_input_embeddings().weight.grad)
