"""What each field of ``TrainingArguments`` means for a run: it works, it is ours to set, or it is refused.

A test goes over all fields of the installed transformers and fails on one that is not in a table here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dnamask_plugins.errors import ConfigError, suggest

FREE: Final = frozenset(
    {
        "dataloader_multiprocessing_context", "dataloader_num_workers", "dataloader_persistent_workers",
        "dataloader_pin_memory", "dataloader_prefetch_factor", "ddp_timeout", "log_level",
        "log_level_replica", "log_on_each_node", "logging_first_step", "logging_steps", "project",
        "report_to", "run_name", "save_steps", "save_total_limit", "torch_empty_cache_steps",
    }
)  # fmt: skip
"""Work, and enter no weight: a resumed run may set them anew."""

COUNTED: Final = frozenset(
    {
        "activation_checkpointing", "activation_checkpointing_kwargs", "adam_beta1", "adam_beta2",
        "adam_epsilon", "bf16", "ddp_backend", "ddp_broadcast_buffers", "ddp_bucket_cap_mb",
        "ddp_find_unused_parameters", "ddp_static_graph", "eval_delay", "eval_on_start", "eval_steps",
        "fp16", "full_determinism", "gradient_accumulation_steps", "gradient_checkpointing",
        "gradient_checkpointing_kwargs", "learning_rate", "lr_scheduler_kwargs", "lr_scheduler_type",
        "max_grad_norm", "max_steps", "optim", "per_device_train_batch_size", "tf32",
        "torch_compile", "torch_compile_backend", "torch_compile_mode", "use_cpu", "warmup_steps",
        "weight_decay",
    }
)  # fmt: skip
"""Work, and may change the weights: part of what a run is."""

OURS: Final[Mapping[str, str]] = {
    "data_seed": "--seed sets all random numbers",
    "disable_tqdm": "--quiet hides the progress bar",
    "do_eval": "trainer.eval_steps says when to evaluate",
    "do_predict": "'dnamask perplexity' measures a finished model",
    "do_train": "'dnamask pretrain' always trains",
    "eval_strategy": "trainer.eval_steps says when to evaluate; a curriculum may need it",
    "local_rank": "torchrun or accelerate sets it",
    "logging_nan_inf_filter": "a loss that is not finite stops the run",
    "logging_strategy": "trainer.logging_steps says when to log",
    "num_train_epochs": "--max-steps sets the length; windows are drawn without end",
    "output_dir": "--output sets the folder",
    "overwrite_output_dir": "--overwrite begins anew",
    "per_device_eval_batch_size": "validation.batch_size sets it",
    "remove_unused_columns": "examples have no columns",
    "resume_from_checkpoint": "--resume goes on from the newest whole checkpoint",
    "save_strategy": "trainer.save_steps says when to save",
    "seed": "--seed sets all random numbers",
}
"""Set by other means; refused with the means to use."""

_HUB: Final = "nothing is uploaded from a run; upload the finished folder with 'hf upload'"
_EXACT: Final = "a run could not be resumed bit for bit"
_OWN_EVALUATION: Final = "evaluation is measured under the curriculum's probes, without the Trainer's loop"
_OWN_LOSS: Final = "the loss is the mean over the masked tokens of the whole optimizer step"
_BEST: Final = "the model saved is the one of the last step; every checkpoint is kept for comparison"
_ORDER: Final = "example ids are drawn in order, so that masks depend on seed, step and id alone"
_UNTRIED: Final = "it was never tried with the masked forward pass"

REFUSED: Final[Mapping[str, str]] = {
    "accelerator_config": _ORDER,
    "auto_find_batch_size": "the batch size is part of what a run is; set --batch-size",
    "average_tokens_across_devices": _OWN_LOSS,
    "batch_eval_metrics": _OWN_EVALUATION,
    "bf16_full_eval": _OWN_EVALUATION,
    "dataloader_drop_last": _ORDER,
    "dataloader_in_order": _ORDER,
    "debug": "it is for debugging the Trainer itself",
    "deepspeed": _UNTRIED + "; use torchrun",
    "enable_jit_checkpoint": "SIGTERM, SIGINT and SIGUSR1 save already",
    "eval_accumulation_steps": _OWN_EVALUATION,
    "eval_do_concat_batches": _OWN_EVALUATION,
    "eval_use_gather_object": _OWN_EVALUATION,
    "fp16_full_eval": _OWN_EVALUATION,
    "fsdp": _UNTRIED + "; torchrun alone (one copy of the model a process) works",
    "fsdp_config": _UNTRIED + "; torchrun alone (one copy of the model a process) works",
    "greater_is_better": _BEST,
    "hub_always_push": _HUB,
    "hub_model_id": _HUB,
    "hub_private_repo": _HUB,
    "hub_revision": _HUB,
    "hub_strategy": _HUB,
    "hub_token": _HUB,
    "ignore_data_skip": _EXACT,
    "include_for_metrics": _OWN_EVALUATION,
    "include_num_input_tokens_seen": "the log holds windows and steps, and 'dnamask estimate' tokens",
    "label_names": _OWN_LOSS,
    "label_smoothing_factor": _OWN_LOSS,
    "length_column_name": _ORDER,
    "logging_dir": "scalars of TensorBoard lie in the folder of the run",
    "liger_kernel_config": _UNTRIED,
    "load_best_model_at_end": _BEST,
    "metric_for_best_model": _BEST,
    "neftune_noise_alpha": _UNTRIED,
    "optim_args": _UNTRIED,
    "optim_target_modules": _UNTRIED,
    "parallelism_config": _UNTRIED + "; use torchrun",
    "prediction_loss_only": _OWN_EVALUATION,
    "push_to_hub": _HUB,
    "restore_callback_states_from_checkpoint": "the curriculum's state is always restored",
    "save_on_each_node": "one process writes a run",
    "save_only_model": _EXACT,
    "skip_memory_metrics": _OWN_EVALUATION,
    "trackio_bucket_id": _HUB,
    "trackio_space_id": _HUB,
    "trackio_static_space_id": _HUB,
    "train_sampling_strategy": _ORDER,
    "use_cache": "a masked language model keeps no cache",
    "use_liger_kernel": _UNTRIED,
    "warmup_ratio": "transformers took it out after 5.2; give 'warmup_steps'",
}
"""Have no effect here or a harmful one; refused with the reason unless they ask for what is so anyway."""

_AT_LEAST_ONE: Final = ("max_steps", "per_device_train_batch_size", "gradient_accumulation_steps")
_ABOVE_ZERO: Final = ("eval_steps", "save_steps", "logging_steps")
_NEEDED: Final = (*_AT_LEAST_ONE, *_ABOVE_ZERO, "learning_rate")
_FLAGS: Final = {
    "max_steps": "--max-steps",
    "per_device_train_batch_size": "--batch-size",
    "gradient_accumulation_steps": "--accumulation",
    "eval_steps": "--eval-steps",
}


def check_trainer_fields(given: Mapping[str, Any], set_by_us: Mapping[str, Any]) -> None:
    """Refuse every field that would not do what its name says.

    A refused field passes where it asks for its default, or for what we set anyway.

    Raises
    ------
    ConfigError
        Names the field, the reason and what to use.
    """
    from transformers import TrainingArguments

    known = TrainingArguments.__dataclass_fields__
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"[trainer]: TrainingArguments has no field '{name}'; {suggest(name, known)}")
        if name in FREE or name in COUNTED:
            _check_value(name, value, known[name].type)
            continue
        anyway = set_by_us.get(name, known[name].default)
        if value == anyway and type(value) is type(anyway):
            continue
        if name in OURS:
            raise ConfigError(f"[trainer]: '{name}' is not set here: {OURS[name]}; take it out")
        why = REFUSED.get(name, f"transformers added it after this version of dnamask; {_UNTRIED}")
        raise ConfigError(f"[trainer]: '{name}' is refused: {why}; take it out")


_PLAIN: Final[Mapping[str, tuple[type, ...]]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}


def _check_value(name: str, value: Any, annotation: Any) -> None:
    flag = f" ({_FLAGS[name]})" if name in _FLAGS else ""
    text = getattr(annotation, "__name__", str(annotation))
    kinds = [each.strip() for each in text.split("|")]
    if name in _NEEDED:
        kinds = [each for each in kinds if each != "None"]
    if all(each in _PLAIN for each in kinds):
        allowed = tuple(kind for each in kinds for kind in _PLAIN[each])
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise ConfigError(f"[trainer]: '{name}'{flag} must be {' or '.join(kinds)}, not {value!r}")
    if name in _AT_LEAST_ONE and value < 1:
        raise ConfigError(f"[trainer]: '{name}'{flag} is {value}; give 1 or more")
    if name in _ABOVE_ZERO and not value > 0:
        raise ConfigError(
            f"[trainer]: '{name}'{flag} is {value}; give the number of steps between two, from 1, or a share "
            "of all steps below 1"
        )
    if name == "report_to":
        _check_reporters(value)


def _check_reporters(value: Any) -> None:
    from transformers.integrations import get_available_reporting_integrations

    installed = get_available_reporting_integrations()
    for name in [value] if isinstance(value, str) else list(value or []):
        if name not in ("all", "none") and name not in installed:
            raise ConfigError(
                f"[trainer]: report_to names '{name}', which is not installed; pip install {name}, or "
                f"use one of: {', '.join(sorted(installed)) or 'none'}"
            )
