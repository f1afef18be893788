"""One pretraining run: from settings to a model folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.arguments import trainer_arguments
from dnamask_plugins.pretrain.build import Run, build_model, build_run
from dnamask_plugins.pretrain.failures import told_in_one_line
from dnamask_plugins.pretrain.first_process import decided_by_the_first, folder_of_the_first
from dnamask_plugins.pretrain.folder import check_output, prepare_output
from dnamask_plugins.pretrain.identity import identity_of
from dnamask_plugins.pretrain.parts import Parts
from dnamask_plugins.pretrain.record import record_of
from dnamask_plugins.pretrain.saving import write_beginning, write_end
from dnamask_plugins.pretrain.sessions import Sessions, sessions_of
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.pretrain.signals import Interrupted
from dnamask_plugins.training.checkpoints import checkpoint_step


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
    start = build_model(settings, parts)
    identity = identity_of(settings, parts, arguments, start.model)
    with folder_of_the_first(arguments, output), told_in_one_line(output):

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

        checkpoint, sessions = decided_by_the_first(arguments, decide)
        run = build_run(settings, parts, start, arguments, quiet)
        write_beginning(run, sessions)
        started = time.time()
        _train(run, checkpoint)
        return _finish(run, sessions, time.time() - started)


_READ: Final = ("corpus", "npmi", "backbone")


def _inputs(settings: PretrainSettings) -> dict[str, str | None]:
    read: dict[str, str | None] = {name: getattr(settings, name) for name in _READ}
    named: Mapping[str, Any] = settings.tokenizer or {}
    path = named.get("path")
    return read | {"tokenizer": path if isinstance(path, str) else None}


def _train(run: Run, checkpoint: Path | None) -> None:
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


def _finish(run: Run, sessions: Sessions, seconds: float) -> PretrainResult:
    history = run.trainer.history.rows(run.trainer.state)
    record = record_of(run, history, sessions, seconds)
    write_end(run, history, record)
    return PretrainResult(run.output, record["progress"]["perplexity"], list(map(dict, history)), record)
