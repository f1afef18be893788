"""LOGO's Keras files, imitated after its program: the published ones are not at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dnamask_plugins.errors import InputError
from dnamask_plugins.models.loading import load_classifier, load_masked_lm
from dnamask_plugins.models.logo_hdf5 import main
from dnamask_plugins.models.source import find_source
from dnamask_plugins.tokenizers.logo import LogoTokenizer

h5py = pytest.importorskip("h5py")
WIDE, HIDDEN, HEADS, INNER, WORDS = 6, 8, 2, 12, 5**3 + 13


def dense(rows: int, columns: int, name: str = "dense") -> list[tuple[str, tuple[int, ...]]]:
    return [(f"{name}/kernel:0", (rows, columns)), (f"{name}/bias:0", (columns,))]


def norm(size: int) -> list[tuple[str, tuple[int, ...]]]:
    return [("beta:0", (size,)), ("gamma:0", (size,))]


def layout() -> dict[str, list[tuple[str, tuple[int, ...]]]]:
    """Layers in bert4keras's names, with the names and shapes that Keras gives their parameters."""
    attention = [
        each for part in ("dense", "dense_1", "dense_2", "dense_3") for each in dense(HIDDEN, HIDDEN, part)
    ]
    layers: dict[str, list[tuple[str, tuple[int, ...]]]] = {
        "Input-Token": [],
        "Embedding-Token": [("embeddings:0", (WORDS, WIDE))],
        "Embedding-Segment": [("embeddings:0", (2, WIDE))],
        "Embedding-Token-Segment": [],
        "Embedding-Position": [("embeddings:0", (16, WIDE))],
        "Embedding-Norm": norm(WIDE),
        "Embedding-Mapping": dense(WIDE, HIDDEN, "Embedding-Mapping"),
    }
    for index in range(2):
        block = f"Transformer-{index}"
        layers[f"{block}-MultiHeadSelfAttention"] = attention
        layers[f"{block}-MultiHeadSelfAttention-Norm"] = norm(HIDDEN)
        layers[f"{block}-FeedForward"] = [*dense(HIDDEN, INNER, "dense_4"), *dense(INNER, HIDDEN, "dense_5")]
        layers[f"{block}-FeedForward-Norm"] = norm(HIDDEN)
    return layers | {
        "MLM-Dense": dense(HIDDEN, WIDE, "MLM-Dense"),
        "MLM-Norm": norm(WIDE),
        "MLM-Bias": [("bias:0", (WORDS,))],
    }


def write(path: Path, layers: dict[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Write a file as Keras's ModelCheckpoint does, with random weights."""
    rng = np.random.default_rng(3)
    values: dict[str, dict[str, np.ndarray]] = {}
    with h5py.File(path, "w") as file:
        heads = {"config": {"layers": [{"config": {"name": "Input-Token"}}, {"config": {"heads": HEADS}}]}}
        file.attrs["model_config"] = json.dumps(heads).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, parameters in layers.items():
            place = group.create_group(layer)
            place.attrs["weight_names"] = [f"{layer}/{name}".encode() for name, _ in parameters]
            values[layer] = {name: rng.normal(size=shape).astype("float32") for name, shape in parameters}
            for name, value in values[layer].items():
                place[f"{layer}/{name}"] = value
    return values


def normalise(states: np.ndarray, parameters: dict[str, np.ndarray]) -> np.ndarray:
    centred = states - states.mean(-1, keepdims=True)
    scaled = centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-12)
    return scaled * parameters["gamma:0"] + parameters["beta:0"]


def gelu(values: np.ndarray) -> np.ndarray:
    return torch.nn.functional.gelu(torch.from_numpy(values)).numpy()


def by_definition(ids: list[int], values: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    """Compute the scores of one row step by step, as LOGO's program does for its encoder."""

    def linear(layer: str, states: np.ndarray, name: str | None = None) -> np.ndarray:
        name = name or layer
        return states @ values[layer][f"{name}/kernel:0"] + values[layer][f"{name}/bias:0"]

    words = values["Embedding-Token"]["embeddings:0"]
    states = words[ids] + values["Embedding-Segment"]["embeddings:0"][0]
    states = states + values["Embedding-Position"]["embeddings:0"][: len(ids)]
    states = linear("Embedding-Mapping", normalise(states, values["Embedding-Norm"]))
    for index in range(2):
        name = f"Transformer-{index}-MultiHeadSelfAttention"
        query, key, value = (
            linear(name, states, part).reshape(len(ids), HEADS, -1)
            for part in ("dense", "dense_1", "dense_2")
        )
        scores = np.einsum("jhd,khd->hjk", query, key) / np.sqrt(HIDDEN // HEADS)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("hjk,khd->jhd", weights, value).reshape(len(ids), -1)
        states = normalise(states + linear(name, mixed, "dense_3"), values[f"{name}-Norm"])
        name = f"Transformer-{index}-FeedForward"
        inner = gelu(linear(name, states, "dense_4"))
        states = normalise(states + linear(name, inner, "dense_5"), values[f"{name}-Norm"])
    states = normalise(gelu(linear("MLM-Dense", states)), values["MLM-Norm"])
    return states @ words.T + values["MLM-Bias"]["bias:0"]


def test_a_file_becomes_a_folder_whose_answers_are_those_of_the_definition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = write(tmp_path / "logo.hdf5", layout())
    folder = tmp_path / "logo"
    assert main([str(tmp_path / "logo.hdf5"), str(folder)]) == 0
    assert f"--backbone {folder}" in capsys.readouterr().out
    source = find_source(folder)
    tokenizer = source.tokenizer()
    assert tokenizer == LogoTokenizer(n=3)
    model, description = load_masked_lm(source, tokenizer)
    assert description.started_fresh == ()
    ids = tokenizer.encode("ACGTTGCATTA").input_ids.tolist()
    with torch.no_grad():
        scores = model.eval()(input_ids=torch.tensor([ids])).logits[0].numpy()
    np.testing.assert_allclose(scores, by_definition(ids, values), atol=2e-4)
    assert load_classifier(source, tokenizer, 3)[1].fresh_parts == ("classifier",)


@pytest.mark.parametrize(
    ("layer", "change", "message"),
    [
        ("Embedding-Position", None, "has no layer 'Embedding-Position'"),
        ("MLM-Bias", [("bias:0", (7,))], "its layout is not LOGO's"),
        ("Embedding-Token", [("embeddings:0", (200, WIDE))], "200 words are those of no LOGO vocabulary"),
    ],
)
def test_another_layout_is_one_line(
    layer: str, change: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = layout() | {layer: change}
    write(tmp_path / "x.hdf5", {name: each for name, each in layers.items() if each is not None})
    assert main([str(tmp_path / "x.hdf5"), str(tmp_path / "x")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_no_keras_file_is_one_line_and_the_way_is_named_where_a_folder_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.hdf5"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert main([str(path), str(tmp_path / "x")]) == 2
    assert "is no file of Keras's weights" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"python -m dnamask_plugins\.models\.logo_hdf5"):
        find_source(path)
