"""One pretraining run: from settings to a model folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dnamask_plugins import terminal
from dnamask_plugins.environment import without_folders
from dnamask_plugins.errors import ConfigError
from dnamask_plugins.files import follow_umask, write_json
from dnamask_plugins.locks import locked_folder
from dnamask_plugins.pretrain.arguments import trainer_arguments
from dnamask_plugins.pretrain.failures import told_in_one_line
from dnamask_plugins.pretrain.folder import check_output, prepare_output
from dnamask_plugins.pretrain.identity import identity_of
from dnamask_plugins.pretrain.lora import with_adapters
from dnamask_plugins.pretrain.parts import Parts, check_lengths
from dnamask_plugins.pretrain.record import record_of, write_run_record
from dnamask_plugins.pretrain.sessions import Sessions, sessions_of
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.pretrain.signals import Interrupted, StopOnSignal
from dnamask_plugins.quiet import silence_transformers
from dnamask_plugins.training.checkpoints import checkpoint_step
from dnamask_plugins.training.schedule import Schedule

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainingArguments

    from dnamask_plugins.models.loading import ModelDescription
    from dnamask_plugins.training.trainer import MaskingTrainer

_Decided = TypeVar("_Decided")


@dataclass(frozen=True)
class PretrainResult:
    """Result of a run.

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


def pretrain(
    settings: PretrainSettings,
    resume: bool = False,
    quiet: bool = False,
    resume_anyway: bool = False,
    overwrite: bool = False,
) -> PretrainResult:
    """Pretrain a masked language model with a curriculum.

    Under ``torchrun`` or ``accelerate launch`` all processes are one run; the first one writes its files.

    Parameters
    ----------
    settings : PretrainSettings
    resume : bool
        Go on from the newest whole checkpoint in the output folder; begin anew where there is none.
    quiet : bool
        No progress bar.
    resume_anyway : bool
        Go on although something differs that the numbers depend on; the record says what, and from which
        step on.
    overwrite : bool
        Begin anew in a folder that holds a run, or write into one that holds other files.

    Raises
    ------
    ConfigError, InputError
        A setting or an input cannot be used, the folder is not the run's, or the run in it is another one;
        raised before anything is written.
    Interrupted
        A signal came; the run was saved.
    WorkerDied
        A loader worker was killed.
    """
    output = Path(settings.output)
    check_output(output, _inputs(settings))
    arguments = trainer_arguments(settings, output)
    parts = Parts.from_settings(settings)
    start = _build_model(settings, parts)
    identity = identity_of(settings, parts, arguments, start.model)
    with _folder_of_the_first(arguments, output), told_in_one_line(output):

        def decide() -> tuple[Path | None, Sessions]:
            checkpoint = prepare_output(output, resume or resume_anyway, overwrite)
            step = checkpoint_step(checkpoint) if checkpoint else None
            sessions = sessions_of(output, identity, step, resume_anyway)
            if step is not None and step > arguments.max_steps:
                raise ConfigError(
                    f"the run in {output} is at step {step} already, beyond --max-steps "
                    f"{arguments.max_steps}; give more, or another --output"
                )
            return checkpoint, sessions

        checkpoint, sessions = _decided_by_the_first(arguments, decide)
        run = _build(settings, parts, start, arguments, quiet)
        _write_beginning(run, sessions)
        started = time.time()
        _train(run, checkpoint)
        return _finish(run, sessions, time.time() - started)


@dataclass(frozen=True, eq=False)
class _Start:
    """The model before its first step, and where it came from."""

    model: PreTrainedModel
    description: ModelDescription


@dataclass(frozen=True, eq=False)
class _Run:
    """A run that is ready to go."""

    settings: PretrainSettings
    parts: Parts
    output: Path
    description: ModelDescription
    schedule: Schedule
    trainer: MaskingTrainer
    stop: StopOnSignal
    close_bar: Callable[[], None]

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files."""
        return bool(self.trainer.is_world_process_zero())


_READ: Final = ("corpus", "npmi", "backbone")


def _inputs(settings: PretrainSettings) -> dict[str, str | None]:
    read: dict[str, str | None] = {name: getattr(settings, name) for name in _READ}
    named: Mapping[str, Any] = settings.tokenizer or {}
    path = named.get("path")
    return read | {"tokenizer": path if isinstance(path, str) else None}


def _build_model(settings: PretrainSettings, parts: Parts) -> _Start:
    from dnamask_plugins.models.loading import load_masked_lm

    silence_transformers()
    model, description = load_masked_lm(
        settings.backbone,
        parts.tokenizer,
        seed=settings.seed,
        head="fresh" if settings.fresh_head else "kept",
        **settings.model,
    )
    parts.beginning.apply(model, description, settings.seed)
    check_lengths(settings, parts.tokenizer, description.max_positions)
    return _Start(model, description)


@contextlib.contextmanager
def _folder_of_the_first(arguments: TrainingArguments, output: Path) -> Iterator[None]:
    """Hold the output folder in the process that writes it, for as long as the run lasts."""
    if arguments.process_index:
        yield
        return
    with locked_folder(output):
        yield


def _decided_by_the_first(arguments: TrainingArguments, decide: Callable[[], _Decided]) -> _Decided:
    """Let the first process look at the folder, and have all do what it found; also its error is shared.

    Each for itself, a late process would see what an early one has written already.
    """
    if arguments.world_size == 1:
        return decide()
    from accelerate.utils import broadcast_object_list

    told: list[Any] = [None]
    if arguments.process_index == 0:
        try:
            told = [decide()]
        except Exception as error:
            told = [error]
    broadcast_object_list(told, from_process=0)
    if isinstance(told[0], Exception):
        raise told[0]
    decided: _Decided = told[0]
    return decided


def _build(
    settings: PretrainSettings, parts: Parts, start: _Start, arguments: TrainingArguments, quiet: bool
) -> _Run:
    import transformers
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    from dnamask_plugins.pretrain.progress import PretrainProgress
    from dnamask_plugins.training.examples import Tokenize
    from dnamask_plugins.training.trainer import MaskingTrainer

    transformers.set_seed(settings.seed)
    model: Any = start.model
    if settings.lora is not None:
        model = with_adapters(model, settings, start.description)
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
    output = Path(arguments.output_dir)
    return _Run(settings, parts, output, start.description, schedule, trainer, stop, bar.close)


def _write_beginning(run: _Run, sessions: Sessions) -> None:
    from dnamask_plugins.tokenizers.export import save_tokenizer

    if not run.writes:
        return
    sessions.write(run.output)
    write_json(run.output / "settings.json", without_folders(run.settings.to_mapping()))
    description = run.description
    if description.started_fresh or description.origin == "configuration":
        terminal.console(stderr=True, soft_wrap=True).print(str(description))
    note = run.parts.objective.note(run.parts.curriculum)
    if note is not None:
        terminal.console(stderr=True, soft_wrap=True).print(note)
    if not save_tokenizer(run.parts.tokenizer, run.output, description.max_positions):
        terminal.console(stderr=True).print(
            f"tokenizer '{run.parts.tokenizer.name}' has no Hugging Face form: "
            "load_tokenizer(folder) gives it back, AutoTokenizer does not"
        )


def _train(run: _Run, checkpoint: Path | None) -> None:
    state = run.trainer.state
    try:
        with run.stop:
            run.trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finally:
        run.close_bar()
    state = run.trainer.state
    if run.stop.received is not None and state.global_step < state.max_steps:
        raise Interrupted(
            f"stopped by signal {run.stop.received} after step {state.global_step}, saved in {run.output}; "
            "run the same command with --resume"
        )


def _finish(run: _Run, sessions: Sessions, seconds: float) -> PretrainResult:
    """Write the model, its record and its pictures; only the first process does."""
    history = run.trainer.history.rows(run.trainer.state)
    record = record_of(
        run.settings,
        run.parts,
        run.description,
        run.trainer.args,
        run.schedule,
        history,
        sessions,
        run.trainer.state,
        seconds,
    )
    if run.writes:
        _save_model(run)
        _draw(run, history)
        write_run_record(run.output, record)
        follow_umask(run.output)
    run.trainer.accelerator.wait_for_everyone()
    return PretrainResult(run.output, record["progress"]["perplexity"], list(map(dict, history)), record)


def _save_model(run: _Run) -> None:
    from dnamask_plugins.models.lora import merge_lora, save_adapters

    final = run.trainer.accelerator.unwrap_model(run.trainer.model)
    if run.settings.lora is not None:
        save_adapters(final, run.output / "adapter")
        final = merge_lora(final)
    final.save_pretrained(run.output)


def _draw(run: _Run, history: list[Any]) -> None:
    from dnamask_plugins.pretrain.curves import draw_curves

    title = f"{without_folders(run.settings.backbone)}, {run.settings.curriculum['name']}"
    draw_curves(history, run.output / "curves.png", title)
