"""A convolution as a product of strided views: windows cost nothing, so nothing is unrolled.

With channels last, a row of places in one line is the rows of a product, whose blocks are the
taps of the kernel; other lines and images are further products with the same right-hand side:

    y[n, line | place, m] = sum of x[n, line, place | taps | c] * w[taps | c, m]

Of small images, all in the batch give the rows, place by place.

The gradient of a weight has batch and channels exchanged. There, taps are further products, the
channels are rows, and blocks are the lines of all images:

    y[taps | c, m] = sum of x[taps | c | n, lines | place] * g[n, lines | place, m]
"""

from __future__ import annotations

from collections.abc import Callable

from zincir.graph.node import Node
from zincir.ops.contraction import matmul_p
from zincir.ops.movement import expand_p, permute_p, reshape_p, sum_p, windows_p
from zincir.types import size

Make = Callable[..., Node]
"""`make(op, inputs, *attrs)`: a node of the graph that is being made legal."""

_SHORT = 8
"""Lines of fewer places do not fill the rows of a tile."""
_PIECES, _SUMS = 8, 1 << 18
"""A gradient of a weight is summed in at most so many pieces, of at most so many sums in all."""


def as_product(make: Make, node: Node, x: Node, w: Node, channels_last: bool) -> Node:
    """The value of a convolution, with `x` and `w` in place of its operands; without a frame."""
    steps, spread, _, _ = node.attrs
    rank = len(steps)
    sizes = (1, *w.shape[:rank], 1, 1)
    wide = make(windows_p, (x,), sizes, (1, *steps, 1, 1), (1, *spread, 1, 1))
    if channels_last:
        return _forward(make, node, wide, w, rank)
    return _weight(make, node, wide, w, rank)


def _forward(make: Make, node: Node, wide: Node, w: Node, rank: int) -> Node:
    # wide: n, places..., g, c, then the same for taps; node: n, places..., g, m
    n, places, g = node.shape[0], node.shape[1 : rank + 1], node.shape[-2]
    c, m = w.shape[-2:]
    taps = w.shape[:rank]
    here, there = list(range(rank + 3)), list(range(rank + 3, 2 * rank + 6))
    # Lines too short to fill the rows of a tile leave that to the images of the batch.
    lines = (
        here[: rank + 1] if places[-1] >= _SHORT or n <= places[-1] else [*here[1 : rank + 1], 0]
    )
    order = [*lines[:-1], here[-2], lines[-1], *there[1 : rank + 1], here[-1]]
    order += [there[0], *there[-2:]]
    outer = (*[node.shape[axis] for axis in lines[:-1]], g)
    a = make(permute_p, (wide,), tuple(order))
    a = make(reshape_p, (a,), (*outer, node.shape[lines[-1]], *taps, c))
    b = make(permute_p, (w,), (rank, *range(rank), rank + 1, rank + 2))
    b = make(expand_p, (b,), (*outer, *taps, c, m))
    y = make(matmul_p, (a, b), rank)
    made = [*lines[:-1], rank + 1, lines[-1], rank + 2]
    back = tuple(made.index(axis) for axis in range(rank + 3))
    return make(permute_p, (y,), back) if back != tuple(range(rank + 3)) else y


def _weight(make: Make, node: Node, wide: Node, w: Node, rank: int) -> Node:
    # Here wide is c, taps..., g, n, then places; w is places..., g, n, m; node is c, taps..., g, m.
    c, taps, g = node.shape[0], node.shape[1 : rank + 1], node.shape[-2]
    n, m = w.shape[-2:]
    places = w.shape[:rank]
    pieces = _pieces(n, size(node.shape))
    here, there = list(range(rank + 3)), list(range(rank + 3, 2 * rank + 6))
    order = [here[-1], here[-2], *here[1 : rank + 1], here[0], *there[1 : rank + 1]]
    order += [there[0], *there[-2:]]
    a = make(permute_p, (wide,), tuple(order))
    a = make(reshape_p, (a,), (pieces, n // pieces, g, *taps, c, *places))
    a = make(permute_p, (a,), (0, *range(2, rank + 4), 1, *range(rank + 4, 2 * rank + 4)))
    b = make(permute_p, (w,), (rank + 1, rank, *range(rank), rank + 2))
    b = make(reshape_p, (b,), (pieces, n // pieces, g, *(1,) * rank, *places, m))
    b = make(permute_p, (b,), (0, *range(2, rank + 3), 1, *range(rank + 3, 2 * rank + 4)))
    b = make(expand_p, (b,), (pieces, g, *taps, n // pieces, *places, m))
    y = make(matmul_p, (a, b), rank)
    # pieces, g, taps..., c, m
    y = make(sum_p, (y,), (0,)) if pieces > 1 else y
    y = make(permute_p, (y,), (0, rank + 2, *range(2, rank + 2), 1, rank + 3))
    return make(reshape_p, (y,), node.shape)


def _pieces(n: int, sums: int) -> int:
    """Into how many equal parts a sum over `n` images is cut; the shape alone decides."""
    most = max(1, min(_PIECES, _SUMS // max(1, sums)))
    return max(p for p in range(1, most + 1) if n % p == 0)
