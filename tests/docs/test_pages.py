"""Every page is followed as it stands: files written, commands run, programs executed."""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
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


SMALL = {
    "dnamask pretrain": "--max-steps 2 --eval-steps 2 --batch-size 2 --accumulation 1 "
    "--set validation.windows=4 --set windows.full_length=64 --set windows.min_length=32 "
    "--set validation.length=64",
    "dnamask pretrain --backbone dnabert2": "--set model.hidden_size=16 --set model.num_hidden_layers=1 "
    "--set model.num_attention_heads=2 --set model.intermediate_size=32",
    "dnamask gue run": "--set max_steps=2",
    "dnamask finetune": "--set max_steps=2",
}
"""What is added to commands that would take hours; they stand on the page as people type them."""


def made_small(command: str) -> str:
    return " ".join([command, *(more for start, more in SMALL.items() if command.startswith(start))])


def follow(page: str, folder: Path, shell: Callable[..., Any] | None, skipped: list[str]) -> dict[str, str]:
    """Run the blocks of a page in order; its Python programs share their names, as in a notebook.

    Returned is what each command wrote, the last time that it was run.
    """
    said: dict[str, str] = {}
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
                small = block.argument("run") == "small"
                said[command] = shell(made_small(command) if small else command).stdout
        elif block.language == "python":
            code = compile("\n" * block.line + block.text, str(ROOT / page), "exec")
            exec(code, names)
    names.clear()  # a loader that is left to the garbage collector waits five seconds for each of its workers
    return said


def test_the_tutorial(folder: Path, shell: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    said = follow("docs/how-to/add-a-strategy.md", folder, shell, [])
    assert (folder / "model-2" / "run.json").is_file()
    assert "registry/strategies/acme.cpg.toml" in said["dnamask check acme.cpg"]


def test_the_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    skipped: list[str] = []
    follow("docs/how-to/other-trainers.md", tmp_path, None, skipped)
    assert (tmp_path / "trainer-model").is_dir()
    if skipped:
        pytest.skip(f"all but the part that needs {', '.join(skipped)}")


GENOME = {"fasta.gz": ["genome.fa.gz"]}
CORPUS = {"corpus": ["corpus"]}
FOLDERS: dict[str, dict[str, list[str]]] = {
    "README.md": GENOME,
    "docs/start/masking.md": {},
    "docs/start/quickstart.md": GENOME,
    "docs/explanation/released-fault.md": {},
    "docs/how-to/add-other-plugins.md": {},
    "docs/how-to/continue-a-checkpoint.md": {"dnabert2 on the hub": ["zhihan1996/DNABERT-2-117M@main"]},
    "docs/how-to/models-of-others.md": CORPUS
    | {"model": ["runs/gems"], "model on the hub": ["owner/name@v2"]}
    | {"megatron": ["megatron"], "fasta": ["genome.fa"]},
    "docs/how-to/pretrain.md": {},
    "docs/how-to/run-gue.md": {"model": ["model"], "gue": ["GUE"]},
    "docs/how-to/several-gpus.md": CORPUS | {"settings": ["run.toml"]},
    "docs/how-to/spelled-start-and-nucleotide-loss.md": CORPUS | {"table": ["table.safetensors"]},
    "docs/how-to/stop-and-go-on.md": CORPUS | {"settings": ["run.toml"]},
    "docs/how-to/submit-a-result.md": {"model": ["MODEL"], "gue": ["GUE"]}
    | {"published": ["figures.csv"], "repository": ["registry"]},
    "docs/how-to/train-a-tokenizer.md": {},
}
"""Pages that are followed from the first command to the last, and what lies in the folder before."""


@pytest.mark.parametrize("page", FOLDERS, ids=lambda page: Path(page).stem)
def test_page(
    page: str,
    folder: Path,
    shell: Callable[..., Any],
    put: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    for kind, names in FOLDERS[page].items():
        put(kind, names)
    follow(page, folder, shell, [])


def test_every_page_with_commands_is_followed() -> None:
    """Or says of each block that it is not, which then is parsed at least."""
    others = {"docs/how-to/add-a-strategy.md", "docs/how-to/own-data.md", "docs/how-to/use-a-model.md"}
    for page in map(named, [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]):
        if any(block.language == "console" for block in runnable(page)):
            assert page in FOLDERS or page in others, page


def test_the_job_for_slurm(
    folder: Path, shell: Callable[..., Any], put: Callable[..., None], home: Path
) -> None:
    """With stand-ins for the two commands of Slurm, the script of the page goes on with a run."""
    (script,) = [block for block in blocks_of(ROOT / "docs/how-to/several-gpus.md") if block.argument("file")]
    (folder / "job.sh").write_text(script.text)
    put("settings", ["run.toml"])
    put("corpus", ["corpus"])
    for name, text in (("scontrol", "echo node1; echo node2"), ("srun", 'exec "$@"')):
        (home / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (home / "bin" / name).chmod(0o755)
    shell("SLURM_NNODES=2 SLURM_JOB_ID=7 SLURM_JOB_NODELIST=node[1-2] bash job.sh")
    assert (folder / "model" / "run.json").is_file()


def test_a_changed_run_is_refused_as_the_page_says(
    folder: Path, shell: Callable[..., Any], put: Callable[..., None]
) -> None:
    (shown,) = [
        block.text for block in blocks_of(ROOT / "docs/how-to/stop-and-go-on.md") if not block.language
    ]
    put("settings", ["run.toml"])
    put("corpus", ["corpus"])
    shell("dnamask pretrain --config run.toml --max-steps 20 --eval-steps 10")
    refused = shell("dnamask pretrain --config run.toml --max-steps 40 --eval-steps 10 --resume", check=False)
    assert refused.returncode == 2
    assert refused.stderr.split() == shown.split()


def test_a_stale_command_fails(folder: Path, shell: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match=r"(?i)no such option"):
        shell("dnamask mask --strategy span --tokeniser kmer --sequence ACGTACGTACGT")
    with pytest.raises(AssertionError, match="no such folder"):
        shell("dnamask pretrain --backbone bert-tiny --strategy span --corpus corpus -o model")


def test_own_data(
    folder: Path, shell: Callable[..., Any], put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    put("model", ["MODEL"])
    put("rows", ["promoters.csv"])
    put("gue", ["GUE"])
    follow("docs/how-to/own-data.md", folder, shell, [])
    assert (folder / "skew" / "report.html").is_file()
    written = [line.split("\t") for line in (folder / "skew.tsv").read_text().splitlines()]
    assert written[0] == ["name", "prediction"]
    assert len(written) == 401
    assert all(-1 < float(number) < 1 for _, number in written[1:])


def test_the_long_task_file_is_one(tmp_path: Path) -> None:
    from dnamask_plugins.tasks.task_file import load_tasks

    (text,) = [
        block.text for block in blocks_of(ROOT / "docs/how-to/own-data.md") if "[recipes.any]" in block.text
    ]
    (tmp_path / "lab.toml").write_text(text)
    (task,) = load_tasks(tmp_path / "lab.toml")
    assert task.name == "lab/promoters"


def test_use_a_model(
    folder: Path, shell: Callable[..., Any], put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    put("model", ["MODEL"])
    put("classifier", ["OUT/model"])
    sequences = [sequence for sequence, _ in labelled(2, 4)]
    fasta = "".join(f">chr{number}\n{sequence}\n" for number, sequence in enumerate(sequences))
    for name in ("SEQUENCES", "promoter.fa"):
        (folder / name).write_text(fasta)
    for name in ("genome.fa.gz", "reads.fa.gz"):
        (folder / name).write_bytes(gzip.compress(fasta.encode(), mtime=0))
    reference = sequences[0][20]
    variant = f"chrom\tpos\tref\talt\nchr0\t21\t{reference}\t{'A' if reference != 'A' else 'C'}\n"
    (folder / "variants.vcf.gz").write_bytes(gzip.compress(variant.encode(), mtime=0))
    follow("docs/how-to/use-a-model.md", folder, shell, [])
    for name in ("vectors.npz", "map.png", "scores.tsv", "mutagenesis.png", "effects.tsv"):
        assert (folder / name).stat().st_size, name
    assert len((folder / "predictions.tsv").read_text().splitlines()) == 5


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
    def not_run(command: str) -> CompletedProcess[str]:
        return CompletedProcess(command, 0, "")

    install_example("gene_rank")
    follow("examples/gene_rank/README.md", Path(os.devnull), not_run, [])


@pytest.fixture
def install_example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.syspath_prepend(str(ROOT / "examples" / name))


def test_the_lines_for_dnallm_give_its_trainer_our_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNALLM is not here; what stands in for its trainer keeps a Trainer in ``trainer``, as it does."""
    from types import ModuleType

    import torch
    from transformers import BertConfig, BertForMaskedLM, Trainer, TrainingArguments

    class DNATrainer:
        def __init__(self, model: Any, config: Any, datasets: Any, extra_args: dict[str, Any]) -> None:
            arguments = TrainingArguments(str(tmp_path), max_steps=1, report_to="none", **config | extra_args)
            self.trainer = Trainer(model, arguments, train_dataset=datasets)

        def train(self) -> None:
            self.trainer.train()

    (block,) = [
        each
        for each in blocks_of(ROOT / "docs/how-to/other-trainers.md")
        if each.language == "python" and "dnallm" in each.text
    ]
    module = ModuleType("dnallm.finetune.trainer")
    module.DNATrainer = DNATrainer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dnallm.finetune.trainer", module)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForMaskedLM(BertConfig(vocab_size=4101, **shape))
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["labels"]), with_kwargs=True
    )
    names: dict[str, Any] = {
        "model": model,
        "config": {"per_device_train_batch_size": 4},
        "datasets": [{"sequence": text, "example_id": at} for at, (text, _) in enumerate(labelled(1, 4))],
    }
    exec(compile(block.text, "other-trainers.md", "exec"), names)
    (labels,) = seen
    hidden = (labels != -100).nonzero()
    assert len(hidden)
    # A hidden nucleotide hides each of the six words that show it: no word is masked alone.
    assert any((row[1:] - row[:-1] == torch.tensor([0, 1])).all() for row in [hidden[:2]])
