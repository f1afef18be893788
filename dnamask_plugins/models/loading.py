"""Models from a name: built from scratch, or loaded from a folder or a Hugging Face repository.

No code from a checkpoint is ever run: the architecture is chosen from ``config.json`` among those that
transformers and this package implement, and weights are read as safetensors, else as a pickle that may
hold nothing but tensors.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import ConfigError, InputError, suggest
from dnamask_plugins.models.backbones.base import seeded
from dnamask_plugins.models.families import family_of, installed
from dnamask_plugins.models.source import AnySource, Source, find_source, read_json
from dnamask_plugins.tokenizers.loading import tokenizer_folder
from dnamask_plugins.tokenizers.vocabulary import check_vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

    from dnamask_plugins.protocols import DNATokenizer

MASKED_LM: Final = "AutoModelForMaskedLM"
CLASSIFIER: Final = "AutoModelForSequenceClassification"
BASE: Final = "AutoModel"

# What another task leaves in a checkpoint, or what a task starts afresh: no fault of the file.
_SURPLUS: Final = {
    MASKED_LM: (".pooler.", "cls.seq_relationship.", ".position_ids", ".contact_head.", ".inv_freq"),
    CLASSIFIER: ("cls.", "lm_head.", ".pooler.", ".position_ids", ".contact_head.", ".inv_freq"),
    BASE: ("cls.", "lm_head.", "classifier.", ".position_ids", ".contact_head.", ".inv_freq"),
}
_MISSING: Final = {
    MASKED_LM: ("contact_head.", ".inv_freq", "token_type_embeddings."),
    CLASSIFIER: ("classifier.", "pooler.", "contact_head.", ".inv_freq", "token_type_embeddings."),
    BASE: ("pooler.", "contact_head.", ".inv_freq", "token_type_embeddings."),
}


@dataclass(frozen=True)
class ModelDescription:
    """Where a model came from, for `run.json`, the model card and the log.

    Attributes
    ----------
    source : str
        Plugin name, folder or repository, as the user gave it.
    origin : {"scratch", "folder", "hub"}
    architecture : str
        Class of the model.
    parameters : int
        Trainable numbers, tied ones counted once.
    vocab_size : int
    max_positions : int or None
        Longest row in tokens, special tokens included; None where nothing limits it.
    started_fresh : tuple of str
        Parameters that the checkpoint did not hold and that were drawn at random.
    """

    source: str
    origin: str
    architecture: str
    parameters: int
    vocab_size: int
    max_positions: int | None
    started_fresh: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON."""
        return asdict(self) | {"started_fresh": list(self.started_fresh)}

    def __str__(self) -> str:
        start = "random weights" if self.origin == "scratch" else f"weights from {self.source}"
        return f"{self.architecture}, {self.parameters / 1e6:.1f} M parameters, {start}"


def load_masked_lm(
    source: AnySource, tokenizer: DNATokenizer, seed: int = 0, **overrides: Any
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load a masked language model.

    Parameters
    ----------
    source : str, Path, Backbone or Source
        A backbone, its entry-point name, a folder, or a Hugging Face repository ``owner/name[@revision]``.
    tokenizer : DNATokenizer
        The tokenizer whose ids the model will read.
    seed : int
        Fixes random weights; PyTorch's global random state is left as it was.
    **overrides
        Settings of the architecture to change, such as ``hidden_dropout_prob``.

    Returns
    -------
    model : PreTrainedModel
        In training mode, on the CPU, float32.
    description : ModelDescription

    Raises
    ------
    ConfigError
        No such backbone, another architecture, or a vocabulary that is not the tokenizer's.
    InputError
        The checkpoint is damaged, incomplete, holds something else, or wants to run code.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create
    >>> model, description = load_masked_lm("bert_tiny", create("tokenizers", "kmer", k=6), seed=1)
    >>> print(description)
    BertForMaskedLM, 1.0 M parameters, random weights
    """
    return _load(source, tokenizer, seed, MASKED_LM, overrides)


def load_classifier(
    source: AnySource,
    tokenizer: DNATokenizer,
    num_labels: int,
    seed: int = 0,
    **overrides: Any,
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load a sequence classifier; the head is drawn from `seed` where the checkpoint has none.

    See `load_masked_lm` for parameters, errors and what is returned.
    """
    return _load(source, tokenizer, seed, CLASSIFIER, {"num_labels": num_labels, **overrides})


def load_base(
    source: AnySource, tokenizer: DNATokenizer, seed: int = 0, **overrides: Any
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load the encoder without a head. See `load_masked_lm`."""
    return _load(source, tokenizer, seed, BASE, overrides)


def resolve_config(source: AnySource, tokenizer: DNATokenizer, **overrides: Any) -> PretrainedConfig:
    """Return the configuration of the model that `load_masked_lm` would give, without its weights."""
    found = find_source(source)
    if found.backbone is not None:
        return found.backbone.build_config(tokenizer, **overrides)
    return _config_of_folder(found, tokenizer, overrides)


def _config_of_folder(
    source: Source, tokenizer: DNATokenizer, overrides: Mapping[str, Any]
) -> PretrainedConfig:
    config = read_config(source)
    _check_vocabulary(config, tokenizer, source.reference)
    place = None if source.folder is None else tokenizer_folder(source.folder)
    if place is not None:
        check_vocabulary(getattr(tokenizer, "vocabulary", None), place)
    known = config.to_dict()
    for key, value in overrides.items():
        if key != "num_labels" and key not in known:
            raise ConfigError(f"{source.reference}: unknown setting '{key}'; {suggest(key, known)}")
        setattr(config, key, value)
    return config


def _load(
    source: AnySource,
    tokenizer: DNATokenizer,
    seed: int,
    task: str,
    overrides: Mapping[str, Any],
) -> tuple[PreTrainedModel, ModelDescription]:
    found = find_source(source)
    backbone = found.backbone
    if backbone is not None:
        model = backbone.build(tokenizer, seed, task, **overrides)
        limits = [max_positions(model.config)]
        if model.config.max_position_embeddings == backbone.settings.get("max_position_embeddings"):
            limits.append(backbone.max_positions)
        limit = min((each for each in limits if each is not None), default=None)
        return model, _describe(backbone.name, "scratch", model, limit)
    config = _config_of_folder(found, tokenizer, overrides)
    model, fresh = _load_weights(found, config, task, seed)
    description = _describe(found.reference, found.origin, model, max_positions(config))
    return model.train(), replace(description, started_fresh=fresh)


def _describe(source: str, origin: str, model: PreTrainedModel, limit: int | None) -> ModelDescription:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelDescription(source, origin, type(model).__name__, parameters, model.config.vocab_size, limit)


def _auto(task: str) -> Any:
    import transformers

    return getattr(transformers, task)


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
    """Guess the model type of a configuration from before the field existed (DNABERT's)."""
    names = settings.get("architectures") or ["unknown"]
    for prefix, kind in (("Bert", "bert"), ("Esm", "esm")):
        if str(names[0]).startswith(prefix):
            return kind
    return str(names[0])


def max_positions(config: PretrainedConfig) -> int | None:
    """Return the longest row in tokens that a configuration allows, None where nothing limits it."""
    if config.model_type == "dnabert2" or getattr(config, "position_embedding_type", "") == "rotary":
        return None
    limit = getattr(config, "max_position_embeddings", None)
    if limit is not None and config.model_type == "esm":
        # ESM numbers positions from pad_token_id + 1.
        return int(limit) - config.pad_token_id - 1
    return limit


def _check_vocabulary(config: PretrainedConfig, tokenizer: DNATokenizer, source: object) -> None:
    if config.vocab_size != tokenizer.vocab_size:
        raise ConfigError(
            f"{source}: the model has {config.vocab_size} tokens, the tokenizer {tokenizer.vocab_size}; "
            "use the tokenizer it was trained with"
        )
    if config.model_type == "esm" and config.pad_token_id != tokenizer.pad_token_id:
        raise ConfigError(
            f"{source}: the model pads with id {config.pad_token_id}, the tokenizer with "
            f"{tokenizer.pad_token_id}; use the tokenizer it was trained with"
        )
    # DNABERT-2's published configuration says 0, its tokenizer's [PAD] is 3: the tokenizer is right.
    config.pad_token_id = tokenizer.pad_token_id


def _load_weights(
    source: Source, config: PretrainedConfig, task: str, seed: int
) -> tuple[PreTrainedModel, tuple[str, ...]]:
    folder = source.reference
    mapping = _auto(task)._model_mapping
    if type(config) not in mapping:
        raise ConfigError(
            f"{folder}: '{config.model_type}' has no {task}; use a BERT, ESM or DNABERT-2 checkpoint"
        )
    model_class = mapping[type(config)]
    if isinstance(model_class, tuple):
        model_class = model_class[0]
    state = read_weights(source)
    with seeded(seed), quiet_transformers():
        model, report = model_class.from_pretrained(
            None,
            config=config,
            state_dict=state,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype="float32",
        )
    missing = [key for key in report["missing_keys"] if not _any_in(key, _MISSING[task])]
    surplus = [key for key in report["unexpected_keys"] if not _any_in(key, _SURPLUS[task])]
    other = [str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"]]
    expects = model_class.__name__
    if other:
        raise InputError(
            f"{folder}: {_some(other)} other shapes than config.json says; fetch the checkpoint again"
        )
    if missing or surplus:
        faults = []
        if missing:
            faults.append(f"lacks {_some(missing)}")
        if surplus:
            faults.append(f"has {_some(surplus)} too many")
        raise InputError(
            f"{folder}: is no {expects}: {' and '.join(faults)}; give a checkpoint of that architecture"
        )
    return model, tuple(sorted(report["missing_keys"]))


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the table of keys and the bar of transformers: the keys are judged here."""
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def _any_in(key: str, patterns: tuple[str, ...]) -> bool:
    return any(pattern in f".{key}" for pattern in patterns)


def _some(keys: list[str]) -> str:
    first = sorted(keys)[0]
    return f"'{first}'" if len(keys) == 1 else f"'{first}' and {len(keys) - 1} more"


def read_weights(source: Source) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint, safetensors before pickles, in one file or in shards.

    Raises
    ------
    InputError
        No weights are there, a file is damaged, or a pickle holds more than tensors.
    """
    path = source.weights()
    if path is None:
        raise InputError(f"{source.reference}: holds no weights; give the folder of a saved model")
    if not path.name.endswith(".index.json"):
        return _read_tensors(path)
    state: dict[str, torch.Tensor] = {}
    for shard in sorted(set(read_json(path).get("weight_map", {}).values())):
        state |= _read_tensors(path.with_name(Path(shard).name))
    return state


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: is named by the index but missing; fetch the checkpoint again") from None
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error):
            raise InputError(
                f"{path}: holds more than tensors, and loading it could run code, so it is refused; "
                "ask for a safetensors file"
            ) from None
        raise InputError(f"{path}: is damaged ({error}); fetch the checkpoint again") from None
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: is damaged ({reason}); fetch the checkpoint again") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: is no plain set of tensors; give the weights, not a training state")
    return state
