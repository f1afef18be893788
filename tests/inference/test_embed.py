"""Embeddings against a plain loop over sequences, and files that a killed command completes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_data import random_dna, write_csv

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.inference import embed as job
from dnamask_plugins.inference.embed import embed_file
from dnamask_plugins.inference.job import Collector, InferenceWarning, Reading
from dnamask_plugins.inference.map import draw_map, read_embeddings
from dnamask_plugins.models.loading import load_base
from dnamask_plugins.tokenizers.loading import load_tokenizer

LENGTHS = (3, 40, 17, 90, 2, 64, 200)


@pytest.fixture
def sequences() -> list[str]:
    generator = np.random.default_rng(3)
    return [random_dna(generator, length) for length in LENGTHS]


@pytest.fixture
def table(sequences: list[str], tmp_path: Path) -> Path:
    return write_csv(tmp_path / "in.csv", [(each, "ab"[n % 2]) for n, each in enumerate(sequences)])


def by_hand(model: Path, sequence: str, pool: str, layer: int) -> np.ndarray:
    tokenizer = load_tokenizer(model)
    network, _ = load_base(model, tokenizer)
    encoding = tokenizer.encode(sequence)
    with torch.no_grad():
        states = network.eval()(
            input_ids=torch.from_numpy(encoding.input_ids)[None], output_hidden_states=True
        ).hidden_states[layer][0]
    shows = ~encoding.special_tokens_mask
    if pool == "cls":
        return states[0].numpy()
    chosen = states[torch.from_numpy(shows)]
    return chosen.mean(0).numpy() if pool == "mean" else chosen.numpy()


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".zarr"])
@pytest.mark.parametrize(("pool", "layer"), [("mean", -1), ("mean", 0), ("cls", 1)])
def test_vectors_are_those_of_each_sequence_alone(
    pool: str, layer: int, suffix: str, tiny_model: Path, table: Path, sequences: list[str], tmp_path: Path
):
    if suffix == ".zarr":
        pytest.importorskip("zarr")
    output = tmp_path / f"out{suffix}"
    summary = embed_file(str(tiny_model), Reading(str(table)), output, pool, layer)
    assert (summary.rows, summary.width, summary.too_short) == (len(LENGTHS), 32, 1)
    vectors, labels = read_embeddings(output)
    assert labels == ["a", "b", "a", "b", "a", "b", "a"]
    for row, sequence in enumerate(sequences):
        if len(sequence) < 3:
            assert np.isnan(vectors[row]).all()
        else:
            np.testing.assert_allclose(vectors[row], by_hand(tiny_model, sequence, pool, layer), atol=1e-5)
    assert not list(tmp_path.glob(".out*"))


def test_tokens_say_what_they_cover(tiny_model: Path, table: Path, sequences: list[str], tmp_path: Path):
    output = tmp_path / "out.npz"
    embed_file(str(tiny_model), Reading(str(table), window=50, stride=50), output, "tokens")
    with np.load(output) as arrays:
        rows = arrays["names"] == "sequence_2"
        expected = by_hand(tiny_model, sequences[1], "tokens", -1)
        np.testing.assert_allclose(arrays["embeddings"][rows], expected, atol=1e-5)
        assert arrays["starts"][rows].tolist() == list(range(38))
        long = arrays["names"] == "sequence_4"
        second = by_hand(tiny_model, sequences[3][40:], "tokens", -1)
        np.testing.assert_allclose(arrays["embeddings"][long][48:], second, atol=1e-5)
        assert arrays["starts"][long].tolist() == [*range(48), *range(40, 88)]
        assert (arrays["stops"] - arrays["starts"] == 3).all()


def test_a_long_sequence_is_the_mean_over_its_windows(
    tiny_model: Path, table: Path, sequences: list[str], tmp_path: Path
):
    embed_file(str(tiny_model), Reading(str(table), window=60, stride=30), tmp_path / "out.npz")
    vectors, _ = read_embeddings(tmp_path / "out.npz")
    parts = [by_hand(tiny_model, sequences[3][start : start + 60], "mean", -1) for start in (0, 30)]
    np.testing.assert_allclose(vectors[3], np.mean(parts, axis=0), atol=1e-5)


def test_windows_that_give_too_many_tokens_are_halved(
    make_model: Callable[..., Path], sequences: list[str], tmp_path: Path
):
    model = make_model(tokenizer={"name": "nucleotide"}, max_position_embeddings=66)
    table = write_csv(tmp_path / "in.csv", [(sequences[-1],)], "sequence")
    with pytest.warns(InferenceWarning, match="--window 64 avoids it"):
        embed_file(str(model), Reading(str(table), window=100), tmp_path / "out.npz")
    vectors, _ = read_embeddings(tmp_path / "out.npz")
    parts = [by_hand(model, sequences[-1][start : start + 50], "mean", -1) for start in range(0, 200, 50)]
    np.testing.assert_allclose(vectors[0], np.mean(parts, axis=0), atol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "tokens"])
def test_a_killed_command_goes_on_to_the_same_file(
    pool: str, tiny_model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reading = Reading(str(table), window=50, stride=25)
    embed_file(str(tiny_model), reading, tmp_path / "straight.npz", pool)
    monkeypatch.setattr(job, "Collector", lambda parts, make: Collector(parts, make, seconds=-1))
    asked = []
    original = job.Embedder._ask

    def dies(self, batch):  # type: ignore[no-untyped-def]
        asked.append(len(batch))
        return original(self, batch)

    monkeypatch.setattr(job.Embedder, "_ask", dies)
    monkeypatch.setattr("dnamask_plugins.inference.batches._POOL", 2)
    real = Collector.add

    def killed(self, row, done, weight=1):  # type: ignore[no-untyped-def]
        real(self, row, done, weight)
        if done >= 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Collector, "add", killed)
    output = tmp_path / "resumed.npz"
    with pytest.raises(KeyboardInterrupt):
        embed_file(str(tiny_model), reading, output, pool)
    assert not output.exists()
    monkeypatch.setattr(Collector, "add", real)
    summary = embed_file(str(tiny_model), reading, output, pool)
    assert summary.resumed_at >= 5
    with np.load(output) as resumed, np.load(tmp_path / "straight.npz") as straight:
        assert set(resumed) == set(straight)
        for name in straight:
            if name == "embeddings":
                np.testing.assert_allclose(resumed[name], straight[name], atol=1e-5)
            else:
                assert resumed[name].tolist() == straight[name].tolist()


def test_parts_of_another_command_are_not_mixed_in(
    tiny_model: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job, "write_arrays", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
    output = tmp_path / "out.npz"
    with pytest.raises(KeyboardInterrupt):
        embed_file(str(tiny_model), Reading(str(table)), output)
    with pytest.raises(InputError, match=r"another command \(pool differ\).*--overwrite"):
        embed_file(str(tiny_model), Reading(str(table)), output, "cls")
    monkeypatch.undo()
    embed_file(str(tiny_model), Reading(str(table)), output, "cls", overwrite=True)
    with pytest.raises(InputError, match="is there already"):
        embed_file(str(tiny_model), Reading(str(table)), output, "cls")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": 2}, "the model has 1 layers"),
        ({"layer": -3}, "the model has 1 layers"),
        ({"output": Path("out.csv")}, "give .npz, .parquet, .zarr"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, message: str, tiny_model: Path, table: Path):
    given = {"output": Path("out.npz"), **change}
    with pytest.raises(ConfigError, match=message):
        embed_file(str(tiny_model), Reading(str(table)), **given)


def test_cls_needs_a_token_in_front(make_model: Callable[..., Path], table: Path, tmp_path: Path):
    model = make_model(tokenizer={"name": "logo", "n": 3, "add_cls": False})
    with pytest.raises(ConfigError, match="no token in front"):
        embed_file(str(model), Reading(str(table)), tmp_path / "out.npz", "cls")


def test_a_map_is_a_picture(tmp_path: Path):
    vectors = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    vectors[3] = np.nan
    assert draw_map(vectors, ["a"] * 15 + ["b"] * 15, "map").startswith(b"\x89PNG")
    with pytest.raises(InputError, match="at least 3"):
        draw_map(vectors[:2], ["", ""], "map")
    with pytest.raises(ConfigError, match="give one of pca, umap"):
        draw_map(vectors, [""] * 30, "map", "tsne")
