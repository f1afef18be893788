"""Every built-in keeps what the kit asks of strangers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnamask_plugins import plugins
from dnamask_plugins.strategies.genemask import GeneMask
from dnamask_plugins.testing import Examination, examine

SCORES = {"k": 6, "scores": np.random.default_rng(0).normal(size=4096).tolist()}

PARAMETERS: Mapping[tuple[str, str], list[dict[str, Any]]] = {
    ("strategies", "genemask"): [{"npmi": SCORES}],
    ("strategies", "global_npmi"): [{"npmi": SCORES}, {"npmi": SCORES, "temperature": 0.5}],
    ("strategies", "mixture"): [{"strategies": ["span", {"name": "span", "length": 6}], "weights": [1, 2]}],
    ("strategies", "span"): [{}, {"length": 6}],
    ("tokenizers", "kmer"): [{"k": 3}, {"k": 6}, {"k": 6, "order": "ACGT", "shift": 2}],
    ("tokenizers", "logo"): [{}, {"n": 3, "phase": 2}],
    ("curricula", "join"): [{"parts": [{"name": "linear"}, {"name": "cm_gems"}], "boundaries": [700]}],
    ("curricula", "piecewise"): [{"stages": [["span", 0.3], ["genemask", 0.15]], "boundaries": [1000]}],
    ("curricula", "unknown_letters"): [{}, {"lengths": [[6], [1]], "rates": [0.2, 0.3], "patience": 1}],
    ("curricula", "cm_gems"): [{}, {"relative": 0.02}, {"rule": "either", "probe": "current", "patience": 3}],
}

BUILT_INS = [
    (kind, name, parameters)
    for kind in ("strategies", "curricula", "tokenizers")
    for name, providers in plugins.discover(kind).items()
    if providers[0].distribution == "dnamask-plugins"
    for parameters in PARAMETERS.get((kind, name), [{}])
]


def tokenizer_file(folder: Path) -> Path:
    """Train a byte-pair vocabulary on random letters."""
    from tokenizers import Tokenizer, models, processors, trainers

    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("ACGT"), size=300)) for _ in range(50)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=120, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    roles |= {"cls_token": "[CLS]", "sep_token": "[SEP]"}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize(
    ("kind", "name", "parameters"),
    BUILT_INS,
    ids=[f"{name}-{index}" for index, (_, name, _) in enumerate(BUILT_INS)],
)
def test_a_built_in_keeps_every_promise(
    kind: str, name: str, parameters: dict[str, Any], tmp_path: Path
) -> None:
    if name == "bpe":
        parameters = {"path": str(tokenizer_file(tmp_path))}
    if name == "huggingface":
        parameters = {"path": str(tokenizer_file(tmp_path).parent)}
    outcomes = examine(plugins.create(kind, name, **parameters))
    bad = {each.check.name: each.detail for each in outcomes if each.status not in ("passed", "not run")}
    assert not bad
    said_nothing = {each.check.name for each in outcomes if each.status == "not run"}
    assert said_nothing <= {"nothing_leaks"}
    assert ("nothing_leaks" in said_nothing) == (name == "random_token")


class DeclaredGeneMask(GeneMask):
    """Says that it reads the sequence, so that the kit can hold it to that."""

    reads_sequence = True


def test_the_fault_of_the_released_genemask_is_caught() -> None:
    """``lookup="position"`` is that fault, kept for comparison."""
    good, bad = DeclaredGeneMask(SCORES), DeclaredGeneMask(SCORES, lookup="position")
    assert Examination(good).outcome("reads_the_sequence_as_it_says").status == "passed"
    outcome = Examination(bad).outcome("reads_the_sequence_as_it_says")
    assert outcome.status == "failed"
    assert "looked up by position" in outcome.detail
