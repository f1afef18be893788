"""``identity.json``: what the run in a folder is, and which of its steps were made by whom under what."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import terminal
from dnamask_plugins.config import fingerprint
from dnamask_plugins.environment import command_line, environment
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import parse_json, write_json
from dnamask_plugins.pretrain.folder import IDENTITY_FILE
from dnamask_plugins.pretrain.identity import differences, told

FORMAT: Final = 2
_MACHINE: Final = ("dnamask_plugins", "python", "libraries", "platform", "processor", "threads", "gpus")


@dataclass(frozen=True)
class Sessions:
    """Which process made which steps of a run.

    Attributes
    ----------
    identity : dict
        Under which the next steps are made.
    sessions : tuple of dict
        ``from_step``, ``identity`` (its fingerprint), ``started``, ``command``, ``environment``; a step made
        by several (after a kill) counts for the last.
    changes : tuple of dict
        ``step``, ``what``, ``before``, ``now``: what a person changed and let pass.
    """

    identity: dict[str, Any]
    sessions: tuple[dict[str, Any], ...] = ()
    changes: tuple[dict[str, Any], ...] = field(default=())

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the identity."""
        return fingerprint(self.identity)

    def write(self, folder: Path) -> None:
        """Write ``identity.json``."""
        document = {"format": FORMAT, "fingerprint": self.fingerprint, **self.to_json()}
        write_json(folder / IDENTITY_FILE, document)

    def to_json(self) -> dict[str, Any]:
        """Return what ``identity.json`` and ``run.json`` hold."""
        return {
            "identity": self.identity,
            "sessions": list(self.sessions),
            "changes": list(self.changes),
        }

    def opened(self, step: int) -> Sessions:
        """Return these sessions with one more, of this process, that begins at a step."""
        session = {
            "from_step": step,
            "identity": self.fingerprint,
            "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "command": command_line(),
            "environment": environment(),
        }
        # What was made beyond this step is made again.
        before = tuple(each for each in self.sessions if each["from_step"] < step)
        return replace(self, sessions=(*before, session))


def sessions_of(output: Path, identity: dict[str, Any], step: int | None, anyway: bool) -> Sessions:
    """Return the sessions of the run that goes on in a folder, this one included.

    Parameters
    ----------
    output : Path
    identity : dict
        Of the run that was asked for.
    step : int or None
        Of the checkpoint to go on from; None for a new run.
    anyway : bool
        Go on although the identity differs; the record says so.

    Raises
    ------
    ConfigError
        The run in the folder is another one, or cannot be known.
    """
    if step is None:
        return Sessions(identity).opened(0)
    before, why_unknown = _read(output / IDENTITY_FILE)
    if before is None:
        if not anyway:
            raise ConfigError(
                f"{output / IDENTITY_FILE} {why_unknown}, so that nobody can say under which settings "
                f"checkpoint-{step} was made: put it back, or pass --resume-anyway, which marks the record"
            )
        unknown = {"step": step, "what": "identity", "before": "unknown", "now": fingerprint(identity)}
        return Sessions(identity, changes=(unknown,)).opened(step)
    found = differences(before.identity, identity)
    if found and not anyway:
        raise ConfigError(
            f"the run in {output} is another one: {told(found)}; go on with what it was made with, choose "
            "another --output, or pass --resume-anyway, which marks the record"
        )
    changes = tuple({"step": step, "what": name, "before": old, "now": new} for name, old, new in found)
    opened = Sessions(identity, before.sessions, before.changes + changes).opened(step)
    _say_other_machine(opened)
    return opened


def _read(path: Path) -> tuple[Sessions | None, str]:
    try:
        document = parse_json(path.read_bytes())
        if not isinstance(document, dict):
            return None, "is damaged"
        if "identity" not in document and "fingerprint" in document:
            return None, "was written by a version that kept a fingerprint alone"
        identity = document["identity"]
        if fingerprint(identity) != document["fingerprint"]:
            return None, "was changed by hand"
        return Sessions(identity, tuple(document["sessions"]), tuple(document["changes"])), ""
    except FileNotFoundError:
        return None, "is missing"
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None, "is damaged"


def _say_other_machine(sessions: Sessions) -> None:
    """Say that libraries or hardware are others: allowed, but the last bits may differ."""
    if len(sessions.sessions) < 2:
        return
    before, now = ({key: each["environment"].get(key) for key in _MACHINE} for each in sessions.sessions[-2:])
    found = differences(before, now)
    if found:
        note = (
            f"other software or hardware than before: {told(found)}; the last bits of the numbers may differ"
        )
        terminal.console(stderr=True, soft_wrap=True).print(note)
