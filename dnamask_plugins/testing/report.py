"""What ``dnamask check`` prints beside the checks: measured figures, and a registry entry to paste."""

from __future__ import annotations

import datetime
import json
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import numpy as np

from dnamask_plugins import __version__
from dnamask_plugins.budget import Budget
from dnamask_plugins.guard import guarded_select
from dnamask_plugins.masks import report
from dnamask_plugins.plugins import PluginInfo
from dnamask_plugins.plugins.description import summary_of
from dnamask_plugins.protocols import API_VERSION
from dnamask_plugins.testing import samples
from dnamask_plugins.testing.core import Outcome, kind_of_plugin
from dnamask_plugins.tokenizers.export import to_huggingface


def seconds_per_call(function: Callable[[], Any], at_least: float = 0.3) -> float:
    """Return the shortest time of a call, over calls that take so many seconds together."""
    function()
    times: list[float] = []
    while sum(times) < at_least:
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def measured(plugin: Any) -> dict[str, str]:
    """Return what is measured and not judged: speed, realised rates, hidden share.

    Parameters
    ----------
    plugin : strategy, curriculum or tokenizer
    """
    kind = kind_of_plugin(plugin)
    if kind == "strategies":
        return _measured_strategy(plugin)
    if kind == "tokenizers":
        return _measured_tokenizer(plugin)
    if kind == "backbones":
        return {"packed": "yes" if plugin.packed is not None else "no: its own forward pass"}
    if kind == "tasks":
        return {"tasks": str(len(plugin.tasks()))}
    state = plugin.initial_state()
    return {"speed": f"{1e6 * seconds_per_call(lambda: plugin.spec(state, 1000), 0.05):.1f} µs a spec"}


def _measured_strategy(strategy: Any) -> dict[str, str]:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), size=515)) for _ in range(32)]
    batch, key = samples.lay_out(texts, "6-mers"), samples.key_for(32)
    seconds = seconds_per_call(lambda: strategy.select(batch, key, Budget(0.15)))
    facts = {"speed": f"{32 / seconds:,.0f} sequences/s (32 x 512 6-mers, selection alone)"}
    for layout in samples.LAYOUTS:
        small = samples.batch(layout)
        keys = (samples.key_for(len(small), step) for step in range(4))
        found = report((guarded_select(strategy, small, key, Budget(0.15)), small) for key in keys)
        facts[f"at 0.15, {layout}"] = (
            f"realised {found.token_rate:.3f} ± {found.rate_spread:.3f} of the tokens; "
            f"{found.hidden_nucleotides:.1%} of the nucleotides truly hidden"
        )
    return facts


def _measured_tokenizer(tokenizer: Any) -> dict[str, str]:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), size=512)) for _ in range(32)]
    seconds = seconds_per_call(lambda: tokenizer.encode_batch(texts))
    tokens = int((~tokenizer.encode_batch(texts).special_tokens_mask).sum())
    return {
        "speed": f"{32 * 512 / seconds / 1e6:.1f} Mbp/s (32 x 512 nucleotides, from text)",
        "tokens": f"{32 * 512 / max(tokens, 1):.2f} nucleotides each, from {tokenizer.vocab_size:,}",
        "Hugging Face form": _huggingface_form(tokenizer),
    }


def _huggingface_form(tokenizer: Any) -> str:
    try:
        to_huggingface(tokenizer)
    except Exception as error:
        return f"none, so that saved models need this package: {error}"
    return "AutoTokenizer gives the same ids"


def registry_entry(plugin: PluginInfo, loaded: Any) -> tuple[str, str]:
    """Return the path and the text of a registry entry for a checked plugin.

    Parameters
    ----------
    plugin : PluginInfo
    loaded : class of the plugin

    Returns
    -------
    path, text : str
        Path inside the repository, and TOML.
    """
    fields: dict[str, Any] = {
        "summary": textwrap.shorten(summary_of(loaded), 160, placeholder=" ...").rstrip("."),
        "distribution": plugin.distribution,
        "entry_point": plugin.value,
        "api_version": API_VERSION,
        "licence": _licence(plugin.distribution),
        "reference": "",
        "status": "experimental",
    }
    lines = [f"{key} = {_toml(value)}" for key, value in fields.items()]
    return f"registry/{plugin.kind}/{plugin.name}.toml", "\n".join(lines) + "\n"


def verification(plugin: PluginInfo, outcomes: Sequence[Outcome]) -> str:
    """Return what a maintainer adds to an entry to vouch for a plugin: what was checked, and when."""
    record: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "version": plugin.version,
        "dnamask_plugins": __version__,
        "method": "dnamask check",
        "passed": sum(each.status == "passed" for each in outcomes),
    }
    exceptions = {each.check.name: each.detail for each in outcomes if each.status == "expected"}
    lines = ["[verification]", *(f"{key} = {_toml(value)}" for key, value in record.items())]
    if exceptions:
        lines += ["", "[verification.exceptions]"]
        lines += [f"{key} = {_toml(why)}" for key, why in exceptions.items()]
    return "\n".join(lines) + "\n"


def _toml(value: str | int | Mapping[str, Any]) -> str:
    # A JSON string or number is a TOML one too.
    return json.dumps(value, ensure_ascii=False)


def _licence(distribution: str) -> str:
    try:
        found = metadata(distribution)
    except PackageNotFoundError:
        return "LicenseRef-unstated"
    stated = next((found[field] for field in ("License-Expression", "License") if field in found), "")
    return str(stated).split("\n")[0] or "LicenseRef-unstated"
