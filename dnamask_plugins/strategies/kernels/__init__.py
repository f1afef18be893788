"""The loops behind every strategy, compiled.

A kernel masks the rows of a batch one after the other. It keeps what it knows of the row at hand in a `Row`:

- `row`: the maskable tokens, what is masked so far, the numbers drawn;
- `spending`: hiding nucleotides, and the budget rule;
- `drawing`: taking random tokens, spans and centres;
- `kmers`: windows of k nucleotides as numbers;
- `items`, `genemask`, `ranked`, `units`: one selection each.

It may import `compiled`, `splitmix` and `streams`; strategies import it when they are first called, because
it loads numba.
"""

from dnamask_plugins.strategies.kernels.genemask import genemask_of_centers, select_genemask
from dnamask_plugins.strategies.kernels.items import draw_centers, select_items
from dnamask_plugins.strategies.kernels.ranked import select_global
from dnamask_plugins.strategies.kernels.units import select_units

__all__ = [
    "draw_centers",
    "genemask_of_centers",
    "select_genemask",
    "select_global",
    "select_items",
    "select_units",
]
