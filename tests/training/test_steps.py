"""Steps made ahead are the steps that would have been made, and a micro-batch waits for nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertConfig, BertForMaskedLM, TrainerCallback, TrainingArguments

from dnamask_plugins import guard
from dnamask_plugins.corruption import Corruption
from dnamask_plugins.curricula.constant import Constant
from dnamask_plugins.errors import PluginError
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.loading import load_masked_lm
from dnamask_plugins.strategies.random_token import RandomToken
from dnamask_plugins.strategies.span import Span
from dnamask_plugins.tokenizers.nucleotide import NucleotideTokenizer
from dnamask_plugins.training.examples import Examples
from dnamask_plugins.training.finite import LossWatch, NonFiniteLoss
from dnamask_plugins.training.objective import Objective
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.steps import StepMaker, StepsAhead
from dnamask_plugins.training.trainer import MaskingTrainer
from dnamask_plugins.types import MaskSpec

TOKENIZER = NucleotideTokenizer()
SPAN, TOKEN = MaskSpec.single("span", 0.2), MaskSpec.single("random_token", 0.3)


def examples(ids: range) -> Examples:
    rng = np.random.default_rng(ids.start)
    texts = ["".join(rng.choice(list("ACGT"), 20 + 3 * row)) for row in range(len(ids))]
    return Examples(TOKENIZER.encode_batch(texts), np.array(ids))


def maker(**strategies: Any) -> StepMaker:
    built = {"span": Span(), "random_token": RandomToken(), **strategies}
    masker = Masker(built, Corruption.for_tokenizer(TOKENIZER), 7)
    return StepMaker(masker, Objective(), lambda step: step % 2 == 0)


def run(steps: StepsAhead, specs: list[MaskSpec]) -> list[Any]:
    source = (examples(range(2 * number, 2 * number + 2)) for number in range(100))
    return [steps.take(n, spec, source, 2, n + 1 == len(specs)) for n, spec in enumerate(specs)]


def test_steps_made_in_a_thread_are_the_same_also_where_the_curriculum_switches() -> None:
    specs = [SPAN, SPAN, TOKEN, TOKEN, SPAN]
    plain, threaded = run(StepsAhead(maker(), False), specs), run(StepsAhead(maker(), True), specs)
    for one, other, spec in zip(plain, threaded, specs, strict=True):
        assert (one.number, one.tokens, one.statistics) == (other.number, other.tokens, other.statistics)
        assert one.spec == other.spec == spec
        assert one.described(7) == other.described(7)
        for ours, theirs in zip(one.batches, other.batches, strict=True):
            for name in ("input_ids", "labels", "attention_mask"):
                assert torch.equal(ours[name], theirs[name])
            assert torch.equal(ours["plan"].flat, theirs["plan"].flat)
            assert one.tokens == sum(len(each["plan"].targets) for each in one.batches)


class Faulty(Span):
    name: ClassVar[str] = "acme.faulty"
    calls: ClassVar[int] = 0

    def select(self, *arguments: Any) -> Any:
        type(self).calls += 1
        if self.calls > 2:
            self.fail()
        return super().select(*arguments)

    def fail(self) -> None:
        raise KeyError("a gene nobody knows")


class Hangs(Faulty):
    name: ClassVar[str] = "acme.hangs"
    calls: ClassVar[int] = 0

    def fail(self) -> None:
        time.sleep(5)


@pytest.mark.parametrize(
    ("faulty", "words"), [(Faulty, "raised KeyError"), (Hangs, "did not return within 0.3 s")]
)
def test_a_plugin_that_goes_wrong_in_the_thread_is_named(
    faulty: type[Faulty], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(PluginError) as caught:
        run(StepsAhead(maker(span=faulty()), True), [SPAN] * 3)
    assert f"strategy '{faulty.name}'" in str(caught.value)
    assert words in str(caught.value)
    assert "at step 1" in str(caught.value)


def test_the_first_loss_that_is_not_finite_is_named_at_the_next_look() -> None:
    watch = LossWatch()
    for step, value in enumerate([1.0, 2.0, float("inf"), float("nan")]):
        watch.add(torch.tensor(value), f"at step {step}")
    with pytest.raises(NonFiniteLoss, match="the loss is inf at step 2; the last checkpoint is intact"):
        watch.check()
    watch.check()


class WaitsOfOperations(TorchDispatchMode):
    """Counts operations that the host must wait for: their result, its shape, or a constant that it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function)
        asks = any(
            word in name
            for word in ("_local_scalar_dense", "nonzero", "masked_select", "unique", "lift_fresh")
        )
        indices = args[1] if name.startswith("aten.index.") else ()
        by_mask = any(isinstance(each, torch.Tensor) and each.dtype == torch.bool for each in indices)
        if asks or by_mask:
            self.found.append(name)
        return function(*args, **(kwargs or {}))


class WaitsOfCalls(TorchFunctionMode):
    """Counts what brings a tensor to the host; on a CPU nothing is dispatched for it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        to_host = name == "to" and any(str(each) == "cpu" for each in args[1:] if isinstance(each, str))
        if to_host or name in ("cpu", "numpy", "tolist", "item", "__bool__", "__int__", "__float__"):
            self.found.append(name)
        return function(*args, **(kwargs or {}))


class Watched(MaskingTrainer):
    """Counts the waits of each micro-batch."""

    waits: ClassVar[list[str]] = []
    drop_plan: ClassVar[bool] = False

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        if self.drop_plan:
            inputs = {name: value for name, value in inputs.items() if name != "plan"}
        with WaitsOfOperations() as operations, WaitsOfCalls() as calls:
            loss = super().training_step(model, inputs, num_items_in_batch)
        self.waits.extend([*operations.found, *calls.found])
        return loss


SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
PACKED = ("logo", "dnabert2", "nucleotide_transformer")


def waits_of_training(backbone: str, folder: Path, drop_plan: bool) -> list[str]:
    """Train a small model for three steps of two micro-batches."""

    class Own(Watched):
        pass

    Own.waits, Own.drop_plan = [], drop_plan
    arguments = TrainingArguments(
        str(folder), max_steps=3, per_device_train_batch_size=2, gradient_accumulation_steps=2,
        report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True, logging_steps=2,
    )  # fmt: skip
    model, _ = load_masked_lm(backbone, TOKENIZER, seed=0, **SHAPE)
    trainer = Own(
        model, arguments, lambda ids: examples(range(ids[0], ids[0] + len(ids))), maker().masker,
        Schedule(Constant("span")),
    )  # fmt: skip
    trainer._steps = StepsAhead(trainer._steps.make, True)
    trainer.train()
    return Own.waits


@pytest.mark.parametrize("backbone", PACKED)
def test_no_micro_batch_waits_for_the_device(backbone: str, tmp_path: Path) -> None:
    # What a model keeps is made, and sent, with the first micro-batch of its life.
    waits_of_training(backbone, tmp_path, drop_plan=False)
    assert waits_of_training(backbone, tmp_path, drop_plan=False) == []
    assert waits_of_training(backbone, tmp_path, drop_plan=True), "the counter sees what it is for"


def test_what_transformers_asks_of_a_model_that_is_not_packed(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("dnamask_plugins.models.masked_loss.encoder_of", lambda _: None)
    planned, unplanned = (waits_of_training("logo", tmp_path, drop) for drop in (False, True))
    assert len(unplanned) > len(planned), "the counter sees what it is for"
    # transformers' own forward pass asks of each micro-batch, once, whether its mask hides anything.
    assert planned.count("aten._local_scalar_dense.default") <= 6
    assert set(planned) <= {"aten._local_scalar_dense.default", "__bool__"}


class Switches(Constant):
    """Begins with spans; goes on with single tokens after the first evaluation."""

    strategies: ClassVar[tuple[str, ...]] = ("span", "random_token")  # type: ignore[misc]

    def spec(self, state: Any, step: int) -> MaskSpec:
        return TOKEN if state.get("switched") else SPAN

    def update(self, state: Any, step: int, metrics: Any) -> Any:
        return {"switched": True}


class EvaluatesAtThree(TrainerCallback):
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 3:
            self.schedule.evaluated({"loss": 1.0})


def trained(folder: Path, ahead: bool, resume: bool = False, killed: bool = False) -> dict[str, torch.Tensor]:
    """Train for 6 steps, or the 4 before a process is killed; a checkpoint follows each third step."""
    arguments = TrainingArguments(
        str(folder), max_steps=4 if killed else 6, per_device_train_batch_size=2,
        gradient_accumulation_steps=2, report_to="none", save_steps=3, disable_tqdm=True, use_cpu=True,
        logging_steps=2, lr_scheduler_type="constant", learning_rate=1e-2,
    )  # fmt: skip
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForMaskedLM(BertConfig(vocab_size=TOKENIZER.vocab_size, **shape))
    schedule = Schedule(Switches("span"))
    trainer = MaskingTrainer(
        model, arguments, lambda ids: examples(range(ids[0], ids[0] + len(ids))), maker().masker, schedule,
        callbacks=[EvaluatesAtThree(schedule)],
    )  # fmt: skip
    trainer._steps = StepsAhead(trainer._steps.make, ahead)
    trainer.train(resume_from_checkpoint=str(folder / "checkpoint-3") if resume else None)
    return dict(model.state_dict())


def test_weights_are_those_of_a_run_without_a_thread_also_when_it_was_killed_after_a_switch(
    tmp_path: Path,
) -> None:
    plain = trained(tmp_path / "plain", ahead=False)
    threaded = trained(tmp_path / "threaded", ahead=True)
    trained(tmp_path / "killed", ahead=True, killed=True)
    resumed = trained(tmp_path / "killed", ahead=True, resume=True)
    for name, weight in plain.items():
        assert torch.equal(weight, threaded[name]), name
        assert torch.equal(weight, resumed[name]), name
