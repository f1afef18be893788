"""What lies in the folder in which a page is followed: a small one of everything that pages name."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from harness_records import write_record
from hub_cache import put_into
from toy_data import labelled, write_csv

RUN_TOML = """
backbone = "bert-tiny"
corpus = "corpus"
output = "model"
curriculum = { name = "constant", strategy = "span" }
model = { hidden_size = 16, num_hidden_layers = 1, num_attention_heads = 2, intermediate_size = 32 }
windows = { full_length = 64 }
validation = { windows = 4, length = 64 }

[trainer]
max_steps = 4
eval_steps = 2
save_steps = 2
per_device_train_batch_size = 2
gradient_accumulation_steps = 1
"""

PUBLISHED = "model,task,value\nSomebody's model,mouse/3,61.5\n"


@pytest.fixture
def put(
    small_fasta: Path,
    small_corpus: Path,
    small_table: Path,
    make_model: Callable[..., Path],
    folder: Path,
    warm_hub: Path,
) -> Callable[[str, Iterable[str]], None]:
    """Return a function that puts things of a kind into the folder, under the names that a page uses."""

    def gue(place: Path) -> None:
        for seed, (split, rows) in enumerate((("train", 24), ("dev", 12), ("test", 20))):
            write_csv(place / "mouse" / "3" / f"{split}.csv", labelled(seed, rows))

    def on_hub(model: Path, place: Path) -> None:
        owner, name = place.parent.name, place.name
        repository, _, revision = f"{owner}/{name}".partition("@")
        put_into(warm_hub / "hub", model, repository, revision)

    def megatron(place: Path) -> None:
        from transformers import MegatronBertConfig

        sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        MegatronBertConfig(vocab_size=4101, **sizes).save_pretrained(place)

    def repository(place: Path) -> None:
        """A registry under git, with one record."""
        write_record(place / "results", "model")
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *words], cwd=place, check=True)

    def classifier(place: Path) -> None:
        from dnamask_plugins.models.loading import load_classifier
        from dnamask_plugins.tokenizers.loading import load_tokenizer

        base = make_model()
        tokenizer = load_tokenizer(base)
        load_classifier(base, tokenizer, 2, seed=1)[0].save_pretrained(place)
        for file in base.iterdir():
            if not (place / file.name).exists():
                shutil.copy(file, place)

    makers: dict[str, Callable[[Path], object]] = {
        "corpus": lambda place: shutil.copytree(small_corpus, place),
        "table": lambda place: shutil.copy(small_table, place),
        "model": lambda place: shutil.copytree(make_model(), place),
        "megatron": megatron,
        "model on the hub": lambda place: on_hub(make_model(), place),
        "dnabert2 on the hub": lambda place: on_hub(make_model("dnabert2"), place),
        "classifier": classifier,
        "gue": gue,
        "settings": lambda place: place.write_text(RUN_TOML),
        "fasta": lambda place: shutil.copy(small_fasta, place),
        "fasta.gz": lambda place: place.write_bytes(gzip.compress(small_fasta.read_bytes(), mtime=0)),
        "rows": lambda place: write_csv(place, labelled(5, 60)),
        "repository": repository,
        "published": lambda place: place.write_text(PUBLISHED),
    }

    def into(kind: str, names: Iterable[str]) -> None:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            makers[kind](folder / name)

    return into
