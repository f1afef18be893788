"""Low-rank adapters (LoRA, Hu et al., ICLR 2022) on any backbone, through peft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.models.backbones.base import seeded

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

_ATTENTION: Final = ("query", "key", "value", "Wqkv")
_HEADS: Final = ("classifier", "pooler", "score")


def find_targets(model: PreTrainedModel) -> list[str]:
    """Return the names of the attention projections of a model, else of all its linear layers but the heads.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create
    >>> from dnamask_plugins.models.loading import load_masked_lm
    >>> find_targets(load_masked_lm("bert_tiny", create("tokenizers", "kmer", k=6))[0])
    ['key', 'query', 'value']
    """
    from torch import nn

    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    attention = {name.rpartition(".")[2] for name in linear} & set(_ATTENTION)
    if attention:
        return sorted(attention)
    output = model.get_output_embeddings()
    heads = {name for name, module in model.named_modules() if module is output}
    return sorted(name for name in linear - heads if not any(part in _HEADS for part in name.split(".")))


def add_lora(
    model: PreTrainedModel,
    rank: int = 8,
    alpha: float = 16,
    dropout: float = 0.0,
    targets: str | Sequence[str] = "auto",
    seed: int = 0,
) -> PeftModel:
    """Freeze a model and add adapters, which alone are trained (with the head, for a classifier).

    Parameters
    ----------
    model : PreTrainedModel
        Is changed in place; go on with what is returned.
    rank : int
        Width of the adapters, at least 1.
    alpha : float
        The adapters' output is multiplied by ``alpha / rank``.
    dropout : float
        In [0, 1), on the adapters' input.
    targets : "auto", "all-linear" or names of linear layers
        ``auto``: the attention projections, under the names that the backbone gives them.
    seed : int
        Fixes the adapters' weights; PyTorch's global random state is left as it was.

    Returns
    -------
    PeftModel

    Raises
    ------
    ConfigError
        A figure is out of range, or no layer has such a name.
    """
    from peft import LoraConfig, get_peft_model

    if rank < 1 or alpha <= 0 or not 0 <= dropout < 1:
        raise ConfigError(
            f"lora: rank {rank}, alpha {alpha:g}, dropout {dropout:g}; rank from 1, alpha above 0 "
            "and dropout in [0, 1) work"
        )
    names: str | list[str]
    if targets == "auto":
        names = find_targets(model)
    elif targets == "all-linear":
        names = "all-linear"
    else:
        names = [targets] if isinstance(targets, str) else list(targets)
    trained = [name for name, _ in model.named_children() if name in _HEADS]
    settings = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=names, modules_to_save=trained or None
    )
    with seeded(seed):
        try:
            return get_peft_model(model, settings)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"lora: {reason}; use targets 'auto', 'all-linear' or some of {find_targets(model)}"
            ) from error


def save_adapters(model: PeftModel, folder: str | Path) -> None:
    """Write the adapters alone, as safetensors, to a folder that `load_adapters` reads."""
    model.save_pretrained(folder, save_embedding_layers=False)


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
