"""Whatever comes from a stranger is data: it runs no code, and its names stay inside their folder."""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
import torch
from syntax import nodes_of

import dnamask_plugins
from dnamask_plugins.errors import ConfigError, DnamaskError, InputError
from dnamask_plugins.files import safe_name
from dnamask_plugins.harness.download import download
from dnamask_plugins.models.source import find_source
from dnamask_plugins.models.weights import read_weights
from dnamask_plugins.tasks import Task, fewshot, gue, gue_plus

PACKAGE = Path(dnamask_plugins.__file__).parent
# The conformance kit pickles plugins and sends functions to processes of its own; it reads nobody's file.
PICKLE_ALLOWED = {"testing/common.py", "testing/fresh_process.py", "models/weights.py"}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Yield every call in the package with its file and what is called, as written."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in nodes_of(path):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(PACKAGE)), node, ast.unparse(node.func)


def test_no_pickle_is_ever_loaded_but_weights_only() -> None:
    loads = []
    for file, node, name in calls():
        if name in ("torch.load", "load") and name.startswith("torch"):
            loads.append(file)
            keywords = {each.arg: ast.unparse(each.value) for each in node.keywords}
            assert keywords.get("weights_only") == "True", f"{file}:{node.lineno}"
        unsafe = (
            "pickle.load",
            "marshal.load",
            "joblib.load",
            "shelve.open",
            "dill.load",
            "cloudpickle.load",
        )
        assert not name.startswith(unsafe) or file in PICKLE_ALLOWED, f"{file}:{node.lineno}: {name}"
        if name in ("np.load", "numpy.load"):
            assert not any(each.arg == "allow_pickle" for each in node.keywords), f"{file}:{node.lineno}"
        assert name not in ("eval", "exec", "os.system", "yaml.load"), f"{file}:{node.lineno}: {name}"
        assert not any(each.arg == "shell" for each in node.keywords), f"{file}:{node.lineno}"
    assert loads == ["models/weights.py"]


def test_pickle_is_imported_only_where_it_is_accounted_for() -> None:
    importers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in nodes_of(path):
            names = (
                [each.name for each in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            )
            module = getattr(node, "module", "") if isinstance(node, ast.ImportFrom) else ""
            if {"pickle", "dill", "cloudpickle", "joblib"} & {*names, module}:
                importers.add(str(path.relative_to(PACKAGE)))
    assert importers <= PICKLE_ALLOWED


def test_code_beside_a_model_is_never_trusted() -> None:
    """Nor is it left to transformers, which asks on the terminal when it is not told."""
    told = 0
    for file, node, name in calls():
        keywords = {each.arg: ast.unparse(each.value) for each in node.keywords}
        if name.startswith(("Auto", "transformers.Auto", "getattr(transformers")) and "from_" in name:
            assert keywords.get("trust_remote_code") == "False", f"{file}:{node.lineno}: {name}"
            told += 1
        assert keywords.get("trust_remote_code", "False") == "False", f"{file}:{node.lineno}: {name}"
    assert told >= 3


def test_no_archive_is_unpacked() -> None:
    for file, node, name in calls():
        assert not name.endswith((".extractall", ".extract", "unpack_archive")), (
            f"{file}:{node.lineno}: {name}"
        )


class Evil:
    """Runs code when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_weights_that_would_run_code_are_refused(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "proof"
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Evil(proof)}, protocol))
    with pytest.raises(InputError):
        read_weights(find_source(str(model)))
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(2), "other": Evil(proof)}, buffer)
    (model / "pytorch_model.bin").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match="could run code"):
        read_weights(find_source(str(model)))
    assert not proof.exists()


def test_an_index_of_shards_reads_no_file_elsewhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret.safetensors"
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(2)}, secret)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    index = {"weight_map": {"weight": "../secret.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="missing"):
        read_weights(find_source(str(model)))


def test_a_model_with_code_of_its_own_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose configurations name classes in a Python file beside them, and a user who says yes."""
    from dnamask_plugins.harness.model_source import ModelSource
    from dnamask_plugins.models.loading import load_masked_lm
    from dnamask_plugins.plugins import create
    from dnamask_plugins.tokenizers.loading import load_tokenizer

    proof = tmp_path / "proof"
    (tmp_path / "modeling_evil.py").write_text(f"import os\nos.mkdir({str(proof)!r})\n")
    classes = ("AutoConfig", "AutoModelForMaskedLM", "AutoModelForSequenceClassification")
    config = {"model_type": "evil", "auto_map": dict.fromkeys(classes, "modeling_evil.Evil")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"auto_map": {"AutoTokenizer": ["modeling_evil.Evil", "modeling_evil.Evil"]}})
    )
    asked: list[object] = []
    monkeypatch.setattr("builtins.input", lambda *question: asked.append(question) or "y")
    for use in (
        lambda: load_tokenizer(tmp_path),
        lambda: ModelSource.find(str(tmp_path)).tokenizer,
        lambda: load_masked_lm(str(tmp_path), create("tokenizers", "kmer")),
    ):
        with pytest.raises(DnamaskError):
            use()
    assert not asked
    assert not proof.exists()


HOSTILE_NAMES = (
    "../../etc/passwd", "/etc/passwd", "..", ".", "", "a/../../b", "a//b", ".hidden/x", "a\0b", "a\\..\\b",
    "C:\\x", "~/x", "$(touch x)", "a\nb", "-rf", "con", "x" * 5000, "\u202egnp", "a/./b",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: repr(name)[:20])
def test_no_name_becomes_a_path_outside(tmp_path: Path, name: str) -> None:
    made = safe_name(name)
    assert made
    assert made not in (".", "..")
    assert "/" not in made
    assert "\\" not in made
    assert (tmp_path / made).resolve().parent == tmp_path.resolve()
    assert len(made) <= 64
    if name in ("con", "-rf", "x" * 5000):  # strange, but inside
        assert Task(name, "toy", "mcc").name == name
    else:
        with pytest.raises(ConfigError, match="rename it"):
            Task(name, "toy", "mcc")


def test_every_shipped_task_keeps_the_rule() -> None:
    assert len({task.name for task in (*gue(), *gue_plus(), *fewshot())}) > 50


def test_a_download_writes_below_its_folder_only(tmp_path: Path) -> None:
    class Rows:
        column_names = ("sequence", "label")

        def __getitem__(self, name: str) -> list[object]:
            return ["ACGT"] if name == "sequence" else [0]

    task = Task("EMP/H3", "toy", "mcc", hub="a/b", hub_config="../../x")
    results = list(download([task], tmp_path / "inside", dataset="a/b", loader=lambda *_: Rows()))
    assert {each.status for each in results} == {"fetched"}
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} == {"inside"}


def test_a_zip_in_the_place_of_a_genome_is_not_opened(tmp_path: Path) -> None:
    from dnamask_plugins.corpus.fasta import read_fasta

    path = tmp_path / "genome.fa"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside", "x")
    with pytest.raises(DnamaskError, match="zip archive"):
        list(read_fasta(path))
    assert [each.name for each in tmp_path.iterdir()] == ["genome.fa"]


def test_an_unverified_distribution_is_named_on_first_use(tmp_path: Path, warm_python: Path) -> None:
    """As a user meets it: one warning line, once, and the plugin works."""
    metadata = tmp_path / "acme_dna-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-dna\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[dnamask.strategies]\nacme.one = stranger:One\nacme.two = stranger:Two\n"
    )
    (tmp_path / "stranger.py").write_text(
        "from dnamask_plugins.strategies.span import Span\n"
        "class One(Span): name = 'acme.one'\nclass Two(Span): name = 'acme.two'\n"
    )
    code = (
        "from dnamask_plugins.plugins import create\n"
        "for name in ('acme.one', 'acme.two', 'acme.one', 'span'): create('strategies', name)\n"
    )
    environment = {**tiny.ENVIRONMENT, "PYTHONPATH": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    for said in (1, 0):  # once for a user, not once for a process
        done = subprocess.run(
            [warm_python, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr.count("running code of acme-dna 1.0") == said
    # Code of one's own, installed with pip install -e, is nothing to be warned of.
    (metadata / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    environment["XDG_STATE_HOME"] = str(tmp_path / "another")
    done = subprocess.run(
        [warm_python, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "running code" not in done.stderr
