"""The other packages, each as a function from ids to masked ids and labels; absent ones are left out."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnamask_plugins.tokenizers.export import save_pretrained
from dnamask_plugins.tokenizers.kmer import KmerTokenizer

Run = Callable[[], Any]
SPECIAL = [0, 1, 2, 3, 4]
MASK_ID, VOCABULARY = 4, 4101


def hugging_face_tokenizer() -> Any:
    from transformers import AutoTokenizer

    folder = Path(tempfile.mkdtemp())
    save_pretrained(KmerTokenizer(6), folder)
    return AutoTokenizer.from_pretrained(folder)


def hugging_face(ids: torch.Tensor, special: torch.Tensor, tokenizer: Any) -> dict[str, Run]:
    from transformers import DataCollatorForLanguageModeling

    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    examples = [{"input_ids": row} for row in ids.tolist()]
    told = [
        {"input_ids": row, "special_tokens_mask": mask}
        for row, mask in zip(ids.tolist(), special.int().tolist(), strict=True)
    ]
    return {
        "Hugging Face collator, whole": lambda: collator([dict(example) for example in examples]),
        "Hugging Face collator, told the special tokens": lambda: collator(
            [dict(example) for example in told]
        ),
        "Hugging Face torch_mask_tokens alone, told the special tokens": lambda: collator.torch_mask_tokens(
            ids.clone(), special
        ),
    }


def prokbert(ids: torch.Tensor, special: torch.Tensor, tokenizer: Any) -> dict[str, Run]:
    if not importlib.util.find_spec("prokbert"):
        return {}
    os.environ.setdefault("RANK", "0")
    path = Path(importlib.util.find_spec("prokbert").origin).with_name("ProkBERTDataCollator.py")
    loader = importlib.util.spec_from_file_location("prokbert_collator", path)
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    collator = module.ProkBERTDataCollator(tokenizer, mlm_probability=0.025)
    collator.set_mask_neighborhood_params(2, 3)
    collator.set_torch_token_dtype(torch.int64)  # it draws 16-bit ids and cannot put them among ours
    return {
        "ProkBERT 0.0.48 torch_mask_tokens, 2 left 3 right": lambda: collator.torch_mask_tokens(
            ids.clone(), special
        )
    }


def seqmask(ids: torch.Tensor) -> dict[str, Run]:
    if not importlib.util.find_spec("seqmask"):
        return {}
    from seqmask.masking.beta import BetaDistributionMasking
    from seqmask.masking.hybrid_span import HybridSpanMasking

    ordinary = list(range(5, VOCABULARY))
    share = {"masking_prob": 0.8, "mutation_prob": 0.1, "mask_token_id": MASK_ID}
    pools = {"valid_token_ids": ordinary, "special_token_ids": SPECIAL}
    beta = BetaDistributionMasking(mlm_prob=0.15, mlm_concentration=1000.0, **share, **pools)
    spans = HybridSpanMasking(
        mlm_prob=0.15,
        mlm_concentration=1000.0,
        span_fraction_mean=1.0,
        span_fraction_concentration=10.0,
        span_length_p=0.2,
        max_span_length=10,
        **share,
        **pools,
    )
    return {"seqmask 1.0.0, uniform": lambda: beta(ids), "seqmask 1.0.0, spans only": lambda: spans(ids)}


def dnabert_like(ids: torch.Tensor, special: torch.Tensor) -> dict[str, Run]:
    """Write the published method anew: centres at 0.025, six neighbouring tokens each, a loop over rows."""

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        inputs, labels = ids.clone(), ids.clone()
        chance = torch.full(labels.shape, 0.025).masked_fill_(special, 0.0)
        chosen = torch.bernoulli(chance).bool()
        for row in range(len(ids)):
            centers = torch.nonzero(chosen[row]).flatten().tolist()
            last = int((~special[row]).nonzero()[-1])
            wanted = {center + shift for center in centers for shift in (-2, -1, 1, 2, 3)}
            inside = [place for place in wanted if 1 <= place <= last]
            chosen[row, inside] = True
        labels[~chosen] = -100
        replaced = torch.bernoulli(torch.full(labels.shape, 0.8)).bool() & chosen
        inputs[replaced] = MASK_ID
        other = torch.bernoulli(torch.full(labels.shape, 0.5)).bool() & chosen & ~replaced
        inputs[other] = torch.randint(VOCABULARY, labels.shape)[other]
        return inputs, labels

    return {"DNABERT's method as a loop (our own re-implementation)": run}


def floor(ids: torch.Tensor) -> dict[str, Run]:
    def run() -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.rand(ids.shape) < 0.15
        inputs, labels = ids.clone(), torch.full_like(ids, -100)
        inputs[chosen] = MASK_ID
        labels[chosen] = ids[chosen]
        return inputs, labels

    return {"floor: one random draw, two copies and fills": run}


def all_peers(ids: np.ndarray[Any, Any], special: np.ndarray[Any, Any]) -> dict[str, Run]:
    tensor, flags = torch.from_numpy(ids.copy()), torch.from_numpy(special.copy())
    tokenizer = hugging_face_tokenizer()
    return (
        hugging_face(tensor, flags, tokenizer)
        | prokbert(tensor, flags, tokenizer)
        | seqmask(tensor)
        | dnabert_like(tensor, flags)
        | floor(tensor)
    )
