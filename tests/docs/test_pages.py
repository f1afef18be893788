"""Every page is followed as it stands: files written, commands run, programs executed."""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from fenced_blocks import Block, blocks_of
from toy_data import labelled

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("examples/*/README.md")])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def runnable(page: str) -> list[Block]:
    return [block for block in blocks_of(ROOT / page) if block.argument("run") != "no"]


def follow(page: str, folder: Path, shell: Callable[..., Any] | None, skipped: list[str]) -> None:
    """Run the blocks of a page in order; its Python programs share their names, as in a notebook."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in runnable(page):
        module, file = block.argument("needs"), block.argument("file")
        if module and importlib.util.find_spec(module) is None:
            skipped.append(module)
        elif file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(block.text)
        elif block.language == "console":
            assert shell is not None, f"{page}:{block.line} has commands"
            for command in block.commands:
                shell(command)
        elif block.language == "python":
            code = compile("\n" * block.line + block.text, str(ROOT / page), "exec")
            exec(code, names)


def test_the_tutorial(folder: Path, shell: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    follow("docs/how-to/add-a-strategy.md", folder, shell, [])
    assert (folder / "model-2" / "run.json").is_file()
    checked = shell("dnamask check acme.cpg").stdout
    assert "registry/strategies/acme.cpg.toml" in checked


def test_the_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    skipped: list[str] = []
    follow("docs/how-to/other-trainers.md", tmp_path, None, skipped)
    assert (tmp_path / "trainer-model").is_dir()
    if skipped:
        pytest.skip(f"all but the part that needs {', '.join(skipped)}")


@pytest.mark.parametrize(
    "page", ["pretrain", "continue-a-checkpoint", "train-a-tokenizer", "add-other-plugins"]
)
def test_how_to(page: str, folder: Path, shell: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    follow(f"docs/how-to/{page}.md", folder, shell, [])


def test_own_data(
    tiny_model: Path, folder: Path, shell: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a small model called MODEL the example is followed to the letter."""
    monkeypatch.chdir(folder)
    shutil.copytree(tiny_model, folder / "MODEL")
    follow("docs/how-to/own-data.md", folder, shell, [])
    assert (folder / "skew" / "report.html").is_file()
    written = [line.split("\t") for line in (folder / "skew.tsv").read_text().splitlines()]
    assert written[0] == ["name", "prediction"]
    assert len(written) == 401
    assert all(-1 < float(number) < 1 for _, number in written[1:])


def test_use_a_model(
    tiny_model: Path, folder: Path, shell: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    shutil.copytree(tiny_model, folder / "MODEL")
    classifier_of(folder / "MODEL", folder / "OUT" / "model")
    sequences = [sequence for sequence, _ in labelled(2, 4)]
    fasta = "".join(f">chr{number}\n{sequence}\n" for number, sequence in enumerate(sequences))
    for name in ("SEQUENCES", "promoter.fa"):
        (folder / name).write_text(fasta)
    (folder / "genome.fa.gz").write_bytes(gzip.compress(fasta.encode(), mtime=0))
    reference = sequences[0][20]
    variant = f"chrom\tpos\tref\talt\nchr0\t21\t{reference}\t{'A' if reference != 'A' else 'C'}\n"
    (folder / "variants.vcf.gz").write_bytes(gzip.compress(variant.encode(), mtime=0))
    follow("docs/how-to/use-a-model.md", folder, shell, [])
    for name in ("predictions.tsv", "vectors.npz", "map.png", "scores.tsv", "mutagenesis.png", "effects.tsv"):
        assert (folder / name).stat().st_size, name
    assert len((folder / "predictions.tsv").read_text().splitlines()) == 5


def classifier_of(base: Path, folder: Path) -> None:
    """Save a model with an untrained head, as a fine-tuning does."""
    from dnamask_plugins.models.loading import load_classifier
    from dnamask_plugins.tokenizers.export import save_pretrained
    from dnamask_plugins.tokenizers.loading import load_tokenizer

    tokenizer = load_tokenizer(base)
    model, _ = load_classifier(base, tokenizer, 2, seed=1)
    model.save_pretrained(folder)
    save_pretrained(tokenizer, folder)


GENERATED = {"cli.md", "settings.md", "plugins.md", "records.md"}
"""Pages that building the site makes."""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        made = Path(target).name in GENERATED and Path(target).parent.name in ("reference", "")
        assert made or (page.parent / target).exists(), f"{named(page)} links to {target}"


COMMANDS = [
    (f"{named(page)}:{block.line}", command)
    for page in PAGES
    for block in blocks_of(page)
    if block.language == "console"
    for command in block.commands
    if "dnamask" in command
]


@pytest.mark.parametrize(
    ("place", "command"), COMMANDS, ids=[f"{place} {text[:40]}" for place, text in COMMANDS]
)
def test_commands_and_their_options_exist(place: str, command: str) -> None:
    """Parsed and not run: also where a page needs hours, or data that is not here."""
    from dnamask_plugins.cli import app

    root = typer.main.get_command(app)
    for part in command.split("&&"):
        words = shlex.split(part.replace("torchrun --nproc-per-node 2 -m dnamask_plugins", "dnamask"))
        if words[0] != "dnamask":
            continue
        parse(root, [word for word in words[1:] if word != "..."], place)


# typer brings its own copy of click in newer versions, and uses the library in older ones.
UsageError: type[Any] = typer.BadParameter.__mro__[1]


def parse(command: Any, arguments: list[str], place: str) -> None:
    try:
        context = command.make_context(command.name or "dnamask", list(arguments))
    except UsageError as error:
        # Abbreviated examples lack arguments, and paths need not exist here; options and commands must.
        if type(error).__name__ != "MissingParameter" and "does not exist" not in error.message:
            pytest.fail(f"{place}: {error.message}")
        return
    if hasattr(command, "get_command"):
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if rest:
            found = command.get_command(context, rest[0])
            assert found is not None, f"{place}: no command '{rest[0]}'"
            parse(found, rest[1:], place)


@pytest.mark.parametrize("command", ["estimate --corpus corpus", "gue walk", "corpus build --fastas x"])
def test_a_command_that_is_not_there_is_seen(command: str) -> None:
    from dnamask_plugins.cli import app

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        parse(typer.main.get_command(app), command.split(), "here")


def test_blocks_of_readme_that_load_a_model_are_the_tutorials() -> None:
    """The README's program is the beginning of one that the tutorial runs."""
    tutorial = "".join(block.text for block in runnable("docs/how-to/add-a-strategy.md"))
    for block in blocks_of(ROOT / "README.md"):
        if block.language == "python":
            assert all(line in tutorial for line in block.text.splitlines()), block.text


def test_examples_of_gene_rank_run(install_example: Callable[[str], None]) -> None:
    install_example("gene_rank")
    follow("examples/gene_rank/README.md", Path(os.devnull), lambda command: None, [])


@pytest.fixture
def install_example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.syspath_prepend(str(ROOT / "examples" / name))
