"""DNABERT-2 against the original implementation, and against the definition written out in NumPy."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

from dnamask_plugins.models.backbones import dnabert2

dnabert2.DNABERT2.register()

from dnamask_plugins.models.backbones.dnabert2.configuration import DnaBert2Config  # noqa: E402
from dnamask_plugins.models.backbones.dnabert2.heads import (  # noqa: E402
    DnaBert2ForMaskedLM,
    DnaBert2ForSequenceClassification,
)
from dnamask_plugins.models.backbones.dnabert2.modeling import alibi_slopes  # noqa: E402


def small_config(**changes):
    settings = {
        "vocab_size": 50,
        "hidden_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "intermediate_size": 20,
        "hidden_dropout_prob": 0.0,
    }
    return DnaBert2Config(**settings | changes)


def randomised(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = float("norm" in name.lower() and name.endswith("weight"))
            parameter.copy_(centre + torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval()


def padded_batch(seed=0, lengths=(11, 4, 11, 1), vocabulary=50):
    generator = torch.Generator().manual_seed(seed)
    width = max(lengths)
    mask = torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]
    ids = torch.randint(5, vocabulary, (len(lengths), width), generator=generator)
    return torch.where(mask, ids, 3), mask.long()


@pytest.fixture(scope="module")
def golden(shared_data):
    return shared_data / "golden" / "dnabert2_tiny"


def golden_config(folder):
    return DnaBert2Config(**json.loads((folder / "config.json").read_text()))


def test_hidden_states_and_logits_equal_the_original_implementation(golden):
    model = DnaBert2ForMaskedLM(golden_config(golden)).eval()
    report = model.load_state_dict(load_file(golden / "mlm_model.safetensors"), strict=True)
    assert not report.missing_keys
    expected = load_file(golden / "mlm_expected.safetensors")
    with torch.no_grad():
        hidden = model.bert(expected["input_ids"], expected["attention_mask"]).last_hidden_state
        logits = model(expected["input_ids"], expected["attention_mask"]).logits
    assert not expected["attention_mask"].all()
    torch.testing.assert_close(hidden, expected["hidden"], atol=1e-5, rtol=0)
    torch.testing.assert_close(logits, expected["logits"], atol=1e-5, rtol=0)


def test_classifier_equals_the_original_implementation(golden):
    model = DnaBert2ForSequenceClassification(golden_config(golden)).eval()
    model.load_state_dict(load_file(golden / "classifier_model.safetensors"), strict=True)
    expected = load_file(golden / "classifier_expected.safetensors")
    with torch.no_grad():
        logits = model(expected["input_ids"], expected["attention_mask"]).logits
    torch.testing.assert_close(logits, expected["logits"], atol=1e-5, rtol=0)


def oracle(model, ids):
    """Run one sequence through the definition, in float64 and one head at a time."""
    weights = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
    config = model.config

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + config.layer_norm_eps)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(x):
        return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    def dense(x, name):
        return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    x = weights["bert.embeddings.word_embeddings.weight"][ids]
    x = norm(x + weights["bert.embeddings.token_type_embeddings.weight"][0], "bert.embeddings.LayerNorm")
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    # Slopes for 6 heads: those of 4 heads, then every second one of 8 heads.
    slopes = [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3]
    for number in range(config.num_hidden_layers):
        name = f"bert.encoder.layer.{number}"
        query, key, value = np.split(dense(x, f"{name}.attention.self.Wqkv"), 3, axis=-1)
        outputs = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / math.sqrt(size)
            place = np.arange(len(ids))
            scores -= slopes[head] * abs(place[:, None] - place[None, :])
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            outputs.append(shares / shares.sum(-1, keepdims=True) @ value[:, part])
        attended = dense(np.concatenate(outputs, -1), f"{name}.attention.output.dense")
        x = norm(attended + x, f"{name}.attention.output.LayerNorm")
        gate, content = np.split(dense(x, f"{name}.mlp.gated_layers"), 2, axis=-1)
        x = norm(dense(gelu(gate) * content, f"{name}.mlp.wo") + x, f"{name}.mlp.layernorm")
    x = gelu(dense(x, "cls.predictions.transform.dense"))
    return dense(norm(x, "cls.predictions.transform.LayerNorm"), "cls.predictions.decoder")


def test_every_row_of_a_padded_batch_equals_the_definition():
    model = randomised(DnaBert2ForMaskedLM(small_config()))
    ids, mask = padded_batch()
    with torch.no_grad():
        logits = model(ids, mask).logits
    for row, length in enumerate(mask.sum(1).tolist()):
        expected = oracle(model, ids[row, :length].numpy())
        np.testing.assert_allclose(logits[row, :length], expected, atol=1e-4)
        assert not logits[row, length:].any()


def test_padding_on_the_left_and_token_types_change_nothing_else():
    model = randomised(DnaBert2ForMaskedLM(small_config()))
    ids, mask = padded_batch()
    with torch.no_grad():
        right = model(ids, mask, token_type_ids=torch.zeros_like(ids)).logits
        left = model(ids.flip(1), mask.flip(1)).logits
        reversed_alone = model(ids[1:2, :4].flip(1)).logits
    torch.testing.assert_close(left[1:2, -4:], reversed_alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(right[1:2, :4], model(ids[1:2, :4]).logits, atol=1e-5, rtol=0)


def test_sequences_longer_than_512_work():
    model = randomised(DnaBert2ForMaskedLM(small_config(num_hidden_layers=1)))
    ids, mask = padded_batch(lengths=(700, 3))
    with torch.no_grad():
        logits = model(ids, mask).logits
    np.testing.assert_allclose(logits[0], oracle(model, ids[0].numpy()), atol=1e-4)


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (8, [2.0**-n for n in range(1, 9)]),
        (12, [2.0**-n for n in range(1, 9)] + [2.0**-0.5, 2.0**-1.5, 2.0**-2.5, 2.0**-3.5]),
    ],
)
def test_slopes(heads, expected):
    assert alibi_slopes(heads) == pytest.approx(expected)


def test_saved_folder_loads_with_the_auto_classes(tmp_path):
    model = randomised(DnaBert2ForMaskedLM(small_config()))
    model.save_pretrained(tmp_path)
    ids, mask = padded_batch()
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    assert torch.equal(again(ids, mask).logits, model(ids, mask).logits)
    assert AutoConfig.from_pretrained(tmp_path).alibi_starting_size == 512
    base = AutoModel.from_pretrained(tmp_path).eval()
    assert torch.equal(base(ids, mask).last_hidden_state, model.bert(ids, mask).last_hidden_state)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=3)(
        ids, mask
    ).logits.shape == (4, 3)


def test_importing_one_module_is_enough_for_the_auto_classes():
    code = (
        "import dnamask_plugins.models.auto\n"
        "from transformers import AutoConfig\n"
        "assert AutoConfig.for_model('dnamask_dnabert2').alibi_starting_size == 512\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_decoder_stays_tied_to_the_embeddings(tmp_path):
    model = DnaBert2ForMaskedLM(small_config())
    model.save_pretrained(tmp_path)
    for each in (model, AutoModelForMaskedLM.from_pretrained(tmp_path)):
        assert each.cls.predictions.decoder.weight is each.bert.embeddings.word_embeddings.weight


def test_losses_are_those_of_the_logits():
    ids, mask = padded_batch()
    labels = torch.where(mask.bool() & (ids % 3 == 0), ids, -100)
    model = randomised(DnaBert2ForMaskedLM(small_config()))
    output = model(ids, mask, labels=labels)
    expected = torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), labels.flatten())
    torch.testing.assert_close(output.loss, expected)
    classifier = randomised(DnaBert2ForSequenceClassification(small_config(num_labels=3)))
    classes = torch.tensor([0, 2, 1, 1])
    output = classifier(ids, mask, labels=classes)
    torch.testing.assert_close(output.loss, torch.nn.functional.cross_entropy(output.logits, classes))


def test_gradient_checkpointing_changes_no_gradient():
    ids, mask = padded_batch()
    gradients = []
    for checkpointing in (False, True):
        model = randomised(DnaBert2ForMaskedLM(small_config())).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        model(ids, mask, labels=ids).loss.backward()
        gradients.append([p.grad for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_hidden_states_are_given_on_request_and_tuples_too():
    model = randomised(DnaBert2ForMaskedLM(small_config()))
    ids, mask = padded_batch()
    output = model(ids, mask, output_hidden_states=True)
    assert len(output.hidden_states) == 3
    assert torch.equal(output.hidden_states[-1], model.bert(ids, mask).last_hidden_state)
    assert torch.equal(model(ids, mask, return_dict=False)[0], output.logits)


def test_compiled_graph_gives_the_same_logits():
    model = randomised(DnaBert2ForMaskedLM(small_config()))
    ids, mask = padded_batch()
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(ids, mask).logits, model(ids, mask).logits, atol=1e-5, rtol=0)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        small_config(num_attention_heads=5)
    with pytest.raises(ValueError, match="gelu"):
        small_config(hidden_act="relu")
    with pytest.raises(ValueError, match="exactly one"):
        DnaBert2ForMaskedLM(small_config()).bert()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"model_type": "dnamask_dnabert2"}, True),
        ({"model_type": "dnabert2", "hidden_dropout_prob": 0.1, "alibi_starting_size": 512}, True),
        ({"model_type": "dnabert2", "hidden_dropout": 0.1, "alibi_starting_size": 512}, False),
        ({"model_type": "dnabert2", "hidden_dropout_prob": 0.1, "lm_head": {}}, False),
        ({"architectures": ["BertForMaskedLM"], "alibi_starting_size": 512}, True),
        ({"auto_map": {"AutoModel": "zhihan1996/DNABERT-2-117M--bert_layers.BertModel"}}, True),
        ({"architectures": ["BertForMaskedLM"]}, False),
        ({"model_type": "bert", "auto_map": {"AutoTokenizer": ["x.Y", None]}}, False),
    ],
)
def test_published_configuration_is_recognised(settings, expected):
    assert dnabert2.describes(settings) is expected
