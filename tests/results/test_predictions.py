from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.errors import InputError
from dnamask_plugins.results.predictions import Predictions, decode, encode, load, sha256_of


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 30),
    classes=st.integers(2, 12),
    with_scores=st.booleans(),
    with_leaks=st.booleans(),
    seed=st.integers(0, 99),
)
def test_what_is_written_is_read_back(rows, classes, with_scores, with_leaks, seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(rows, classes)).astype(np.float32) * 10.0**4 if with_scores else None
    leaked = rng.random(rows) < 0.5 if with_leaks else None
    before = Predictions(rng.integers(0, classes, rows), rng.integers(0, classes, rows), scores, leaked)
    content = encode(before)
    after = decode(content, "here")
    np.testing.assert_array_equal(after.labels, before.labels)
    np.testing.assert_array_equal(after.predictions, before.predictions)
    assert (after.leaked is None) == (leaked is None)
    if leaked is not None:
        np.testing.assert_array_equal(after.leaked, leaked)
    if scores is not None:
        np.testing.assert_allclose(after.scores, scores, rtol=1e-5)
    assert encode(after) == content


def test_the_file_is_plain_text_that_others_can_read():
    content = encode(
        Predictions(np.array([0, 1]), np.array([1, 1]), np.array([[0.25, 0.75], [0.5, 0.5]], np.float32))
    )
    assert (
        gzip.decompress(content).decode() == "label,prediction,score_0,score_1\n0,1,0.25,0.75\n1,1,0.5,0.5\n"
    )
    assert len(sha256_of(content)) == 64


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("label,prediction\n0,1\n0\n", "line 3 has 1 fields"),
        ("label,prediction\n0,x\n", "not a number"),
        ("label,prediction\n", "no rows"),
        ("label,prediction\n-1,0\n", "below 0"),
        ("label,guess\n0,1\n", "line 1"),
        ("", "line 1"),
        ("label,prediction\n99999999999999999999,0\n", "not a number"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, text, says):
    path = tmp_path / "bad.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(InputError, match=says) as caught:
        load(path)
    assert "bad.csv.gz" in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_rubbish_gives_only_our_own_error(content):
    for candidate in (content, gzip.compress(content), gzip.compress(b"label,prediction\n" + content)):
        try:
            decode(candidate, "here")
        except InputError:
            continue


def test_cut_off_and_missing_files(tmp_path):
    content = encode(Predictions(np.arange(9), np.arange(9)))
    with pytest.raises(InputError, match="not a gzipped CSV"):
        decode(content[:-7], "here")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "missing.csv.gz")


def test_shapes_must_belong_together():
    for wrong in (
        {"labels": np.arange(3), "predictions": np.arange(2)},
        {"labels": np.zeros(0, int), "predictions": np.zeros(0, int)},
        {"labels": np.arange(3), "predictions": np.arange(3), "scores": np.zeros((2, 2), np.float32)},
        {"labels": np.arange(3), "predictions": np.arange(3), "leaked": np.zeros(2, bool)},
    ):
        with pytest.raises(InputError):
            Predictions(**wrong)


def test_a_file_that_unpacks_to_gigabytes_is_refused():
    """A bomb of 100 kB: 100 MB of zeros, in one member and in a thousand."""
    for bomb in (gzip.compress(bytes(100_000_000), 9), gzip.compress(bytes(100_000), 9) * 1000):
        with pytest.raises(InputError, match="unpacks to more than 67,108,864 bytes"):
            decode(bomb, "here")
