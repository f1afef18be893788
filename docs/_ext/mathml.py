"""Formulas as MathML, which browsers draw themselves: the site then needs no network and no script for them."""

from __future__ import annotations

import inspect
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def mathml(tex: str, block: bool) -> str:
    named = inspect.signature(tex2mathml).parameters  # docutils 0.22 turned the switch round
    switch = {"as_block": block} if "as_block" in named else {"inline": not block}
    return str(tex2mathml(tex, **switch))


def _visit_inline(writer: Any, node: Any) -> None:
    writer.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _visit_block(writer: Any, node: Any) -> None:
    writer.body.append(f'<div class="math">{mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True}
