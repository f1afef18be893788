"""What a backbone promises: it is built from its declaration, recognised again, and runs as it says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.testing.core import NotRun, promise, require
from dnamask_plugins.testing.small import small_sizes
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

_TOKENIZER = KmerTokenizer(3)
_EXAMPLE = "backbone.build(KmerTokenizer(3), seed=1)"


def _small(backbone: Backbone, seed: int = 1) -> Any:
    model = backbone.build(_TOKENIZER, seed, **small_sizes(backbone, _TOKENIZER))
    for module in model.modules():
        if hasattr(module, "p") and isinstance(module.p, float):
            module.p = 0.0
    return model.eval()


def _batch() -> tuple[Any, Any]:
    import torch

    ids = torch.arange(48).reshape(2, 24) * 7 % 64 + 5
    attention = torch.ones_like(ids)
    attention[1, 17:] = 0
    return ids * attention + _TOKENIZER.pad_token_id * (1 - attention), attention


@promise("backbones")
def has_a_name(backbone: Backbone) -> None:
    """Be called by a lower_snake name, after a vendor prefix and a dot, and say what it is."""
    words = backbone.name.split(".")
    good = len(words) in (1, 2) and all(word.isidentifier() and word == word.lower() for word in words)
    require(
        good, expected="a name such as 'acme.long_bert'", came=repr(backbone.name), example="backbone.name"
    )
    require(
        bool(backbone.summary.strip()) and bool(backbone.reference.strip()),
        expected="a summary and a reference",
        came=f"{backbone.summary!r}, {backbone.reference!r}",
        example="backbone.summary, backbone.reference",
    )


@promise("backbones")
def is_built_for_any_tokenizer(backbone: Backbone) -> None:
    """Take vocabulary and padding from the tokenizer that it is built for."""
    config = backbone.build_config(_TOKENIZER)
    came = (config.vocab_size, config.pad_token_id)
    require(
        came == (_TOKENIZER.vocab_size, _TOKENIZER.pad_token_id),
        expected=f"{_TOKENIZER.vocab_size} ids, {_TOKENIZER.pad_token_id} pads",
        came=str(came),
        example="backbone.build_config(KmerTokenizer(3))",
    )


@promise("backbones", needs=("is_built_for_any_tokenizer",))
def recognises_what_it_builds(backbone: Backbone) -> None:
    """Recognise its own config.json, and no configuration of something else."""
    own = backbone.build_config(_TOKENIZER).to_dict()
    require(
        backbone.recognises(own), expected="True", came="False", example="backbone.recognises(own.to_dict())"
    )
    for other in ({}, {"model_type": "gpt2"}, {"model_type": "t5", "architectures": ["T5Model"]}):
        require(
            not backbone.recognises(other),
            expected="False",
            came="True",
            example=f"backbone.recognises({other})",
        )


@promise("backbones", needs=("is_built_for_any_tokenizer",))
def weights_follow_from_the_seed(backbone: Backbone) -> None:
    """Draw weights from the seed alone, and leave PyTorch's random state as it was."""
    import torch

    before = torch.random.get_rng_state()
    first, same, other = (_small(backbone, seed).state_dict() for seed in (1, 1, 2))
    equal = all(torch.equal(first[key], same[key]) for key in first)
    require(
        equal, expected="equal weights", came="others", example="backbone.build(tokenizer, seed=1), twice"
    )
    differ = any(not torch.equal(first[key], other[key]) for key in first)
    require(differ, expected="other weights", came="the same", example="seeds 1 and 2")
    require(
        torch.equal(before, torch.random.get_rng_state()),
        expected="the random state of before",
        came="another",
        example=_EXAMPLE,
    )


@promise("backbones", needs=("is_built_for_any_tokenizer",))
def scores_the_vocabulary(backbone: Backbone) -> None:
    """Score every id at every token, from ids and an attention mask."""
    ids, attention = _batch()
    logits = _small(backbone)(input_ids=ids, attention_mask=attention).logits
    require(
        tuple(logits.shape) == (*ids.shape, _TOKENIZER.vocab_size),
        expected=str((*ids.shape, _TOKENIZER.vocab_size)),
        came=str(tuple(logits.shape)),
        example="model(input_ids=..., attention_mask=...).logits.shape",
    )


@promise("backbones", needs=("scores_the_vocabulary",))
def padding_changes_nothing(backbone: Backbone) -> None:
    """Give a row the same scores whatever padding follows it."""
    import torch

    ids, attention = _batch()
    model = _small(backbone)
    with torch.no_grad():
        padded = model(input_ids=ids, attention_mask=attention).logits[1, :17]
        alone = model(input_ids=ids[1:, :17], attention_mask=attention[1:, :17]).logits[0]
    difference = float((padded - alone).abs().max())
    require(
        difference < 1e-3, expected="a difference of 0", came=f"{difference:.2g}", example="17 of 24 tokens"
    )


@promise("backbones", needs=("recognises_what_it_builds", "scores_the_vocabulary"))
def a_saved_folder_gives_the_same_answers(backbone: Backbone) -> None:
    """Come back from its folder through our loader with the same scores."""
    import torch

    from dnamask_plugins.models.loading import load_masked_lm

    model = _small(backbone)
    ids, attention = _batch()
    with tempfile.TemporaryDirectory() as name:
        model.save_pretrained(name)
        again, _ = load_masked_lm(Path(name), _TOKENIZER)
    with torch.no_grad():
        one = model(input_ids=ids, attention_mask=attention).logits[0]
        two = again.eval()(input_ids=ids, attention_mask=attention).logits[0]
    require(
        type(again) is type(model) and torch.allclose(one, two, atol=1e-5),
        expected=f"{type(model).__name__} with equal scores",
        came=f"{type(again).__name__}, off by {float((one - two).abs().max()):.2g}",
        example="model.save_pretrained(folder); load_masked_lm(folder, tokenizer)",
    )


@promise("backbones", needs=("a_saved_folder_gives_the_same_answers",))
def classifies_and_embeds(backbone: Backbone) -> None:
    """Have an encoder without a head and a sequence classifier, which evaluating needs."""
    import torch

    from dnamask_plugins.models.loading import load_base, load_classifier

    ids, attention = _batch()
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        _small(backbone).save_pretrained(name)
        base, _ = load_base(Path(name), _TOKENIZER)
        hidden = base.eval()(input_ids=ids, attention_mask=attention).last_hidden_state
        classifier, _ = load_classifier(Path(name), _TOKENIZER, 3)
        scores = classifier.eval()(input_ids=ids, attention_mask=attention).logits
    came = f"{tuple(hidden.shape[:2])} and {tuple(scores.shape)}"
    expected = f"{tuple(ids.shape)} and {(len(ids), 3)}"
    require(came == expected, expected=expected, came=came, example="load_base, load_classifier")


@promise("backbones", needs=("padding_changes_nothing",))
def the_packed_loss_is_the_loss(backbone: Backbone) -> None:
    """Where it says how it runs packed, give the loss of its own forward pass, and the same gradient."""
    import torch

    from dnamask_plugins.models.masked_loss import masked_lm_loss

    if backbone.packed is None:
        raise NotRun("it runs through its own forward pass")
    model = _small(backbone)
    ids, attention = _batch()
    labels = torch.where((ids % 3 == 0) & attention.bool(), ids, -100)
    loss, count = masked_lm_loss(model, ids, attention, labels)
    packed = _gradient(model, loss)
    plain = model(input_ids=ids, attention_mask=attention, labels=labels).loss
    own = _gradient(model, plain)
    off = float((packed - own).norm() / own.norm())
    require(
        count == int((labels != -100).sum()) and abs(float(loss - plain)) < 1e-4 and off < 1e-3,
        expected=f"{float(plain):.5f}, and its gradient",
        came=f"{float(loss):.5f}, and a gradient that is off by {off:.1%}",
        example="masked_lm_loss(model, ids, attention_mask, labels)",
    )


def _gradient(model: Any, loss: Any) -> Any:
    import torch

    model.zero_grad()
    loss.backward()
    found = [torch.zeros_like(each) if each.grad is None else each.grad for each in model.parameters()]
    return torch.cat([each.flatten() for each in found])


@promise("backbones", needs=("scores_the_vocabulary",))
def takes_rows_as_long_as_it_says(backbone: Backbone) -> None:
    """Run a row of `max_positions` tokens."""
    import torch

    from dnamask_plugins.models.positions import max_positions

    model = _small(backbone)
    length = backbone.max_positions or max_positions(model.config) or 700
    ids = torch.arange(length)[None] % 60 + 5
    with torch.no_grad():
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
