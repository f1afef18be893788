"""The alphabet and what becomes of letters outside it: the one place where text turns into codes.

Codes are ``A C G T`` = 0 1 2 3 and 4 for any other IUPAC letter (``N``, ``R``, ``Y``...).
Lower case is the same nucleotide, soft-masked; ``U`` is ``T``. Anything else (digits, gaps,
protein letters) is an error that names the letter and its position: never a silent wrong code.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.errors import InputError

LETTERS: Final = "ACGTN"
UNKNOWN: Final = 4
PADDING: Final = 255
"""Code after the end of a sequence in a padded batch."""

_IUPAC_AMBIGUOUS: Final = "RYSWKMBDHVN"
_INVALID: Final = 254


def _code_table() -> NDArray[np.uint8]:
    table = np.full(256, _INVALID, dtype=np.uint8)
    for code, letter in enumerate("ACGT"):
        table[[ord(letter), ord(letter.lower())]] = code
    table[[ord("U"), ord("u")]] = 3
    for letter in _IUPAC_AMBIGUOUS:
        table[[ord(letter), ord(letter.lower())]] = UNKNOWN
    return table


CODE_OF_BYTE: Final = _code_table()
_LETTER_OF_CODE: Final = np.frombuffer(LETTERS.encode(), dtype=np.uint8)
_COMPLEMENT: Final = np.array([3, 2, 1, 0, 4], dtype=np.uint8)
_IUPAC, _IUPAC_OPPOSITE = "ACGTURYSWKMBDHVN", "TGCAAYRSWMKVHDBN"
_COMPLEMENT_OF_LETTER: Final = str.maketrans(
    _IUPAC + _IUPAC.lower(), _IUPAC_OPPOSITE + _IUPAC_OPPOSITE.lower()
)


def encode_letters(sequence: str | bytes) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Turn letters into codes and a soft mask.

    Parameters
    ----------
    sequence : str or bytes
        Nucleotide letters, n of them, upper or lower case.

    Returns
    -------
    codes : uint8 array, shape (n,)
        0..3 for A, C, G, T (U); 4 for other IUPAC letters.
    soft_mask : bool array, shape (n,)
        True where the letter was lower case.

    Raises
    ------
    InputError
        A character is no IUPAC nucleotide letter.

    Examples
    --------
    >>> codes, soft = encode_letters("ACgtN")
    >>> codes.tolist(), soft.tolist()
    ([0, 1, 2, 3, 4], [False, False, True, True, False])
    """
    try:
        raw = np.frombuffer(sequence.encode("ascii") if isinstance(sequence, str) else sequence, np.uint8)
    except UnicodeEncodeError as error:
        raise InputError(
            f"sequence position {error.start}: {sequence[error.start]!r} is not a nucleotide letter; "
            "use A, C, G, T, U or an IUPAC letter"
        ) from None
    codes = CODE_OF_BYTE[raw]
    bad = np.flatnonzero(codes == _INVALID)
    if bad.size:
        raise InputError(
            f"sequence position {bad[0]}: {chr(raw[bad[0]])!r} is not a nucleotide letter; "
            "use A, C, G, T, U or an IUPAC letter"
        )
    return codes, raw >= ord("a")


def decode_codes(codes: NDArray[np.uint8]) -> str:
    """Turn codes back into upper-case letters; every ambiguous letter comes back as ``N``.

    Examples
    --------
    >>> decode_codes(np.array([0, 1, 2, 3, 4], dtype=np.uint8))
    'ACGTN'
    """
    return bytes(_LETTER_OF_CODE[codes]).decode()


def complement(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Complement codes elementwise; reverse the result for the other strand.

    Examples
    --------
    >>> decode_codes(complement(np.array([0, 1, 4], dtype=np.uint8)))
    'TGN'
    """
    return _COMPLEMENT[codes]


def reverse_complement(sequence: str) -> str:
    """Return the other strand of a text, in its own reading direction; IUPAC letters and case are kept.

    Examples
    --------
    >>> reverse_complement("AACRn")
    'nYGTT'
    """
    return sequence.translate(_COMPLEMENT_OF_LETTER)[::-1]


def kmer_codes(codes: NDArray[np.uint8], k: int) -> NDArray[np.int64]:
    """Return each window of k nucleotides as a number: letters as digits of base 4, the first letter highest.

    Parameters
    ----------
    codes : uint8 array, shape (..., n)
    k : int

    Returns
    -------
    int64 array, shape (..., n - k + 1)
        -1 for a window with any other letter, or over the end; no column when n < k.

    Examples
    --------
    >>> kmer_codes(np.array([0, 1, 2, 3, 4], dtype=np.uint8), 3).tolist()  # ACG, CGT, GTN
    [6, 27, -1]
    """
    count = max(codes.shape[-1] - k + 1, 0)
    numbers = np.zeros((*codes.shape[:-1], count), dtype=np.int64)
    known = np.ones(numbers.shape, dtype=bool)
    for place in range(k):
        letters = codes[..., place : place + count]
        known &= letters < UNKNOWN
        numbers = numbers * 4 + letters
    return np.where(known, numbers, -1)
