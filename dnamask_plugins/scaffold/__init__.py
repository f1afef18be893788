"""A new plugin as a complete package: entry point, working example, test, README and CI.

Public: `write_package`. May import values and `kinds`; the templates are data.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dnamask_plugins.errors import ConfigError, InputError, PluginError
from dnamask_plugins.plugins import SINGULAR, discover, kind_of, normalize

TEMPLATES: Final = Path(__file__).with_name("templates")
_NAME: Final = re.compile(r"([a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class PluginName:
    """The names that follow from a plugin's name.

    Examples
    --------
    >>> name = PluginName("strategies", "acme.motif_span")
    >>> name.distribution, name.module, name.class_name
    ('acme-motif-span', 'acme_motif_span', 'MotifSpan')
    """

    kind: str
    plugin: str

    @property
    def singular(self) -> str:
        """One of the kind."""
        return SINGULAR[self.kind]

    @property
    def bare(self) -> str:
        """The name without its vendor prefix."""
        return self.plugin.rpartition(".")[2]

    @property
    def distribution(self) -> str:
        """What pip installs, and the folder."""
        return self.module.replace("_", "-")

    @property
    def module(self) -> str:
        """What Python imports."""
        return self.plugin.replace(".", "_") if "." in self.plugin else f"dnamask_{self.plugin}"

    @property
    def class_name(self) -> str:
        """The class."""
        return "".join(word.capitalize() for word in self.bare.split("_") if word)

    @property
    def object(self) -> str:
        """What the entry point names: a class, a backbone, or the function that returns tasks."""
        return {"backbones": self.bare.upper(), "tasks": self.bare}.get(self.kind, self.class_name)


def write_package(kind: str, name: str, parent: Path) -> Path:
    """Write the package of a new plugin and return its folder.

    Parameters
    ----------
    kind : str
        strategy, curriculum, tokenizer, backbone or task.
    name : str
        Lower_snake, with a vendor prefix and a dot if it is to be published: ``acme.motif_span``.
    parent : Path
        Where the folder goes.

    Raises
    ------
    ConfigError
        The name cannot be used.
    PluginError
        The kind does not exist, or the name is taken by an installed plugin.
    InputError
        The folder exists, or cannot be written.
    """
    names = PluginName(kind_of(kind), normalize(name))
    if not _NAME.fullmatch(names.plugin):
        raise ConfigError(f"'{name}' is no plugin name; write lower case, as in acme.motif_span")
    taken = discover(names.kind).get(names.plugin)
    if taken:
        raise PluginError(f"{taken[0].title} exists already, in {taken[0].origin}; choose another name")
    target = parent / names.distribution
    if target.exists():
        raise InputError(f"{target}: exists already; choose another name, or another folder with -o")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{names.distribution}-", dir=parent))
        try:
            _render(names, draft)
            draft.chmod(0o755)
            draft.rename(target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(
            f"{target}: cannot be written: {error.strerror}; choose another folder with -o"
        ) from None
    return target


def _render(names: PluginName, folder: Path) -> None:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # The templates make Python, TOML and Markdown, not HTML, and every value is a checked identifier.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    for template, path in _layout(names).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(environment.get_template(template).render(name=names), encoding="utf-8")


def _layout(names: PluginName) -> dict[str, str]:
    return {
        "pyproject.toml.j2": "pyproject.toml",
        "README.md.j2": "README.md",
        "gitignore.j2": ".gitignore",
        "ci.yml.j2": ".github/workflows/tests.yml",
        "init.py.j2": f"{names.module}/__init__.py",
        f"{names.singular}.py.j2": f"{names.module}/{names.singular}.py",
        "test.py.j2": f"tests/test_{names.bare}.py",
    }
