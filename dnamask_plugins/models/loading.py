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
from dnamask_plugins.files import parse_json
from dnamask_plugins.models.backbones.base import Backbone, seeded
from dnamask_plugins.tokenizers.vocabulary import check_vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

    from dnamask_plugins.protocols import DNATokenizer

MASKED_LM: Final = "AutoModelForMaskedLM"
CLASSIFIER: Final = "AutoModelForSequenceClassification"
BASE: Final = "AutoModel"

_WEIGHTS: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
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
    source: str | Path | Backbone, tokenizer: DNATokenizer, seed: int = 0, **overrides: Any
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load a masked language model.

    Parameters
    ----------
    source : str, Path or Backbone
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
    source: str | Path | Backbone, tokenizer: DNATokenizer, num_labels: int, seed: int = 0, **overrides: Any
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load a sequence classifier; the head is drawn from `seed` where the checkpoint has none.

    See `load_masked_lm` for parameters, errors and what is returned.
    """
    return _load(source, tokenizer, seed, CLASSIFIER, {"num_labels": num_labels, **overrides})


def load_base(
    source: str | Path | Backbone, tokenizer: DNATokenizer, seed: int = 0, **overrides: Any
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load the encoder without a head. See `load_masked_lm`."""
    return _load(source, tokenizer, seed, BASE, overrides)


def resolve_config(
    source: str | Path | Backbone, tokenizer: DNATokenizer, **overrides: Any
) -> PretrainedConfig:
    """Return the configuration of the model that `load_masked_lm` would give, without its weights."""
    backbone = _as_backbone(source)
    if backbone is not None:
        return backbone.build_config(tokenizer, **overrides)
    return _config_of_folder(_folder(str(source), weights=False)[0], tokenizer, source, overrides)


def _config_of_folder(
    folder: Path, tokenizer: DNATokenizer, source: object, overrides: Mapping[str, Any]
) -> PretrainedConfig:
    config = read_config(folder)
    _check_vocabulary(config, tokenizer, source)
    check_vocabulary(getattr(tokenizer, "vocabulary", None), folder)
    known = config.to_dict()
    for key, value in overrides.items():
        if key != "num_labels" and key not in known:
            raise ConfigError(f"{source}: unknown setting '{key}'; {suggest(key, known)}")
        setattr(config, key, value)
    return config


def _load(
    source: str | Path | Backbone, tokenizer: DNATokenizer, seed: int, task: str, overrides: Mapping[str, Any]
) -> tuple[PreTrainedModel, ModelDescription]:
    backbone = _as_backbone(source)
    if backbone is not None:
        model = backbone.build(tokenizer, seed, task, **overrides)
        limits = [max_positions(model.config)]
        if model.config.max_position_embeddings == backbone.settings.get("max_position_embeddings"):
            limits.append(backbone.max_positions)
        limit = min((each for each in limits if each is not None), default=None)
        return model, _describe(backbone.name, "scratch", model, limit)
    folder, origin = _folder(str(source))
    config = _config_of_folder(folder, tokenizer, source, overrides)
    model, fresh = _load_weights(folder, config, task, seed)
    description = _describe(str(source), origin, model, max_positions(config))
    return model.train(), replace(description, started_fresh=fresh)


def _describe(source: str, origin: str, model: PreTrainedModel, limit: int | None) -> ModelDescription:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return ModelDescription(source, origin, type(model).__name__, parameters, model.config.vocab_size, limit)


def _auto(task: str) -> Any:
    import transformers

    return getattr(transformers, task)


def _as_backbone(source: str | Path | Backbone) -> Backbone | None:
    """Return the backbone that a name stands for; None where the source is a folder or a repository."""
    from dnamask_plugins import plugins

    if isinstance(source, Backbone):
        return source
    text = str(source)
    if Path(text).is_dir():
        return None
    if text.replace("-", "_") in plugins.discover("backbones"):
        loaded = plugins.load("backbones", text)
        if not isinstance(loaded, Backbone):
            raise ConfigError(
                f"backbones '{text}' of {plugins.info('backbones', text).origin} is a "
                f"{type(loaded).__name__}, not a Backbone; report it to its author"
            )
        return loaded
    if "/" not in text:
        hint = suggest(text.replace("-", "_"), plugins.discover("backbones"))
        raise ConfigError(f"'{text}' is neither a backbone nor a folder; {hint}")
    return None


def _folder(source: str, weights: bool = True) -> tuple[Path, str]:
    """Return a folder with the checkpoint's files, fetched into the cache if it is a repository."""
    if Path(source).is_dir():
        return Path(source), "folder"
    if source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise InputError(f"{source}: no such folder; give a checkpoint folder, or owner/name of a repository")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    repository, _, revision = source.partition("@")
    wanted = {"repo_id": repository, "revision": revision or None}
    try:
        config = hf_hub_download(filename="config.json", **wanted)
        for name in _WEIGHTS if weights else ():
            try:
                path = Path(hf_hub_download(filename=name, **wanted))
            except EntryNotFoundError:
                continue
            if name.endswith(".index.json"):
                for shard in sorted(set(_read_json(path)["weight_map"].values())):
                    hf_hub_download(filename=shard, **wanted)
            break
    except (HfHubHTTPError, EntryNotFoundError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{source}: cannot be fetched ({type(error).__name__}: {reason}); give a folder"
        ) from error
    return Path(config).parent, "hub"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent}: holds no {path.name}; give the folder of a saved model") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is not readable JSON ({error}); fetch the checkpoint again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is not a JSON object; fetch the checkpoint again")
    return content


def read_config(folder: Path) -> PretrainedConfig:
    """Read a checkpoint's configuration with a class of transformers or of this package, never its own.

    Raises
    ------
    ConfigError
        No implementation of the architecture is at hand.
    InputError
        ``config.json`` is missing or damaged.
    """
    from transformers import CONFIG_MAPPING

    from dnamask_plugins.models.backbones import dnabert2

    settings = _read_json(folder / "config.json")
    dnabert2.register()
    if dnabert2.describes(settings):
        kind = dnabert2.MODEL_TYPE
    else:
        kind = settings.get("model_type") or _kind_of_architecture(settings)
    settings.pop("auto_map", None)
    if kind not in CONFIG_MAPPING:
        raise ConfigError(
            f"{folder}: architecture '{kind}' is not implemented here and its own code is not run; "
            "use a BERT, ESM or DNABERT-2 checkpoint"
        )
    settings["model_type"] = kind
    try:
        return CONFIG_MAPPING[kind].from_dict(settings)
    except Exception as error:  # the validators of configurations raise types of their own
        reason = " ".join(str(error).split())
        raise InputError(f"{folder / 'config.json'}: {reason}; fetch the checkpoint again") from error


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
    folder: Path, config: PretrainedConfig, task: str, seed: int
) -> tuple[PreTrainedModel, tuple[str, ...]]:
    mapping = _auto(task)._model_mapping
    if type(config) not in mapping:
        raise ConfigError(
            f"{folder}: '{config.model_type}' has no {task}; use a BERT, ESM or DNABERT-2 checkpoint"
        )
    model_class = mapping[type(config)]
    if isinstance(model_class, tuple):
        model_class = model_class[0]
    state = read_weights(folder)
    with seeded(seed), _quiet_transformers():
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
def _quiet_transformers() -> Iterator[None]:
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


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint, safetensors before pickles, in one file or in shards.

    Raises
    ------
    InputError
        No weights are there, a file is damaged, or a pickle holds more than tensors.
    """
    for name in _WEIGHTS:
        path = folder / name
        if not path.is_file():
            continue
        if not name.endswith(".index.json"):
            return _read_tensors(path)
        state: dict[str, torch.Tensor] = {}
        for shard in sorted(set(_read_json(path).get("weight_map", {}).values())):
            state |= _read_tensors(folder / Path(shard).name)
        return state
    raise InputError(
        f"{folder}: holds no weights ({', '.join(_WEIGHTS[::2])}); give the folder of a saved model"
    )


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
