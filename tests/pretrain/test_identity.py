"""A run is what its record says: whatever its numbers depend on is refused, or marked, when it changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from recording import Killed, kill_at, same_weights

from dnamask_plugins import plugins
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.identity import differences, told
from dnamask_plugins.pretrain.run import pretrain


def killed(settings: Any, step: int = 4) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_at(patch, step)
        with pytest.raises(Killed):
            pretrain(settings, quiet=True)


def test_differences_are_told_with_both_values() -> None:
    found = differences({"a": {"b": 1, "c": 2}, "d": None}, {"a": {"b": 1, "c": 3}, "e": [1]})
    assert found == [("a.c", 2, 3), ("e", None, [1])]
    assert told(found) == "a.c (2, now 3), e (absent, now [1])"
    assert told([(str(i), 0, 1) for i in range(6)]).endswith("and 2 more")


def test_another_length_is_another_schedule_and_another_run(tiny: Any) -> None:
    """20 -> 40 steps gave other weights than a fresh run of 40 under the same record."""
    pretrain(tiny(), quiet=True)
    for steps in (3, 12):
        with pytest.raises(ConfigError, match=rf"trainer\.max_steps \(6, now {steps}\).*--resume-anyway"):
            pretrain(tiny(trainer={"max_steps": steps}), quiet=True, resume=True)
    longer = pretrain(tiny(trainer={"max_steps": 12}), quiet=True, resume_anyway=True)
    change = {"step": 6, "what": "trainer.max_steps", "before": 6, "now": 12}
    assert change in longer.record["changes"]
    assert json.loads((longer.folder / "run.json").read_text())["changes"] == longer.record["changes"]
    assert "changed at step 6" in (longer.folder / "README.md").read_text()
    assert [each["from_step"] for each in longer.record["sessions"]] == [0, 6]
    with pytest.raises(ConfigError, match="at step 12 already"):
        pretrain(tiny(), quiet=True, resume_anyway=True)


def test_without_a_horizon_a_longer_run_is_the_same_run(tiny: Any) -> None:
    constant = {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 2}
    whole = pretrain(tiny("whole", trainer={**constant, "max_steps": 9}), quiet=True)
    pretrain(tiny(trainer={**constant, "max_steps": 6}), quiet=True)
    longer = pretrain(tiny(trainer={**constant, "max_steps": 9}), quiet=True, resume=True)
    assert longer.record["changes"] == []
    assert same_weights(whole.folder, longer.folder)
    with pytest.raises(ConfigError, match="at step 9 already, beyond --max-steps 6"):
        pretrain(tiny(trainer={**constant, "max_steps": 6}), quiet=True, resume=True)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is missing"),
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"[]", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b'{"identity": 3}', "is damaged"),
        (b'{"fingerprint": "0123456789abcdef"}', "fingerprint alone"),
        ("edited", "was changed by hand"),
    ],
)
def test_an_identity_that_cannot_be_read_is_refused(tiny: Any, content: Any, why: str) -> None:
    settings = tiny()
    killed(settings)
    path = Path(settings.output) / "identity.json"
    if content is None:
        path.unlink()
    elif content == "edited":
        path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=why) as caught:
        pretrain(settings, quiet=True, resume=True)
    assert "checkpoint-3" in str(caught.value)
    assert "\n" not in str(caught.value)
    if content is None:
        record = pretrain(settings, quiet=True, resume_anyway=True).record
        assert [each["step"] for each in record["changes"]] == [3]


STRATEGY = '''
from dataclasses import dataclass
import numpy as np
from dnamask_plugins.config import Configurable

@dataclass(frozen=True)
class Every(Configurable):
    """Every {stride}th nucleotide."""
    name = "acme.every"
    def select(self, batch, key, budget):
        mask = ~batch.special_tokens_mask.astype(bool)
        mask[:, 1::{stride}] = False
        return mask
'''


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a maker of the distribution ``acme`` in some version with some source."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))

    def install(version: str, stride: int) -> None:
        (site / "acme").mkdir(parents=True, exist_ok=True)
        (site / "acme" / "__init__.py").write_text(STRATEGY.format(stride=stride))
        for old in site.glob("*.dist-info/*"):
            old.unlink()
        for old in site.glob("*.dist-info"):
            old.rmdir()
        info = site / f"acme-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[dnamask.strategies]\nacme.every = acme:Every\n")
        sys.modules.pop("acme", None)
        plugins.forget()
        from dnamask_plugins.plugins import provenance

        provenance.source_hash.cache_clear()

    yield install
    sys.modules.pop("acme", None)
    monkeypatch.undo()
    plugins.forget()


@pytest.mark.filterwarnings("ignore:running code of")
def test_a_plugin_that_changed_between_kill_and_resume_is_refused(tiny: Any, acme: Any) -> None:
    acme("1.0", 2)
    settings = tiny(curriculum={"name": "constant", "strategy": "acme.every"})
    killed(settings)
    acme("2.0", 2)
    with pytest.raises(ConfigError, match=r"code\.strategies/acme\.every\.version \(1\.0, now 2\.0\)"):
        pretrain(settings, quiet=True, resume=True)
    acme("1.0", 3)
    with pytest.raises(ConfigError, match=r"code\.strategies/acme\.every\.source"):
        pretrain(settings, quiet=True, resume=True)
    record = pretrain(settings, quiet=True, resume_anyway=True).record
    assert [(each["step"], each["what"]) for each in record["changes"]] == [
        (3, "code.strategies/acme.every.source")
    ]
    before, after = (each["identity"] for each in record["sessions"])
    assert before != after


def test_the_record_holds_no_path_of_this_machine(tiny: Any, tmp_path: Path) -> None:
    done = pretrain(tiny(trainer={"max_steps": 1}), quiet=True)
    for name in ("run.json", "settings.json", "identity.json", "README.md"):
        assert str(tmp_path.parent) not in (done.folder / name).read_text(), name
