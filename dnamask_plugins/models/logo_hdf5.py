"""LOGO's published weights, one Keras file each, made a model folder that every command reads.

    python -m dnamask_plugins.models.logo_hdf5 LOGO_5_gram_2_layer_8_heads_256_dim_weights_32.hdf5 FOLDER

The network is BERT whose embeddings are narrower than its layers and projected, which transformers has as
ELECTRA; the names of layers are bert4keras's. The layout was written from LOGO's program, whose weights could
not be had here: a file that has another layout is refused by the layer that differs. Needs ``h5py``.

LOGO was pretrained with each token seeing those before it only (``application='lm'``) and fine-tuned with
tokens that see all, as they do here.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import ElectraConfig, ElectraForMaskedLM

from dnamask_plugins.errors import ConfigError, DnamaskError, InputError
from dnamask_plugins.quiet import quiet_transformers
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.logo import LogoTokenizer

Arrays = Mapping[str, Sequence[tuple[str, NDArray[np.float32]]]]
"""Layer to its parameters in their order, each with the last part of its name."""

_ATTENTION: Final = "Transformer-{}-MultiHeadSelfAttention"
_FEED_FORWARD: Final = "Transformer-{}-FeedForward"
_PLAIN: Final = (
    ("Embedding-Token", "electra.embeddings.word_embeddings"),
    ("Embedding-Segment", "electra.embeddings.token_type_embeddings"),
    ("Embedding-Position", "electra.embeddings.position_embeddings"),
    ("Embedding-Norm", "electra.embeddings.LayerNorm"),
    ("MLM-Dense", "generator_predictions.dense"),
    ("MLM-Norm", "generator_predictions.LayerNorm"),
    ("MLM-Bias", "generator_lm_head"),
)


def read_layers(path: Path) -> tuple[dict[str, list[tuple[str, NDArray[np.float32]]]], dict[str, Any]]:
    """Read the parameters of a Keras file by layers, and what it says of the network.

    Raises
    ------
    ConfigError
        ``h5py`` is not installed.
    InputError
        The file is no Keras file.
    """
    try:
        import h5py
    except ImportError:
        raise ConfigError(f"{path}: reading it needs h5py; run 'pip install h5py'") from None
    try:
        with h5py.File(path) as file:
            group = file.get("model_weights", file)
            layers = {
                _text(name): [
                    (
                        _text(each).rpartition("/")[2].partition(":")[0],
                        np.asarray(group[_text(name)][_text(each)]),
                    )
                    for each in group[_text(name)].attrs["weight_names"]
                ]
                for name in group.attrs["layer_names"]
            }
            said = json.loads(_text(file.attrs.get("model_config", "{}")))
    except (OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: is no file of Keras's weights ({reason}); fetch it again") from None
    return {name: arrays for name, arrays in layers.items() if arrays}, said


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def convert(path: Path, folder: Path) -> None:
    """Write the model folder of a LOGO file: weights, configuration and tokenizer.

    Parameters
    ----------
    path : Path
        ``.hdf5`` as published.
    folder : Path
        Is made.

    Raises
    ------
    InputError, ConfigError
        As `read_layers`; or a layer is missing or of another form.
    """
    layers, said = read_layers(path)
    try:
        state = {name: torch.from_numpy(value) for name, value in _parameters(layers).items()}
        config = ElectraConfig(**_settings(layers, said))
        tokenizer = LogoTokenizer(n=_letters_per_word(config.vocab_size))
        with quiet_transformers():
            model = ElectraForMaskedLM(config)
            missing, surplus = model.load_state_dict(state, strict=False)
    except KeyError as error:
        raise InputError(
            f"{path}: has no layer {error}; only LOGO's pretrained sequence models are read"
        ) from None
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())[:200]}; its layout is not LOGO's") from None
    left = [name for name in (*missing, *surplus) if name != "generator_lm_head.weight"]
    if left:
        raise InputError(f"{path}: does not fill {left[0]}; its layout is not LOGO's")
    model.save_pretrained(folder)
    save_pretrained(tokenizer, folder)


def _parameters(layers: Arrays) -> dict[str, NDArray[np.float32]]:
    """Rename the parameters; Keras's matrices are transposed against PyTorch's."""
    places = dict(_PLAIN)
    if "Embedding-Mapping" in layers:
        places["Embedding-Mapping"] = "electra.embeddings_project"
    state: dict[str, NDArray[np.float32]] = {}
    for layer, target in places.items():
        _put(state, layers[layer], [target])
    for index in range(_depth(layers)):
        block = f"electra.encoder.layer.{index}"
        attention, feed_forward = _ATTENTION.format(index), _FEED_FORWARD.format(index)
        parts = [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
        ]
        _put(state, layers[attention], [f"{block}.{part}" for part in parts])
        _put(state, layers[f"{attention}-Norm"], [f"{block}.attention.output.LayerNorm"])
        _put(state, layers[feed_forward], [f"{block}.intermediate.dense", f"{block}.output.dense"])
        _put(state, layers[f"{feed_forward}-Norm"], [f"{block}.output.LayerNorm"])
    return state


def _put(
    state: dict[str, NDArray[np.float32]],
    arrays: Sequence[tuple[str, NDArray[np.float32]]],
    targets: Sequence[str],
) -> None:
    """Give the parameters of a layer to one module after the other, as many to each."""
    if len(arrays) % len(targets):
        raise ValueError(f"{len(arrays)} parameters for {len(targets)} modules from {targets[0]} on")
    each = len(arrays) // len(targets)
    for number, (name, value) in enumerate(arrays):
        target = targets[number // each]
        last = "bias" if name in ("bias", "beta") else "weight"
        state[f"{target}.{last}"] = np.ascontiguousarray(value.T if name == "kernel" else value, np.float32)


def _depth(layers: Arrays) -> int:
    return sum(name.startswith("Transformer-") and name.endswith("SelfAttention") for name in layers)


def _settings(layers: Arrays, said: Mapping[str, Any]) -> dict[str, Any]:
    words = layers["Embedding-Token"][0][1]
    inner = layers[_FEED_FORWARD.format(0)][0][1]
    return {
        "vocab_size": words.shape[0],
        "embedding_size": words.shape[1],
        "hidden_size": inner.shape[0],
        "intermediate_size": inner.shape[1],
        "num_hidden_layers": _depth(layers),
        "num_attention_heads": _heads(said),
        "max_position_embeddings": layers["Embedding-Position"][0][1].shape[0],
        "type_vocab_size": layers["Embedding-Segment"][0][1].shape[0],
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 3,
    }


def _heads(said: Mapping[str, Any]) -> int:
    for layer in said.get("config", {}).get("layers", ()):
        if "heads" in layer.get("config", {}):
            return int(layer["config"]["heads"])
    raise ValueError("does not say how many heads its attention has")


def _letters_per_word(rows: int) -> int:
    """Find n of a table of 5^n words, which has some rows besides."""
    for n in range(1, 9):
        if 10 <= rows - 5**n <= 13:
            return n
    raise ValueError(f"{rows} words are those of no LOGO vocabulary")


def main(arguments: Sequence[str] | None = None) -> int:
    """Convert a file; 2 where it cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("file", type=Path, help="LOGO's .hdf5")
    parser.add_argument("folder", type=Path, help="is made")
    given = parser.parse_args(arguments)
    try:
        convert(given.file, given.folder)
    except DnamaskError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{given.folder}: ready for --backbone {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
