"""The configuration of a model: read with a class of transformers or of an installed backbone, and checked.

No code beside a checkpoint is ever run.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.models.families import family_of, installed
from dnamask_plugins.models.source import AnySource, Source, find_source
from dnamask_plugins.tokenizers.loading import tokenizer_folder
from dnamask_plugins.tokenizers.vocabulary import check_vocabulary, words_beside

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from dnamask_plugins.protocols import DNATokenizer

_ROUND: Final = (8, 16, 32, 64, 128)
"""Vocabularies are padded to a multiple of one of these, for speed on a GPU."""


def resolve_config(source: AnySource, tokenizer: DNATokenizer, **overrides: Any) -> PretrainedConfig:
    """Return the configuration of the model that `load_masked_lm` would give, without its weights.

    Raises
    ------
    ConfigError
        A setting is unknown, or the tokenizer is not the model's.
    """
    found = find_source(source)
    if found.backbone is not None:
        return found.backbone.build_config(tokenizer, **overrides)
    config = read_config(found)
    _check_tokenizer(config, tokenizer, found)
    known = config.to_dict()
    for key, value in overrides.items():
        if key not in ("num_labels", "problem_type") and key not in known:
            raise ConfigError(f"{found.reference}: unknown setting '{key}'; {suggest(key, known)}")
        setattr(config, key, value)
    return config


def read_config(source: str | Path | Source) -> PretrainedConfig:
    """Read a checkpoint's configuration with a class of transformers or of this package, never its own.

    Raises
    ------
    ConfigError
        No implementation of the architecture is at hand.
    InputError
        ``config.json`` is missing or damaged.
    """
    from transformers import CONFIG_MAPPING

    found = find_source(source)
    folder, settings = found.reference, dict(found.settings)
    family = family_of(settings)
    if family is not None and family.register is not None:
        family.register()
    kind = (
        (settings.get("model_type") or _kind_of_architecture(settings))
        if family is None
        else family.model_type
    )
    remote = settings.pop("auto_map", None) or {}
    if kind not in CONFIG_MAPPING:
        code = f" (custom code {', '.join(sorted(map(str, remote.values())))})" if remote else ""
        known = ", ".join(sorted({backbone.model_type for backbone in installed()}))
        raise ConfigError(
            f"{folder}: architecture '{kind}'{code} is not implemented here, and a checkpoint's own code is "
            f"not run; implemented: {known} and every masked language model of transformers"
        )
    settings["model_type"] = kind
    try:
        return CONFIG_MAPPING[kind].from_dict(settings)
    except Exception as error:  # the validators of configurations raise types of their own
        reason = " ".join(str(error).split())
        raise InputError(f"{folder}: config.json: {reason}; fetch the checkpoint again") from error


def _kind_of_architecture(settings: Mapping[str, Any]) -> str:
    """Find the model type of a configuration from before the field existed (DNABERT's), by its class."""
    from transformers.models.auto import modeling_auto

    name = str((settings.get("architectures") or ["unknown"])[0])
    for task in ("MASKED_LM", "PRETRAINING", "SEQUENCE_CLASSIFICATION"):
        names = getattr(modeling_auto, f"MODEL_FOR_{task}_MAPPING_NAMES")
        kinds = [kind for kind, architecture in names.items() if architecture == name]
        if kinds:
            return str(kinds[0])
    return name


def _check_tokenizer(config: PretrainedConfig, tokenizer: DNATokenizer, source: Source) -> None:
    theirs, ours = config.vocab_size, tokenizer.vocab_size
    place = None if source.folder is None else tokenizer_folder(source.folder)
    words = getattr(tokenizer, "vocabulary", None)
    if theirs != ours and not _is_padded(theirs, ours) and not (theirs > ours and _lie_beside(words, place)):
        raise ConfigError(
            f"{source.reference}: the model has {theirs} tokens, the tokenizer {ours}; "
            "use the tokenizer it was trained with"
        )
    if config.pad_token_id != tokenizer.pad_token_id and _counts_from_padding(config):
        raise ConfigError(
            f"{source.reference}: the model pads with id {config.pad_token_id}, the tokenizer with "
            f"{tokenizer.pad_token_id}; use the tokenizer it was trained with"
        )
    # DNABERT-2's published configuration says 0, its tokenizer's [PAD] is 3: the tokenizer is right.
    config.pad_token_id = tokenizer.pad_token_id
    if place is not None:
        check_vocabulary(words, place)


def _is_padded(theirs: int, ours: int) -> bool:
    return any(theirs == -(-ours // size) * size for size in _ROUND)


def _lie_beside(words: Sequence[str] | None, place: Path | None) -> bool:
    """Say whether just these words lie beside the weights: the model has rows for more (ProkBERT, 4,200)."""
    beside = None if words is None or place is None else words_beside(place)
    return beside is not None and beside[0] == dict(enumerate(words or ()))


def _counts_from_padding(config: PretrainedConfig) -> bool:
    """Say whether positions begin after the padding id (RoBERTa, ESM): another id would move them all."""
    from dnamask_plugins.models.positions import max_positions

    other = copy.deepcopy(config)
    other.pad_token_id = (config.pad_token_id or 0) + 1
    return max_positions(other) != max_positions(config)
