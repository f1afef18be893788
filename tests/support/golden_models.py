"""Checkpoints whose weights are a formula, so that only an original's answers have to be kept."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file


def weights(name: str, shape: list[int]) -> torch.Tensor:
    """Return the parameter of a name: 0.3 * sin(1.7 * i + crc32(name) % 1000) at place i."""
    count = int(np.prod(shape))
    values = 0.3 * np.sin(1.7 * np.arange(count) + zlib.crc32(name.encode()) % 1000)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def write_checkpoint(
    folder: Path,
    config: Mapping[str, Any],
    shapes: Mapping[str, list[int]],
    tied: Mapping[str, str] | None = None,
) -> Path:
    """Write a checkpoint under the official names; what is tied in the original holds one value."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    state = {name: weights((tied or {}).get(name, name), shape) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if name.endswith("position_ids"):
            state[name] = torch.arange(shape[-1]).expand(shape).clone()
    save_file(state, folder / "model.safetensors")
    return folder


class Ids:
    """All that loading asks of a tokenizer."""

    def __init__(self, size: int, pad: int, mask: int) -> None:
        self.vocab_size, self.pad_token_id, self.mask_token_id = size, pad, mask
