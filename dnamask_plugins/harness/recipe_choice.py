"""Which settings a task is fine-tuned with: published, of a family or a file, and what the user changes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.files import read_toml
from dnamask_plugins.tasks import Task
from dnamask_plugins.tasks.recipes import FAMILIES, FINE_TUNING_LORA, Recipe
from dnamask_plugins.tokenizers.density import tokens_needed

if TYPE_CHECKING:
    from dnamask_plugins.harness.model_source import ModelSource
    from dnamask_plugins.harness.run_request import RunRequest

PAPER: Final = "paper"


_FALLBACK: Final = "dnabert2"


def resolve_recipe(task: Task, source: ModelSource, request: RunRequest) -> tuple[Recipe, str]:
    """Return the settings for a task and their name.

    Raises
    ------
    ConfigError
        No such recipe.
    """
    family = source.family
    if request.recipe.endswith(".toml"):
        recipe, name = read_recipe(Path(request.recipe)), Path(request.recipe).name
    elif request.recipe == PAPER and not task.recipes:
        recipe, name = task.recipe(family or _FALLBACK), "defaults"
    elif request.recipe == PAPER:
        recipe, name = task.recipe(family or _FALLBACK), f"paper/{family or _FALLBACK}"
    elif request.recipe in FAMILIES:
        recipe, name = task.recipe(request.recipe), f"paper/{request.recipe}"
    else:
        known = (PAPER, *FAMILIES)
        raise ConfigError(
            f"no recipe is called '{request.recipe}'; {suggest(request.recipe, known)}, or a TOML file"
        )
    changes: dict[str, Any] = {}
    # Published lengths count the family's own tokens; another tokenizer needs another number of them.
    if name.startswith("paper/") and (name != f"paper/{family}" or not recipe_holds(recipe, task, source)):
        changes["max_length"] = None
    if request.max_length is not None:
        changes["max_length"] = request.max_length
    for setting in ("select_by", "class_weights"):
        if getattr(request, setting) is not None:
            changes[setting] = getattr(request, setting)
    if request.method == "lora" and recipe.lora is None:
        changes["lora"] = FINE_TUNING_LORA
    return dataclasses.replace(recipe, **changes), name


def recipe_holds(recipe: Recipe, task: Task, source: ModelSource) -> bool:
    """Say whether a recipe's rows are long enough for a sequence of the task as the tokenizer reads it."""
    if recipe.max_length is None or task.length is None:
        return True
    # A quarter more: real DNA takes fewer byte pairs than random letters do, and the papers cut a few rows.
    return tokens_needed(source.tokenizer, task.length) <= 1.25 * recipe.max_length


def read_recipe(path: Path) -> Recipe:
    """Read a TOML file of settings.

    Raises
    ------
    InputError
        It cannot be read or is no TOML.
    ConfigError
        A setting is unknown.
    """
    return Recipe.from_mapping(read_toml(path, "recipe settings"), str(path))
