"""What records cannot say of each other, since they never change: which one replaces, and which one quotes.

A file ``relations.toml`` beside the records:

    [[superseded]]
    model = "study-a"
    by = "study-a r2"
    reason = "it masked 13% too much"

    [[quoted]]
    model = "DNABERT-120K"
    source = "a later paper"
    of = "DNABERT (6-mer)"
    original = "the paper that measured it"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import read_toml

FILE: Final = "relations.toml"


@dataclass(frozen=True)
class Superseded:
    """Records of one model that those of another replace."""

    model: str
    by: str
    reason: str


@dataclass(frozen=True)
class Quoted:
    """A row of a paper that repeats the figures of another: ``source`` and ``original`` are their papers."""

    model: str
    source: str
    of: str
    original: str


@dataclass(frozen=True)
class Relations:
    """All that is known, by the name of the model that is superseded or quoted."""

    superseded: Mapping[str, Superseded] = field(default_factory=dict)
    quoted: tuple[Quoted, ...] = ()

    @classmethod
    def beside(cls, paths: Iterable[Path]) -> Relations:
        """Read the files that lie in some folders of records.

        Raises
        ------
        InputError, ConfigError
            A file cannot be read, or says something else; names the file.
        """
        superseded: dict[str, Superseded] = {}
        quoted: list[Quoted] = []
        for path in (Path(each) / FILE for each in paths):
            if path.is_file():
                content = read_toml(path, "relations between records")
                for each in _tables(content, "superseded", Superseded, path):
                    superseded[each.model] = each
                quoted += _tables(content, "quoted", Quoted, path)
        return cls(superseded, tuple(quoted))

    def quotes(self, model: str, source: str) -> Quoted | None:
        """Return what a published row repeats, if anything."""
        return next((each for each in self.quoted if (each.model, each.source) == (model, source)), None)


def _tables(content: Mapping[str, Any], name: str, kind: type[Any], path: Path) -> Sequence[Any]:
    entries = content.get(name, [])
    try:
        return [kind(**{key: str(value) for key, value in each.items()}) for each in entries]
    except (TypeError, AttributeError) as error:
        wanted = ", ".join(kind.__dataclass_fields__)
        raise ConfigError(f"{path}: [[{name}]] needs {wanted} ({error}); correct it") from None
