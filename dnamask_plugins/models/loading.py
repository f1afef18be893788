"""Models from a name: built from scratch, or loaded from a folder or a Hugging Face repository.

No code from a checkpoint is ever run: the architecture is chosen from ``config.json`` among those that
transformers and this package implement, and weights are read as safetensors, else as a pickle that may
hold nothing but tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.models.backbones.base import seeded
from dnamask_plugins.models.configuration import resolve_config
from dnamask_plugins.models.families import family_of
from dnamask_plugins.models.fit import BASE, CLASSIFIER, MASKED_LM, Anatomy, class_for, judge
from dnamask_plugins.models.positions import max_positions
from dnamask_plugins.models.source import AnySource, Source, find_source
from dnamask_plugins.models.weights import read_weights
from dnamask_plugins.quiet import quiet_transformers

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

    from dnamask_plugins.protocols import DNATokenizer

Head = Literal["kept", "fresh"]
"""Whether a head that a checkpoint holds stays, or starts from the seed."""


@dataclass(frozen=True)
class ModelDescription:
    """Where a model came from, for `run.json`, the model card and the log.

    Attributes
    ----------
    source : str
        Plugin name, folder or repository, as the user gave it.
    origin : {"scratch", "configuration", "folder", "hub"}
        ``configuration``: a folder with ``config.json`` and no weights, which started at random.
    architecture : str
        Class of the model.
    library : str
        Package that has the class: transformers, this one, or a plugin's.
    parameters : int
        Trainable numbers, tied ones counted once.
    vocab_size : int
    max_positions : int or None
        Longest row in tokens, special tokens included; None where nothing limits it.
    started_fresh : tuple of str
        Parameters that the checkpoint did not hold and that were drawn at random.
    replaced : tuple of str
        Those among them that it held for an earlier task.
    fresh_parts : tuple of str
        The same as `started_fresh` by modules: the largest ones that started fresh as a whole.
    """

    source: str
    origin: str
    architecture: str
    parameters: int
    vocab_size: int
    max_positions: int | None
    library: str = "transformers"
    started_fresh: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    fresh_parts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON."""
        return asdict(self) | {
            "started_fresh": list(self.started_fresh),
            "replaced": list(self.replaced),
            "fresh_parts": list(self.fresh_parts),
        }

    def __str__(self) -> str:
        start = {
            "scratch": "random weights",
            "configuration": f"random weights for the configuration in {self.source}",
        }.get(self.origin, f"weights from {self.source}")
        fresh = f", {' and '.join(self.fresh_parts)} started fresh" if self.fresh_parts else ""
        return f"{self.architecture}, {self.parameters / 1e6:.1f} M parameters, {start}{fresh}"


def load_masked_lm(
    source: AnySource,
    tokenizer: DNATokenizer,
    seed: int = 0,
    *,
    head: Head = "kept",
    **overrides: Any,
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
    head : {"kept", "fresh"}
        ``fresh`` starts the masked-language-model head from the seed, whether the checkpoint has one or not.
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
    return _load(source, tokenizer, seed, MASKED_LM, overrides, head)


def load_classifier(
    source: AnySource,
    tokenizer: DNATokenizer,
    num_labels: int,
    seed: int = 0,
    *,
    head: Head = "fresh",
    **overrides: Any,
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load a sequence classifier.

    Parameters
    ----------
    source, tokenizer, seed, **overrides
        As for `load_masked_lm`.
    num_labels : int
    head : {"fresh", "kept"}
        A folder that was fine-tuned before holds a head for other classes, or for the same by another
        order: it starts from the seed unless it is asked for.

    Raises
    ------
    ConfigError, InputError
        As `load_masked_lm`; and a head that is to be kept is of another number of classes, or not there.
    """
    found = find_source(source)
    if head == "kept" and found.folder is not None:
        _check_kept_head(found, num_labels)
        kept = _load(found, tokenizer, seed, CLASSIFIER, {"num_labels": num_labels, **overrides}, head)
        if kept[1].started_fresh:
            raise InputError(f"{found.reference}: holds no classifier's head to keep; start a fresh one")
        return kept
    # What an earlier task was (regression, many labels at once) says nothing of this one.
    family = found.backbone or family_of(found.settings)
    own = {} if family is None else family.classifier
    settings = {"problem_type": None, "num_labels": num_labels, **own, **overrides}
    return _load(found, tokenizer, seed, CLASSIFIER, settings, head)


def _check_kept_head(source: Source, num_labels: int) -> None:
    classes = len(source.settings.get("id2label") or "01")
    if classes != num_labels or source.origin == "configuration":
        raise ConfigError(
            f"{source.reference}: has a head for {classes} classes, the task {num_labels}; start a fresh one"
        )


def load_base(
    source: AnySource, tokenizer: DNATokenizer, seed: int = 0, **overrides: Any
) -> tuple[PreTrainedModel, ModelDescription]:
    """Build or load the encoder without a head. See `load_masked_lm`."""
    return _load(source, tokenizer, seed, BASE, overrides)


def _load(
    source: AnySource,
    tokenizer: DNATokenizer,
    seed: int,
    task: str,
    overrides: Mapping[str, Any],
    head: Head = "kept",
) -> tuple[PreTrainedModel, ModelDescription]:
    found = find_source(source)
    backbone = found.backbone
    if backbone is not None:
        model = backbone.build(tokenizer, seed, task, **overrides)
        limits = [max_positions(model.config)]
        asked = getattr(model.config, "max_position_embeddings", None)
        if asked == backbone.settings.get("max_position_embeddings"):
            limits.append(backbone.max_positions)
        limit = min((each for each in limits if each is not None), default=None)
        return model, _describe(found, model, limit)
    config = resolve_config(found, tokenizer, **overrides)
    model_class = class_for(config, task, found.reference)
    if found.weights() is None:
        with seeded(seed):
            model = model_class._from_config(config)
        return model.train(), _describe(found, model, max_positions(config))
    state = read_weights(found)
    anatomy = Anatomy(model_class, config)
    replaced = _take_head(anatomy, state, task) if head == "fresh" else ()
    model, report = _with_weights(model_class, config, state, seed)
    judge(anatomy, model, report, state, head == "fresh" or task == CLASSIFIER, found.reference)
    fresh = tuple(sorted(report["missing_keys"]))
    return model.train(), _describe(found, model, max_positions(config), fresh, replaced)


def _take_head(anatomy: Anatomy, state: dict[str, torch.Tensor], task: str) -> tuple[str, ...]:
    """Take the head of an earlier task out of a checkpoint, so that it starts from the seed."""
    named = {anatomy.name_of(held): held for held in state}
    if task == MASKED_LM:
        old = [key for key in named if key in anatomy.own and not anatomy.in_base(key)]
    else:
        old = [key for key in named if key in anatomy.new_in_head]
    for key in old:
        del state[named[key]]
    return tuple(sorted(old))


def _describe(
    source: Source,
    model: PreTrainedModel,
    limit: int | None,
    fresh: tuple[str, ...] = (),
    replaced: tuple[str, ...] = (),
) -> ModelDescription:
    return ModelDescription(
        source=source.reference,
        origin=source.origin,
        architecture=type(model).__name__,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vocab_size=model.config.vocab_size,
        max_positions=limit,
        library=type(model).__module__.partition(".")[0],
        started_fresh=fresh,
        replaced=replaced,
        fresh_parts=_whole_modules(fresh, (name for name, _ in model.named_parameters())),
    )


def _whole_modules(fresh: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Name the largest modules of which every parameter is fresh (tied ones count where they first stand)."""
    kept = {part for name in set(names) - set(fresh) for part in _holders(name)}
    return tuple(sorted({next(part for part in _holders(name) if part not in kept) for name in fresh}))


def _holders(name: str) -> Iterator[str]:
    """Give the modules that hold a parameter, the outermost first, and the parameter itself."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _with_weights(
    model_class: type[PreTrainedModel], config: PretrainedConfig, state: dict[str, torch.Tensor], seed: int
) -> tuple[PreTrainedModel, dict[str, Any]]:
    with seeded(seed), quiet_transformers():
        model, report = model_class.from_pretrained(
            None,
            config=config,
            state_dict=state,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype="float32",
        )
    return model, report
