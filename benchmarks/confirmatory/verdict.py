"""The verdict of the registered claims: a pure function of the registration and a table of seed means.

Seeds decide: a seed's figure is the mean MCC over the registered tasks. Claims are tested one-sided by
Welch's t-test on the seeds' figures, and corrected by Holm over the claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

Figures = Mapping[str, Mapping[int, float]]
"""Arm to pretraining seed to mean MCC over tasks and fine-tuning seeds."""

ALPHA = 0.05


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Attributes
    ----------
    claim, text : str
    status : {"shown", "not shown", "incomplete"}
        ``incomplete``: seeds or arms are missing; nothing is decided.
    difference : float or None
        Of means, to the arm with the largest p-value where there are several.
    interval : tuple of float, or None
        Two-sided 95% confidence interval of that difference (Welch), not corrected.
    p, corrected : float or None
    detectable : float or None
        Difference that would have been found with a probability of 80%, at Holm's strictest level.
    detail : str
    """

    claim: str
    text: str
    status: str
    difference: float | None
    interval: tuple[float, float] | None
    p: float | None
    corrected: float | None
    detectable: float | None
    detail: str


def one_sided_welch(one: Sequence[float], other: Sequence[float], margin: float) -> float:
    """Return the p-value of "the mean of `one` is not above that of `other` by more than `margin`".

    A negative margin makes it a test of non-inferiority.

    Examples
    --------
    >>> one_sided_welch([0.61, 0.62, 0.63], [0.50, 0.51, 0.49], 0.02) < 0.01
    True
    """
    shifted = np.asarray(one, dtype=float) - margin
    other = np.asarray(other, dtype=float)
    if shifted.std() == 0 and other.std() == 0:
        return 0.0 if shifted.mean() > other.mean() else 1.0
    return float(stats.ttest_ind(shifted, other, equal_var=False, alternative="greater").pvalue)


def spread_of_difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return the standard error of a difference of means, and Welch's degrees of freedom.

    Examples
    --------
    >>> error, freedom = spread_of_difference([0.1, 0.2, 0.3], [0.2, 0.3, 0.4])
    >>> round(error, 4), round(freedom, 1)
    (0.0816, 4.0)
    """
    parts = [float(np.var(each, ddof=1)) / len(each) for each in (one, other)]
    total = sum(parts)
    below = sum(part**2 / (len(each) - 1) for part, each in zip(parts, (one, other), strict=True))
    return float(np.sqrt(total)), total**2 / below if below else float(len(one) + len(other) - 2)


def detectable(error: float, freedom: float, margin: float, tests: int, power: float = 0.8) -> float:
    """Return the true difference that a one-sided test finds with this probability.

    At a level of 5% divided by the number of tests, Holm's strictest. Quantiles of t stand for those of its
    non-central form, which is within a few per cent from eight seeds on.
    """
    quantiles = stats.t.ppf([1 - ALPHA / tests, power], freedom)
    return float(margin + error * quantiles.sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values by Holm's step-down method.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, float(p_values[index]) * (len(p_values) - rank)))
        corrected[int(index)] = round(highest, 12)
    return corrected


def judge(
    claims: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    figures: Figures,
    final_perplexity: Figures,
    excluded: Mapping[str, Sequence[int]] | None = None,
) -> list[Verdict]:
    """Judge all claims.

    Parameters
    ----------
    claims : sequence of mappings
        As in ``registration.toml``.
    seeds : sequence of int
        The registered ones; a claim is judged only when all are there, but for those excluded.
    figures : Figures
    final_perplexity : Figures
        Of the last evaluation under the span's mask, for claims of the kind ``reaches``.
    excluded : mapping of arm to seeds, optional
        With a registered reason.

    Returns
    -------
    list of Verdict
        In the order of the claims. Incomplete claims take part in Holm's correction with p = 1, so that a
        verdict given early is never looser than the final one.
    """
    left_out = excluded or {}
    tested = [claim for claim in claims if claim["kind"] != "reaches"]
    raw = [
        _count(claim, seeds, final_perplexity, left_out)
        if claim["kind"] == "reaches"
        else _test(claim, seeds, figures, left_out, len(tested))
        for claim in claims
    ]
    numbers = [number for number, claim in enumerate(claims) if claim["kind"] != "reaches"]
    p_values = [1.0 if (p := raw[number].p) is None else p for number in numbers]
    for number, corrected in zip(numbers, holm(p_values), strict=True):
        if raw[number].p is not None:
            status = "shown" if corrected < ALPHA else "not shown"
            raw[number] = replace(raw[number], corrected=corrected, status=status)
    return raw


def _values(
    claim: Mapping[str, Any], seeds: Sequence[int], source: Figures, left_out: Mapping[str, Sequence[int]]
) -> tuple[dict[str, list[float]], str]:
    """Return each arm's figures and what is missing (empty if nothing)."""
    arms = [claim["arm"], *claim["than"]]
    wanted = {arm: [seed for seed in seeds if seed not in left_out.get(arm, ())] for arm in arms}
    missing = [f"{arm} {seed}" for arm in arms for seed in wanted[arm] if seed not in source.get(arm, {})]
    if missing:
        more = "" if len(missing) == 1 else f" and {len(missing) - 1} more"
        return {}, f"lacks {missing[0]}{more}"
    return {arm: [source[arm][seed] for seed in wanted[arm]] for arm in arms}, ""


def _undecided(claim: Mapping[str, Any], detail: str) -> Verdict:
    return Verdict(claim["name"], claim["text"], "incomplete", None, None, None, None, None, detail)


def _count(
    claim: Mapping[str, Any], seeds: Sequence[int], source: Figures, left_out: Mapping[str, Sequence[int]]
) -> Verdict:
    values, missing = _values(claim, seeds, source, left_out)
    if missing:
        return _undecided(claim, missing)
    own = values[claim["arm"]]
    reached = sum(value < claim["below"] for value in own)
    return replace(
        _undecided(claim, f"{reached} of {len(own)} seeds, no test; highest {max(own):.1f}"),
        status="shown" if reached == len(own) else "not shown",
    )


def _test(
    claim: Mapping[str, Any],
    seeds: Sequence[int],
    source: Figures,
    left_out: Mapping[str, Sequence[int]],
    tests: int,
) -> Verdict:
    """Compare with every arm; the hardest comparison, that of the largest p-value, is the claim's."""
    values, missing = _values(claim, seeds, source, left_out)
    if missing:
        return _undecided(claim, missing)
    own = values[claim["arm"]]
    margin = claim["margin"] if claim["kind"] == "better" else -claim["margin"]
    hardest = max(claim["than"], key=lambda arm: one_sided_welch(own, values[arm], margin))
    other = values[hardest]
    difference = float(np.mean(own) - np.mean(other))
    error, freedom = spread_of_difference(own, other)
    half = error * float(stats.t.ppf(0.975, freedom))
    return Verdict(
        claim["name"],
        claim["text"],
        "not shown",
        difference,
        (difference - half, difference + half),
        one_sided_welch(own, other, margin),
        None,
        detectable(error, freedom, margin, tests),
        f"to {hardest}; more than {margin:g}; {len(own)} and {len(other)} seeds",
    )
