"""What a backbone is: settings of a Hugging Face architecture, completed by the tokenizer it will read."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dnamask_plugins.errors import ConfigError, suggest

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    from dnamask_plugins.models.packed_layers import Encoder
    from dnamask_plugins.protocols import DNATokenizer


@dataclass(frozen=True)
class Backbone:
    """A masked language model that has not been built yet: how it is recognised, built, and run packed.

    Attributes
    ----------
    name : str
        Entry-point name.
    summary : str
        One line for ``dnamask list``.
    reference : str
        Where the architecture was published.
    tokenizer : mapping
        Configuration of the tokenizer it was published with; another one may be given when it is built.
    model_type : str
        Key of the architecture among Hugging Face's Auto classes.
    settings : mapping
        Keyword arguments of that architecture's configuration.
    max_positions : int or None
        Longest row in tokens, special tokens included; None where nothing limits it.
    register : callable or None
        Makes `model_type` known to the Auto classes; called before each use, so it must be idempotent.
    describes : callable or None
        Says of the content of a ``config.json`` whether it is of this architecture, for configurations that
        do not say so themselves; without it `model_type` decides.
    classifier : mapping
        Settings that a classifier of this architecture needs, such as its own word for ``problem_type``
        where one of several classes is right.
    packed : callable or None
        From a model to how its layers run on packed tokens (`dnamask_plugins.models.packed_layers.Encoder`),
        and None where the model is not of exactly this architecture. With it the masked loss leaves out
        padding, and the vocabulary where nothing is predicted.

    Examples
    --------
    >>> from dnamask_plugins.plugins import create, load
    >>> backbone = load("backbones", "bert_tiny")
    >>> config = backbone.build_config(create("tokenizers", backbone.tokenizer), num_hidden_layers=1)
    >>> config.vocab_size, config.hidden_size, config.num_hidden_layers
    (4101, 128, 1)
    """

    name: str
    summary: str
    reference: str
    tokenizer: Mapping[str, Any]
    model_type: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    max_positions: int | None = 512
    register: Callable[[], None] | None = None
    describes: Callable[[Mapping[str, Any]], bool] | None = None
    classifier: Mapping[str, Any] = field(default_factory=dict)
    packed: Callable[[Any], Encoder | None] | None = None

    def recognises(self, settings: Mapping[str, Any]) -> bool:
        """Say whether a ``config.json`` is of this architecture.

        Parameters
        ----------
        settings : mapping
            Content of the file.

        Examples
        --------
        >>> from dnamask_plugins.plugins import load
        >>> load("backbones", "dnabert2").recognises({"alibi_starting_size": 512})
        True
        """
        if self.describes is not None:
            return self.describes(settings)
        return settings.get("model_type") == self.model_type

    def facts(self) -> dict[str, str]:
        """Return what ``dnamask info`` says besides the summary."""
        own = " or its published form" if self.describes is not None else ""
        limit = "no limit" if self.max_positions is None else f"{self.max_positions} tokens"
        tokenizer = ", ".join(f"{key}={value}" for key, value in self.tokenizer.items() if key != "name")
        return {
            "recognised by": f"model_type {self.model_type}{own}",
            "tokenizer": f"{self.tokenizer['name']}:{tokenizer}"
            if tokenizer
            else str(self.tokenizer["name"]),
            "longest row": limit,
            "masked loss": "packed" if self.packed is not None else "own forward pass",
        }

    def build_config(self, tokenizer: DNATokenizer, **overrides: Any) -> PretrainedConfig:
        """Complete the settings with a tokenizer's vocabulary.

        Parameters
        ----------
        tokenizer : DNATokenizer
            Gives the vocabulary size and the ids of padding and, where the architecture wants it, the mask.
        **overrides
            Settings of the architecture to change, such as ``num_hidden_layers``.

        Returns
        -------
        PretrainedConfig

        Raises
        ------
        ConfigError
            The architecture does not know a setting, or refuses its value.
        """
        from transformers import AutoConfig

        if self.register is not None:
            self.register()
        plain = AutoConfig.for_model(self.model_type)
        known = {**plain.to_dict(), **plain.attribute_map}
        for key in overrides:
            if key not in known:
                raise ConfigError(f"backbone '{self.name}': unknown setting '{key}'; {suggest(key, known)}")
        vocabulary = {"vocab_size": tokenizer.vocab_size, "pad_token_id": tokenizer.pad_token_id}
        if "mask_token_id" in known:
            vocabulary["mask_token_id"] = tokenizer.mask_token_id
        try:
            return AutoConfig.for_model(self.model_type, **{**self.settings, **vocabulary, **overrides})
        except Exception as error:  # the validators of configurations raise types of their own
            reason = " ".join(str(error).split())
            raise ConfigError(f"backbone '{self.name}': {reason}; correct the setting") from error

    def build(
        self, tokenizer: DNATokenizer, seed: int, task: str = "AutoModelForMaskedLM", **overrides: Any
    ) -> PreTrainedModel:
        """Build the model with random weights.

        Parameters
        ----------
        tokenizer : DNATokenizer
        seed : int
            Fixes the weights; PyTorch's global random state is left as it was.
        task : str
            The Auto class of transformers that says what the head is for.
        **overrides
            As for `build_config`; and ``num_labels`` for a classifier.

        Returns
        -------
        PreTrainedModel
            In training mode, on the CPU, float32.

        Raises
        ------
        ConfigError
            As `build_config`, or the settings contradict each other.
        """
        import transformers

        labels = overrides.pop("num_labels", None)
        problem = overrides.pop("problem_type", None)
        config = self.build_config(tokenizer, **overrides)
        if labels is not None:
            config.num_labels = labels
            config.problem_type = problem
        with seeded(seed):
            try:
                model = getattr(transformers, task).from_config(config, trust_remote_code=False)
            except ValueError as error:
                reason = " ".join(str(error).split())
                raise ConfigError(f"backbone '{self.name}': {reason}; correct the settings") from error
        return model.train()


class Architecture(NamedTuple):
    """The classes of an architecture of our own, of transformers' kinds."""

    config: Any
    base: Any
    masked_lm: Any
    classifier: Any


@functools.cache
def register_architecture(module: str) -> None:
    """Make transformers' Auto classes know an architecture, under the model type of its configuration.

    Parameters
    ----------
    module : str
        Has an `Architecture` called ``ARCHITECTURE``. Named, since it needs PyTorch and transformers, which
        are imported when the architecture is asked for and not before.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

    ours: Architecture = importlib.import_module(module).ARCHITECTURE
    AutoConfig.register(ours.config.model_type, ours.config, exist_ok=True)
    AutoModel.register(ours.config, ours.base, exist_ok=True)
    AutoModelForMaskedLM.register(ours.config, ours.masked_lm, exist_ok=True)
    AutoModelForSequenceClassification.register(ours.config, ours.classifier, exist_ok=True)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's CPU random numbers from a seed, and put the global state back afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
