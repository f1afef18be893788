"""RNA models of multimolecule: pretrained with CM-GEMS, loaded again, fine-tuned; on letters and on codons.

Skipped where the library, which is AGPL and no dependency of ours, is not installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dnamask_plugins import plugins
from dnamask_plugins.harness.runner import RunRequest, execute, plan_run
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.tasks import load_tasks
from dnamask_plugins.testing import examine
from dnamask_plugins.tokenizers.loading import load_tokenizer

pytest.importorskip("multimolecule", reason="pip install multimolecule (AGPL) for the RNA example")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "rna"
SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}

pytestmark = pytest.mark.filterwarnings("ignore::dnamask_plugins.plugins.PluginWarning")


@pytest.fixture(scope="module", autouse=True)
def installed(install: Callable[..., Path]) -> Iterator[None]:
    site = install(EXAMPLE)
    sys.path.insert(0, str(site))
    plugins.forget()
    yield
    sys.path.remove(str(site))
    plugins.forget()


@pytest.mark.parametrize("codon", [False, True], ids=["letters", "codons"])
def test_ids_are_the_librarys_own(codon: bool) -> None:
    from multimolecule import RnaTokenizer

    tokenizer = plugins.create("tokenizers", "example.multimolecule", codon=codon)
    theirs = RnaTokenizer(codon=codon)
    for text in ("ACGUNACGU", "acgttt", "AUGGCCUAA"):
        assert tokenizer.encode(text).input_ids.tolist() == theirs(text)["input_ids"]
    bad = {each.check.name for each in examine(tokenizer) if each.status not in ("passed", "expected")}
    assert not bad


@pytest.mark.parametrize(
    ("backbone", "tokenizer"),
    [
        ("example.splicebert", "example.multimolecule"),
        ("example.rnafm", "example.multimolecule"),
        ("example.calm", "example.multimolecule:codon=true"),
    ],
)
def test_pretrained_with_cm_gems_loaded_again_and_fine_tuned(
    backbone: str, tokenizer: str, small_corpus: Path, small_table: Path, toy_suite: Path, tmp_path: Path
) -> None:
    settings = PretrainSettings.from_mapping(
        {
            "corpus": str(small_corpus),
            "npmi": str(small_table),
            "output": str(tmp_path / "model"),
            "backbone": backbone,
            "tokenizer": tokenizer,
            "model": SMALL,
            "curriculum": {"name": "cm_gems", "threshold": 1e9},
            "windows": {"full_length": 64},
            "validation": {"windows": 8, "length": 64},
            "trainer": {
                "max_steps": 4,
                "per_device_train_batch_size": 4,
                "gradient_accumulation_steps": 1,
                "eval_steps": 2,
                "save_steps": 4,
                "report_to": [],
            },
        }
    )
    result = pretrain(settings, quiet=True)
    assert result.record["curriculum"]["state"]["switch_step"] is not None
    again, description = load_masked_lm(result.folder, load_tokenizer(result.folder))
    assert (description.origin, description.started_fresh) == ("folder", ())
    assert again.config.model_type == backbone.removeprefix("example.")
    request = RunRequest(
        model=str(result.folder),
        data_folder=toy_suite.parent / "data",
        tasks=load_tasks(toy_suite)[:1],
        seeds=(0,),
        output=tmp_path / "out",
        overrides={"max_steps": 4},
    )
    outcomes = dict(execute(plan_run(request), quiet=True))
    assert {outcome.status for outcome in outcomes.values()} <= {"ok", "collapsed"}, outcomes
