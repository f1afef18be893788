"""RNA language models as multimolecule implements them: recognised, built and loaded without remote code."""

from __future__ import annotations

from typing import Any

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.models.backbones.base import Backbone


def register() -> None:
    """Import the library, which makes its architectures known to transformers."""
    try:
        import multimolecule  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"this model needs the library multimolecule (AGPL-3.0), which is missing ({error}); "
            "pip install multimolecule"
        ) from None


def _backbone(name: str, summary: str, reference: str, model_type: str, **changes: Any) -> Backbone:
    return Backbone(
        name=f"example.{name}",
        summary=summary,
        reference=reference,
        tokenizer={"name": "example.multimolecule", "codon": model_type == "calm"},
        model_type=model_type,
        register=register,
        # Left open, the library takes two classes in a batch for two labels that may both hold.
        classifier={"problem_type": "multiclass"},
        **changes,
    )


RNABERT = _backbone(
    "rnabert",
    "BERT, 6 layers of 120, on RNA letters",
    "Akiyama and Sakakibara 2022, NAR Genomics and Bioinformatics 4:lqac012",
    "rnabert",
    max_positions=440,
)
RNAFM = _backbone(
    "rnafm",
    "RNA-FM: 12 layers of 640, on RNA letters",
    "Chen et al. 2022, arXiv 2204.00300",
    "rnafm",
    max_positions=1024,
)
SPLICEBERT = _backbone(
    "splicebert",
    "SpliceBERT: 6 layers of 512, on RNA letters",
    "Chen et al. 2024, Briefings in Bioinformatics 25:bbae163",
    "splicebert",
    max_positions=1024,
)
UTRLM = _backbone(
    "utrlm",
    "UTR-LM: 6 layers of 128, rotary, on RNA letters",
    "Chu et al. 2024, Nature Machine Intelligence 6:449",
    "utrlm",
    max_positions=None,
)
CALM = _backbone(
    "calm",
    "CaLM: 12 layers of 768, rotary, on codons",
    "Outeiral and Deane 2024, Nature Machine Intelligence 6:170",
    "calm",
    max_positions=None,
)
