"""One architecture from a configuration to a probe: what a user would do with it, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.architectures.tiny import architectures, tiny_backbone, tiny_config
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

TOKENIZER: Final = KmerTokenizer(3)
STEPS: Final = ("built", "pretrained", "loads", "classified", "probed", "lora", "length")


@dataclass
class Journey:
    """What became of an architecture.

    Attributes
    ----------
    kind : str
        Model type.
    done : dict of str to str
        Step to what it gave.
    reason : str
        Why the next step failed; empty where none did.
    """

    kind: str
    done: dict[str, str] = field(default_factory=dict)
    reason: str = ""

    def row(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"architecture": self.kind, "reason": self.reason, **self.done}


def travel(kind: str, corpus: Path, table: Path, place: Path) -> Journey:
    """Take an architecture through every step; stop at none but the first two.

    Parameters
    ----------
    kind : str
        Model type of transformers, or name of an installed backbone.
    corpus, table : Path
    place : Path
        Empty folder.
    """
    journey = Journey(kind)
    start, end = place / "start", place / "end"
    reasons = []
    for name, step in (
        ("built", lambda: _build(kind, start)),
        ("pretrained", lambda: _pretrain(start, end, corpus, table)),
        ("loads", lambda: _loads(end)),
        ("classified", lambda: _classify(end)),
        ("probed", lambda: _probe(end)),
        ("lora", lambda: _lora(end)),
        ("length", lambda: _length(end)),
    ):
        said = _try(step)
        if isinstance(said, Exception):
            reasons.append(f"{name}: {type(said).__name__}: {' '.join(str(said).split())[:140]}")
            if name in STEPS[:2]:
                break
        else:
            journey.done[name] = said
    journey.reason = "; ".join(reasons)
    return journey


def _try(step: Callable[[], str]) -> str | Exception:
    try:
        return step()
    except Exception as error:  # whatever an architecture does is what this measures
        return error


def _build(kind: str, folder: Path) -> str:
    from dnamask_plugins.plugins import discover

    make = tiny_backbone if kind in discover("backbones") and kind not in architectures() else tiny_config
    config = make(kind, TOKENIZER)
    config.save_pretrained(folder)
    return type(config).__name__.removesuffix("Config")


def settings(start: Path, end: Path, corpus: Path, table: Path, **more: Any) -> PretrainSettings:
    """Return the settings of a run of two steps with CM-GEMS."""
    trainer: Mapping[str, Any] = {
        "max_steps": 2, "eval_steps": 2, "save_steps": 2, "logging_steps": 1,
        "per_device_train_batch_size": 2, "gradient_accumulation_steps": 1, "report_to": [],
    }  # fmt: skip
    return PretrainSettings.from_mapping(
        {
            "corpus": str(corpus),
            "output": str(end),
            "backbone": str(start),
            "tokenizer": "kmer:k=3",
            "npmi": str(table),
            "curriculum": {"name": "cm_gems", "threshold": 1e9},
            "trainer": trainer,
            "windows": {"full_length": 48},
            "validation": {"windows": 2, "length": 48},
            **more,
        }
    )


def _pretrain(start: Path, end: Path, corpus: Path, table: Path) -> str:
    from dnamask_plugins.pretrain.run import pretrain

    result = pretrain(settings(start, end, corpus, table), quiet=True)
    if not any("loss" in row for row in result.history):
        raise RuntimeError("no loss was logged")
    return "yes"


def _ids(rows: int = 2, length: int = 24) -> Any:
    import torch

    return torch.arange(rows * length).reshape(rows, length) * 7 % 64 + 5


def _loads(folder: Path) -> str:
    """Load with plain transformers and with our loader: the same answers."""
    import torch
    from transformers import AutoModelForMaskedLM

    from dnamask_plugins.models.loading import load_masked_lm
    from dnamask_plugins.models.packed_layers import encoder_of

    plain = AutoModelForMaskedLM.from_pretrained(folder).eval()
    ours, description = load_masked_lm(folder, TOKENIZER)
    with torch.no_grad():
        torch.manual_seed(0)
        one = plain(input_ids=_ids(), attention_mask=torch.ones_like(_ids())).logits
        torch.manual_seed(0)
        two = ours.eval()(input_ids=_ids(), attention_mask=torch.ones_like(_ids())).logits
    if description.started_fresh:
        raise RuntimeError(f"{description.started_fresh[0]} was not saved")
    torch.testing.assert_close(one, two)
    return "packed" if encoder_of(ours) is not None else "own forward pass"


def _classify(folder: Path) -> str:
    import torch

    from dnamask_plugins.models.loading import load_classifier

    model, _ = load_classifier(folder, TOKENIZER, 3, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(2):
        ids = _ids()
        loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=torch.tensor([0, 2])).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if not torch.isfinite(loss):
        raise RuntimeError("the loss is not finite")
    return "yes"


def _probe(folder: Path) -> str:
    import torch

    from dnamask_plugins.models.loading import load_base

    model, _ = load_base(folder, TOKENIZER)
    with torch.inference_mode():
        hidden = model.eval()(input_ids=_ids(), attention_mask=torch.ones_like(_ids())).last_hidden_state
    if hidden.shape[:2] != _ids().shape:
        raise RuntimeError(f"gives {hidden.shape[1]} vectors for {_ids().shape[1]} tokens")
    return "yes"


def _lora(folder: Path) -> str:
    import torch

    from dnamask_plugins.models.loading import load_masked_lm
    from dnamask_plugins.models.lora import LoraSettings, add_lora, find_targets, merge_lora

    model, _ = load_masked_lm(folder, TOKENIZER)
    targets = find_targets(model)
    adapted = add_lora(model, LoraSettings(rank=2))
    out = adapted(input_ids=_ids(), attention_mask=torch.ones_like(_ids())).logits
    out.sum().backward()
    merge_lora(adapted)
    return ", ".join(sorted({each.rpartition(".")[2] for each in targets}))


def _length(folder: Path) -> str:
    """Check the limit that asking the model gave: a row of so many tokens runs, one more does not."""
    import torch

    from dnamask_plugins.models.loading import load_masked_lm

    model, description = load_masked_lm(folder, TOKENIZER)
    limit = description.max_positions
    with torch.inference_mode():
        ids = _ids(1, limit or 700)
        model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids))
        if limit is None:
            return "no limit"
        longer = _ids(1, limit + 1)
        try:
            model(input_ids=longer, attention_mask=torch.ones_like(longer))
        except (IndexError, RuntimeError, ValueError, AssertionError):
            return str(limit)
    return f"{limit}, more without an error"
