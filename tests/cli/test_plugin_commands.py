"""list, info, search, check and new, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dnamask_plugins import plugins, registry_index
from dnamask_plugins.cli import main
from dnamask_plugins.testing import CHECKS


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    code = end.value.code
    return (int(code) if code is not None else 0), out, err


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.parametrize("word", ["strategies", "strategy"])
def test_list_one_kind(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("list", word, capsys=capsys)
    assert code == 0
    assert "genemask" in out
    assert "verified" in out
    assert "kmer" not in out


def test_list_names_what_cannot_be_listed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "torn-1.0.dist-info"
    folder.mkdir()
    (folder / "entry_points.txt").write_bytes(b"[dnamask.strategies]\n\xff")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    code, out, err = run("list", "--json", capsys=capsys)
    plugins.forget()
    assert code == 0
    assert len(json.loads(out)) > 20
    assert "warning: the plugins of torn-1.0.dist-info cannot be listed" in err


def test_list_shows_a_name_that_two_provide(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "thief-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: thief\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[dnamask.strategies]\nspan = thief:Span\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    _, out, _ = run("list", "strategies", capsys=capsys)
    plugins.forget()
    assert out.count("provided twice") == 2


def test_a_kind_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("list", "stratagems", capsys=capsys)
    assert code == 2
    assert "did you mean" in err
    assert len(err.splitlines()) == 1


def test_info_has_parameters_defaults_origin_and_reference(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("info", "cm-gems", capsys=capsys)
    assert code == 0
    for word in (
        "threshold",
        "1.0",
        "patience",
        "dnamask-plugins",
        "arXiv 2408.07180",
        "verified",
        "Apache-2.0",
    ):
        assert word in out


def test_info_shows_every_kind_of_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run("info", "logo", capsys=capsys)
    assert "(tokenizer)" in out
    assert "(backbone)" in out
    _, out, _ = run("info", "logo", "--kind", "tokenizer", capsys=capsys)
    assert "(backbone)" not in out


def test_info_on_every_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in plugins.KINDS:
        for name in plugins.discover(kind):
            code, out, err = run("info", name, "--kind", kind, capsys=capsys)
            assert code == 0, (name, err)
            assert len(out.splitlines()) >= 4, name


def test_info_on_what_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {
        "kind": "strategies",
        "id": "acme.far",
        "summary": "Far [bold]away[/]",
        "distribution": "acme-far",
        "entry_point": "acme_far:Far",
        "licence": "MIT",
        "reference": "",
        "status": "experimental",
    }
    monkeypatch.setattr(registry_index, "entries", lambda: (entry,))
    code, out, _ = run("info", "acme.far", capsys=capsys)
    assert code == 0
    assert "pip install acme-far" in out
    assert "Far [bold]away[/]" in out, "text from the registry is no markup"
    _, out, _ = run("search", "far", capsys=capsys)
    assert "pip install acme-far" in out


@pytest.mark.parametrize("command", ["info", "check"])
def test_a_name_that_does_not_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(command, "genemsk", capsys=capsys)
    assert code == 2
    assert "did you mean 'genemask'?" in err


def test_search(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("search", "arXiv", "2408.07180", "--json", capsys=capsys)
    assert code == 0
    assert {entry["id"] for entry in json.loads(out)} == {"cm_gems", "cm_step", "global_npmi"}
    code, _, err = run("search", "nothing", "of", "the", "kind", capsys=capsys)
    assert code == 1
    assert "dnamask list" in err


def test_check_prints_every_promise_and_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("check", "constant", "--set", "strategy=span", capsys=capsys)
    assert code == 0
    assert out.count("passed") >= 14
    assert "registry/curricula/constant.toml" in out


def test_check_fails_with_what_came(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "leaky-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: leaky\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[dnamask.strategies]\ntest.leaky = leaky:Leaky\n")
    (tmp_path / "leaky.py").write_text(
        "from dnamask_plugins.strategies.random_token import RandomToken\n"
        "class Leaky(RandomToken):\n"
        "    name, hides_nucleotides = 'test.leaky', True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    code, out, err = run("check", "test.leaky", capsys=capsys)
    plugins.forget()
    assert code == 1
    assert "nothing_leaks" in out
    assert "expected a hidden nucleotide in every chosen token" in out
    assert f"1 of {len(CHECKS['strategies'])} promises are not kept" in out
    assert "registry/" not in out, "what fails is not offered for registration"
    assert err == "", "that the code is unknown is why it is checked"


@pytest.mark.filterwarnings("ignore::dnamask_plugins.plugins.PluginWarning")
def test_mask_names_a_plugin_that_raises_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "faulty-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: faulty\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[dnamask.strategies]\ntest.faulty = faulty_strategy:Faulty\n")
    (tmp_path / "faulty_strategy.py").write_text(
        "from dnamask_plugins.strategies.span import Span\n"
        "class Faulty(Span):\n"
        "    name = 'test.faulty'\n"
        "    def select(self, batch, key, budget):\n"
        "        raise KeyError('a gene\\nnobody knows')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.forget()
    for more in ([], ["--report"], ["--format", "json"]):
        code, out, err = run("mask", "--strategy", "test.faulty", "-s", "ACGTACGTAC", *more, capsys=capsys)
        assert code == 2
        assert out == ""
        assert "strategy 'test.faulty' of faulty 1.0 raised KeyError: 'a gene" in err
        assert "run 'dnamask check test.faulty' and tell its author" in err
        assert "Traceback" not in err
        assert err.count("error: ") == 1
    plugins.forget()


def test_check_lends_a_table_to_a_strategy_that_needs_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("check", "genemask", "--json", capsys=capsys)
    assert code == 0
    report = json.loads(out)
    assert report["plugin"]["npmi"]["k"] == 3
    assert {"check": "takes_the_table_that_it_needs", "status": "passed", "detail": ""} in report["checks"]


def test_check_needs_to_know_which(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("check", "span", "--set", "length", capsys=capsys)
    assert code == 2
    assert "--set takes KEY=VALUE" in err


def test_new_says_what_comes_next(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run("new", "strategy", "acme.mine", "-o", str(tmp_path), capsys=capsys)
    assert code == 0
    assert f"pip install -e {tmp_path / 'acme-mine'}" in out
    assert "dnamask check acme.mine" in out
    code, _, err = run("new", "strategy", "acme.mine", "-o", str(tmp_path), capsys=capsys)
    assert code == 2
    assert "exists already" in err


def test_info_says_how_a_backbone_is_recognised_and_run(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("info", "modernbert", capsys=capsys)
    assert code == 0
    assert "packed" in out
    assert "8192 tokens" in out
    assert "model_type modernbert" in out
    code, out, _ = run("info", "deberta", capsys=capsys)
    assert "own forward pass" in out


def test_info_of_a_folder_says_what_is_recognised(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run("info", str(tiny_model), capsys=capsys)
    assert code == 0
    facts = dict(line.strip().split(maxsplit=1) for line in out.splitlines()[1:] if len(line.split()) > 1)
    assert facts["architecture"] == "BertForMaskedLM"
    assert facts["tokenizer"] == "kmer k=3, 69 tokens"
    assert facts["weights"].startswith("model.safetensors, ")
    assert facts["loss"] == "packed"
    (tmp_path / "config.json").write_text('{"model_type": "hyena", "auto_map": {"AutoConfig": "x.Config"}}')
    code, _, err = run("info", str(tmp_path), capsys=capsys)
    assert code == 2
    assert "'hyena' (custom code x.Config) is not implemented here" in err
