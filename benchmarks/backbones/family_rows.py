"""The rows of the table: how each family is published, with sizes that a test can run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors

from dnamask_plugins.models.source import load_backbone
from dnamask_plugins.protocols import DNATokenizer
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.kmer import KmerTokenizer
from dnamask_plugins.tokenizers.loading import load_tokenizer
from dnamask_plugins.tokenizers.train import train_tokenizer

SMALL = {"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 2}

SMALL_MAMBA = {"hidden_size": 16, "num_hidden_layers": 2}

Files = Callable[[Path, Path], None]
"""Writes a tokenizer's files as they are published into a folder, given a genome."""


def kmers(k: int, order: str = "ATCG") -> Files:
    """``vocab.txt`` of DNABERT (or, in the order ACGT, of ProkBERT)."""

    def write(folder: Path, genome: Path) -> None:
        (folder / "vocab.txt").write_text("\n".join(KmerTokenizer(k, order).vocabulary) + "\n")

    return write


def esm_words(special: tuple[str, ...]) -> Files:
    """``vocab.txt`` and settings of Nucleotide Transformer."""

    def write(folder: Path, genome: Path) -> None:
        words = [*special, *map("".join, itertools.product("ATCG", repeat=6)), *"ATCGN"]
        (folder / "vocab.txt").write_text("\n".join(words))
        roles = {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>", "cls_token": "<cls>"}
        settings = {"tokenizer_class": "EsmTokenizer", "eos_token": None, **roles}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))

    return write


def byte_pairs(folder: Path, genome: Path) -> None:
    """``tokenizer.json`` of byte pairs, with [CLS] and [SEP], as DNABERT-2, GENA-LM and GROVER have it."""
    trained = train_tokenizer([genome], folder / "trained", "bpe", vocab_size=128)
    (folder / "tokenizer.json").write_bytes(Path(trained.path).read_bytes())
    for path in sorted((folder / "trained").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "trained").rmdir()
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **trained.roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def letters(folder: Path, genome: Path) -> None:
    """MutBERT's ``tokenizer.json``, and beside it its ``vocab.txt`` with other words."""
    words = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "A", "C", "G", "T"]
    tokenizer = Tokenizer(
        models.BPE({word: index for index, word in enumerate(words)}, [], unk_token="[UNK]")
    )
    tokenizer.add_special_tokens(words[:5])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", *words[:3], "[MASK]", *"ATCG"]))
    roles = {f"{word[1:-1].lower()}_token": word for word in words[:5]}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def nothing(folder: Path, genome: Path) -> None:
    """No files: the published tokenizer is code."""


def ours(name: str) -> Files:
    """One of our tokenizers, saved as a run saves it."""

    def write(folder: Path, genome: Path) -> None:
        save_pretrained(load_tokenizer(name), folder)  # type: ignore[arg-type]

    return write


@dataclass(frozen=True)
class Row:
    """One family.

    Attributes
    ----------
    family : str
        As it is called in the table.
    backbone : str
        Ours that it belongs to.
    files : callable
        Writes the tokenizer.
    settings : mapping
        Settings of the tiny model.
    config : mapping
        What the published ``config.json`` has besides; None removes a key.
    asked : str or None
        Tokenizer that has to be named, where the files do not say it.
    sizes : mapping
        Sizes of the tiny model.
    golden : str
        What the answers were compared with.
    """

    family: str
    backbone: str
    files: Files
    settings: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    asked: str | None = None
    sizes: Mapping[str, int] = field(default_factory=lambda: SMALL)
    golden: str = "transformers"

    def publish(self, folder: Path, genome: Path) -> None:
        """Write the folder as the authors publish it."""
        folder.mkdir(parents=True)
        self.files(folder, genome)
        tokenizer: DNATokenizer = load_tokenizer(self.asked or str(folder))
        model = load_backbone(self.backbone).build(tokenizer, 0, **{**self.sizes, **self.settings})
        model.save_pretrained(folder)
        path = folder / "config.json"
        config = json.loads(path.read_text()) | dict(self.config)
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


NO_TYPE = {"model_type": None}
NT_SPECIAL = ("<unk>", "<pad>", "<mask>", "<cls>")

ROWS = (
    Row("DNABERT (3-mers)", "dnabert", kmers(3), config={**NO_TYPE, "architectures": ["BertForMaskedLM"]}),
    Row("DNABERT (6-mers)", "dnabert", kmers(6), config={**NO_TYPE, "architectures": ["BertForMaskedLM"]}),
    Row("LOGO (as in GeneMask)", "logo", kmers(6)),
    Row("LOGO (as published)", "logo_published", ours("logo:n=4")),
    Row(
        "DNABERT-2 (DNABERT-S: with --fresh-head)",
        "dnabert2",
        byte_pairs,
        config={
            "model_type": "bert",
            "alibi_starting_size": 512,
            "auto_map": {"AutoConfig": "configuration_bert.BertConfig"},
        },
        golden="the original's answers",
    ),
    Row("Nucleotide Transformer v1, AgroNT", "nucleotide_transformer", esm_words(NT_SPECIAL)),
    Row(
        "Nucleotide Transformer v2",
        "nucleotide_transformer_v2",
        esm_words((*NT_SPECIAL, "<eos>", "<bos>")),
        config={**NO_TYPE, "auto_map": {"AutoConfig": "esm_config.EsmConfig"}},
        golden="the original's answers (JAX)",
    ),
    Row(
        "GENA-LM (pre-norm)",
        "gena_lm",
        byte_pairs,
        config={"model_type": "bert", "auto_map": {"AutoModel": "modeling_bert.BertModel"}},
        golden="the original's answers",
    ),
    Row(
        "GENA-LM (lastln)",
        "gena_lm",
        byte_pairs,
        settings={"last_layer_norm": True},
        config={"model_type": "bert", "last_layer_norm": None},
        golden="the original's answers",
    ),
    Row("GROVER", "grover", byte_pairs),
    Row(
        "ProkBERT mini",
        "prokbert",
        kmers(6, "ACGT"),
        config={"model_type": "megatron-bert", "position_embedding_type": "relative_key_query"},
        golden="transformers 4's answers",
    ),
    Row(
        "ProkBERT mini-long (every second 6-mer)",
        "prokbert",
        kmers(6, "ACGT"),
        settings={"vocab_size": 4200, "max_position_embeddings": 2048},
        config={
            "model_type": "prokbert",
            "kmer": 6,
            "shift": 2,
            "auto_map": {"AutoConfig": "models.ProkBertConfig"},
        },
        golden="transformers 4's answers",
    ),
    Row(
        "MutBERT",
        "mutbert",
        letters,
        config={
            "model_type": "bert",
            "pooler_type": "mean",
            "rope_theta": 10000.0,
            "auto_map": {"AutoConfig": "modeling_mutbert.RoPEBertConfig"},
        },
        golden="the original's answers",
    ),
    Row("BERT on single letters", "bert_tiny", ours("nucleotide")),
    Row("RoBERTa", "roberta", kmers(6)),
    Row("ModernBERT", "modernbert", byte_pairs, settings={"local_attention": 8}),
    Row("EuroBERT", "eurobert", byte_pairs),
    Row(
        "Caduceus, PlantCaduceus (equivariant)",
        "caduceus",
        nothing,
        settings={"rcps": True},
        config={"auto_map": {"AutoConfig": "configuration_caduceus.CaduceusConfig"}},
        asked="caduceus",
        sizes=SMALL_MAMBA,
        golden="the original's answers",
    ),
    Row(
        "Caduceus (one strand)",
        "caduceus",
        nothing,
        settings={"rcps": False},
        asked="caduceus",
        sizes=SMALL_MAMBA,
        golden="the original's answers",
    ),
    Row("DeBERTa v2/v3", "deberta", byte_pairs),
)
