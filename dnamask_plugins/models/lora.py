"""Low-rank adapters (LoRA, Hu et al., ICLR 2022) on any backbone, through peft."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.checking import checked
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.models.backbones.base import seeded

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

ATTENTION: Final = "attention"
ALL_LINEAR: Final = "all-linear"
_PROJECTION: Final = re.compile(r"w?qkv|in_proj|(q|k|v|query|key|value)(_\w+)?", re.IGNORECASE)


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters (Hu et al., ICLR 2022), in pretraining and in fine-tuning alike.

    Attributes
    ----------
    rank : int
        Width of the adapters, at least 1.
    alpha : float
        The adapters' output is multiplied by ``alpha / rank``.
    dropout : float
        In [0, 1), on the adapters' input.
    targets : "attention", "all-linear" or names
        Which linear layers of the repeated blocks get an adapter: those that make queries, keys and values;
        all; or those whose last name is given.

    Raises
    ------
    ConfigError
        A figure is out of range.
    """

    rank: int = 8
    alpha: float = 16
    dropout: float = 0.0
    targets: str | tuple[str, ...] = ATTENTION

    def __post_init__(self) -> None:
        try:
            fine = self.rank >= 1 and self.alpha > 0 and 0 <= self.dropout < 1
        except TypeError:
            fine = False
        if not fine:
            raise ConfigError(
                f"lora: rank {self.rank}, alpha {self.alpha}, dropout {self.dropout}; rank from 1, "
                "alpha above 0 and dropout in [0, 1) work"
            )
        if not isinstance(self.targets, str):
            object.__setattr__(self, "targets", tuple(self.targets))

    @classmethod
    def from_mapping(
        cls, values: Mapping[str, Any], where: str = "lora", base: LoraSettings | None = None
    ) -> LoraSettings:
        """Read settings, also under the names of peft that earlier versions had (``r``, ``target_modules``).

        Raises
        ------
        ConfigError
            A key is unknown, or a value out of range.

        Examples
        --------
        >>> LoraSettings.from_mapping({"r": 4, "alpha": 32})
        LoraSettings(rank=4, alpha=32, dropout=0.0, targets='attention')
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{where}: must be a table such as {{rank = 8}}, not {values!r}")
        names = {"r": "rank", "target_modules": "targets"}
        settings = checked(cls, {names.get(key, key): value for key, value in values.items()}, where)
        if not settings.get("targets", ATTENTION) or settings.get("targets") == "auto":
            del settings["targets"]
        return dataclasses.replace(base or cls(), **settings)


def find_targets(model: PreTrainedModel, targets: str | Sequence[str] = ATTENTION) -> list[str]:
    """Return the names of the layers that get an adapter, in the order of the model.

    Numbered modules are the repeated blocks; linear layers outside of them (heads, a pooler) get no adapter.
    Where no layer has the name of a projection (FNet has no attention) all layers of the blocks are taken.

    Parameters
    ----------
    model : PreTrainedModel
    targets : "attention", "all-linear" or names

    Raises
    ------
    ConfigError
        No linear layer of the blocks has such a name.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create
    >>> from dnamask_plugins.models.loading import load_masked_lm
    >>> model, _ = load_masked_lm("bert_tiny", create("tokenizers", "kmer", k=6), num_hidden_layers=1)
    >>> [name.rpartition(".")[2] for name in find_targets(model)]
    ['query', 'key', 'value']
    """
    from torch import nn

    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    blocks = [name for name in linear if any(part.isdigit() for part in name.split("."))]
    if not blocks:
        raise ConfigError(
            f"lora: a {type(model).__name__} has no linear layers in repeated blocks; train all"
        )
    if targets == ALL_LINEAR:
        return blocks
    if targets in (ATTENTION, "auto"):
        attention = [name for name in blocks if _PROJECTION.fullmatch(name.rpartition(".")[2])]
        return attention or blocks
    wanted = [targets] if isinstance(targets, str) else list(targets)
    chosen = [name for name in blocks if name.rpartition(".")[2] in wanted]
    if not chosen:
        known = ", ".join(sorted({name.rpartition(".")[2] for name in blocks}))
        raise ConfigError(
            f"lora: no linear layer is called {', '.join(wanted)}; use targets '{ATTENTION}', '{ALL_LINEAR}' "
            f"or some of this model's: {known}"
        )
    return chosen


def add_lora(
    model: PreTrainedModel,
    settings: LoraSettings | None = None,
    seed: int = 0,
    *,
    fresh: Sequence[str] = (),
    base: str | None = None,
    revision: str | None = None,
) -> PeftModel:
    """Freeze a model and add adapters, which alone are trained, with the head of a classifier.

    Parameters
    ----------
    model : PreTrainedModel
        Is changed in place; go on with what is returned.
    settings : LoraSettings, optional
    seed : int
        Fixes the adapters' weights; PyTorch's global random state is left as it was.
    fresh : sequence of str
        Parameters that the checkpoint did not hold: their modules (a head, a pooler) are trained whole,
        since a frozen random layer would lie between backbone and head.
    base, revision : str, optional
        Folder or repository of the model, for whoever loads the adapters later.

    Returns
    -------
    PeftModel

    Raises
    ------
    ConfigError
        No layer has such a name.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    wanted = settings or LoraSettings()
    classifies = _is_classifier(model)
    whole = {_module_of(name, model) for name in fresh}
    if classifies:
        whole |= {name for name, child in model.named_children() if _is_head(name, child, model)}
    config = LoraConfig(
        r=wanted.rank,
        lora_alpha=wanted.alpha,  # type: ignore[arg-type]  # peft divides it by the rank
        lora_dropout=wanted.dropout,
        target_modules=find_targets(model, wanted.targets),
        modules_to_save=sorted(whole) or None,
        task_type=TaskType.SEQ_CLS if classifies else None,
        base_model_name_or_path=base,
        revision=revision,
    )
    with seeded(seed):
        adapted = get_peft_model(model, config)
    config.base_model_name_or_path = base
    # Left open, peft asks the hub whether the base's vocabulary was resized; ours never is.
    save = functools.partial(adapted.save_pretrained, save_embedding_layers=False)
    adapted.save_pretrained = save  # type: ignore[method-assign]
    return adapted


def _is_classifier(model: PreTrainedModel) -> bool:
    return type(model).__name__.endswith("ForSequenceClassification")


def _is_head(name: str, module: Any, model: PreTrainedModel) -> bool:
    return name != model.base_model_prefix and any(True for _ in module.parameters())


def _module_of(parameter: str, model: PreTrainedModel) -> str:
    """Return the module that holds a parameter: ``pooler`` of ``bert.pooler.dense.bias``."""
    parts = parameter.split(".")
    return parts[1] if parts[0] == model.base_model_prefix and len(parts) > 1 else parts[0]


def save_adapters(model: PeftModel, folder: str | Path) -> None:
    """Write the adapters alone, as safetensors, to a folder that `load_adapters` and AutoPeftModel read."""
    model.save_pretrained(str(folder))


def load_adapters(model: PreTrainedModel, folder: str | Path, trainable: bool = True) -> PeftModel:
    """Put saved adapters on the model they were trained on.

    Parameters
    ----------
    model : PreTrainedModel
    folder : str or Path
        Written by `save_adapters`.
    trainable : bool
        False for inference.

    Raises
    ------
    InputError
        The folder holds no adapters, or adapters of another model.
    """
    from peft import PeftModel

    path = Path(folder)
    if not (path / "adapter_config.json").is_file() or not (path / "adapter_model.safetensors").is_file():
        raise InputError(f"{folder}: holds no LoRA adapters (adapter_config.json, adapter_model.safetensors)")
    try:
        return PeftModel.from_pretrained(model, str(folder), is_trainable=trainable)
    except (ValueError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{folder}: does not fit this model ({reason}); give the model it was trained on"
        ) from None


def merge_lora(model: PeftModel) -> Any:
    """Add the adapters into the weights and return the plain model, ready for `save_pretrained`."""
    return model.merge_and_unload(safe_merge=True)
