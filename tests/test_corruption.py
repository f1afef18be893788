"""80/10/10 in one place: shares, labels, no special ids."""

from __future__ import annotations

import numpy as np
import pytest

from dnamask_plugins.corruption import IGNORED_LABEL, Corruption
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.rng import RngKey
from dnamask_plugins.tokenizers.kmer import KmerTokenizer


@pytest.fixture(scope="module")
def masked():
    tokenizer = KmerTokenizer(6)
    rng = np.random.default_rng(0)
    batch = tokenizer.encode_batch(["".join(rng.choice(list("ACGT"), 400)) for _ in range(300)])
    mask = (rng.random(batch.input_ids.shape) < 0.5) & ~batch.special_tokens_mask
    return tokenizer, batch, mask


def test_shares_and_labels(masked):
    tokenizer, batch, mask = masked
    out, labels = Corruption.for_tokenizer(tokenizer)(
        batch.input_ids, mask, RngKey.from_step(0, 0, range(300))
    )
    np.testing.assert_array_equal(labels[mask], batch.input_ids[mask])
    assert (labels[~mask] == IGNORED_LABEL).all()
    np.testing.assert_array_equal(out[~mask], batch.input_ids[~mask])
    shown = out[mask]
    replaced = (shown != batch.input_ids[mask]) & (shown != tokenizer.mask_token_id)
    assert (shown == tokenizer.mask_token_id).mean() == pytest.approx(0.8, abs=0.006)
    assert replaced.mean() == pytest.approx(0.1 * 4095 / 4096, abs=0.005)
    assert not np.isin(shown[replaced], tokenizer.special_ids).any()
    counts = np.bincount(shown[replaced], minlength=4101)[5:]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 4095 + 5 * np.sqrt(2 * 4095)


@pytest.mark.parametrize(("mask_share", "random_share"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_extreme_shares(masked, mask_share, random_share):
    tokenizer, batch, mask = masked
    corruption = Corruption.for_tokenizer(tokenizer, mask_share, random_share)
    out, _ = corruption(batch.input_ids, mask, RngKey.from_step(0, 0, range(300)))
    assert (out[mask] == tokenizer.mask_token_id).mean() == mask_share
    if random_share:
        assert (out[mask] != batch.input_ids[mask]).mean() > 0.99
        assert out[mask].min() >= 5
    elif not mask_share:
        np.testing.assert_array_equal(out, batch.input_ids)


def test_depends_on_the_example_alone_and_touches_nothing(masked):
    tokenizer, batch, mask = masked
    corruption = Corruption.for_tokenizer(tokenizer)
    key = RngKey.from_step(0, 3, range(300))
    before = batch.input_ids.copy(), mask.copy()
    out, labels = corruption(batch.input_ids, mask, key)
    np.testing.assert_array_equal(batch.input_ids, before[0])
    np.testing.assert_array_equal(mask, before[1])
    wider = np.pad(batch.input_ids[7:9], ((0, 0), (0, 30)))
    alone, own = corruption(wider, np.pad(mask[7:9], ((0, 0), (0, 30))), key[7:9])
    np.testing.assert_array_equal(alone[:, :-30], out[7:9])
    np.testing.assert_array_equal(own[:, :-30], labels[7:9])
    again, _ = corruption(batch.input_ids, mask, RngKey.from_step(0, 4, range(300)))
    assert (again != out).any(axis=1).all()


@pytest.mark.parametrize("shares", [(-0.1, 0.5), (0.8, 0.3), (0.5, -0.1)])
def test_refused_shares(shares):
    with pytest.raises(ConfigError, match=r"0\.8 and 0\.1"):
        Corruption(4, np.arange(5, 10), *shares)
