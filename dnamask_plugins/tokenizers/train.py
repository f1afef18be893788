"""Training a BPE or a SentencePiece tokenizer from FASTA."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from dnamask_plugins import __version__
from dnamask_plugins.corpus.fasta import CODE_BITS, FastaSource
from dnamask_plugins.corpus.sources import Progress
from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.files import write_atomically, write_json
from dnamask_plugins.nucleotides import LETTERS
from dnamask_plugins.tokenizers.bpe import BpeTokenizer
from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.loading import load_tokenizer

Kind = Literal["bpe", "sentencepiece", "unigram"]

SPECIAL_TOKENS: Final = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""In DNABERT-2's order, ids 0 to 4."""

PIECE: Final = 500
"""Nucleotides in a training piece. Time grows with the length of a piece, what is learned hardly changes."""

LIMIT: Final[dict[Kind, int]] = {"bpe": 20_000_000, "sentencepiece": 10_000_000, "unigram": 1_000_000}
"""Nucleotides that are learned from at most; pieces are then taken evenly over the input."""

TRAINING_FILE: Final = "dnamask_tokenizer_training.json"

_LETTER_OF_PACKED: Final = np.frombuffer((LETTERS + "NNN").encode(), dtype=np.uint8)
_SCORE_STEP: Final = 1024


def train_tokenizer(
    fasta: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    kind: Kind = "bpe",
    vocab_size: int = 4096,
    max_nucleotides: int | None = None,
    on_read: Progress | None = None,
    on_train: Callable[[], None] | None = None,
) -> BpeTokenizer:
    """Train a tokenizer and save it as a folder (see `export.save_pretrained`).

    Parameters
    ----------
    fasta : sequence of path
    output : path
        Folder; made if missing.
    kind : {"bpe", "sentencepiece", "unigram"}
        Byte-pair merges learned by the ``tokenizers`` library (a ``tokenizer.json``, as DNABERT-2 publishes)
        or by SentencePiece (a ``.model``); ``unigram`` is SentencePiece's other, slower algorithm.
    vocab_size : int
        Tokens, the five special ones included.
    max_nucleotides : int, optional
        See `LIMIT`.
    on_read : callable, optional
        Called with the number of bytes read since the last call.
    on_train : callable, optional
        Called once, when all is read and learning begins.

    Returns
    -------
    BpeTokenizer
        The trained tokenizer, as saved.

    Raises
    ------
    ConfigError
        The kind is unknown, or the vocabulary cannot be learned from this input.
    InputError
        A FASTA file cannot be used, or the folder cannot be written.
    """
    _check(kind, vocab_size)
    limit = LIMIT[kind] if max_nucleotides is None else max_nucleotides
    sources = [FastaSource(os.fspath(path), on_read) for path in fasta]
    pieces = collect_pieces(sources, limit)
    if not pieces:
        raise InputError(
            f"no A, C, G or T to learn from in {', '.join(map(str, fasta))}; give a FASTA file of a genome"
        )
    if on_train is not None:
        on_train()
    content = _train_bpe(pieces, vocab_size) if kind == "bpe" else _train_model(pieces, vocab_size, kind)
    provenance = {
        "written_by": f"dnamask-plugins {__version__}",
        "kind": kind,
        "vocab_size": vocab_size,
        "nucleotides_used": sum(map(len, pieces)),
        "files": [source.provenance() for source in sources],
    }
    with tempfile.TemporaryDirectory(prefix="dnamask-") as name:
        file = Path(name) / ("tokenizer.json" if kind == "bpe" else "tokenizer.model")
        write_atomically(file, content)
        folder = save_pretrained(BpeTokenizer(str(file)), output)
    write_json(folder / TRAINING_FILE, provenance)
    trained = load_tokenizer(folder)
    assert isinstance(trained, BpeTokenizer)
    return trained


def _check(kind: str, vocab_size: int) -> None:
    if kind not in LIMIT:
        raise ConfigError(f"a tokenizer of kind {kind!r} is not known; choose bpe, sentencepiece or unigram")
    if vocab_size < len(SPECIAL_TOKENS) + 4:
        raise ConfigError(
            f"a vocabulary of {vocab_size} has no room for 5 special tokens and 4 letters; 4096 is usual"
        )


def collect_pieces(sources: Sequence[FastaSource], limit: int) -> list[str]:
    """Cut FASTA into pieces of `PIECE` letters without N, at most `limit` letters spread evenly.

    Memory is bounded by the limit: whenever it is exceeded, every second piece kept so far is dropped and
    from then on half as many are taken.
    """
    kept: list[str] = []
    size = seen = 0
    every = 1
    for source in sources:
        for letters in _runs(source):
            for start in range(0, len(letters), PIECE):
                if seen % every == 0:
                    kept.append(letters[start : start + PIECE])
                    size += len(kept[-1])
                seen += 1
                if size > limit and len(kept) > 1:
                    kept = kept[::2]
                    every *= 2
                    size = sum(map(len, kept))
    return kept


def _runs(source: FastaSource) -> Iterator[str]:
    for chunk in source.chunks():
        text = _LETTER_OF_PACKED[chunk.packed & CODE_BITS].tobytes().decode()
        yield from filter(None, text.split("N"))


def _train_bpe(pieces: list[str], vocab_size: int) -> bytes:
    tokenizer = Tokenizer(BPE(unk_token="[UNK]"))
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=list(LETTERS[:4]),
        show_progress=False,
    )
    tokenizer.train_from_iterator(pieces, trainer, length=len(pieces))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return str(tokenizer.to_str(pretty=True)).encode()


def _train_model(pieces: list[str], vocab_size: int, kind: Kind) -> bytes:
    from sentencepiece import SentencePieceTrainer, sentencepiece_model_pb2

    unk, cls, sep, pad, mask = SPECIAL_TOKENS
    written = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=iter(pieces),
            model_writer=written,
            model_type="unigram" if kind == "unigram" else "bpe",
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            seed_sentencepiece_size=max(10 * vocab_size, 10_000),
            character_coverage=1.0,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            unk_id=0,
            unk_piece=unk,
            bos_id=1,
            bos_piece=cls,
            eos_id=2,
            eos_piece=sep,
            pad_id=3,
            pad_piece=pad,
            control_symbols=mask,
            num_threads=1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"SentencePiece cannot learn {vocab_size} tokens from {sum(map(len, pieces))} nucleotides "
            f"({reason}); give more sequence or a smaller vocabulary"
        ) from None
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(written.getvalue())
    for piece in model.pieces:
        # Repeats give cuts of equal score. With scores that 32-bit sums hold exactly, every library that
        # reads the model breaks those ties alike.
        piece.score = round(piece.score * _SCORE_STEP) / _SCORE_STEP
    return bytes(model.SerializeToString())
