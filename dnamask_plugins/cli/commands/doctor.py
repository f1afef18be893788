"""``dnamask doctor``: what this installation has, what fails and why, and what is missing for what."""

from __future__ import annotations

import functools
import importlib.util
import json
import sys
from collections.abc import Callable
from typing import Any, Final

import typer

from dnamask_plugins import plugins, terminal
from dnamask_plugins.cli.options.common import PrintJson
from dnamask_plugins.environment import environment
from dnamask_plugins.errors import DnamaskError

app = typer.Typer()

OPTIONAL: Final = {
    "ray": ("--executor ray", "pip install 'dnamask-plugins[ray]'"),
    "vl_convert": ("pictures in 'leaderboard build'", "pip install 'dnamask-plugins[leaderboard]'"),
    "umap": ("embed --picture with UMAP", "pip install 'dnamask-plugins[umap]'"),
    "zarr": ("embed -o FILE.zarr", "pip install 'dnamask-plugins[zarr]'"),
    "hypothesis": ("check, and the conformance kit in your tests", "pip install 'dnamask-plugins[test]'"),
    "wandb": ("--set trainer.report_to=wandb", "pip install wandb"),
}
"""Module that may be missing: what needs it, and how to get it."""


@app.command()
def doctor(as_json: PrintJson = False) -> None:
    """Look at this installation: versions, devices, plugins that fail, caches, what is missing for what.

    Exit code 1 where a plugin does not load. Every plugin is imported for this.
    """
    with terminal.console(stderr=True).status("looking"):
        found = {
            "environment": _environment(),
            "caches": _caches(),
            "plugins that fail": _failures(),
            "missing": {
                name: f"needed by {what}; {how}"
                for name, (what, how) in OPTIONAL.items()
                if importlib.util.find_spec(name) is None
            },
        }
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        _print(found)
    if found["plugins that fail"]:
        raise typer.Exit(1)


def _environment() -> dict[str, str]:
    seen = environment()
    gpus = ", ".join(seen["gpus"]) or "none: everything runs on the processor"
    libraries = ", ".join(f"{name} {version}" for name, version in seen["libraries"].items())
    return {
        "dnamask_plugins": seen["dnamask_plugins"],
        "python": f"{seen['python']} ({sys.executable})",
        "system": f"{seen['platform']}, {seen['threads']} threads",
        "GPUs": gpus,
        "libraries": libraries,
    }


def _caches() -> dict[str, str]:
    from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE

    from dnamask_plugins.compiled import cache_folder

    compiled = cache_folder()
    return {
        "compiled code": str(compiled or "nowhere: every command compiles anew; set DNAMASK_CACHE_DIR"),
        "models of the hub": f"{HF_HUB_CACHE}{' (offline: HF_HUB_OFFLINE is set)' if HF_HUB_OFFLINE else ''}",
    }


def _failures() -> dict[str, str]:
    failures = {f"distribution {number}": text for number, text in enumerate(plugins.problems(), 1)}
    for kind in plugins.KINDS:
        for name in plugins.discover(kind):
            why = _error_of(functools.partial(plugins.load, kind, name))
            if why:
                failures[f"{plugins.SINGULAR[kind]} {name}"] = why
    return failures


def _error_of(load: Callable[[], Any]) -> str:
    try:
        load()
    except DnamaskError as error:
        return str(error)
    return ""


def _print(found: dict[str, dict[str, str]]) -> None:
    console = terminal.console(file=sys.stdout)
    for title, rows in found.items():
        console.print(title, style="bold")
        for name, value in rows.items():
            console.print(f"  {name}: {value}", soft_wrap=True)
        if not rows:
            console.print("  none")
