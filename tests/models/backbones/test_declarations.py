import pytest
import torch

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.models.backbones.base import Backbone
from dnamask_plugins.models.backbones.logo import LOGO, LOGO_PUBLISHED
from dnamask_plugins.plugins import create, discover, load

KMER = create("tokenizers", "kmer", k=6)
BUILT_IN = (
    "logo",
    "dnabert",
    "bert_tiny",
    "dnabert2",
    "nucleotide_transformer",
    "nucleotide_transformer_v2",
    "gena_lm",
    "mutbert",
    "grover",
    "prokbert",
    "roberta",
    "modernbert",
    "eurobert",
    "deberta",
)


@pytest.mark.parametrize("name", BUILT_IN)
def test_entry_point_names_a_backbone_that_builds(name):
    assert name in discover("backbones")
    backbone = load("backbones", name)
    assert isinstance(backbone, Backbone)
    assert backbone.name == name
    small = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 16, "num_hidden_layers": 1}
    model = backbone.build(KMER, seed=0, **small)
    assert model.config.vocab_size == KMER.vocab_size
    assert model.config.pad_token_id == KMER.pad_token_id
    assert model.get_input_embeddings().weight.shape == (4101, 24)
    ids = torch.tensor([[2, 9, 4, 3]])
    assert model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.shape == (1, 4, 4101)


def test_sizes_are_the_published_ones():
    # LOGO in GeneMask: 2 layers of 256, 8 heads, FFN 3072, no dropout; 4,101 6-mers, tied, with bias.
    hidden, ffn, vocabulary = 256, 3072, 4101
    embeddings = (vocabulary + 512 + 2) * hidden + 2 * hidden
    layer = 4 * (hidden * hidden + hidden) + 2 * hidden * ffn + ffn + hidden + 4 * hidden
    head = hidden * hidden + hidden + 2 * hidden + vocabulary
    model = LOGO.build(KMER, seed=0)
    assert sum(p.numel() for p in model.parameters()) == embeddings + 2 * layer + head
    assert model.config.hidden_dropout_prob == model.config.attention_probs_dropout_prob == 0
    assert LOGO_PUBLISHED.settings["intermediate_size"] == 1024
    # DNABERT-2-117M is named after its size.
    with torch.device("meta"):
        tokenizer = type("Bpe", (), {"vocab_size": 4096, "pad_token_id": 3, "mask_token_id": 4})()
        config = load("backbones", "dnabert2").build_config(tokenizer)
        from transformers import AutoModelForMaskedLM

        size = sum(p.numel() for p in AutoModelForMaskedLM.from_config(config).parameters())
    assert 116e6 < size < 118e6


def test_seed_fixes_the_weights_and_leaves_the_global_state():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = load("backbones", "bert_tiny").build(KMER, seed=1)
    assert torch.equal(torch.rand(2), expected)
    again = load("backbones", "bert_tiny").build(KMER, seed=1)
    other = load("backbones", "bert_tiny").build(KMER, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.get_input_embeddings().weight, other.get_input_embeddings().weight)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hiden_size": 8}, "did you mean 'hidden_size'"),
        ({"hidden_size": "large"}, "hidden_size"),
        ({"hidden_size": 129}, "multiple of the number of attention heads"),
    ],
)
def test_bad_settings_are_one_line(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load("backbones", "bert_tiny").build(KMER, seed=0, **settings)
    assert "\n" not in str(caught.value)
    assert "bert_tiny" in str(caught.value)


def test_declarations_import_neither_torch_nor_transformers():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from dnamask_plugins.models.backbones import logo, dnabert, bert_tiny, dnabert2\n"
        "from dnamask_plugins.models.backbones import nucleotide_transformer as nt\n"
        "from dnamask_plugins.models.backbones import nucleotide_transformer_v2, gena_lm\n"
        "assert not {'torch', 'transformers', 'numba'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
