"""What a curriculum promises beyond its types."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from dnamask_plugins.config import canonical_json
from dnamask_plugins.testing.core import promise, require
from dnamask_plugins.testing.global_state import no_global_draw
from dnamask_plugins.types import MaskSpec

STEPS = (0, 1, 2, 499, 500, 501, 9_999, 10_000, 123_457, 10**6, 10**9)


def evaluations(curriculum: Any, story: int, count: int = 12) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield steps with metrics: perplexities that fall, stall, rise, or are no numbers at all."""
    rng = np.random.default_rng(story)
    for index in range(count):
        level = (900.0 * 0.8**index, 40.0, 30.0 * 1.1**index, float(rng.uniform(1, 2000)))[story % 4]
        yield 500 * (index + 1), metrics_of(curriculum, level + rng.uniform(0, 0.3))


def metrics_of(curriculum: Any, perplexity: float) -> dict[str, float]:
    """Return what an evaluation hands to a curriculum."""
    each = {f"perplexity/{name}": perplexity * (1 + 0.1 * i) for i, name in enumerate(curriculum.probes)}
    return {"perplexity": perplexity, **each}


def follow(curriculum: Any, story: int) -> Iterator[tuple[int, Any]]:
    """Yield the state at the start and after each evaluation."""
    state = curriculum.initial_state()
    yield 0, state
    for step, metrics in evaluations(curriculum, story):
        state = curriculum.update(state, step, metrics)
        yield step, state


@promise("curricula")
def probes_are_names(curriculum: Any) -> None:
    """Name the probes before training starts, as a tuple."""
    probes = curriculum.probes
    good = isinstance(probes, tuple) and all(isinstance(name, str) and name for name in probes)
    require(good, expected="a tuple of strategy names", came=repr(probes), example="curriculum.probes")


@promise("curricula", needs=("probes_are_names",))
def state_is_json(curriculum: Any) -> None:
    """Keep the state plain JSON, at the start and after every evaluation: checkpoints hold it."""
    for story in range(4):
        for step, state in follow(curriculum, story):
            try:
                same = json.loads(canonical_json(dict(state))) == dict(state)
                came = canonical_json(dict(state))
            except (TypeError, ValueError) as error:
                same, came = False, f"{type(error).__name__}: {error}"
            require(
                same,
                expected="a state that JSON gives back unchanged",
                came=came,
                example=f"the state {state!r} after step {step}",
            )


@promise("curricula", needs=("probes_are_names",))
def says_something_at_every_step(curriculum: Any) -> None:
    """Give a MaskSpec at every step from 0 to 10^9."""
    for story in range(4):
        for evaluated, state in follow(curriculum, story):
            for step in STEPS:
                try:
                    spec = curriculum.spec(state, step)
                except Exception as error:
                    spec = f"{type(error).__name__}: {error}"
                require(
                    isinstance(spec, MaskSpec),
                    expected="a MaskSpec",
                    came=repr(spec),
                    example=f"spec(state, {step}) with the state {dict(state)} of step {evaluated}",
                )


@promise("curricula", needs=("says_something_at_every_step",))
def names_its_strategies_beforehand(curriculum: Any) -> None:
    """List in `strategies` whatever a spec may name: they are built before the first step."""
    known = getattr(curriculum, "strategies", None)
    good = isinstance(known, tuple) and all(isinstance(name, str) for name in known)
    require(good, expected="a tuple of strategy names", came=repr(known), example="curriculum.strategies")
    for story in range(4):
        for _, state in follow(curriculum, story):
            for step in STEPS:
                surprise = {name for name, _ in curriculum.spec(state, step).weights} - set(known or ())
                require(
                    not surprise,
                    expected=f"strategies among {known}",
                    came=f"{sorted(surprise)}",
                    example=f"spec({dict(state)}, {step})",
                )


@promise("curricula", needs=("says_something_at_every_step",))
def leaves_its_arguments_alone(curriculum: Any) -> None:
    """Change neither the state nor the metrics that `spec` and `update` are given."""
    for story in range(4):
        state = dict(curriculum.initial_state())
        for step, metrics in evaluations(curriculum, story):
            for function, arguments in (("spec", (state, step)), ("update", (state, step, metrics))):
                before = copy.deepcopy(arguments)
                result = getattr(curriculum, function)(*arguments)
                require(
                    repr(arguments) == repr(before),
                    expected=f"arguments of {function} as they were: {before}",
                    came=f"{arguments}",
                    example=f"{function} at step {step}",
                )
            state = dict(result)


@promise("curricula", needs=("says_something_at_every_step",))
def draws_no_global_random_numbers(curriculum: Any) -> None:
    """Leave random, numpy.random and torch as they were: shares are stated, the draw is made elsewhere."""
    with no_global_draw("state the shares in MaskSpec.mixture; the draw per example is made elsewhere"):
        for _, state in follow(curriculum, 3):
            curriculum.spec(state, 1000)


@promise("curricula", needs=("says_something_at_every_step",))
def asking_changes_nothing(curriculum: Any) -> None:
    """Say the same when asked again about a state and a step, in any order."""
    for story in range(4):
        for _, state in follow(curriculum, story):
            first = [curriculum.spec(state, step) for step in STEPS]
            again = [curriculum.spec(state, step) for step in reversed(STEPS)][::-1]
            for step, one, other in zip(STEPS, first, again, strict=True):
                require(
                    one == other,
                    expected=f"{one}",
                    came=f"{other}",
                    example=f"spec({dict(state)}, {step}) asked twice",
                )


@promise(
    "curricula",
    needs=(
        "state_is_json",
        "says_something_at_every_step",
        "configuration_round_trips",
        "asking_changes_nothing",
        "draws_no_global_random_numbers",
    ),
)
def resuming_changes_nothing(curriculum: Any) -> None:
    """Say the same in a run that is resumed after every evaluation as in one that never stopped."""
    for story in range(4):
        straight = curriculum.initial_state()
        resumed = json.loads(
            canonical_json(dict(type(curriculum).from_config(curriculum.to_config()).initial_state()))
        )
        for step, metrics in evaluations(curriculum, story):
            straight = curriculum.update(straight, step, metrics)
            fresh = type(curriculum).from_config(curriculum.to_config())
            resumed = json.loads(canonical_json(dict(fresh.update(resumed, step, metrics))))
            for later in (step, step + 1, *STEPS):
                one, other = curriculum.spec(straight, later), fresh.spec(resumed, later)
                require(
                    one == other,
                    expected=f"{one} as in the run that never stopped",
                    came=f"{other}",
                    example=f"resumed after step {step} (perplexity {metrics['perplexity']:.2f}), asked for "
                    f"step {later}: memory belongs into the state",
                )


@promise("curricula", needs=("state_is_json",))
def survives_odd_metrics(curriculum: Any) -> None:
    """Survive evaluations that give inf, nan or 0, or figures that nobody asked for."""
    for odd in (math.inf, math.nan, 0.0, 1e300):
        state = curriculum.initial_state()
        for index, level in enumerate((50.0, odd, 49.9, odd, odd)):
            metrics = {**metrics_of(curriculum, level), "perplexity/of_someone_else": 1.0, "loss": 2.0}
            state = curriculum.update(state, 500 * (index + 1), metrics)
            try:
                canonical_json(dict(state))
                curriculum.spec(state, 500 * (index + 1))
            except Exception as error:
                require(
                    False,
                    expected="a usable state",
                    came=f"{type(error).__name__}: {error}",
                    example=f"perplexity {odd} at step {500 * (index + 1)}; the state is {state!r}",
                )
