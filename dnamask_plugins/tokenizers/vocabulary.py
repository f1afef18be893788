"""The vocabulary that lies beside a model's weights: which tokenizer it is, and whether another one fits.

Two vocabularies of one size need not have the same words at the same ids: DNABERT and ProkBERT both have
4,101, in another order. A model that reads permuted ids trains without any error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.files import parse_json

if TYPE_CHECKING:
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

_PROBE: Final = "ACGTTGCATGCCAGTACCATGGATTACA"
_FILES: Final = ("tokenizer.json", "vocab.txt", "vocab.json")
"""What a model was trained with first: MutBERT publishes a ``vocab.txt`` of other words beside it."""


def words_beside(folder: Path) -> tuple[dict[int, str], str] | None:
    """Read the vocabulary in a model's folder.

    Parameters
    ----------
    folder : Path
        With ``tokenizer.json``, ``vocab.txt`` or ``vocab.json``, the first that is there.

    Returns
    -------
    (dict from id to word, name of the file), or None where there is none

    Raises
    ------
    InputError
        The file cannot be read.
    """
    for name in _FILES:
        path = folder / name
        if path.is_file():
            try:
                return _read(path), name
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(
                    f"{path}: is no vocabulary ({type(error).__name__}: {error}); save the tokenizer again"
                ) from None
    return None


def _read(path: Path) -> dict[int, str]:
    if path.suffix == ".txt":
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        return {index: line.rstrip("\r") for index, line in enumerate(lines)}
    document = parse_json(path.read_bytes())
    if path.name == "vocab.json":
        return {int(index): word for word, index in document.items()}
    words = _words_of_model(document["model"])
    return words | {int(token["id"]): token["content"] for token in document.get("added_tokens") or ()}


def _words_of_model(model: Mapping[str, Any]) -> dict[int, str]:
    vocabulary = model["vocab"]
    if isinstance(vocabulary, Mapping):
        return {int(index): word for word, index in vocabulary.items()}
    return {index: piece for index, (piece, _) in enumerate(vocabulary)}


def check_vocabulary(words: Sequence[str] | None, folder: Path) -> None:
    r"""Refuse a tokenizer whose words are not those that lie beside the weights.

    Parameters
    ----------
    words : sequence of str or None
        The tokenizer's, in the order of their ids; None where it does not say them.
    folder : Path
        With the weights.

    Raises
    ------
    ConfigError
        A word differs; the first one is named.

    Examples
    --------
    >>> import tempfile
    >>> from dnamask_plugins.tokenizers.kmer import KmerTokenizer
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "vocab.txt").write_text("\n".join(KmerTokenizer(2, "ACGT").vocabulary))
    >>> check_vocabulary(KmerTokenizer(2).vocabulary, folder)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    dnamask_plugins.errors.ConfigError: ... id 6 is 'AC' in vocab.txt and 'AT' in the tokenizer; ...
    """
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    found = None if words is None else words_beside(folder)
    if found is None or words is None:
        return
    beside, file = found
    for index, word in enumerate(words):
        other = beside.get(index, word)
        # Ids that one of the two has no word for: a vocabulary padded to a round size.
        if other != word and not (word.startswith("<unused") or other.startswith(("<unused", "[unused"))):
            known = KmerTokenizer.from_vocabulary([beside[i] for i in sorted(beside)])
            advice = (
                f"use --tokenizer kmer:k={known.k},order={known.order}"
                if known is not None
                else "use the tokenizer that lies beside the weights"
            )
            raise ConfigError(
                f"{folder}: the tokenizer has other words than the model: id {index} is {other!r} in {file} "
                f"and {word!r} in the tokenizer; {advice}"
            )


def kmers_beside(folder: Path) -> KmerTokenizer | None:
    """Return the overlapping k-mers whose vocabulary lies in a folder, whatever order it is in.

    DNABERT publishes ``vocab.txt`` beside a BERT tokenizer that reads no raw DNA; a Trainer saves our k-mers
    as ``tokenizer.json``, whose offsets do not count nucleotides. Words that are cut one after the other
    are no overlapping k-mers, whatever their vocabulary.
    """
    from dnamask_plugins.tokenizers.kmer import KmerTokenizer

    try:
        found = words_beside(folder)
    except InputError:
        return None
    if found is None:
        return None
    words = found[0]
    tokenizer = KmerTokenizer.from_vocabulary([words[index] for index in sorted(words)], _shift_of(folder))
    return None if tokenizer is None or _cuts_without_overlap(folder, tokenizer) else tokenizer


def _shift_of(folder: Path) -> int:
    """Return how far apart words begin, as ProkBERT's files say beside their vocabulary; 1 where none do."""
    for name in ("tokenizer_config.json", "config.json"):
        try:
            said = parse_json((folder / name).read_bytes())
        except (OSError, ValueError):
            continue
        shift = said.get("shift") if isinstance(said, Mapping) else None
        if isinstance(shift, int) and shift >= 1:
            return shift
    return 1


def _cuts_without_overlap(folder: Path, tokenizer: KmerTokenizer) -> bool:
    if tokenizer.k == 1 or not (folder / "tokenizer.json").is_file():
        return False
    from tokenizers import Tokenizer

    try:
        ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(_PROBE).ids
    except Exception:  # whatever is wrong with the file: the vocabulary is right
        return False
    words = [index for index in ids if index not in tokenizer.special_ids]
    every_kth = tokenizer.encode(_PROBE).input_ids[1 : -1 : tokenizer.k].tolist()
    return len(words) > 1 and words == every_kth[: len(words)]
