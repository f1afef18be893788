"""A third party's plugin that goes wrong in the middle of a run: it is named, and nothing is lost."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loaders import let_go
from safetensors.torch import load_file

from dnamask_plugins import guard, plugins
from dnamask_plugins.errors import PluginError
from dnamask_plugins.pretrain.run import pretrain
from dnamask_plugins.training.checkpoints import find_checkpoints

pytestmark = pytest.mark.filterwarnings("ignore::dnamask_plugins.plugins.PluginWarning")

# Each behaves until training is past step 6 and while the file ``armed`` lies beside it.
CODE = """
    import time
    from pathlib import Path
    import numpy as np
    from dnamask_plugins.strategies.span import Span
    from dnamask_plugins.curricula.constant import Constant
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    from dnamask_plugins.types import MaskSpec

    FAULT = Path(__file__).with_name("armed")
    calls = 0

    def fault(after, rows=4):
        global calls
        calls += rows == 4  # a micro-batch, of which a step has two; not validation
        return FAULT.read_text() if FAULT.exists() and calls > after else ""

    class Strategy(Span):
        name = "acme.strategy"
        def select(self, batch, key, budget):
            mask = super().select(batch, key, budget)
            match fault(15, len(batch)):
                case "raise": raise KeyError("a gene\\nnobody knows")
                case "hang": time.sleep(600)
                case "nothing": return None
                case "fractions": return mask.astype(float)
                case "shape": return mask[:, :-1]
                case "special": return np.ones_like(mask)
            return mask

    class Curriculum(Constant):
        name = "acme.curriculum"
        def update(self, state, step, metrics):
            if step < 9:
                return {"evaluations": state.get("evaluations", 0) + 1}
            match fault(0):
                case "raise": return state["no such key"]
                case "hang": time.sleep(600)
                case "nothing": return None
                case "no json": return {"evaluations": np.int64(3)}
            return {"evaluations": state["evaluations"] + 1}

    class Wayward(Constant):
        name = "acme.wayward"
        def spec(self, state, step):
            if step < 8:
                return super().spec(state, step)
            match fault(0):
                case "raise": return 1 / 0
                case "nothing": return None
                case "unknown": return MaskSpec.single("nobody", 0.15)
            return super().spec(state, step)

    class Tokenizer(KmerTokenizer):
        name = "acme.tokenizer"
        def encode_batch(self, sequences):
            batch = super().encode_batch(sequences)
            match fault(15, len(batch)):
                case "raise": raise ValueError("odd number of\\ncodons")
                case "hang": time.sleep(600)
                case "nothing": return None
                case "fewer": return batch[:1]
            return batch
"""
PARTS = {
    "strategies": ("acme.strategy", "Strategy"),
    "curricula": ("acme.curriculum", "Curriculum"),
    "wayward": ("acme.wayward", "Wayward"),
    "tokenizers": ("acme.tokenizer", "Tokenizer"),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a distribution with one plugin of each kind; returns the folder of its module."""
    site = tmp_path / "site"
    metadata = site / "acme_dna-4.5.6.dist-info"
    metadata.mkdir(parents=True)
    (site / "fake_acme.py").write_text(textwrap.dedent(CODE))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-dna\nVersion: 4.5.6\n")
    entries = [
        f"[dnamask.{kind}]\n"
        + "".join(
            f"{name} = fake_acme:{member}\n"
            for key, (name, member) in PARTS.items()
            if key == kind or (kind, key) == ("curricula", "wayward")
        )
        for kind in ("strategies", "curricula", "tokenizers")
    ]
    (metadata / "entry_points.txt").write_text("\n".join(entries))
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.5)
    plugins.forget()
    yield site
    sys.modules.pop("fake_acme", None)
    plugins.forget()


@pytest.fixture(scope="module")
def unharmed() -> dict[str, dict[str, Any]]:
    """Weights of the run with each kind's plugin that nothing befell, once it was made."""
    return {}


def changes(kind: str) -> dict[str, Any]:
    name, _ = PARTS[kind]
    if kind == "tokenizers":
        return {"tokenizer": {"name": name, "k": 6}}
    if kind == "strategies":
        return {"curriculum": {"name": "constant", "strategy": name}}
    return {"curriculum": {"name": name, "strategy": "span"}}


@pytest.mark.parametrize(
    ("kind", "fault", "workers"),
    [
        *(
            ("strategies", fault, 0)
            for fault in ("raise", "hang", "nothing", "fractions", "shape", "special")
        ),
        *(("curricula", fault, 0) for fault in ("raise", "hang", "nothing", "no json")),
        *(("wayward", fault, 0) for fault in ("raise", "nothing")),
        *(
            ("tokenizers", fault, workers)
            for fault in ("raise", "hang", "nothing", "fewer")
            for workers in (0, 1)
        ),
    ],
)
def test_it_is_named_and_nothing_is_lost(
    package: Path,
    run_settings: Callable[..., Any],
    unharmed: dict[str, dict[str, Any]],
    kind: str,
    fault: str,
    workers: int,
) -> None:
    part = changes(kind)
    settings = run_settings(**part, trainer={"dataloader_num_workers": workers})
    (package / "armed").write_text(fault)
    with pytest.raises(PluginError) as caught:
        pretrain(settings, quiet=True)
    message = str(caught.value)
    let_go(caught.value)
    assert PARTS[kind][0] in message
    assert "acme-dna 4.5.6" in message
    assert "step " in message
    if kind in ("strategies", "tokenizers"):
        assert "example ids " in message
    assert "\n" not in message
    assert len(message) < 400
    whole, broken = find_checkpoints(Path(settings.output))
    assert whole
    assert not broken
    assert whole[0].name in ("checkpoint-3", "checkpoint-6")

    (package / "armed").unlink()
    resumed = pretrain(settings, quiet=True, resume=True)
    if kind not in unharmed:
        run = pretrain(run_settings("unharmed", **part), quiet=True)
        unharmed[kind] = load_file(run.folder / "model.safetensors")
    found = load_file(resumed.folder / "model.safetensors")
    assert found.keys() == unharmed[kind].keys()
    assert all((found[name] == expected).all() for name, expected in unharmed[kind].items())


def test_a_strategy_nobody_has_is_refused_by_name(package: Path, run_settings: Callable[..., Any]) -> None:
    (package / "armed").write_text("unknown")
    with pytest.raises(Exception, match="nobody") as caught:
        pretrain(run_settings(**changes("wayward")), quiet=True)
    assert "\n" not in str(caught.value)
