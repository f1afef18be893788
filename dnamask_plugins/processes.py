"""How many processes a launcher (torchrun, accelerate, MPI) started, read from the environment alone."""

from __future__ import annotations

import os
from typing import Final

from dnamask_plugins.errors import ConfigError

_SIZES: Final = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""In the order in which accelerate reads them."""

_SHARDED: Final = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "sharding",
}


def launched_processes() -> int:
    """Return the number of processes of this job, 1 without a launcher.

    Raises
    ------
    ConfigError
        ``WORLD_SIZE`` is no number, or is set without the ranks that a launcher sets beside it.
    """
    for name in _SIZES:
        text = os.environ.get(name, "").strip()
        if not text:
            continue
        if not text.isdigit() or int(text) < 1:
            raise ConfigError(f"{name} is {text!r}, no number of processes; unset it or use torchrun")
        count = int(text)
        if name == "WORLD_SIZE" and count > 1 and not {"RANK", "LOCAL_RANK"} <= os.environ.keys():
            raise ConfigError(
                f"WORLD_SIZE is {count} but RANK and LOCAL_RANK are not set, so no launcher started this: "
                f"unset WORLD_SIZE, or use 'torchrun --nproc-per-node {count} -m dnamask_plugins ...'"
            )
        return count
    return 1


def check_launcher() -> None:
    """Refuse what a launcher asks for and this package would not do.

    Raises
    ------
    ConfigError
        ``accelerate launch`` was asked to shard the model, or for several processes where it starts one.
    """
    for name, title in _SHARDED.items():
        if os.environ.get(name, "false").lower() in ("true", "1"):
            raise ConfigError(
                f"accelerate was asked for {title}, which is not supported with the masked forward pass: use "
                "'torchrun --nproc-per-node N -m dnamask_plugins ...', one copy of the model a process"
            )
    asked_for_several = {"ACCELERATE_MIXED_PRECISION", "MASTER_PORT"} <= os.environ.keys()
    if asked_for_several and launched_processes() == 1 and "RANK" not in os.environ:
        raise ConfigError(
            "accelerate was asked for several processes but with --cpu it starts one: use "
            "'torchrun --nproc-per-node N -m dnamask_plugins ...', or 'accelerate launch --multi_gpu "
            "--num_processes N -m dnamask_plugins ...', which work without a GPU too"
        )


def is_first() -> bool:
    """Whether this is the first process of a job: the one that writes."""
    return os.environ.get("RANK", "0") in ("", "0", "-1")


def is_first_here() -> bool:
    """Whether this is the first process of a job on this machine: the one that speaks."""
    return os.environ.get("LOCAL_RANK", "0") in ("", "0", "-1")


def require_one_process(command: str) -> None:
    """Refuse a launcher, for commands that would do the same work in each process.

    Raises
    ------
    ConfigError
        Says how to start the command instead.
    """
    count = launched_processes()
    if count > 1:
        raise ConfigError(
            f"'{command}' was started as {count} processes, which would all do the same and write the same "
            f"files: start it once as 'dnamask {command} ...'; only 'pretrain' runs under torchrun"
        )
