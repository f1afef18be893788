"""Score against pretraining steps or tokens: a Vega-Lite specification that the page fills with its rows."""

from __future__ import annotations

from typing import Any

# Told apart also by people who do not see red and green (Okabe and Ito's palette, without its yellow).
_PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7f7f7f", "#4b3f9e"]


def specification() -> dict[str, Any]:
    """Return the chart; its data set ``points`` is empty.

    Fields of a point: ``model, backbone, tokenizer, strategy, steps, tokens, x, score, low, high, source,
    method``; ``x`` is the steps or the tokens, moved a little so that points do not hide each other.
    """
    import altair as alt

    # The page sets these to fit the points it draws.
    first = alt.param(name="first_step", value=100)
    last = alt.param(name="last_step", value=1_000_000)
    base = alt.Chart(alt.NamedData("points")).encode(
        x=alt.X(
            "x:Q", title="pretraining steps", scale=alt.Scale(type="log", nice=False, domain=[first, last])
        ).axis(format="~s", values=[sign * 10**power for power in range(2, 13) for sign in (1, 2, 5)]),
        y=alt.Y("score:Q", title="score", scale=alt.Scale(zero=False, padding=16)),
        color=alt.Color("strategy:N", title="strategy", scale=alt.Scale(range=_PALETTE)),
    )
    whiskers = (
        base.mark_rule(strokeWidth=1.5, opacity=0.6)
        .encode(y="low:Q", y2="high:Q")
        .transform_filter("isValid(datum.low) && isValid(datum.high)")
    )
    shared = {
        "shape": alt.Shape("backbone:N", title="backbone"),
        "tooltip": [
            alt.Tooltip("model:N"),
            alt.Tooltip("source:N"),
            alt.Tooltip("score:Q", format=".2f"),
            alt.Tooltip("steps:Q", format=","),
            alt.Tooltip("tokens:Q", format=".3s"),
            alt.Tooltip("strategy:N"),
            alt.Tooltip("backbone:N"),
            alt.Tooltip("tokenizer:N"),
        ],
    }
    hollow = base.mark_point(size=120, strokeWidth=2, filled=False).encode(**shared)
    solid = base.mark_point(size=120, strokeWidth=2, filled=True, opacity=1).encode(**shared)
    layers = alt.layer(
        whiskers,
        hollow.transform_filter("datum.source == 'published'"),
        solid.transform_filter("datum.source == 'measured'"),
    )
    chart: dict[str, Any] = layers.add_params(first, last).properties(width="container", height=340).to_dict()
    # The page brings its own theme.
    chart.pop("config", None)
    return chart


def library() -> str | None:
    """Return Vega, Vega-Lite and Vega-Embed as one script, to be written into the page.

    None where the package that brings it is not installed: then the page has no chart.
    """
    try:
        import altair as alt
        import vl_convert
    except ImportError:
        return None
    version = alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    whole: Any = None  # of Vega, although its stub asks for a snippet
    return str(vl_convert.javascript_bundle(whole, version))
