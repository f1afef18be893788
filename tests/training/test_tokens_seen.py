"""The tokens that a model read are counted, and kept over a resume."""

from __future__ import annotations

import json
from typing import Any

from dnamask_plugins.pretrain.run import pretrain


def test_tokens_are_counted_in_run_and_checkpoint(tiny: Any):
    done = pretrain(tiny())
    progress = done.record["progress"]
    windows = progress["steps"] * progress["examples_per_step"]
    # Windows of at most 64 nucleotides give at most 59 overlapping 6-mers, [CLS] and [SEP].
    assert windows * 10 < progress["tokens"] <= windows * 61
    states = {
        path.parent.name: json.loads(path.read_text())["num_input_tokens_seen"]
        for path in done.folder.glob("checkpoint-*/trainer_state.json")
    }
    assert all(0 < seen <= progress["tokens"] for seen in states.values())
    assert states.get(f"checkpoint-{progress['steps']}", progress["tokens"]) == progress["tokens"]
