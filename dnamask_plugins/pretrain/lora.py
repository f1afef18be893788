"""LoRA in a pretraining run: on which model the adapters go, and what they say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.models.lora import LoraSettings, add_lora
from dnamask_plugins.models.source import find_source
from dnamask_plugins.pretrain.settings import PretrainSettings

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    from dnamask_plugins.models.loading import ModelDescription


def with_adapters(
    model: PreTrainedModel, settings: PretrainSettings, description: ModelDescription
) -> PeftModel:
    """Return a run's model with adapters that know their base: a folder or a repository, as it was named.

    Raises
    ------
    ConfigError
        A setting is refused, or a part that starts at random would be frozen.
    """
    if description.started_fresh:
        raise ConfigError(
            f"{settings.backbone}: LoRA would freeze {description.started_fresh[0]}, which starts at random; "
            "train all weights, or give a model that has it"
        )
    values = dict(settings.lora or {})
    seed = values.pop("seed", settings.seed)
    source = find_source(settings.backbone)
    base = None if source.backbone is not None else source.reference.partition("@")[0]
    return add_lora(model, LoraSettings.from_mapping(values), seed, base=base, revision=source.revision)
