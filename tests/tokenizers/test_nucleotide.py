"""Single letters."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer


@settings(deadline=None)  # the first call compiles
@given(st.text("ACGTacgtNnUuRy", max_size=50))
def test_equals_the_tokenizer_by_hand(text: str) -> None:
    ids = {"A": 5, "C": 6, "G": 7, "T": 8, "U": 8}
    encoding = NucleotideTokenizer().encode(text)
    assert encoding.input_ids.tolist() == [2, *(ids.get(letter, 1) for letter in text.upper()), 3]
    assert encoding.offsets[1:-1].tolist() == [[place, place + 1] for place in range(len(text))]
    assert encoding.special_tokens_mask[1:-1].tolist() == [letter not in "ACGTU" for letter in text.upper()]


def test_vocabulary() -> None:
    tokenizer = NucleotideTokenizer()
    assert tokenizer.vocabulary == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "C", "G", "T")
    assert (tokenizer.vocab_size, tokenizer.pad_token_id, tokenizer.mask_token_id) == (9, 0, 4)
    assert tokenizer.special_ids.tolist() == [0, 1, 2, 3, 4]
