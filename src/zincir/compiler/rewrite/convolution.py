"""A convolution as a product of strided views: windows cost nothing, so nothing is unrolled.

With channels last, a row of places in one line is the rows of a product, whose blocks are the
taps of the kernel; other lines and images are further products with the same right-hand side:

    y[n, line | place, m] = sum of x[n, line, place | taps | c] * w[taps | c, m]

Of small images, all in the batch give the rows, place by place.

The gradient of a weight has batch and channels exchanged. There, taps are further products, the
gradient's channels are rows, and blocks are the lines of all images. The last taps lie beside the
channels of a place, and so they are columns with them:

    y[taps | m, tap c] = sum of g[m | n, lines | place] * x[taps | n, lines | place, tap c]

Few columns would waste vectors: then rows are columns, and columns rows.
"""

from __future__ import annotations

from collections.abc import Callable

from zincir.compiler.machine import COLUMN_COSTS, SHORT_LINE
from zincir.graph.node import Node
from zincir.operations.contraction import matmul_p
from zincir.operations.movement import expand_p, permute_p, reshape_p, sum_p, windows_p
from zincir.types import Shape, size

Make = Callable[..., Node]
"""`make(op, inputs, *attrs)`: a node of the graph that is being made legal."""

_PIECES, _SUMS = 8, 1 << 18
"""A gradient of a weight is summed in at most so many pieces, of at most so many sums in all."""


def as_matmul(make: Make, node: Node, x: Node, w: Node, strides: Shape) -> Node:
    """The value of a convolution, with `x` and `w` in place of its operands; without a frame.

    Of the `strides` of x, the last or the first is 1.
    """
    stride, dilation, _, _ = node.attrs
    rank = len(stride)
    sizes = (1, *w.shape[:rank], 1, 1)
    wide = make(windows_p, (x,), sizes, (1, *stride, 1, 1), (1, *dilation, 1, 1))
    if x.shape[-1] == 1 or strides[-1] == 1:
        return _forward(make, node, wide, w, rank)
    beside = rank > 0 and x.shape[-2] == stride[-1] == 1 and strides[rank] == x.shape[0]
    return _weight(make, node, wide, w, rank, beside=beside)


def _forward(make: Make, node: Node, wide: Node, w: Node, rank: int) -> Node:
    # wide: n, places..., g, c, then the same for taps; node: n, places..., g, m
    n, places, g = node.shape[0], node.shape[1 : rank + 1], node.shape[-2]
    c, m = w.shape[-2:]
    taps = w.shape[:rank]
    here, there = list(range(rank + 3)), list(range(rank + 3, 2 * rank + 6))
    # Lines too short to fill the rows of a tile leave that to the images of the batch.
    lines = (
        here[: rank + 1]
        if places[-1] >= SHORT_LINE or n <= places[-1]
        else [*here[1 : rank + 1], 0]
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


def _weight(make: Make, node: Node, wide: Node, w: Node, rank: int, *, beside: bool) -> Node:
    # Here wide is c, taps..., g, n, then places; w is places..., g, n, m; node is c, taps..., g, m.
    c, taps, g = node.shape[0], node.shape[1 : rank + 1], node.shape[-2]
    n, m = w.shape[-2:]
    places = w.shape[:rank]
    pieces = _pieces(n, size(node.shape))
    cut = pieces, n // pieces
    apart = taps[:-1] if beside else taps
    inner = c * taps[-1] if beside else c
    # x as n, g, taps apart, places, then a tap beside another and c, then axes of size 1
    order = [rank + 2, rank + 1, *range(1, len(apart) + 1), *range(rank + 4, 2 * rank + 4)]
    order += [*range(len(apart) + 1, rank + 1), 0, rank + 3, 2 * rank + 4, 2 * rank + 5]
    x = make(permute_p, (wide,), tuple(order))
    x = make(reshape_p, (x,), (*cut, g, *apart, *places, inner))
    x = _moved(make, x, 1, len(apart) + 2)
    gradient = make(permute_p, (w,), (rank + 1, rank, *range(rank), rank + 2))
    gradient = make(reshape_p, (gradient,), (*cut, g, *(1,) * len(apart), *places, m))
    gradient = _moved(make, gradient, 1, len(apart) + 2)
    gradient = make(expand_p, (gradient,), (pieces, g, *apart, cut[1], *places, m))
    # Both are pieces, g, taps apart, n, places, columns: those of one have to become rows.
    rows, columns = (x, gradient) if is_wider(m, inner) else (gradient, x)
    rows = _moved(make, rows, rank + len(apart) + 3, len(apart) + 2)
    y = make(matmul_p, (rows, columns), rank)
    # pieces, g, taps apart, then m, (tap, c) or the other way round
    y = make(sum_p, (y,), (0,)) if pieces > 1 else y
    if columns is gradient:
        y = _moved(make, y, len(apart) + 3, len(apart) + 2)
    y = make(reshape_p, (y,), (g, *apart, m, *taps[len(apart) :], c))
    back = [rank + 2, *range(1, len(apart) + 1), *range(len(apart) + 2, rank + 2), 0]
    return make(permute_p, (y,), (*back, len(apart) + 1))


def _moved(make: Make, x: Node, axis: int, to: int) -> Node:
    """`x` with an axis in another place."""
    order = [i for i in range(len(x.shape)) if i != axis]
    order.insert(to, axis)
    return make(permute_p, (x,), tuple(order))


def order_of_weight(groups: int, m: int, c: int, *taps: int) -> Shape | None:
    """The order of axes in which a weight (m, c, taps...) is best stored; None: as they are.

    It is the one in which its gradient is computed, so that updates read all memory in order. If
    each group has a single channel, sums of shifted values read the channels of a tap side by side.
    """
    apart, last = range(2, len(taps) + 1), len(taps) + 1
    if groups > 1:
        return (*apart, last, 0, 1) if c == 1 else None
    if is_wider(m, c * taps[-1]):
        return (*apart, last, 1, 0)
    return None if size(taps) == 1 else (*apart, 0, last, 1)


def is_wider(m: int, inner: int) -> bool:
    """Whether tiles of a product are better filled by `m` columns than by `inner` ones."""
    return _column_cost(m) < _column_cost(inner)


def _column_cost(n: int) -> float:
    """What each of `n` columns costs in a product, in tiles as wide as suits them best."""
    return min(cost * -(-n // width) * width for width, cost in COLUMN_COSTS) / max(1, n)


def _pieces(n: int, sums: int) -> int:
    """Into how many equal parts a sum over `n` images is cut; the shape alone decides."""
    most = max(1, min(_PIECES, _SUMS // max(1, sums)))
    return max(p for p in range(1, most + 1) if n % p == 0)
