"""From a run's settings to ``TrainingArguments``: our own fields, the recipe, all processes as one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import DistributedType
from transformers import Trainer, TrainingArguments, get_scheduler

from dnamask_plugins.errors import ConfigError
from dnamask_plugins.pretrain.settings import PretrainSettings
from dnamask_plugins.pretrain.trainer_fields import check_trainer_fields
from dnamask_plugins.processes import check_launcher, launched_processes

if TYPE_CHECKING:
    from transformers import TrainingArguments


def trainer_arguments(settings: PretrainSettings, output: Path) -> TrainingArguments:
    """Build ``TrainingArguments``; under a launcher this joins the processes to one run.

    Raises
    ------
    ConfigError
        A field is unknown, refused or has a bad value, or the processes would not be one run.
    """
    own = _own_fields(settings, output)
    check_trainer_fields(settings.trainer, own)
    processes = launched_processes()
    check_launcher()
    if processes == 1 and settings.trainer.get("ddp_backend") is not None:
        raise ConfigError("[trainer]: 'ddp_backend' is for several processes, and this is one; take it out")
    fields = {
        name: value
        for name, value in settings.trainer_arguments.items()
        if name not in own or name in _DEFAULTS
    }
    try:
        arguments = TrainingArguments(**{**own, **fields})
        for name in _OF_WORKERS if not arguments.dataloader_num_workers else ():
            if getattr(arguments, name, None):  # transformers 5.2 lacks one of them
                raise ValueError(f"'{name}' is for loader processes, and there are none; give --workers 1")
        _try_optimizer_and_schedule(arguments)
    except (TypeError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ConfigError(f"[trainer]: {' '.join(str(error).split())[:300]}; correct the field") from None
    _require_one_run(arguments, processes)
    return arguments


_DEFAULTS = frozenset({"bf16", "dataloader_pin_memory", "report_to", "use_cpu"})
"""Of our own fields those that a user may set otherwise."""


def _own_fields(settings: PretrainSettings, output: Path) -> dict[str, Any]:
    return {
        "output_dir": str(output),
        "seed": settings.seed,
        "eval_strategy": "steps",
        "save_strategy": "steps",
        "logging_strategy": "steps",
        "remove_unused_columns": False,
        "logging_nan_inf_filter": False,
        "report_to": ["tensorboard"],
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        # Without it and without a GPU, transformers takes each process of torchrun for a run of its own.
        "use_cpu": not torch.accelerator.is_available(),
    }


_OF_WORKERS = (
    "dataloader_persistent_workers",
    "dataloader_prefetch_factor",
    "dataloader_multiprocessing_context",
)


def _try_optimizer_and_schedule(arguments: TrainingArguments) -> None:
    """Build both for one number, so that a bad value is found before anything is written."""
    if str(arguments.optim.value).startswith(("galore", "apollo", "lomo", "adalomo")):
        raise ValueError(f"optim '{arguments.optim.value}' needs optim_target_modules or hooks of its own")
    number = torch.nn.Parameter(torch.zeros(1))
    kind, keywords = Trainer.get_optimizer_cls_and_kwargs(arguments)
    optimizer = kind([number], **keywords)
    get_scheduler(
        arguments.lr_scheduler_type,
        optimizer,
        arguments.get_warmup_steps(arguments.max_steps),
        arguments.max_steps,
        scheduler_specific_kwargs=arguments.lr_scheduler_kwargs or {},
    )


def _require_one_run(arguments: TrainingArguments, processes: int) -> None:
    """Refuse processes that would each run alone, and several GPUs in one process."""
    state = arguments.distributed_state
    alone = state is None or state.distributed_type == DistributedType.NO
    if arguments.world_size != processes or (alone and processes > 1):
        seen = 1 if alone else arguments.world_size
        raise ConfigError(
            f"{processes} processes were started but the Trainer sees {seen}, so that each would run alone "
            f"in {arguments.output_dir}: take trainer.use_cpu and trainer.ddp_backend "
            "out, or start one process"
        )
    if arguments.n_gpu > 1:
        # The Trainer would wrap the model in DataParallel, whose copies do not share the masked forward.
        raise ConfigError(
            f"{arguments.n_gpu} GPUs in one process: start one process a GPU with 'torchrun --nproc-per-node "
            f"{arguments.n_gpu} -m dnamask_plugins pretrain ...', or show one with CUDA_VISIBLE_DEVICES=0"
        )
