"""Saving any tokenizer as a Hugging Face folder that plain ``AutoTokenizer`` loads, without our code."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dnamask_plugins import __version__
from dnamask_plugins.errors import ConfigError, NotWritten
from dnamask_plugins.files import write_json
from dnamask_plugins.tokenizers.base import TokenizerBase

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from dnamask_plugins.protocols import DNATokenizer

CONFIG_FILE: Final = "dnamask_tokenizer.json"
"""File in a saved folder from which `load_tokenizer` makes the same tokenizer again."""

SOURCE_FOLDER: Final = "dnamask_source"
"""Folder beside it with the files a tokenizer was loaded from, if any."""

_PROBES: Final = (
    "",
    "A",
    "ACG",
    "acgtnACGUu",
    "ACGTRYKMNNACGTTGCATGCATTTTTTTTTTTTTACACACACACGGGGGGCCCCAAATATATATA",
    "GATTACAGGCGTGAGCCACCGCGCCCGGCCAACGTGGTGAAACCCCGTCTCTACTAAAAATACAAAAATTAGCCGGG",
    *(unit * (100 // len(unit)) for unit in ("A", "T", "AC", "AG", "AT", "CAG", "GATA", "TTAGGG")),
)


def to_huggingface(tokenizer: TokenizerBase, **settings: Any) -> PreTrainedTokenizerFast:
    """Return a tokenizer as a ``PreTrainedTokenizerFast`` that gives the same ids on raw sequences.

    Lower case, N, U and IUPAC letters follow our policy; only a letter that is none of these, which we
    refuse, becomes an N there. Offsets are ours alone: for overlapping k-mers those of Hugging Face do not
    count nucleotides.

    Parameters
    ----------
    tokenizer : TokenizerBase
    **settings
        Passed on, for example ``model_max_length=512``.

    Raises
    ------
    ConfigError
        The tokenizer has no such form, or it would give other ids.
    """
    from transformers import PreTrainedTokenizerFast

    exported = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.to_huggingface(),
        padding_side="right",
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **tokenizer.roles,
        **settings,
    )
    for probe in _PROBES:
        if tokenizer.encode(probe).input_ids.tolist() != list(exported(probe)["input_ids"]):
            raise ConfigError(
                f"{tokenizer.name}: the Hugging Face form has other ids for '{probe}'; correct "
                "to_huggingface() or, where scores leave ties open, train the model anew"
            )
    return exported


def save_pretrained(tokenizer: TokenizerBase, folder: str | os.PathLike[str], **settings: Any) -> Path:
    """Save a tokenizer into a folder (beside a model, if there is one), so that two ways lead back to it.

    Plain ``AutoTokenizer.from_pretrained(folder)`` gives the same ids on raw sequences;
    `dnamask_plugins.tokenizers.loading.load_tokenizer` gives the tokenizer itself.

    Parameters
    ----------
    tokenizer : TokenizerBase
    folder : path
        Made if missing; other files in it stay.
    **settings
        As for `to_huggingface`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        As `to_huggingface`.
    NotWritten
        The folder cannot be written.
    """
    return _save(tokenizer, to_huggingface(tokenizer, **settings), Path(folder))


def _save(tokenizer: DNATokenizer, exported: PreTrainedTokenizerFast | None, target: Path) -> Path:
    try:
        _write(tokenizer, exported, target)
    except OSError as error:
        raise NotWritten(target, error.strerror or error) from None
    return target


def _write(tokenizer: DNATokenizer, exported: PreTrainedTokenizerFast | None, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".tokenizer-") as name:
        staging = Path(name)
        if exported is not None:
            exported.save_pretrained(staging)
        sources = staging / SOURCE_FOLDER
        sources.mkdir()
        save_sources = getattr(tokenizer, "save_sources", None)
        config = dict(tokenizer.to_config()) if save_sources is None else save_sources(sources)
        if not any(sources.iterdir()):
            sources.rmdir()
        document = {"format": 1, "written_by": f"dnamask-plugins {__version__}", "config": config}
        write_json(staging / CONFIG_FILE, document)
        for path in sorted(staging.iterdir()):
            if path.is_dir() and (target / path.name).is_dir():
                shutil.rmtree(target / path.name)
            os.replace(path, target / path.name)


def save_tokenizer(
    tokenizer: DNATokenizer, folder: str | os.PathLike[str], max_length: int | None = None
) -> bool:
    """Save any tokenizer whole: its files, and the form that ``AutoTokenizer`` loads where it has one.

    Parameters
    ----------
    tokenizer : DNATokenizer
    folder : path
    max_length : int, optional
        Longest row in tokens that the model beside it takes, to which ``truncation=True`` cuts.

    Returns
    -------
    bool
        False where it has no such form: `load_tokenizer` gives the tokenizer back,
        plain ``AutoTokenizer`` does not.

    Raises
    ------
    NotWritten
        The folder cannot be written.
    """
    exported = None
    if hasattr(tokenizer, "to_huggingface"):
        with contextlib.suppress(ConfigError, NotImplementedError):
            limit = {} if max_length is None else {"model_max_length": max_length}
            exported = to_huggingface(tokenizer, **limit)  # type: ignore[arg-type]
    _save(tokenizer, exported, Path(folder))
    return exported is not None
