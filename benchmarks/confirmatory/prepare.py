"""Makes corpus, tables and tokenizers: ``python -m benchmarks.confirmatory.prepare --data DATA --work WORK``.

The corpus is that of ``benchmarks/cm_gems``: human chromosome 20 without the evaluation sequences and their
flanks (``exclusion.py`` there). Beside it the vocabulary of the Nucleotide Transformer is written anew: 4,096
6-mers, single letters, special tokens.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from benchmarks.cm_gems.prepare import prepare as prepare_corpora

SPECIAL = ("<unk>", "<pad>", "<mask>", "<cls>")


def non_overlapping_6mers(folder: Path) -> None:
    """Write a tokenizer of non-overlapping 6-mers that transformers loads."""
    from transformers import PreTrainedTokenizerFast

    from dnamask_plugins.tokenizers.huggingface_form import words_or_letters

    vocabulary = [*SPECIAL, *map("".join, itertools.product("ATCG", repeat=6)), *"ATCGN"]
    PreTrainedTokenizerFast(
        tokenizer_object=words_or_letters(vocabulary, 6, "<unk>", ["<cls>"], [], list(SPECIAL)),
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        cls_token="<cls>",
    ).save_pretrained(folder)


def is_ready(work: Path) -> bool:
    """Whether everything is there."""
    wanted = (
        "human/corpus/index.json",
        "human/npmi_pmi_masking.safetensors",
        "tokenizers/nt6/tokenizer.json",
    )
    return all((work / each).is_file() for each in wanted)


def prepare(data: Path, work: Path) -> None:
    """Make what is missing."""
    if is_ready(work):
        return
    prepare_corpora(data, work)
    non_overlapping_6mers(work / "tokenizers" / "nt6")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with genomes/, gue/, fewshot/, tokenizers/"
    )
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    prepare(given.data, given.work)


if __name__ == "__main__":
    main()
