"""The formula against PyTorch's own count of a step, and the published runs against their papers."""

import json

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.models.masked_loss import masked_lm_loss
from dnamask_plugins.plugins import create
from dnamask_plugins.pretrain.estimate import estimate, measure, sample_lengths
from dnamask_plugins.pretrain.operations import Shape, Work, forward_operations, kept_numbers
from dnamask_plugins.pretrain.published_runs import GPUS, PUBLISHED, find_gpu
from dnamask_plugins.pretrain.settings import PretrainSettings, WindowSettings

KMER = create("tokenizers", "kmer", k=3)
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
SMALL = {"hidden_size": 48, "num_attention_heads": 4, "intermediate_size": 80, "num_hidden_layers": 3}
LENGTHS = [60, 45, 15, 60]


def model_and_batch(name, **changes):
    model, _ = load_masked_lm(name, KMER, seed=0, **SMALL | NO_DROPOUT | changes)
    generator = torch.Generator().manual_seed(0)
    attention = torch.arange(60)[None, :] < torch.tensor(LENGTHS)[:, None]
    ids = torch.randint(5, KMER.vocab_size, attention.shape, generator=generator)
    # The formula takes the same share of every window; here that is so.
    chosen = attention & (torch.arange(60)[None, :] % 5 == 0)
    labels = torch.where(chosen, ids, -100)
    work = Work(float(sum(LENGTHS)), float(sum(n**2 for n in LENGTHS)), float(chosen.sum()))
    return model, (ids, attention, labels), work


def counted(call):
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        call().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("name", ["bert_tiny", "dnabert2", "nucleotide_transformer"])
def test_operations_of_a_step_equal_pytorchs_count(name):
    model, batch, work = model_and_batch(name)
    expected = forward_operations(Shape.from_model(model), work).training()
    assert counted(lambda: masked_lm_loss(model, *batch)[0]) == pytest.approx(expected, rel=1e-9)


def test_operations_of_the_plain_way_equal_pytorchs_count():
    model, (ids, attention, labels), _ = model_and_batch("bert_tiny")
    expected = forward_operations(Shape.from_model(model), Work.padded_to(60, 4, 0.2)).training()
    plain = counted(lambda: model(input_ids=ids, attention_mask=attention, labels=labels).loss)
    assert plain == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["bert_tiny", "dnabert2", "nucleotide_transformer"])
def test_memory_kept_for_the_backward_pass(name):
    model, batch, work = model_and_batch(name)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        masked_lm_loss(model, *batch)
    measured = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    expected = 4 * kept_numbers(Shape.from_model(model), work)
    assert expected == pytest.approx(measured, rel=0.35)


def test_published_runs():
    dnabert, dnabert2, geneformer, enformer = PUBLISHED
    # 6 operations a parameter and token is the usual rule; attention and the padded head come on top.
    assert dnabert.operations() == pytest.approx(6 * 89e6 * 122e9, rel=0.15)
    assert dnabert2.operations() == pytest.approx(6 * 117e6 * 262e9, rel=0.15)
    # Eight 2080 Ti: 25 days and 14 days must be possible, and not more than the card can do.
    assert 0.02 < dnabert.utilisation() < 0.6
    assert 0.02 < dnabert2.utilisation() < 0.6
    assert dnabert2.utilisation() == pytest.approx(0.36, abs=0.01)
    # An upper bound, as every cell is counted in full; still less than twelve V100 can do in three days.
    assert geneformer.counted
    assert 0.02 < geneformer.utilisation() < 0.6
    # 64 cores of 61.5 teraflop/s for three days, at the utilisation that is assumed of any run.
    assert not enformer.counted
    assert enformer.petaflop_days() == pytest.approx(64 * 0.0615 * 3 * 0.35)
    assert dnabert2.petaflop_days() == pytest.approx(dnabert2.operations() / 8.64e19)


def test_every_figure_of_hardware_and_runs_has_a_source():
    assert all(each.source for each in (*GPUS.values(), *PUBLISHED))


@pytest.mark.parametrize(("name", "gated"), [("bert_tiny", False), ("dnabert2", True), ("modernbert", True)])
def test_a_gated_block_is_told_by_its_weights(name, gated):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    shape = Shape.from_model(load_masked_lm(name, KMER, **sizes)[0])
    assert (shape.hidden, shape.layers, shape.intermediate, shape.gated) == (32, 2, 48, gated)


def settings(**changes):
    trainer = {"max_steps": 100, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 3}
    return PretrainSettings(
        corpus="none", output="none", backbone="bert_tiny", trainer=trainer | {"save_steps": 50}, **changes
    )


def test_estimate_of_a_run():
    figures = estimate(settings(), KMER)
    model, _ = load_masked_lm("bert_tiny", KMER)
    assert figures.parameters == figures.trained_parameters == sum(p.numel() for p in model.parameters())
    assert figures.windows_per_step == 6
    # Half of the windows have 510 nucleotides, the others 257.5 on average; 3-mers give n - 2, plus 2.
    assert figures.tokens_per_step == pytest.approx(6 * (510 + 257.5) / 2, rel=0.03)
    assert figures.predicted_per_step == pytest.approx(0.15 * figures.tokens_per_step)
    assert figures.plain_operations_per_step > 1.5 * figures.operations_per_step
    assert figures.storage_bytes == 2 * 12 * figures.parameters + 4 * figures.parameters
    assert figures.memory_bytes > 16 * figures.parameters
    hours = figures.hours(GPUS["a100"], gpus=2, utilisation=0.5)
    assert hours == pytest.approx(100 * figures.operations_per_step / 312e12 / 3600)
    assert estimate(settings(), KMER, processes=2).windows_per_step == 12


def test_lora_needs_less():
    full, adapters = estimate(settings(), KMER), estimate(settings(lora={"rank": 4}), KMER)
    assert adapters.parameters == full.parameters
    from dnamask_plugins.models.lora import LoraSettings, add_lora

    model = add_lora(load_masked_lm("bert_tiny", KMER)[0], LoraSettings(rank=4))
    assert adapters.trained_parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert adapters.memory_bytes < full.memory_bytes
    assert adapters.operations_per_step < full.operations_per_step


def test_sampled_lengths_are_the_tokens_of_real_windows():
    lengths = sample_lengths(KMER, WindowSettings(full_length=30, full_share=0.5, min_length=5), 400)
    assert max(lengths) == 30
    assert min(lengths) >= 5
    assert 0.4 < lengths.count(30) / 400 < 0.6


def test_measured_step_is_positive_and_grows_with_accumulation():
    tiny = settings(windows=WindowSettings(full_length=20))
    assert measure(tiny, KMER, repeats=1) > 0


def test_unknown_gpu():
    assert find_gpu("A100").memory == 80
    with pytest.raises(ConfigError, match="h100"):
        find_gpu("h1000")


def test_command(tmp_path):
    from dnamask_plugins.cli.commands.estimate import app

    config = tmp_path / "run.toml"
    config.write_text('backbone = "bert_tiny"\n[trainer]\nmax_steps = 7\nsave_steps = 7\n')
    result = CliRunner().invoke(app, ["--config", str(config), "--gpu", "h200", "--format", "json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["steps"] == 7
    assert document["windows_per_step"] == 250
    assert [run["run"] for run in document["runs"]] == [
        "this run",
        "DNABERT (6-mer)",
        "DNABERT-2",
        "GeneFormer",
        "Enformer",
    ]
    assert document["runs"][1]["published"]["days"] == 25
    text = CliRunner().invoke(app, ["--config", str(config), "--max-steps", "9", "--lora", "2"])
    assert text.exit_code == 0, text.output
    row = text.stdout[text.stdout.index("DNABERT") :].splitlines()[:2]  # cells fold at 80 columns
    assert "25 d, 8 x" in row[0]
    assert "2080ti" in "".join(row)
