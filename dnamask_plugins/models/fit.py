"""Whether a checkpoint fits a model, by what the model's class says and not by lists of names.

Four questions decide about a parameter that one of the two lacks: does it belong to the base model (its name
begins with the class's base prefix) or to a head; has the masked language model of this architecture such a
parameter at all; has another class of the architecture; does the forward pass use it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from dnamask_plugins.errors import ConfigError, InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

MASKED_LM: Final = "AutoModelForMaskedLM"
CLASSIFIER: Final = "AutoModelForSequenceClassification"
BASE: Final = "AutoModel"


def class_for(config: PretrainedConfig, task: str, where: str) -> type[PreTrainedModel]:
    """Return the class that a task needs.

    Raises
    ------
    ConfigError
        The architecture has none; the message begins with `where`.
    """
    import transformers

    mapping = getattr(transformers, task)._model_mapping
    if type(config) not in mapping:
        raise ConfigError(f"{where}: '{config.model_type}' has no {task}; give another checkpoint")
    found = mapping[type(config)]
    chosen: type[PreTrainedModel] = found[0] if isinstance(found, tuple) else found
    return chosen


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What the classes of an architecture say of its parameters; each is asked once, without any weights.

    Attributes
    ----------
    model_class : type
    config : PretrainedConfig
    """

    model_class: type[PreTrainedModel]
    config: PretrainedConfig

    @functools.cached_property
    def _model(self) -> PreTrainedModel:
        return _empty(self.model_class, self.config)

    @functools.cached_property
    def prefix(self) -> str:
        """Begins the names of the base model's parameters; empty for the base model itself."""
        name = self.model_class.base_model_prefix
        return f"{name}." if hasattr(self._model, name) else ""

    @functools.cached_property
    def own(self) -> frozenset[str]:
        """Parameters of the class."""
        return frozenset(self._model.state_dict())

    @functools.cached_property
    def pretrained(self) -> frozenset[str]:
        """Parameters of the masked language model, with and without the base prefix."""
        names = _names(MASKED_LM, self.config)
        return frozenset(names | _without(self.model_class.base_model_prefix, names))

    @functools.cached_property
    def elsewhere(self) -> frozenset[str]:
        """Parameters of the classes for the base model (with and without prefix) and for pretraining."""
        base = _names(BASE, self.config)
        prefixed = {f"{self.model_class.base_model_prefix}.{name}" for name in base}
        return frozenset(base | prefixed | _names("AutoModelForPreTraining", self.config))

    @functools.cached_property
    def _renamings(self) -> list[Any]:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightRenaming

        known = get_model_conversion_mapping(self._model)
        return [each for each in known if isinstance(each, WeightRenaming)]

    @functools.cached_property
    def buffers(self) -> frozenset[str]:
        """Last parts of the names of the buffers, which files of older versions hold."""
        return frozenset(name.rpartition(".")[2] for name, _ in self._model.named_buffers())

    @property
    def new_in_head(self) -> frozenset[str]:
        """Parameters of the head that pretraining does not give."""
        return frozenset(key for key in self.own if not self.in_base(key) and key not in self.pretrained)

    def in_base(self, key: str) -> bool:
        """Say whether a parameter of the class belongs to the base model."""
        return key.startswith(self.prefix)

    def name_of(self, held: str) -> str:
        """Return the parameter that a file calls by an older name, or by its publisher's."""
        from transformers.core_model_loading import rename_source_key

        return str(rename_source_key(held, self._renamings, [])[0])


def _without(prefix: str, names: Iterable[str]) -> set[str]:
    return {name.removeprefix(f"{prefix}.") for name in names if name.startswith(f"{prefix}.")}


def _names(task: str, config: PretrainedConfig) -> set[str]:
    try:
        return set(_empty(class_for(config, task, ""), config).state_dict())
    except ConfigError:
        return set()


def _empty(model_class: type[PreTrainedModel], config: PretrainedConfig) -> PreTrainedModel:
    with torch.device("meta"):
        return model_class._from_config(config)


def judge(
    anatomy: Anatomy,
    model: PreTrainedModel,
    report: Mapping[str, Any],
    held: Iterable[str],
    fresh_head: bool,
    where: str,
) -> None:
    """Refuse a checkpoint whose tensors are not those of a model.

    Parameters
    ----------
    anatomy : Anatomy
    model : PreTrainedModel
        As loaded.
    report : mapping
        What ``from_pretrained`` said: ``missing_keys``, ``unexpected_keys``, ``mismatched_keys``.
    held : iterable of str
        Names of the tensors in the checkpoint.
    fresh_head : bool
        Whether the head may start at random.
    where : str
        The message begins with it.

    Raises
    ------
    InputError
        Names the first tensor at fault.
    """
    other = [str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"]]
    if other:
        raise InputError(
            f"{where}: {_some(other)} other shapes than config.json says; fetch the checkpoint again"
        )
    missing = [key for key in report["missing_keys"] if not _may_lack(anatomy, key, fresh_head)]
    if missing:
        unused = _unused(model)
        missing = [key for key in missing if key not in unused]
    prefixed = bool(anatomy.prefix) and any(anatomy.in_base(anatomy.name_of(key)) for key in held)
    surplus = [key for key in report["unexpected_keys"] if not _may_hold(anatomy, key, prefixed)]
    if missing and not surplus and not any(map(anatomy.in_base, missing)):
        raise InputError(
            f"{where}: lacks {_some(missing)}, the head of a masked language model; pretrain it with "
            "--fresh-head, which starts one at random, or give a checkpoint that has it"
        )
    faults = [f"lacks {_some(missing)}"] if missing else []
    faults += [f"has {_some(surplus)} too many"] if surplus else []
    if faults:
        raise InputError(
            f"{where}: is no {type(model).__name__}: {' and '.join(faults)}; "
            "give a checkpoint of that architecture"
        )


def _may_lack(anatomy: Anatomy, key: str, fresh_head: bool) -> bool:
    """Allow a head for another task, and what no masked language model has (a pooler)."""
    # Buffers are computed by the class and not learned.
    if key.rpartition(".")[2] in anatomy.buffers:
        return True
    return (fresh_head and not anatomy.in_base(key)) or key not in anatomy.pretrained


def _may_hold(anatomy: Anatomy, key: str, prefixed: bool) -> bool:
    """Allow another task's head, what another class has, and buffers of older versions."""
    if prefixed and not anatomy.in_base(key):
        return True
    if key in anatomy.elsewhere or f"{anatomy.prefix}{key}" in anatomy.elsewhere:
        return True
    if not anatomy.prefix and key not in anatomy.own and _other_head(anatomy, key):
        return True
    return key.rpartition(".")[2] in anatomy.buffers


def _other_head(anatomy: Anatomy, key: str) -> bool:
    """Say, for a base model, whether a name begins like none of its own modules."""
    return key.split(".")[0] not in {name.split(".")[0] for name in anatomy.own}


def _unused(model: PreTrainedModel) -> set[str]:
    """Return the parameters that the forward pass does not read: those that its graph does not reach."""
    ids = torch.arange(7, 12)[None]
    training = model.training
    try:
        output = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids))
    except Exception:  # an architecture that reads more than tokens: all of it counts as used
        return set()
    finally:
        model.train(training)
    waiting = [value.grad_fn for value in output.values() if getattr(value, "grad_fn", None) is not None]
    seen, used = set(waiting), set()
    while waiting:
        node = waiting.pop()
        used.add(id(getattr(node, "variable", None)))
        new = {each for each, _ in node.next_functions if each is not None} - seen
        seen |= new
        waiting += new
    return {name for name, parameter in model.named_parameters() if id(parameter) not in used}


def _some(keys: list[str]) -> str:
    first = sorted(keys)[0]
    return f"'{first}'" if len(keys) == 1 else f"'{first}' and {len(keys) - 1} more"
