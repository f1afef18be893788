"""Low-rank adapters for a classifier: which layers get one is read off the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.tasks.recipes import LoraSettings


def adapter_targets(model: Any, wanted: Sequence[str] = (), skip: Sequence[str] = ()) -> list[str]:
    """Name the linear layers of a backbone that get adapters.

    Parameters
    ----------
    model : torch.nn.Module
    wanted : sequence of str
        Last parts of names (``query``); empty means every linear layer of the repeated blocks.
    skip : sequence of str
        Modules that are trained whole (the head), and what is in them.

    Returns
    -------
    list of str
        Full names, in the order of the model.

    Raises
    ------
    ConfigError
        No linear layer has such a name.
    """
    from torch import nn

    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    # Numbered modules are the repeated blocks; what is linear elsewhere serves other ends.
    blocks = [name for name in linear if any(part.isdigit() for part in name.split("."))]
    inner = [name for name in blocks if not any(f".{part}." in f".{name}." for part in skip)]
    chosen = [name for name in inner if not wanted or name.split(".")[-1] in wanted]
    if not chosen:
        known = sorted({name.split(".")[-1] for name in inner})
        raise ConfigError(
            f"LoRA: no linear layer is called {', '.join(wanted)}; this model has {', '.join(known)}"
        )
    return chosen


def add_adapters(model: Any, settings: LoraSettings, fresh: Sequence[str]) -> tuple[Any, list[str]]:
    """Freeze a classifier but for low-rank adapters and what was not pretrained.

    Parameters
    ----------
    model : PreTrainedModel
    settings : LoraSettings
    fresh : sequence of str
        Parameters that the checkpoint did not hold: their modules (head, a pooler) are trained whole, since
        a frozen random layer would stand between backbone and head.

    Returns
    -------
    model : PeftModel
    targets : list of str
        Layers with an adapter.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    whole = sorted({_module_of(name, model) for name in fresh} | {"classifier"})
    targets = adapter_targets(model, settings.target_modules, whole)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        modules_to_save=whole,
        bias="none",
        task_type=TaskType.SEQ_CLS,
    )
    return get_peft_model(model, config), targets


def _module_of(parameter: str, model: Any) -> str:
    """Return the module that holds a parameter: ``pooler`` of ``bert.pooler.dense.bias``."""
    parts = parameter.split(".")
    return parts[1] if parts[0] == getattr(model, "base_model_prefix", "") and len(parts) > 1 else parts[0]
