"""The Hugging Face hub: what a repository is called, and fetching what is needed of one."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from dnamask_plugins.errors import InputError

_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?", re.ASCII)
_DESCRIPTION: Final = ("*.json", "*.txt", "*.model", "dnamask_source/*")


def is_repository(reference: str | os.PathLike[str]) -> bool:
    """Say whether a text has the form ``owner/name`` or ``owner/name@revision``.

    Examples
    --------
    >>> is_repository("zhihan1996/DNABERT-2-117M@main"), is_repository("./runs/dnabert2")
    (True, False)
    """
    return _REPOSITORY.fullmatch(os.fspath(reference)) is not None


def split_revision(reference: str) -> tuple[str, str | None]:
    """Return repository and revision.

    Examples
    --------
    >>> split_revision("owner/name@v2"), split_revision("owner/name")
    (('owner/name', 'v2'), ('owner/name', None))
    """
    repository, _, revision = reference.partition("@")
    return repository, revision or None


def fetch_description(reference: str) -> Path:
    """Fetch configuration and tokenizer of a repository, not its weights, into the cache of the hub.

    Returns
    -------
    Path
        The snapshot; its name is the commit.

    Raises
    ------
    InputError
        The hub does not answer, or has no such repository or revision.
    """
    from huggingface_hub import snapshot_download

    repository, revision = split_revision(reference)
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(_DESCRIPTION)))
    except Exception as error:  # the client's own errors, and those of its transport
        raise _not_fetched(reference, error) from error


def fetch_file(reference: str, folder: Path, name: str) -> Path | None:
    """Fetch one more file into a snapshot; None where the repository has none of that name.

    Raises
    ------
    InputError
        The hub does not answer.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    if (folder / name).is_file():
        return folder / name
    try:
        return Path(hf_hub_download(split_revision(reference)[0], filename=name, revision=folder.name))
    except EntryNotFoundError:
        return None
    except Exception as error:  # the client's own errors, and those of its transport
        raise _not_fetched(reference, error) from error


def _not_fetched(reference: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160]
    return InputError(
        f"{reference}: cannot be fetched from the hub ({type(error).__name__}: {reason}); "
        "give a folder, or try again with a network"
    )
