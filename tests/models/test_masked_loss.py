"""The loss that leaves work out must be the loss that does all of it, gradient by gradient."""

import copy
import os
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from masked_models import KMER, MODELS, NO_DROPOUT, SMALL, assert_same_gradients, build, gradients, make_batch

from dnamask_plugins.models import packed_attention
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.lora import LoraSettings, add_lora
from dnamask_plugins.models.masked_loss import install_masked_forward, masked_lm_loss, masked_logits
from dnamask_plugins.models.plan import Plan


def plain(model, ids, attention, labels):
    return model(input_ids=ids, attention_mask=attention, labels=labels).loss


@pytest.fixture(params=["groups", "padded"])
def attention_path(request, monkeypatch):
    """Both ways to attend: the CPU's, and the one that accelerators take."""
    if request.param == "padded":
        monkeypatch.setattr(packed_attention, "attend_in_groups", packed_attention.attend_padded)
    return request.param


@pytest.mark.parametrize("name", MODELS)
def test_loss_and_every_gradient_equal_the_plain_forward(name, attention_path):
    model = build(name)
    batch = make_batch()
    expected = plain(model, *batch)
    loss, count = masked_lm_loss(model, *batch)
    assert count == int((batch[2] != -100).sum()) > 0
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    assert_same_gradients(gradients(model, expected), gradients(model, masked_lm_loss(model, *batch)[0]))


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(any),
    seed=st.integers(0, 1000),
    rate=st.sampled_from([0.05, 0.5, 1.0]),
)
def test_any_lengths_equal_the_rows_one_by_one(lengths, seed, rate):
    model = _shared_model()
    ids, attention, labels = make_batch(lengths, seed, rate)
    loss, count = masked_lm_loss(model, ids, attention, labels)
    total, items = 0.0, 0
    for row, length in enumerate(lengths):
        if not length:
            continue
        logits = model(input_ids=ids[row : row + 1, :length]).logits[0]
        total += torch.nn.functional.cross_entropy(logits, labels[row, :length], reduction="sum")
        items += int((labels[row, :length] != -100).sum())
    assert count == items
    torch.testing.assert_close(loss, torch.as_tensor(total / max(items, 1)), atol=1e-4, rtol=1e-4)


def _shared_model(cache=[]):  # noqa: B006
    if not cache:
        cache.append(build("bert").eval())
    return cache[0]


@pytest.mark.parametrize("name", ["bert", "dnabert2", "esm rotary"])
def test_padding_on_the_left_changes_nothing_either(name):
    model = build(name)
    ids, attention, labels = (each.flip(1) for each in make_batch())
    # BERT counts positions from the row's start, padding included: so does its own forward pass.
    expected = plain(model, ids, attention, labels)
    torch.testing.assert_close(
        masked_lm_loss(model, ids, attention, labels)[0], expected, atol=1e-5, rtol=1e-5
    )


def test_no_attention_mask_means_no_padding():
    model = build("bert")
    ids, _, labels = make_batch((9, 9))
    loss, _ = masked_lm_loss(model, ids, None, labels)
    torch.testing.assert_close(loss, model(input_ids=ids, labels=labels).loss, atol=1e-5, rtol=1e-5)


def test_nothing_masked_gives_zero_and_a_gradient_for_every_parameter():
    model = build("bert")
    ids, attention, labels = make_batch()
    loss, count = masked_lm_loss(model, ids, attention, torch.full_like(labels, -100))
    assert count == 0
    assert loss.item() == 0
    found = gradients(model, loss)
    assert set(found) == set(gradients(model, plain(model, ids, attention, labels)))
    assert not any(value.any() for value in found.values())


def test_no_kernel_is_asked_to_attend_from_nowhere(monkeypatch):
    """The kernel of variable lengths ends in "CUDA error: invalid argument" then."""

    def as_kernel(query, key, value, attention):
        assert query.shape[0], "nothing is asked"
        return packed_attention.attend_padded(query, key, value, attention)

    monkeypatch.setattr(packed_attention, "attend_in_groups", as_kernel)
    model = build("bert")
    ids, attention, labels = make_batch((9, 4))
    loss, _ = masked_lm_loss(model, ids, attention, torch.full_like(labels, -100))
    assert loss.item() == 0
    assert set(gradients(model, loss)) == set(gradients(model, plain(model, ids, attention, labels)))


def test_num_items_makes_a_mean_over_several_batches():
    model = build("bert")
    batches = [make_batch(seed=1), make_batch((5, 17), seed=2)]
    items = sum(int((labels != -100).sum()) for _, _, labels in batches)
    parts = [masked_lm_loss(model, *batch, num_items=items)[0] for batch in batches]
    sums = [plain(model, *batch) * (batch[2] != -100).sum() for batch in batches]
    torch.testing.assert_close(sum(parts), sum(sums) / items, atol=1e-5, rtol=1e-5)


def test_dropout_is_applied_in_training_and_not_in_evaluation():
    model = build("bert", hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2)
    batch = make_batch()
    losses = {masked_lm_loss(model, *batch)[0].item() for _ in range(3)}
    assert len(losses) == 3
    model.eval()
    torch.testing.assert_close(masked_lm_loss(model, *batch)[0], plain(model, *batch), atol=1e-5, rtol=1e-5)


def test_dropout_has_the_same_expectation_as_in_the_plain_forward():
    model = build("one layer", hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    batch = make_batch((17,) * 8)
    torch.manual_seed(0)
    with torch.no_grad():
        ours = torch.stack([masked_lm_loss(model, *batch)[0] for _ in range(60)])
        theirs = torch.stack([plain(model, *batch) for _ in range(60)])
    spread = (ours.var() / 60 + theirs.var() / 60).sqrt()
    assert abs(ours.mean() - theirs.mean()) < 4 * spread
    assert 0.5 < ours.std() / theirs.std() < 2


@pytest.mark.parametrize("name", ["bert", "dnabert2"])
def test_lora_adapters_are_seen(name):
    model = add_lora(build(name), LoraSettings(rank=2))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    batch = make_batch()
    expected = plain(model, *batch)
    loss, _ = masked_lm_loss(model, *batch)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    install_masked_forward(model)
    loss, _ = model(input_ids=batch[0], attention_mask=batch[1], labels=batch[2], masked_only=True)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    found = gradients(model, loss)
    assert found
    assert all("lora" in name for name in found)
    assert_same_gradients(gradients(model, plain(model, *batch)), found)


def test_gradient_checkpointing_changes_no_gradient():
    model = build("bert")
    batch = make_batch()
    expected = gradients(model, masked_lm_loss(model, *batch)[0])
    model.gradient_checkpointing_enable()
    calls = []
    model.bert.encoder.layer[1].intermediate.register_forward_hook(lambda *_: calls.append(1))
    assert_same_gradients(expected, gradients(model, masked_lm_loss(model, *batch)[0]))
    assert len(calls) == 2


def test_bfloat16_autocast_stays_near():
    model = build("bert")
    batch = make_batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = masked_lm_loss(model, *batch)
        expected = plain(model, *batch)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected.float(), atol=0.03, rtol=0.01)
    assert torch.isfinite(gradients(model, loss)["bert.embeddings.word_embeddings.weight"]).all()


@pytest.mark.parametrize("name", ["bert", "dnabert2", "esm"])
def test_compiled_is_one_graph_for_all_batches(name, monkeypatch):
    monkeypatch.setattr(packed_attention, "attend_in_groups", packed_attention.attend_padded)
    torch._dynamo.reset()
    graphs = []

    def backend(module, _):
        graphs.append(module)
        return module.forward

    model = build(name)
    compiled = torch.compile(model, backend=backend, dynamic=True)
    for seed, lengths in enumerate([(17, 9, 4), (17, 12, 2), (17, 17, 5)]):
        batch = make_batch(lengths, seed)
        loss, _ = masked_lm_loss(compiled, *batch)
        torch.testing.assert_close(loss, plain(model, *batch), atol=1e-5, rtol=1e-5)
    assert len(graphs) == 1


def test_other_models_go_through_their_own_forward():
    from transformers import RobertaConfig, RobertaForMaskedLM

    config = RobertaConfig(vocab_size=KMER.vocab_size, pad_token_id=0, **SMALL | NO_DROPOUT)
    model = RobertaForMaskedLM(config)
    batch = make_batch()
    loss, count = masked_lm_loss(model, *batch)
    assert count == int((batch[2] != -100).sum())
    torch.testing.assert_close(loss, plain(model, *batch), atol=1e-5, rtol=1e-5)
    install_masked_forward(model)
    again, _ = model(input_ids=batch[0], attention_mask=batch[1], labels=batch[2], masked_only=True)
    torch.testing.assert_close(again, loss)


def test_a_subclass_that_computes_something_else_is_not_second_guessed():
    from transformers import BertForMaskedLM

    class Doubled(BertForMaskedLM):
        def forward(self, *args, **kwargs):
            output = super().forward(*args, **kwargs)
            output.logits = output.logits * 2
            return output

    model = build("bert")
    doubled = Doubled(model.config)
    doubled.load_state_dict(model.state_dict())
    batch = make_batch()
    assert masked_lm_loss(doubled, *batch)[0] > masked_lm_loss(model, *batch)[0]


def test_installed_forward_leaves_the_model_as_it_was(tmp_path):
    model = build("bert")
    ids, attention, labels = make_batch()
    before = model(ids, attention, labels=labels)
    install_masked_forward(model)
    install_masked_forward(model)
    after = model(ids, attention, labels=labels)
    assert torch.equal(before.loss, after.loss)
    assert torch.equal(before.logits, after.logits)
    loss, count = model(ids, attention, labels=labels, masked_only=True)
    torch.testing.assert_close(loss, before.loss, atol=1e-5, rtol=1e-5)
    assert isinstance(count, int)
    clone = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in clone.parameters():
            parameter.zero_()
    assert clone(ids, attention, labels=labels, masked_only=True)[0] != loss
    torch.testing.assert_close(model(ids, attention, labels=labels, masked_only=True)[0], loss)
    assert pickle.loads(pickle.dumps(model.state_dict())).keys() == model.state_dict().keys()
    model.save_pretrained(tmp_path)
    again, _ = load_masked_lm(tmp_path, KMER)
    assert torch.equal(again.eval()(ids).logits, model.eval()(ids).logits)


@pytest.fixture
def process_group(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(os.name != "posix", reason="gloo over a file")
def test_data_parallel_wrapper_sees_the_forward_pass(process_group):
    model = build("bert")
    batch = make_batch()
    expected = gradients(model, plain(model, *batch))
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    seen = []
    wrapped.register_forward_pre_hook(lambda *_: seen.append(1))
    loss, count = masked_lm_loss(wrapped, *batch)
    assert seen == [1]
    assert count == int((batch[2] != -100).sum())
    assert_same_gradients(expected, gradients(model, loss))


def test_plan_ignores_labels_on_padding():
    ids = torch.tensor([[2, 9, 3, 0]])
    plan = Plan.from_batch(ids, ids != 0, torch.tensor([[-100, 9, -100, 7]]))
    assert plan.targets.tolist() == [9]


def test_nothing_is_computed_on_padding_or_unread_places():
    model = build("bert")
    ids, attention, labels = make_batch()
    tokens, masked = int(attention.sum()), int((labels != -100).sum())
    seen = {}

    def note(name):
        return lambda _, given, __: seen.update({name: given[0].shape[-2]})

    layers = model.bert.encoder.layer
    layers[0].intermediate.register_forward_hook(note("first"))
    layers[-1].intermediate.register_forward_hook(note("last"))
    layers[-1].attention.self.key.register_forward_hook(note("last keys"))
    model.cls.predictions.decoder.register_forward_hook(note("head"))
    masked_lm_loss(model, ids, attention, labels)
    assert seen == {"first": tokens, "last": masked, "last keys": tokens, "head": masked}


@pytest.mark.parametrize("name", ["bert", "dnabert2", "esm"])
def test_logits_of_chosen_tokens_are_those_of_the_plain_forward(name):
    model = build(name).eval()
    ids, attention, labels = make_batch()
    chosen = labels != -100
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=attention).logits[chosen]
        torch.testing.assert_close(
            masked_logits(model, ids, chosen, attention), expected, atol=1e-5, rtol=1e-5
        )
        # A subclass is run by its own forward pass.
        model.__class__ = type("Other", (type(model),), {})
        torch.testing.assert_close(masked_logits(model, ids, chosen, attention), expected)
