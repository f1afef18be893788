"""One pretraining run: from settings to a model folder."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins import terminal
from dnamask_plugins.config import fingerprint
from dnamask_plugins.corpus.store import CorpusStore
from dnamask_plugins.corpus.windows import WindowSampler, validation_windows
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.environment import command_line, environment
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.guard import guarded_encode
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.source import find_source
from dnamask_plugins.npmi.table import NpmiTable
from dnamask_plugins.plugins import create
from dnamask_plugins.pretrain.beginning import Beginning
from dnamask_plugins.pretrain.failures import told_in_one_line
from dnamask_plugins.pretrain.record import write_run_record
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.pretrain.signals import Interrupted, StopOnSignal
from dnamask_plugins.protocols import Curriculum, DNATokenizer
from dnamask_plugins.strategies.building import build_strategies
from dnamask_plugins.tokenizers.spelling import Spellings
from dnamask_plugins.training.checkpoints import checkpoint_step, find_checkpoints
from dnamask_plugins.training.examples import Tokenize
from dnamask_plugins.training.objective import Objective
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.validation import Validation


@dataclass(frozen=True)
class PretrainResult:
    """What came of a run.

    Attributes
    ----------
    folder : Path
        Loads with ``AutoModelForMaskedLM`` and ``AutoTokenizer``.
    perplexity : float or None
        Of the last evaluation, under the curriculum's first probe.
    history : list of dict
        Trainer's log.
    record : dict
        What ``run.json`` holds.
    """

    folder: Path
    perplexity: float | None
    history: list[dict[str, Any]]
    record: dict[str, Any]


def pretrain(settings: PretrainSettings, resume: bool = False, quiet: bool = False) -> PretrainResult:
    """Pretrain a masked language model with a curriculum.

    Parameters
    ----------
    settings : PretrainSettings
    resume : bool
        Go on from the newest whole checkpoint in the output folder; begin anew where there is none.
    quiet : bool
        No progress bar.

    Raises
    ------
    ConfigError, InputError
        A setting or an input cannot be used; raised before anything is written.
    Interrupted
        A signal came; the run was saved.
    WorkerDied
        A loader worker was killed.
    """
    parts = _Parts.from_settings(settings)
    output = Path(settings.output)
    checkpoint = _checkpoint_to_resume(output, resume, parts.fingerprint)
    with told_in_one_line(output):
        return _train(settings, parts, output, checkpoint, quiet)


_MAY_CHANGE: Final = frozenset(
    {"max_steps", "logging_steps", "save_steps", "save_total_limit", "dataloader_num_workers"}
)
"""Trainer fields that a resumed run may set anew: none of them enters a mask or a window."""


@dataclass(frozen=True, eq=False)
class _Parts:
    """All that the settings name, built and checked before the first step."""

    tokenizer: DNATokenizer
    curriculum: Curriculum
    store: CorpusStore
    sampler: WindowSampler
    masker: Masker
    validation: Validation
    objective: Objective
    beginning: Beginning
    fingerprint: str

    @classmethod
    def from_settings(cls, settings: PretrainSettings) -> _Parts:
        tokenizer = find_source(settings.backbone).tokenizer(settings.tokenizer)
        curriculum: Curriculum = create("curricula", settings.curriculum)
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
        identity = settings.to_mapping() | {
            "output": "",
            "corpus": store.fingerprint,
            "npmi": table.fingerprint if table else None,
            "trainer": {key: value for key, value in settings.trainer.items() if key not in _MAY_CHANGE},
        }
        # Absent where they are what they always were, so that runs of versions before can be resumed.
        for key, default in (("init", "plain"), ("loss", "token"), ("fresh_head", False)):
            if identity[key] == default:
                del identity[key]
        objective = Objective.for_tokenizer(settings.loss, tokenizer)
        beginning = Beginning.for_tokenizer(settings.init, tokenizer)
        return cls(
            tokenizer,
            curriculum,
            store,
            sampler,
            masker,
            validation,
            objective,
            beginning,
            fingerprint(identity),
        )


def shortest_sequence(tokenizer: DNATokenizer, at_least: int = 1, at_most: int = 64) -> int:
    """Return the length of the shortest sequence that gives a token which can be masked."""
    for length in range(at_least, at_most + 1):
        if not tokenizer.encode(("ACGT" * length)[:length]).special_tokens_mask.all():
            return length
    return at_most


def _checkpoint_to_resume(output: Path, resume: bool, identity: str) -> Path | None:
    whole, broken = find_checkpoints(output)
    finished = (output / "run.json").is_file()
    if not resume:
        if whole or finished:
            raise ConfigError(
                f"{output} already holds a run; pass --resume to go on with it, or another --output"
            )
        return None
    for folder in broken:
        before = whole[0].name if whole else "the beginning"
        # A kill while old checkpoints are removed leaves a part of one that nobody needs.
        if not whole or checkpoint_step(folder) > checkpoint_step(whole[0]):
            note = f"{folder.name} is half-written: going on from {before}"
            terminal.console(stderr=True, soft_wrap=True).print(note)
        shutil.rmtree(folder, ignore_errors=True)
    identity_file = output / "identity.json"
    if whole and identity_file.is_file() and json.loads(identity_file.read_text())["fingerprint"] != identity:
        raise ConfigError(
            f"the run in {output} had other settings; resume with those in its settings.json, "
            "or choose another --output"
        )
    return whole[0] if whole else None


def _train(
    settings: PretrainSettings, parts: _Parts, output: Path, checkpoint: Path | None, quiet: bool
) -> PretrainResult:
    import transformers
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    from dnamask_plugins.files import write_json
    from dnamask_plugins.models.loading import load_masked_lm
    from dnamask_plugins.models.lora import add_lora, merge_lora, save_adapters
    from dnamask_plugins.pretrain.curves import draw_curves
    from dnamask_plugins.pretrain.progress import PretrainProgress
    from dnamask_plugins.tokenizers.export import save_tokenizer
    from dnamask_plugins.training.trainer import MaskingTrainer

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model, description = load_masked_lm(
        settings.backbone,
        parts.tokenizer,
        seed=settings.seed,
        head="fresh" if settings.fresh_head else "kept",
        **settings.model,
    )
    parts.beginning.apply(model, description, settings.seed)
    check_lengths(settings, parts.tokenizer, description.max_positions)
    arguments = trainer_arguments(settings, output)
    transformers.set_seed(settings.seed)
    if settings.lora is not None:
        model = add_lora(model, **{"seed": settings.seed, **settings.lora})

    schedule = Schedule(parts.curriculum)
    stop = StopOnSignal()
    bar = PretrainProgress(schedule, quiet)
    trainer = MaskingTrainer(
        model,
        arguments,
        Tokenize(parts.sampler, parts.tokenizer, settings.mask.repeat_weight),
        parts.masker,
        schedule,
        parts.validation,
        callbacks=[stop, bar],
        objective=parts.objective,
    )
    for unwanted in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(unwanted)
    first_process = trainer.is_world_process_zero()
    if first_process:
        write_json(output / "settings.json", settings.to_mapping())
        write_json(output / "identity.json", {"fingerprint": parts.fingerprint})
        if description.started_fresh or description.origin == "configuration":
            terminal.console(stderr=True, soft_wrap=True).print(str(description))
        if not save_tokenizer(parts.tokenizer, output, description.max_positions):
            terminal.console(stderr=True).print(
                f"tokenizer '{parts.tokenizer.name}' has no Hugging Face form: "
                "load_tokenizer(folder) gives it back, AutoTokenizer does not"
            )

    started = time.time()
    try:
        with stop:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        bar.close()
    if stop.received is not None and trainer.state.global_step < trainer.state.max_steps:
        raise Interrupted(
            f"stopped by signal {stop.received} after step {trainer.state.global_step}, saved in {output}; "
            "run the same command with --resume"
        )

    history = trainer.history.rows(trainer.state)
    evaluated: dict[str, Any] = next((row for row in reversed(history) if "eval_perplexity" in row), {})
    record = {
        "settings": settings.to_mapping() | {"tokenizer": dict(parts.tokenizer.to_config())},
        "trainer": settings.trainer_arguments,
        "fingerprint": parts.fingerprint,
        "command": command_line(),
        "environment": environment(),
        "model": description.to_dict(),
        "corpus": {
            "files": [source["file"] for source in parts.store.index["sources"]],
            "nucleotides": len(parts.store),
            "fingerprint": parts.store.fingerprint,
        },
        "curriculum": {
            "config": dict(parts.curriculum.to_config()),
            "fingerprint": fingerprint(dict(parts.curriculum.to_config())),
            "state": dict(schedule.state),
            "switch_step": schedule.state.get("switch_step"),
        },
        "progress": {
            "steps": trainer.state.global_step,
            "examples_per_step": arguments.train_batch_size
            * arguments.gradient_accumulation_steps
            * arguments.world_size,
            "processes": arguments.world_size,
            "seconds_this_session": round(time.time() - started, 1),
            "perplexity": evaluated.get("eval_perplexity"),
            "nucleotide_perplexity": evaluated.get("eval_nucleotide_perplexity"),
        },
        "history": history,
    }
    if first_process:
        final = trainer.accelerator.unwrap_model(trainer.model)
        if settings.lora is not None:
            save_adapters(final, output / "adapter")
            final = merge_lora(final)
        final.save_pretrained(output)
        draw_curves(history, output / "curves.png", f"{settings.backbone}, {settings.curriculum['name']}")
        write_run_record(output, record)
    trainer.accelerator.wait_for_everyone()
    return PretrainResult(output, record["progress"]["perplexity"], history, record)  # type: ignore[index]


def trainer_arguments(settings: PretrainSettings, output: Path) -> Any:
    """Build ``TrainingArguments`` from the recipe and the run's own fields.

    Raises
    ------
    ConfigError
        A field is unknown or its value refused.
    """
    import torch
    from transformers import TrainingArguments

    fields = settings.trainer_arguments
    own = {
        "output_dir": str(output),
        "seed": settings.seed,
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "remove_unused_columns": False,
        "logging_nan_inf_filter": False,
        "report_to": ["tensorboard"],
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
    }
    known = TrainingArguments.__dataclass_fields__
    for name in fields:
        if name not in known:
            from dnamask_plugins.errors import suggest

            raise ConfigError(f"[trainer]: TrainingArguments has no field '{name}'; {suggest(name, known)}")
    try:
        arguments = TrainingArguments(**{**own, **fields})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"[trainer]: {error}") from None
    if arguments.n_gpu > 1:
        # The Trainer would wrap the model in DataParallel, whose copies do not share the masked forward.
        raise ConfigError(
            f"{arguments.n_gpu} GPUs in one process: start one process a GPU with 'torchrun --nproc-per-node "
            f"{arguments.n_gpu} -m dnamask_plugins pretrain ...', or show one with CUDA_VISIBLE_DEVICES=0"
        )
    return arguments


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
