"""Hugging Face's Trainer, with masking at the moment a batch is consumed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import SequentialSampler
from transformers import PreTrainedModel, Trainer, TrainingArguments

from dnamask_plugins.errors import DnamaskError
from dnamask_plugins.masking import Masker
from dnamask_plugins.models.masked_loss import install_masked_forward
from dnamask_plugins.models.nucleotide_loss import LetterTable
from dnamask_plugins.training.callback import CurriculumCallback
from dnamask_plugins.training.checkpoints import begin, keep_newest, seal
from dnamask_plugins.training.examples import ExampleIds, Examples, Tokenize
from dnamask_plugins.training.finite import LossWatch
from dnamask_plugins.training.history import LogHistory
from dnamask_plugins.training.objective import Objective
from dnamask_plugins.training.schedule import Schedule
from dnamask_plugins.training.steps import StepMaker, StepsAhead
from dnamask_plugins.training.validation import Measured, Validation, masked_loss_sum


class MaskingTrainer(Trainer):
    """Trainer whose loader yields unmasked examples and which masks them when an optimizer step begins.

    So a curriculum's switch holds from exactly the step it was made at, with any number of workers, any
    prefetching and gradient accumulation; and example id, not position in the loader, decides the mask.
    The loss of an optimizer step is the mean over all its predicted tokens (or hidden nucleotides, as the
    objective says), over micro-batches and processes.

    Parameters
    ----------
    model : PreTrainedModel for masked LM
    args : TrainingArguments
    tokenize : Tokenize
        Collate function from example ids to `Examples`.
    masker : Masker
    schedule : Schedule
    validation : Validation, optional
        Held-out windows; needed when the arguments ask for evaluation.
    callbacks : list of TrainerCallback, optional
    objective : Objective, optional
        What is learned; the masked tokens by default.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: TrainingArguments,
        tokenize: Tokenize,
        masker: Masker,
        schedule: Schedule,
        validation: Validation | None = None,
        callbacks: list[Any] | None = None,
        objective: Objective | None = None,
    ) -> None:
        self.masker, self.schedule, self.validation = masker, schedule, validation
        self.objective = Objective() if objective is None else objective
        if validation is not None:
            validation.check(schedule.curriculum.probes, schedule.spec)
        global_batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        self.history = LogHistory(Path(args.output_dir), args.process_index == 0)
        install_masked_forward(model, self._letter_table())
        super().__init__(
            model=model,
            args=args,
            data_collator=tokenize,
            train_dataset=ExampleIds(args.max_steps * global_batch),
            eval_dataset=ExampleIds(len(validation.batch)) if validation else None,
            callbacks=[CurriculumCallback(schedule), self.history, *(callbacks or [])],
        )
        # compute_loss divides by the predicted tokens of the whole optimizer step itself.
        self.model_accepts_loss_kwargs = True
        # Losses that are not finite end the run; the Trainer's own filter would wait for each of them.
        self.args.logging_nan_inf_filter = False
        self._watch, self._place = LossWatch(), ""
        self._statistics: dict[str, float] = {}
        self._seen = 0
        on_device = self.args.device.type != "cpu"
        pinned, bucketed = self.args.device.type == "cuda", bool(self.args.torch_compile)
        make = StepMaker(masker, self.objective, self._logs_after, pinned, bucketed)
        self._steps = StepsAhead(make, on_device)

    def _letter_table(self) -> LetterTable | None:
        measured = self.validation.spellings if self.validation else None
        spellings = self.objective.spellings or measured
        return None if spellings is None else LetterTable(spellings)

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Examples], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, torch.Tensor]], torch.Tensor]:
        """Mask the micro-batches of one optimizer step; count the tokens to predict over all processes."""
        number = self.state.global_step
        self.schedule.step = number
        last = number + 1 >= self.state.max_steps
        step = self._steps.take(number, self.schedule.spec, epoch_iterator, num_batches, last)
        self._place, self._statistics = step.described(self.masker.seed), step.statistics
        self._seen += step.seen
        totals = torch.tensor([step.tokens, step.letters], dtype=torch.float64)
        if self.args.world_size > 1:
            totals = self.accelerator.gather(totals.to(device)[None]).sum(0)
        totals = totals.clamp(min=1)
        self._letters = totals[1].float()
        return step.batches, totals[0].long()

    def _count_seen(self) -> None:
        """Add the tokens of all processes to the state, which checkpoints keep; this waits for them."""
        seen = torch.tensor(self._seen, device=self.args.device)
        if self.args.world_size > 1:
            seen = self.accelerator.reduce(seen, reduction="sum")
        self.state.num_input_tokens_seen += int(seen)
        self._seen = 0

    def _logs_after(self, step: int) -> bool:
        every = max(int(self.state.logging_steps or 1), 1)
        first = step == 0 and self.args.logging_first_step
        return first or (step + 1) % every == 0 or step + 1 == self.state.max_steps

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return this micro-batch's share of the step's mean loss."""
        loss, count, *letters = model(**inputs, masked_only=True)
        loss = loss * (count / num_items_in_batch if num_items_in_batch is not None else 1.0)
        if letters:
            loss = self.objective.combine(loss, letters[0] / self._letters)
        loss = loss * self.args.world_size
        self._watch.add(loss, self._place)
        return loss

    def _prepare_inputs(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Send a batch to the device without waiting for it."""
        device = self.args.device
        return {name: value.to(device, non_blocking=True) for name, value in inputs.items()}

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Measure perplexity under each probe of the curriculum, on the same windows and masks every time."""
        if self.validation is None:
            return {}
        self._watch.check()
        self.schedule.step = self.state.global_step
        model = self.model
        was_training = model.training
        model.eval()
        metrics: dict[str, float] = {}
        with torch.no_grad(), self.compute_loss_context_manager():
            for probe in self.schedule.curriculum.probes:
                spec = self.validation.probe_spec(probe, self.schedule.spec)
                total = masked_loss_sum(
                    lambda batch: model(**batch, masked_only=True),
                    self.validation.batches(spec, self.args.process_index, self.args.world_size),
                    self.args.device,
                )
                if self.args.world_size > 1:
                    total = self.accelerator.reduce(total, reduction="sum")
                measured = Measured.from_sums(total)
                if measured is None:
                    warnings.warn(
                        f"step {self.state.global_step}: the masks of '{probe}' hide no token, so that "
                        "nothing was measured with them; raise the mask rate",
                        stacklevel=2,
                    )
                    continue
                metrics.setdefault(f"{metric_key_prefix}_loss", measured.token)
                for name, value in measured.perplexities().items():
                    metrics.setdefault(f"{metric_key_prefix}_{name}", value)
                    metrics[f"{metric_key_prefix}_{name}/{probe}"] = value
        model.train(was_training)
        self.log(metrics)
        self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the strategy in force and the mask statistics to what is logged; look at the losses so far."""
        self._watch.check()
        self._count_seen()
        if "loss" in logs:
            spec = self.schedule.spec_at(max(self.state.global_step - 1, 0))
            shares = dict.fromkeys(self.schedule.curriculum.strategies, 0.0) | dict(spec.weights)
            logs |= {f"strategy/{name}": share for name, share in shares.items()}
            logs |= self._statistics
        super().log(logs, *args, **kwargs)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: torch.nn.Module | None = None
    ) -> None:
        # The Trainer looks weights up by the names of now; some architectures (ESM) are saved under older
        # ones, and what is not found would silently stay as it was initialized.
        target = self.model if model is None else model
        if not isinstance(target, PreTrainedModel) or self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved, report = type(target).from_pretrained(
            resume_from_checkpoint, config=target.config, dtype=target.dtype, output_loading_info=True
        )
        if report["missing_keys"]:
            raise DnamaskError(
                f"{resume_from_checkpoint} lacks weights of the model ({sorted(report['missing_keys'])[0]}, "
                f"{len(report['missing_keys'])} in all); remove it to go on from the one before"
            )
        target.load_state_dict(saved.state_dict())

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        self._watch.check()
        self._count_seen()
        self.history.shed(self.state)
        run = Path(self.args.output_dir)
        folder = run / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            begin(folder)
        self.accelerator.wait_for_everyone()
        # Older checkpoints go only after the new one is whole.
        limit, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.save_total_limit = limit
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            seal(folder)
            keep_newest(run, limit)
