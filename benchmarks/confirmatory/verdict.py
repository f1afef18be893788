"""The verdict of the registered claims: a pure function of the registration and a table of seed means.

Seeds decide: a seed's figure is the mean MCC over the registered tasks, and over its fine-tuning seeds.
Claims are tested one-sided by Welch's t-test on the seeds' figures, and corrected by Holm over the claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        Least difference of means to the arms it is compared with.
    p, corrected : float or None
    detail : str
    """

    claim: str
    text: str
    status: str
    difference: float | None
    p: float | None
    corrected: float | None
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
    raw = [_test(claim, seeds, figures, final_perplexity, excluded or {}) for claim in claims]
    tested = [number for number, claim in enumerate(claims) if claim["kind"] != "reaches"]
    p_values = [1.0 if (p := raw[number][1]) is None else p for number in tested]
    corrected = dict(zip(tested, holm(p_values), strict=True))
    verdicts = []
    for number, claim in enumerate(claims):
        difference, p, missing, shown = raw[number]
        after = None if p is None or claim["kind"] == "reaches" else corrected[number]
        if missing:
            status, detail = "incomplete", f"lacks {missing}"
        elif claim["kind"] == "reaches":
            status, detail = ("shown" if shown else "not shown"), "a count of seeds, no test"
        else:
            status = "shown" if after is not None and after < ALPHA else "not shown"
            detail = f"margin {claim['margin']:g}"
        verdicts.append(Verdict(claim["name"], claim["text"], status, difference, p, after, detail))
    return verdicts


def _test(
    claim: Mapping[str, Any],
    seeds: Sequence[int],
    figures: Figures,
    final_perplexity: Figures,
    excluded: Mapping[str, Sequence[int]],
) -> tuple[float | None, float | None, str, bool]:
    """Return difference, p-value, what is missing (empty if nothing), and whether a count is fulfilled."""
    source = final_perplexity if claim["kind"] == "reaches" else figures
    arms = [claim["arm"], *claim["than"]]
    wanted = {arm: [seed for seed in seeds if seed not in excluded.get(arm, ())] for arm in arms}
    missing = [f"{arm} {seed}" for arm in arms for seed in wanted[arm] if seed not in source.get(arm, {})]
    if missing:
        more = "" if len(missing) == 1 else f" and {len(missing) - 1} more"
        return None, None, f"{missing[0]}{more}", False
    values = {arm: [source[arm][seed] for seed in wanted[arm]] for arm in arms}
    own = values[claim["arm"]]
    if claim["kind"] == "reaches":
        return None, None, "", max(own) < claim["below"]
    margin = claim["margin"] if claim["kind"] == "better" else -claim["margin"]
    difference = min(float(np.mean(own) - np.mean(values[arm])) for arm in claim["than"])
    # "Better than each" is shown when the hardest comparison is: the largest p-value counts.
    return difference, max(one_sided_welch(own, values[arm], margin) for arm in claim["than"]), "", False
