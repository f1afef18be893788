"""Changes every setting of a run between kill and resume, and says what happens.

    python benchmarks/reliability/settings_walk.py

The settings are read from `PretrainSettings` and from the table of ``TrainingArguments``, so that a new one
cannot be forgotten: without another value for it here the walk stops. What it finds goes to
``records/settings_walk.json``, and `report.py` makes a table of it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dnamask_plugins.pretrain.arguments import trainer_arguments
from dnamask_plugins.pretrain.build import build_model
from dnamask_plugins.pretrain.identity import differences, identity_of
from dnamask_plugins.pretrain.parts import Parts
from dnamask_plugins.pretrain.settings import PretrainSettings, merge
from dnamask_plugins.pretrain.trainer_fields import COUNTED, FREE

RECORD = Path(__file__).resolve().parent / "records" / "settings_walk.json"

OTHERS: dict[str, Any] = {
    "backbone": "logo",
    "model": {"hidden_size": 32},
    "tokenizer": {"name": "kmer", "k": 5},
    "curriculum": {"name": "cm_gems", "threshold": 2.0},
    "strategies": {"global_npmi": {"temperature": 0.5}},
    "init": "spelled",
    "loss": "both",
    "fresh_head": True,
    "lora": {"rank": 2},
    "mask.per": "nucleotide",
    "mask.draw": "bernoulli",
    "trainer.activation_checkpointing": True,
    "trainer.activation_checkpointing_kwargs": {"use_reentrant": True},
    "trainer.dataloader_multiprocessing_context": "spawn",
    "trainer.dataloader_num_workers": 1,
    "trainer.dataloader_prefetch_factor": 3,
    "trainer.ddp_broadcast_buffers": False,
    "trainer.ddp_bucket_cap_mb": 7,
    "trainer.ddp_find_unused_parameters": True,
    "trainer.ddp_static_graph": True,
    "trainer.gradient_checkpointing_kwargs": {"use_reentrant": True},
    "trainer.log_level": "error",
    "trainer.log_level_replica": "error",
    "trainer.lr_scheduler_kwargs": {"num_cycles": 2},
    "trainer.lr_scheduler_type": "cosine",
    "trainer.optim": "adafactor",
    "trainer.project": "another",
    "trainer.report_to": ["tensorboard"],
    "trainer.run_name": "another",
    "trainer.save_total_limit": 2,
    "trainer.torch_compile_backend": "eager",
    "trainer.torch_compile_mode": "default",
    "trainer.torch_empty_cache_steps": 2,
}
"""Another value for what is no number and no yes or no."""

TOGETHER: dict[str, dict[str, Any]] = {
    "dataloader_multiprocessing_context": {"dataloader_num_workers": 1},
    "dataloader_persistent_workers": {"dataloader_num_workers": 1},
    "dataloader_prefetch_factor": {"dataloader_num_workers": 1},
    "lr_scheduler_kwargs": {"lr_scheduler_type": "cosine_with_restarts"},
}
"""Fields that mean something only beside another, which the run without them has too."""

ELSEWHERE = {
    "output": "the folder that is resumed",
    "corpus": "told by its content",
    "npmi": "told by its content",
}
"""Settings that name files; other contents are tried in tests of their own."""

NOT_HERE = ("fp16", "tf32", "ddp_backend")
"""Need a GPU, or several processes; they are part of what a run is like all of `COUNTED`."""


def settings_of_a_run() -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the default of every setting."""
    for field in dataclasses.fields(PretrainSettings):
        default = field.default_factory() if callable(field.default_factory) else field.default  # type: ignore[misc]
        if dataclasses.is_dataclass(default):
            for inner in dataclasses.fields(default):
                yield f"{field.name}.{inner.name}", getattr(default, inner.name)
        elif field.name != "trainer":
            yield field.name, default


def another(name: str, value: Any) -> Any:
    """Return another value of a setting.

    Raises
    ------
    KeyError
        It is no number, and `OTHERS` does not know it.
    """
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 0.5 if value else 0.25
    raise KeyError(f"settings_walk.OTHERS needs another value of '{name}', which is {value!r}")


def identity(settings: PretrainSettings) -> dict[str, Any]:
    """Return what a run of these settings is; nothing is written."""
    arguments = trainer_arguments(settings, Path(settings.output))
    parts = Parts.from_settings(settings)
    return identity_of(settings, parts, arguments, build_model(settings, parts).model)


def changed(settings: PretrainSettings, name: str, value: Any) -> PretrainSettings:
    """Return settings with one of them changed."""
    nested: Any = value
    for key in reversed(name.split(".")):
        nested = {key: nested}
    made = PretrainSettings.from_mapping(merge(settings.to_mapping(), nested))
    return replace(made, output=settings.output)


def walk(base: PretrainSettings) -> Iterator[tuple[str, list[tuple[str, Any, Any]]]]:
    """Change one setting after the other; yield its name and what would be told, nothing where it is free."""
    plain = identity(base)
    for name, default in settings_of_a_run():
        if name not in ELSEWHERE:
            yield name, differences(plain, identity(changed(base, name, another(name, default))))
    arguments = trainer_arguments(base, Path(base.output))
    for field in sorted({*COUNTED, *FREE} - set(NOT_HERE)):
        beside = TOGETHER.get(field, {})
        before = changed(base, "trainer", beside) if beside else base
        value = another(f"trainer.{field}", getattr(arguments, field))
        after = changed(before, f"trainer.{field}", value)
        yield f"trainer.{field}", differences(identity(before) if beside else plain, identity(after))


def main() -> None:
    import tiny

    with tempfile.TemporaryDirectory() as folder:
        corpus, table = tiny.prepare(Path(folder))
        values: Mapping[str, Any] = tiny.settings(corpus, table, Path(folder) / "out", "cm_gems")
        base = PretrainSettings.from_mapping(
            merge(values, {"trainer": {"dataloader_num_workers": 0, "report_to": []}})
        )
        found = {name: [each[0] for each in told] for name, told in walk(base)}
    RECORD.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{sum(map(bool, found.values()))} of {len(found)} settings are part of what a run is")


if __name__ == "__main__":
    main()
