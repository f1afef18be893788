"""Caduceus against the answers of its own implementation, under its own file layout; and what it promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_models import write_checkpoint
from safetensors.torch import load_file, save_file

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.models.backbones.caduceus import CADUCEUS
from dnamask_plugins.models.loading import load_base, load_classifier, load_masked_lm
from dnamask_plugins.testing import examine
from dnamask_plugins.tokenizers.caduceus import CaduceusTokenizer

GOLDEN = json.loads((Path(__file__).parent / "golden" / "caduceus.json").read_text())["forms"]
TOKENIZER = CaduceusTokenizer()
TEXT = "ACGTTGCAATGC"
COMPLEMENT = [10, 9, 8, 7]


@pytest.fixture(params=GOLDEN)
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    return GOLDEN[request.param]


def publish(form: dict[str, Any], folder: Path, kind: str = "masked_lm", tied: str = "tied") -> Path:
    write_checkpoint(folder, form["config"], form[kind], form[tied])
    state = load_file(folder / "model.safetensors")
    complements = [form["config"]["complement_map"][str(index)] for index in range(16)]
    for name in state:
        if name.endswith("complement_map"):
            state[name] = torch.tensor(complements)
    save_file(state, folder / "model.safetensors")
    return folder


def assert_close(came: torch.Tensor, expected: list[list[float]]) -> None:
    torch.testing.assert_close(came, torch.tensor(expected).view(came.shape), atol=5e-6, rtol=1e-4)


def test_answers_are_the_originals(form: dict[str, Any], tmp_path: Path) -> None:
    folder = publish(form, tmp_path / "model")
    ids = torch.tensor(form["input_ids"])
    model, description = load_masked_lm(folder, TOKENIZER)
    assert (description.architecture, description.started_fresh) == ("CaduceusForMaskedLM", ())
    with torch.no_grad():
        assert_close(model.eval()(ids).logits, form["logits"])
        assert_close(load_base(folder, TOKENIZER)[0].eval()(ids).last_hidden_state, form["hidden"])


def test_the_classifiers_answers_are_the_originals(form: dict[str, Any], tmp_path: Path) -> None:
    folder = publish(form, tmp_path / "model", "classifier", "classifier_tied")
    config = form["config"] | {"id2label": {str(i): str(i) for i in range(3)}}
    (folder / "config.json").write_text(json.dumps(config))
    model, _ = load_classifier(folder, TOKENIZER, num_labels=3, head="kept")
    with torch.no_grad():
        assert_close(model.eval()(torch.tensor(form["input_ids"])).logits, form["classes"])


def build(**settings: Any) -> Any:
    return CADUCEUS.build(TOKENIZER, 0, hidden_size=8, num_hidden_layers=2, **settings).eval()


def ids_of(text: str) -> torch.Tensor:
    return torch.from_numpy(TOKENIZER.encode(text).input_ids)[None, :-1]


@pytest.mark.parametrize("fused", [True, False])
def test_the_other_strand_gives_the_complements_scores(fused: bool) -> None:
    model, ids = build(fused_add_norm=fused), ids_of(TEXT)
    other = torch.tensor(COMPLEMENT)[ids.flip(1) - 7]
    with torch.no_grad():
        here, there = model(ids).logits, model(other).logits
    torch.testing.assert_close(here[..., 7:11], there.flip(1)[..., COMPLEMENT])
    with torch.no_grad():
        assert not torch.allclose(build(rcps=False)(ids).logits[..., 7:11], there.flip(1)[..., COMPLEMENT])


@pytest.mark.parametrize("rcps", [True, False])
def test_padding_changes_nothing(rcps: bool) -> None:
    """The published code reads padding from behind; here a row gives what it gives alone."""
    model, ids = build(rcps=rcps), ids_of(TEXT)
    padded = torch.cat((ids, torch.full((1, 3), 4)), dim=1)
    with torch.no_grad():
        alone = model(ids).logits
        among = model(padded, attention_mask=(padded != 4).long()).logits[:, : ids.shape[1]]
    torch.testing.assert_close(among, alone)


def test_a_saved_folder_gives_the_same_model(tmp_path: Path) -> None:
    model, ids = build(), ids_of(TEXT)
    model.save_pretrained(tmp_path / "saved")
    again, description = load_masked_lm(tmp_path / "saved", TOKENIZER)
    assert description.started_fresh == ()
    with torch.no_grad():
        assert torch.equal(again.eval()(ids).logits, model(ids).logits)
    mixer = again.caduceus.backbone.layers[1].mixer.submodule
    assert mixer.mamba_rev.in_proj.weight is mixer.mamba_fwd.in_proj.weight


def test_a_fresh_head_is_drawn_and_not_what_memory_held(tmp_path: Path) -> None:
    build().save_pretrained(tmp_path / "saved")
    heads = [
        load_classifier(tmp_path / "saved", TOKENIZER, num_labels=50, seed=seed)[0].score.weight
        for seed in (0, 0, 1)
    ]
    assert 0.01 < heads[0].std().item() < 0.03
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_scratch_model_starts_as_mamba_does() -> None:
    mixer = build().caduceus.backbone.layers[0].mixer.submodule.mamba_fwd
    assert torch.equal(mixer.A_log[0], torch.log(torch.arange(1.0, 17.0)))
    assert bool((mixer.dt_proj.bias < 0).all())
    assert mixer.in_proj.weight.std().item() > 0.1  # kaiming of 8 channels, not 0.02


def test_the_tokenizer_is_caduceuss_own() -> None:
    """Its source says: [CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK], letters from 7, [SEP] at the end."""
    assert TOKENIZER.encode("ACGTN").input_ids.tolist() == [7, 8, 9, 10, 11, 1]
    assert (TOKENIZER.pad_token_id, TOKENIZER.mask_token_id) == (4, 3)
    assert {each.status for each in examine(TOKENIZER)} == {"passed"}


def test_settings_that_make_no_sense_are_one_line() -> None:
    with pytest.raises(DnamaskError, match="neither add nor ew_multiply") as error:
        build(bidirectional_strategy="concatenate")
    assert "\n" not in str(error.value)


def test_complements_of_another_tokenizer_are_not_guessed() -> None:
    from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer

    with pytest.raises(DnamaskError, match="needs complement_map"):
        CADUCEUS.build(NucleotideTokenizer(), 0)


def test_a_layout_like_plant_caduceuss(tmp_path: Path) -> None:
    """Imitated, its file was not at hand: lower-case letters, no frame, complements in the configuration."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Split

    from dnamask_plugins.tokenizers.loading import load_tokenizer

    words = {word: index for index, word in enumerate(["[PAD]", "[MASK]", "[UNK]", *"acgt"])}
    backend = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = Lowercase(), Split(Regex("."), "isolated")
    backend.add_special_tokens(["[PAD]", "[MASK]", "[UNK]"])
    backend.save(str(tmp_path / "tokenizer.json"))
    roles = {"pad_token": "[PAD]", "mask_token": "[MASK]", "unk_token": "[UNK]"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = load_tokenizer(tmp_path, letters_as="acgtn")
    assert tokenizer.encode("ACGTN").input_ids.tolist() == [3, 4, 5, 6, 2]
    complements = {"3": 6, "4": 5, "5": 4, "6": 3, "0": 0, "1": 1, "2": 2, "7": 7}
    sizes = {"hidden_size": 8, "num_hidden_layers": 2}
    CADUCEUS.build(
        tokenizer, 0, vocab_size=8, complement_map=complements, rms_norm=True, **sizes
    ).save_pretrained(tmp_path)
    model, description = load_masked_lm(tmp_path, tokenizer)
    assert description.started_fresh == ()
    ids = torch.from_numpy(tokenizer.encode(TEXT).input_ids)[None]
    other = 9 - ids.flip(1)
    with torch.no_grad():
        here, there = model.eval()(ids).logits, model(other).logits
    torch.testing.assert_close(here[..., 3:7], there.flip(1)[..., [6, 5, 4, 3]])
