"""Letters per token are measured; published row lengths hold for what reads as their own tokenizer does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from dnamask_plugins.harness.recipe_choice import recipe_holds
from dnamask_plugins.tasks import gue
from dnamask_plugins.tasks.recipes import Recipe
from dnamask_plugins.tokenizers.density import letters_per_token, tokens_needed
from dnamask_plugins.tokenizers.huggingface import HuggingFaceTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer

TASKS = {task.name: task for task in gue()}


@pytest.mark.parametrize(
    ("name", "letters", "needed"),
    [("kmer:k=6", 1, 102), ("nucleotide", 1, 102), ("logo:n=6,add_cls=false", 6, 17)],
)
def test_what_a_token_stands_for(name: str, letters: float, needed: int) -> None:
    tokenizer = load_tokenizer(name)
    assert letters_per_token(tokenizer) == pytest.approx(letters, rel=0.01)
    assert tokens_needed(tokenizer, 100) == pytest.approx(needed, abs=1)


def test_fixed_words(nucleotide_transformer: tuple[Path, Path]) -> None:
    assert letters_per_token(HuggingFaceTokenizer(str(nucleotide_transformer[1]))) == pytest.approx(
        3, rel=0.01
    )


@pytest.mark.parametrize(
    ("tokenizer", "limit", "holds"),
    [("nucleotide", 30, False), ("nucleotide", 110, True), ("kmer:k=6", 110, True), ("logo:n=6", 30, True)],
)
def test_a_recipe_that_would_cut_every_row_is_not_believed(tokenizer: str, limit: int, holds: bool) -> None:
    """30 tokens are Nucleotide Transformer's limit for 101 letters: single letters would lose 70 of them."""
    source = SimpleNamespace(tokenizer=load_tokenizer(tokenizer))
    assert recipe_holds(Recipe(max_length=limit, select_by="last"), TASKS["tf/0"], source) is holds


def test_published_limits_hold_for_their_own_tokenizer(shared_data: Path) -> None:
    source = SimpleNamespace(tokenizer=load_tokenizer(shared_data / "tokenizers/dnabert2_bpe/tokenizer.json"))
    for task in TASKS.values():
        assert recipe_holds(task.recipe("dnabert2"), task, source), task.name
    source = SimpleNamespace(tokenizer=load_tokenizer("kmer:k=6"))
    for task in TASKS.values():
        assert recipe_holds(task.recipe("dnabert1"), task, source), task.name
