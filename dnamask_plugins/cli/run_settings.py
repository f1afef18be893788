"""Settings of a pretraining run, from the flags of a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dnamask_plugins.config import nested, parse_assignment
from dnamask_plugins.files import read_toml

if TYPE_CHECKING:
    from dnamask_plugins.pretrain.settings import PretrainSettings


def settings_of(
    config: Path | None,
    flags: Mapping[str, Any],
    assignments: Sequence[str],
    needed: Mapping[str, Any] | None = None,
) -> PretrainSettings:
    """Lay flags over a file, and assignments over both.

    Parameters
    ----------
    config : Path, optional
        TOML file.
    flags : mapping of str to object
        By setting, with dots between its parts; None where a flag was not given.
    assignments : sequence of str
        ``KEY=VALUE``, as ``--set`` takes them.
    needed : mapping, optional
        What stands in where nothing says otherwise.

    Raises
    ------
    ConfigError
        A setting is unknown or missing, or a value is refused.

    Examples
    --------
    >>> flags = {"corpus": "genome", "output": "run", "trainer.max_steps": 100, "seed": None}
    >>> settings = settings_of(None, flags, ["curriculum.mask_rate=0.3"])
    >>> settings.trainer, settings.curriculum, settings.seed
    ({'max_steps': 100}, {'mask_rate': 0.3, 'name': 'cm_gems'}, 0)
    """
    from dnamask_plugins.pretrain.settings import PretrainSettings, merge

    values = merge(needed or {}, read_toml(config) if config else {})
    for setting, value in flags.items():
        if value is not None:
            values = merge(values, nested(setting, value))
    for assignment in assignments:
        values = merge(values, parse_assignment(assignment))
    if isinstance(values.get("curriculum"), dict):
        only_one = flags.get("curriculum.strategy") is not None
        values["curriculum"].setdefault("name", "constant" if only_one else "cm_gems")
    return PretrainSettings.from_mapping(values, where=str(config) if config else "command line")
