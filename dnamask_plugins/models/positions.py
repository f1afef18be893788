"""How long a row may be, found by asking the model which rows of which table its positions read."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn.functional import embedding
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_LENGTH: Final = 11
_VOCABULARY: Final = 32
_answers: dict[str, int | None] = {}


def max_positions(config: PretrainedConfig) -> int | None:
    """Return the longest row in tokens that a model of a configuration takes, None where nothing limits it.

    A skeleton of one layer reads a short row. A table that it looks up at n, n + 1, n + 2, ... for the
    tokens in their order holds positions, and what is left of it after n is the limit: RoBERTa's 514 rows
    begin at 2. Rotary and relative positions have no table that could end.

    Parameters
    ----------
    config : PretrainedConfig

    Examples
    --------
    >>> from transformers import BertConfig, RobertaConfig
    >>> small = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    >>> max_positions(BertConfig(**small))
    512
    >>> max_positions(RobertaConfig(max_position_embeddings=514, **small))
    512
    """
    key = json.dumps(config.to_dict(), sort_keys=True, default=str)
    if key not in _answers:
        try:
            _answers[key] = _ask(_skeleton(config), config)
        except Exception:  # an architecture that reads more than tokens; what it says of itself must do
            _answers[key] = getattr(config, "max_position_embeddings", None)
    return _answers[key]


def _skeleton(config: PretrainedConfig) -> Any:
    from transformers import AutoModelForMaskedLM

    small = copy.deepcopy(config)
    small.vocab_size = max(_VOCABULARY, (config.pad_token_id or 0) + _VOCABULARY)
    whole = copy.deepcopy(small)
    for name in ("num_hidden_layers", "decoder_layers"):
        if isinstance(getattr(small, name, None), int):
            setattr(small, name, 1)
    with _without_initialisation():
        try:
            model = AutoModelForMaskedLM.from_config(small, trust_remote_code=False)
        except Exception:  # layers that are described one by one, or come in pairs
            model = AutoModelForMaskedLM.from_config(whole, trust_remote_code=False)
    return model.eval()


@contextmanager
def _without_initialisation() -> Iterator[None]:
    """Leave weights as the memory has them: only places in tables are asked for, and time counts."""
    from transformers.initialization import no_init_weights

    with torch.random.fork_rng(devices=[]), no_init_weights():
        yield


def _ask(model: Any, config: PretrainedConfig) -> int | None:
    # Ids in no order, and none that pads.
    first = (config.pad_token_id or 0) + 1
    ids = first + torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]])
    with torch.no_grad(), _Tables() as tables:
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    return min(tables.left, default=None)


class _Tables(TorchFunctionMode):
    """Notes every table that is looked up at places which follow each other."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[int] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is embedding and len(args) > 1:
            places, table = args[0], args[1]
            if places.ndim and places.shape[-1] >= _LENGTH:
                # Some architectures pad a row, with one id, to a length they can divide.
                rows = places.reshape(-1, places.shape[-1])
                begin = int(rows[0, 0])
                counting = bool((rows[:, :_LENGTH] == torch.arange(begin, begin + _LENGTH)).all())
                if counting and bool((rows[:, _LENGTH:] == rows[:, -1:]).all()):
                    self.left.append(table.shape[0] - begin)
        return func(*args, **(kwargs or {}))
