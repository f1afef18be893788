"""The tensors of a checkpoint: safetensors, else pickles that may hold nothing but tensors."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from dnamask_plugins.errors import InputError
from dnamask_plugins.models.source import Source, read_json

if TYPE_CHECKING:
    import torch

_POINTER: Final = b"version https://git-lfs.github.com/spec"


def read_weights(source: Source) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint, in one file or in shards.

    Raises
    ------
    InputError
        No weights are there, a file is damaged, a pointer to a file that was never fetched, or a pickle that
        holds more than tensors.
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
    try:
        _refuse_pointer(path)
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


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as stream:
        start = stream.read(len(_POINTER))
    if start == _POINTER:
        raise InputError(
            f"{path}: is a git-LFS pointer, not the weights; run 'git lfs pull' in the folder, or fetch the "
            "model with 'hf download'"
        )
