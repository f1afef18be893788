"""A measurement over no tokens is no measurement."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.training.validation import Measured, Validation


def test_a_mean_over_nothing_is_none():
    assert Measured.from_sums(torch.tensor([6.0, 3.0, 4.0, 2.0])) == Measured(2.0, 2.0)
    assert Measured.from_sums(torch.tensor([6.0, 3.0, 0.0, 0.0])) == Measured(2.0, None)
    assert Measured.from_sums(torch.zeros(4)) is None


def test_a_rate_that_hides_nothing_is_refused_before_training(tiny: Any):
    settings = tiny(curriculum={"name": "constant", "strategy": "random_token", "mask_rate": 1e-7})
    with pytest.raises(
        ConfigError, match=r"a mask rate of 1e-07 \(random_token\) hides none of the [\d,]+ tokens"
    ):
        pretrain(settings)


def test_masks_that_hide_nothing_later_are_said_and_are_no_measurement(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    """Seen on the landed code: a perplexity of 1.00 over no tokens, which made CM-GEMS switch at step 10."""
    monkeypatch.setattr(Validation, "check", lambda *given: None)
    settings = tiny(curriculum={"name": "cm_gems", "threshold": 1e9, "mask_rate": 1e-7})
    with pytest.warns(UserWarning, match="the masks of 'genemask' hide no token"):
        done = pretrain(settings)
    assert done.perplexity is None
    assert done.record["curriculum"]["switch_step"] is None
