"""Plots of a fine-tuning's report, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from dnamask_plugins.plotting import COLOURS, QUIET, as_svg, for_page
from dnamask_plugins.results.finetuning.output import FinetuneOutput

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CURVES: Final = 8
_BINS: Final = 10
_SMALLEST_BIN: Final = 5


def _figure(width: float, height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    figure = for_page(width, height)
    return figure, list(np.atleast_1d(figure.subplots(1, panels)))


def _tidy(axes: Axes, title: str, x: str, y: str = "") -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def learning_curves(output: FinetuneOutput, metric: str) -> str | None:
    """Draw loss in training and on dev, and the metric on dev, a line a seed; None without a history."""
    rows = output.history
    if not any("loss" in row or "eval_loss" in row for row in rows):
        return None
    figure, (losses, scores) = _figure(9.5, 3.2, 2)
    for place, seed in enumerate(sorted({row["seed"] for row in rows})):
        colour = COLOURS[place % len(COLOURS)]
        for key, axes, style in (
            ("loss", losses, {"lw": 1.0, "alpha": 0.45}),
            ("eval_loss", losses, {"lw": 1.8, "marker": "o", "ms": 3.5}),
            (f"eval_{metric}", scores, {"lw": 1.8, "marker": "o", "ms": 3.5}),
        ):
            points = [(row["step"], row[key]) for row in rows if row["seed"] == seed and key in row]
            if points:
                label = f"seed {seed}" if key.startswith("eval") else None
                axes.plot(*zip(*points, strict=True), color=colour, label=label, **style)
    _tidy(losses, "loss: thin in training, thick on dev", "step")
    _tidy(scores, f"{metric} on dev", "step")
    if scores.lines:
        scores.legend(frameon=False, fontsize=8)
    else:
        scores.set_visible(False)
    return as_svg(figure)


def confusion(output: FinetuneOutput) -> str:
    """Draw how many rows of each class were called what."""
    from sklearn.metrics import confusion_matrix

    count = len(output.classes)
    matrix = confusion_matrix(output.truth, output.predicted, labels=range(count))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = min(2.2 + 0.55 * count, 9.0)
    figure, (axes,) = _figure(side + 0.6, side)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(count if count <= 16 else 0):
        for column in range(count):
            dark = shares[row, column] > 0.55
            text = f"{matrix[row, column]:,}\n{shares[row, column]:.0%}"
            colour = "white" if dark else "#20242a"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    names = [name if len(name) <= 16 else f"{name[:15]}…" for name in output.classes]
    axes.set_xticks(
        range(count), names, rotation=35 if count > 2 else 0, ha="right" if count > 2 else "center"
    )
    axes.set_yticks(range(count), names)
    _tidy(axes, "confusion: rows are the truth", "predicted")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return as_svg(figure)


def _one_against_rest(output: FinetuneOutput) -> list[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Return name, truth and probability of each class; of two classes only the second."""
    flags = output.truth
    if output.kind == "classification":
        flags = (output.truth[:, None] == np.arange(len(output.classes))).astype(np.int64)
    columns = [1] if output.kind == "classification" and len(output.classes) == 2 else range(flags.shape[1])
    # A curve needs both kinds of rows; the most frequent classes are drawn.
    usable = [column for column in columns if 0 < flags[:, column].sum() < len(flags)]
    usable = sorted(usable, key=lambda column: -int(flags[:, column].sum()))[:_MOST_CURVES]
    return [
        (output.classes[column], flags[:, column], output.answers[:, column]) for column in sorted(usable)
    ]


def roc_and_pr(output: FinetuneOutput) -> str | None:
    """Draw ROC and precision-recall curves, each class against the rest; None where there is one class."""
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    curves = _one_against_rest(output)
    if not curves:
        return None
    figure, (roc, pr) = _figure(9.5, 4.2, 2)
    for (name, truth, probability), colour in zip(curves, COLOURS, strict=False):
        wrong, right, _ = roc_curve(truth, probability)
        roc.plot(wrong, right, color=colour, lw=1.8, label=f"{name}: {roc_auc_score(truth, probability):.3f}")
        precision, recall, _ = precision_recall_curve(truth, probability)
        area = average_precision_score(truth, probability)
        pr.step(recall, precision, color=colour, lw=1.8, where="post", label=f"{name}: {area:.3f}")
        pr.axhline(truth.mean(), color=colour, lw=0.8, ls=":")
    roc.plot([0, 1], [0, 1], color=QUIET, lw=0.8, ls=":")
    _tidy(roc, "ROC and area below it", "false positives", "true positives")
    _tidy(pr, "precision-recall and area below it", "recall", "precision")
    pr.set_ylim(0, 1.03)
    roc.legend(frameon=False, fontsize=8, loc="lower right", title_fontsize=8)
    pr.legend(frameon=False, fontsize=8, loc="lower left", title_fontsize=8)
    return as_svg(figure)


def calibration(output: FinetuneOutput) -> tuple[str, float]:
    """Draw how often answers of each probability are right, and return the expected calibration error too."""
    if output.kind == "multi_label":
        sure, right = output.answers.ravel(), output.truth.ravel().astype(bool)
        title, x = "calibration of every label", "probability of the label"
    else:
        sure, right = output.answers.max(axis=1), output.right
        title, x = "calibration of the predicted class", "probability of the predicted class"
    low = 0.0 if output.kind == "multi_label" else 1 / max(len(output.classes), 2)
    edges = np.linspace(low, 1, _BINS + 1)
    places = np.clip(np.digitize(sure, edges) - 1, 0, _BINS - 1)
    error, points = 0.0, []
    for place in range(_BINS):
        inside = places == place
        if inside.any():
            mean, share, count = float(sure[inside].mean()), float(right[inside].mean()), int(inside.sum())
            error += count / sure.size * abs(mean - share)
            points.append((mean, share, count, 1.96 * np.sqrt(share * (1 - share) / count)))
    figure, (axes,) = _figure(4.7, 4.0)
    means, shares, counts, bars = (np.array(column) for column in zip(*points, strict=True))
    axes.plot([low, 1], [low, 1], color=QUIET, lw=0.8, ls=":")
    axes.errorbar(means, shares, bars, fmt="none", ecolor=COLOURS[0], lw=1, alpha=0.6)
    axes.plot(means, shares, color=COLOURS[0], lw=1.2)
    axes.scatter(means, shares, s=20 + 180 * counts / counts.max(), color=COLOURS[0], alpha=0.8, linewidths=0)
    axes.set_ylim(-0.03, 1.05)
    _tidy(axes, f"{title}; large: many rows", x, "share that is right")
    return as_svg(figure), error


def dependence(output: FinetuneOutput) -> str:
    """Draw the share of wrong answers (or the mean error) against length and GC content."""
    if output.kind == "regression":
        wrong, y = np.abs(output.answers - output.truth), "mean absolute error"
    else:
        wrong, y = 1.0 - output.right.astype(np.float64), "share that is wrong"
    figure, panels = _figure(9.5, 3.2, 2)
    for axes, values, name in zip(
        panels,
        (output.lengths.astype(np.float64), output.gc),
        ("length in nucleotides", "GC content"),
        strict=True,
    ):
        known = np.isfinite(values)
        _draw_dependence(axes, values[known], wrong[known], output.kind == "regression")
        _tidy(axes, f"by {name.split(' in ')[0]}", name, y)
        axes.set_ylim(bottom=0)
    return as_svg(figure)


def _draw_dependence(
    axes: Axes, values: NDArray[np.float64], wrong: NDArray[np.float64], regression: bool
) -> None:
    if not values.size:
        return
    bins = min(8, max(values.size // _SMALLEST_BIN, 1))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    if edges.size < 2:
        edges = np.array([values.min() - 0.5, values.max() + 0.5])
        axes.set_xticks([values[0]], [f"{values[0]:g}"])
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, edges.size - 2)
    for place in range(edges.size - 1):
        inside = wrong[places == place]
        if not inside.size:
            continue
        mean = float(inside.mean())
        spread = inside.std() if regression else np.sqrt(mean * (1 - mean))
        middle, width = (edges[place] + edges[place + 1]) / 2, edges[place + 1] - edges[place]
        axes.bar(middle, mean, width * 0.92, color=COLOURS[0], alpha=0.75, linewidth=0)
        axes.errorbar(middle, mean, 1.96 * spread / np.sqrt(inside.size), color="#20242a", lw=1)
    axes.axhline(float(wrong.mean()), color=COLOURS[1], lw=1, ls=":")


def regression(output: FinetuneOutput) -> str:
    """Draw predicted against true numbers, and the residuals."""
    figure, (scatter, residuals) = _figure(9.5, 4.0, 2)
    both = np.concatenate([output.truth, output.answers])
    ends = [float(both.min()), float(both.max())]
    scatter.plot(ends, ends, color=QUIET, lw=0.8, ls=":")
    scatter.scatter(output.truth, output.answers, s=12, color=COLOURS[0], alpha=0.5, linewidths=0)
    _tidy(scatter, "predicted against true", "true", "predicted")
    difference = output.answers - output.truth
    residuals.hist(difference, bins=min(40, max(8, difference.size // 8)), color=COLOURS[0], alpha=0.75)
    residuals.axvline(0, color=QUIET, lw=0.8)
    _tidy(residuals, f"residuals; mean {difference.mean():.3g}", "predicted - true", "rows")
    return as_svg(figure)


def order_of_mistakes(output: FinetuneOutput) -> Sequence[int]:
    """Return the rows that went wrong, the surest mistake (or largest error) first."""
    if output.kind == "regression":
        return list(map(int, np.argsort(-np.abs(output.answers - output.truth), kind="stable")))
    if output.kind == "multi_label":
        badness: Any = np.where(output.truth == 1, 1 - output.answers, output.answers).max(axis=1)
    else:
        badness = 1 - output.answers[np.arange(len(output)), output.truth]
    order = np.argsort(-badness, kind="stable")
    return [row for row in order.tolist() if not output.right[row]]
