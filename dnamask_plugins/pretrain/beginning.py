"""How a new model's embeddings begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.tokenizers.spelling import Spellings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from dnamask_plugins.models.loading import ModelDescription

INITS: Final = ("plain", "spelled")


@dataclass(frozen=True, eq=False)
class Beginning:
    """The setting ``init`` of a run.

    Attributes
    ----------
    spellings : Spellings or None
        None for a plain start.
    """

    spellings: Spellings | None = None

    @classmethod
    def for_tokenizer(cls, init: str, tokenizer: Any) -> Beginning:
        """Check the setting.

        Raises
        ------
        ConfigError
            No such start, or the tokenizer does not tell how its ids are spelled.
        """
        if init not in INITS:
            raise ConfigError(f"init is '{init}'; {suggest(init, INITS)}")
        return cls(None if init == "plain" else Spellings.required(tokenizer, "init = 'spelled'"))

    def apply(self, model: PreTrainedModel, description: ModelDescription, seed: int) -> None:
        """Change the embeddings of a model that starts from scratch.

        Raises
        ------
        ConfigError
            The model comes with weights, which a new start would throw away.
        """
        if self.spellings is None:
            return
        if description.origin not in ("scratch", "configuration"):
            raise ConfigError(
                f"init = 'spelled' is for models from scratch, but {description.source} comes with weights; "
                "leave init out to go on from them"
            )
        from dnamask_plugins.models.spelled import spell_embeddings

        spell_embeddings(model, self.spellings, seed)
