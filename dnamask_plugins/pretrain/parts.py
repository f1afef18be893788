"""All that the settings of a run name, built and checked before the first step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.corpus.windows import WindowSampler, validation_windows
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.source import find_source
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.plugins import create
from dnamask_plugins.pretrain.beginning import Beginning
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.protocols import Curriculum, DNATokenizer
from dnamask_plugins.strategies.building import build_strategies
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.training.objective import Objective
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.validation import Validation


@dataclass(frozen=True, eq=False)
class Parts:
    """What a run is made of.

    Attributes
    ----------
    tokenizer : DNATokenizer
    curriculum : Curriculum
    table : NpmiTable or None
    store : CorpusStore
    sampler : WindowSampler
    masker : Masker
    validation : Validation
    objective : Objective
    beginning : Beginning
    """

    tokenizer: DNATokenizer
    curriculum: Curriculum
    table: NpmiTable | None
    store: CorpusStore
    sampler: WindowSampler
    masker: Masker
    validation: Validation
    objective: Objective
    beginning: Beginning

    @classmethod
    def from_settings(cls, settings: PretrainSettings) -> Parts:
        """Build everything; nothing is written.

        Raises
        ------
        ConfigError, InputError, PluginError
            A setting, a file or a plugin cannot be used.
        """
        tokenizer = find_source(settings.backbone).tokenizer(settings.tokenizer)
        curriculum = create("curricula", settings.curriculum)
        table = NpmiTable.load(Path(settings.npmi)) if settings.npmi else None
        store = CorpusStore.open(Path(settings.corpus))
        windows, mask = settings.windows, settings.mask
        sampler = WindowSampler(
            store,
            seed=settings.seed,
            full_length=windows.full_length,
            full_share=windows.full_share,
            min_length=max(windows.min_length, shortest_sequence(tokenizer, windows.min_length)),
            reverse_complement=windows.reverse_complement,
        )
        masker = Masker(
            build_strategies(curriculum, settings.strategies, table),
            Corruption.for_tokenizer(tokenizer, mask.mask_share, mask.random_share),
            settings.seed,
            mask.per,  # type: ignore[arg-type]
            mask.draw,  # type: ignore[arg-type]
        )
        held_out = validation_windows(store, settings.validation.windows, settings.validation.length)
        validation = Validation(
            guarded_encode(tokenizer, held_out),
            masker,
            Schedule(curriculum).spec.mask_rate,
            settings.validation.batch_size,
            Spellings.of(tokenizer),
        )
        objective = Objective.for_tokenizer(settings.loss, tokenizer)
        beginning = Beginning.for_tokenizer(settings.init, tokenizer)
        return cls(tokenizer, curriculum, table, store, sampler, masker, validation, objective, beginning)


def shortest_sequence(tokenizer: DNATokenizer, at_least: int = 1, at_most: int = 64) -> int:
    """Return the length of the shortest sequence that gives a token which can be masked."""
    for length in range(at_least, at_most + 1):
        if not tokenizer.encode(("ACGT" * length)[:length]).special_tokens_mask.all():
            return length
    return at_most


def check_lengths(settings: PretrainSettings, tokenizer: DNATokenizer, max_positions: int | None) -> None:
    """Refuse windows that give more tokens than the model has positions.

    Raises
    ------
    ConfigError
        Names the length and what fits.
    """
    longest = max(settings.windows.full_length, settings.validation.length)
    tokens = int(tokenizer.encode(("ACGT" * longest)[:longest]).input_ids.size)
    if max_positions is not None and tokens > max_positions:
        raise ConfigError(
            f"windows of {longest} nucleotides give {tokens} tokens but the model takes {max_positions}; "
            "lower windows.full_length and validation.length"
        )
