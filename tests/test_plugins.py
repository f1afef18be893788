"""Discovery and loading, on fake distributions written to disk as pip leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dnamask_plugins import plugins, registry_index
from dnamask_plugins.errors import ConfigError, PluginError
from dnamask_plugins.plugins import first_use, loading

pytestmark = pytest.mark.filterwarnings("ignore::dnamask_plugins.plugins.PluginWarning")

GOOD = """
    class Plugin:
        name = "acme.good"
        def select(self, batch, key, budget): return ~batch.special_tokens_mask
        def to_config(self): return {"name": self.name}
        @classmethod
        def from_config(cls, config): return cls()
"""

Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder on the path, and nothing remembered before or after."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first_use._MET.clear()
    plugins.forget()
    yield tmp_path
    plugins.forget()
    for name in [name for name in sys.modules if name.startswith("fake_")]:
        del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Write a distribution: metadata, entry points and one module."""

    def write(
        distribution: str,
        name: str,
        code: str = GOOD,
        *,
        version: str = "1.2.3",
        kind: str = "strategies",
        value: str | None = None,
    ) -> None:
        module = "fake_" + distribution.replace("-", "_")
        (site / f"{module}.py").write_text(textwrap.dedent(code))
        folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (folder / "entry_points.txt").write_text(
            f"[dnamask.{kind}]\n{name} = {value or module + ':Plugin'}\n"
        )
        plugins.forget()

    return write


def refuse(name: str, kind: str = "strategies") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", plugins.PluginWarning)
        with pytest.raises(PluginError) as caught:
            plugins.create(kind, name)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_built_ins_come_from_entry_points_alone() -> None:
    for kind in plugins.KINDS:
        assert plugins.discover(kind), kind
    source = "".join(path.read_text() for path in Path(plugins.__file__).parent.glob("*.py"))
    assert "random_token" not in source
    assert "genemask" not in source


def test_a_strangers_plugin_is_listed_and_built(install: Install) -> None:
    install("acme-plugins", "acme.good")
    found = plugins.info("strategies", "acme.good")
    assert (found.origin, found.status) == ("acme-plugins 1.2.3", "unregistered")
    assert "fake_acme_plugins" not in sys.modules, "listing imported the plugin"
    with pytest.warns(plugins.PluginWarning, match=r"acme-plugins 1\.2\.3.*registry does not know"):
        assert plugins.create("strategies", "acme.good").name == "acme.good"


def test_an_unregistered_distribution_is_warned_of_once(install: Install) -> None:
    install("acme-plugins", "acme.good")
    with pytest.warns(plugins.PluginWarning):
        plugins.create("strategies", "acme.good")
    plugins.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("error", plugins.PluginWarning)
        plugins.create("strategies", "acme.good")


def test_a_registered_name_from_another_distribution_is_not_trusted(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"kind": "strategies", "id": "acme.good", "distribution": "acme-plugins", "status": "verified"}
    monkeypatch.setattr(registry_index, "entries", lambda: (entry,))
    install("acme-plugins", "acme.good")
    assert plugins.info("strategies", "acme.good").status == "verified"
    with warnings.catch_warnings():
        warnings.simplefilter("error", plugins.PluginWarning)
        plugins.create("strategies", "acme.good")
    monkeypatch.setenv("DNAMASK_DISABLE", "dist:acme-plugins")
    install("acme-lookalike", "acme.good")
    assert plugins.info("strategies", "acme.good").status == "unregistered"


def test_dashes_are_underscores(install: Install) -> None:
    install("acme-plugins", "acme.two_words", GOOD.replace("acme.good", "acme.two_words"))
    assert plugins.info("strategies", "acme.two-words").name == "acme.two_words"


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Plugin(:", "SyntaxError"),
        ("Other = 1", "AttributeError"),
        ("def Plugin(): ...", "is a function, not a class"),
        ("class Plugin: name = 'acme.bad'", "is no strategy: it lacks from_config, select, to_config"),
        (GOOD.replace("acme.good", "other"), "calls itself 'other'"),
        (
            GOOD.replace("acme.good", "acme.bad") + "        api_version = 99\n",
            "API version 99, and this is 1",
        ),
        (GOOD.replace("acme.good", "acme.bad").replace("return cls()", "return cls(1)"), "TypeError"),
        (
            GOOD.replace("acme.good", "acme.bad").replace("return cls()", "return 7"),
            "lacks from_config, name, select, to_config",
        ),
    ],
)
def test_a_broken_plugin_is_one_error_that_names_its_owner(
    install: Install, code: str, complaint: str
) -> None:
    install("bad-dist", "acme.bad", code, version="0.9")
    install("good-dist", "acme.good")
    message = refuse("acme.bad")
    assert complaint in message
    assert "strategy 'acme.bad' of bad-dist 0.9" in message
    assert plugins.load("strategies", "acme.good").name == "acme.good"
    assert "span" in plugins.discover("strategies")


def test_api_advice_says_who_must_update(install: Install) -> None:
    code = GOOD.replace("acme.good", "acme.bad")
    install("bad-dist", "acme.bad", code + "        api_version = 99\n")
    assert refuse("acme.bad").endswith("update dnamask-plugins")
    (tmp := Path(sys.modules["fake_bad_dist"].__file__ or "")).write_text(
        textwrap.dedent(code + "        api_version = 0\n")
    )
    del sys.modules["fake_bad_dist"]
    assert tmp.exists()
    plugins.forget()
    # A second write within the same second would be hidden by the cached bytecode.
    for cached in tmp.parent.glob("__pycache__/fake_bad*"):
        cached.unlink()
    assert refuse("acme.bad").endswith("update bad-dist")


def test_two_providers_of_a_name_are_both_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first-dist", "acme.good", version="1.0")
    install("second-dist", "acme.good", version="2.0")
    message = refuse("acme.good")
    assert "first-dist 1.0" in message
    assert "second-dist 2.0" in message
    advice = next(word for word in message.split() if word.startswith("DNAMASK_DISABLE="))
    monkeypatch.setenv(*advice.split("="))
    assert plugins.info("strategies", "acme.good").origin in ("first-dist 1.0", "second-dist 2.0")


def test_a_built_in_cannot_be_replaced_silently(install: Install) -> None:
    install("thief", "span", GOOD.replace("acme.good", "span"))
    assert "thief 1.2.3" in refuse("span")
    assert plugins.info("strategies", "genemask").distribution == "dnamask-plugins"


def test_disabling_by_name_and_by_distribution(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("acme-plugins", "acme.good")
    monkeypatch.setenv("DNAMASK_DISABLE", "span, dist:Acme_Plugins")
    assert not {"span", "acme.good"} & set(plugins.discover("strategies"))
    assert "genemask" in plugins.discover("strategies")
    assert "'acme.good' of acme-plugins 1.2.3 is switched off by DNAMASK_DISABLE" in refuse("acme.good")


def test_a_plugin_that_hangs_is_given_up(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("slow-dist", "acme.slow", "import time\ntime.sleep(60)")
    monkeypatch.setenv("DNAMASK_IMPORT_LIMIT", "0.2")
    assert "importing it took over 0.2 s" in refuse("acme.slow")
    monkeypatch.setenv("DNAMASK_IMPORT_LIMIT", "soon")
    with pytest.raises(ConfigError, match="give seconds"):
        plugins.load("strategies", "acme.slow")


def test_a_slow_plugin_works_and_is_named(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("slow-dist", "acme.good", "import time\ntime.sleep(0.05)\n" + textwrap.dedent(GOOD))
    monkeypatch.setattr(loading, "SLOW_IMPORT_SECONDS", 0.01)
    with pytest.warns(plugins.PluginWarning, match=r"of slow-dist 1\.2\.3 took 0\.\d s to import"):
        assert plugins.create("strategies", "acme.good")


def test_damaged_metadata_hides_only_its_own_plugins(install: Install, site: Path) -> None:
    install("acme-plugins", "acme.good")
    folder = site / "torn-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: torn\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_bytes(b"[dnamask.strategies]\nbad = \xff\xfe\n")
    plugins.forget()
    assert {"acme.good", "span"} <= set(plugins.discover("strategies"))
    assert any("torn-1.0.dist-info cannot be listed" in line for line in plugins.problems())


def test_a_value_that_is_no_object_reference(install: Install) -> None:
    install("bad-dist", "acme.bad", value="not a module")
    assert "not of the form 'module:object'" in refuse("acme.bad")


def test_a_group_that_does_not_exist_is_reported(install: Install) -> None:
    install("bad-dist", "acme.good", kind="strategy")
    assert any("'dnamask.strategy'" in line and "bad-dist 1.2.3" in line for line in plugins.problems())


def test_the_same_distribution_twice_on_the_path_is_one(
    install: Install, site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-plugins", "acme.good")
    second = tmp_path_factory.mktemp("second") / "acme_plugins-0.1.dist-info"
    second.mkdir()
    for file in (site / "acme_plugins-1.2.3.dist-info").iterdir():
        (second / file.name).write_text(file.read_text().replace("1.2.3", "0.1").replace("acme-", "Acme."))
    monkeypatch.syspath_prepend(str(second.parent))
    monkeypatch.syspath_prepend(str(site))
    plugins.forget()
    assert plugins.info("strategies", "acme.good").version == "1.2.3"


def test_unknown_names_get_a_suggestion() -> None:
    assert "did you mean 'genemask'?" in refuse("gene_mask")
    assert "known: " in refuse("zzzz")


def test_a_registered_plugin_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"kind": "strategies", "id": "acme.far", "distribution": "acme-far", "status": "experimental"}
    monkeypatch.setattr(registry_index, "entries", lambda: (entry,))
    assert refuse("acme.far") == "strategy 'acme.far' is not installed; pip install acme-far"


def test_a_configuration_without_a_name() -> None:
    with pytest.raises(ConfigError, match="needs a name"):
        plugins.create("strategies", {"k": 6})


@pytest.mark.parametrize("word", ["strategy", "strategies", "Strategy"])
def test_kinds_go_by_both_numbers(word: str) -> None:
    assert plugins.kind_of(word) == "strategies"
    with pytest.raises(PluginError, match="did you mean 'strategy'"):
        plugins.kind_of("stratgy")


LIGHT = {
    *("typer", "click", "rich", "pydantic", "pydantic_core", "annotated_types", "typing_inspection", "attr"),
    *(
        "annotated_doc",
        "typing_extensions",
        "shellingham",
        "pygments",
        "markdown_it",
        "mdurl",
        "colorama",
        "tomli",
    ),
}
"""What typer and rich are made of, or look for."""


@pytest.mark.parametrize("command", ["list", "--help"])
def test_listing_and_help_import_the_command_line_and_nothing_else(
    command: str, install: Install, site: Path
) -> None:
    """What is imported, and no time: that depends on the machine and on the version of typer."""
    install("acme-plugins", "acme.good", "raise RuntimeError('listing must not import me')")
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from dnamask_plugins.cli import main\n"
        f"try: main([{command!r}])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), *sys.path]), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "acme.good" in done.stdout or command != "list"
    imported = {name.partition(".")[0] for name in done.stderr.split() if not name.startswith("_")}
    assert imported - sys.stdlib_module_names - LIGHT == {"dnamask_plugins"}
