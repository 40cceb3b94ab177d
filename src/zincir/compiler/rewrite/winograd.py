"""Convolutions of 3x3 taps as products of transformed tiles: see `operations.winograd`.

It is worth its transforms where each transformed number is used often: with many channels on both
sides, and with more tiles than transforming the weight costs. The shape alone decides.
"""

from __future__ import annotations

from collections.abc import Callable

from zincir.compiler.access import Strided
from zincir.compiler.machine import (
    WINOGRAD_CHANNELS,
    WINOGRAD_TILES,
    WINOGRAD_TILES_PER_CHANNEL,
    WINOGRAD_WASTE,
)
from zincir.compiler.rewrite.convolution import is_wider
from zincir.graph.node import Node
from zincir.operations.movement import permute_p, reshape_p
from zincir.operations.winograd import (
    winograd_p,
    winograd_sums_p,
    winograd_taps_p,
    winograd_weight_p,
)
from zincir.types import Shape, float32

Make = Callable[..., Node]
"""`make(op, inputs, *attrs)`: a node of the graph that is being made legal."""

_UNIT = 16
"""Channels come in vectors of this, on every machine."""
_PIECES, _SUMS = 8, 1 << 20
"""A gradient of a weight is summed in at most so many pieces, of so many sums in all."""


def as_tiles(
    make: Make,
    node: Node,
    x: Node,
    w: Node,
    views: dict[Node, Strided],
    whole: Callable[[Node], Node],
) -> Node | None:
    """The value of a convolution without a frame, with `x` and `w` in place of its operands.

    None if it is another one than these algorithms are for.

    Args:
        whole: makes a contiguous copy.
    """
    stride, dilation, _, _ = node.attrs
    if len(stride) != 2 or set(stride + dilation) != {1} or node.dtype is not float32:
        return None
    if x.dtype is not float32 or x.shape[-2] != 1:
        return None
    if w.shape[:2] == (3, 3) and _suits(node.shape[:3], x.shape[-1], node.shape[-1]):
        return _forward(make, node, x if views[x].strides[-1] == 1 else whole(x), w)
    if node.shape[1:3] == (3, 3) and _suits((w.shape[3], *w.shape[:2]), x.shape[0], w.shape[-1]):
        both = views[x].strides[0], views[w].strides[-1]
        return _weight(make, node, x, w) if both == (1, 1) else None
    return None


def _suits(places: Shape, c: int, m: int) -> bool:
    """Whether images, lines and places, all of the result, and channels are worth it."""
    n, high, wide = places
    tiles = n * -(-high // 2) * -(-wide // 2)
    if c % _UNIT or m % _UNIT or 4 * tiles > WINOGRAD_WASTE * n * high * wide:
        return False
    return min(c, m) >= WINOGRAD_CHANNELS and tiles >= max(
        WINOGRAD_TILES, WINOGRAD_TILES_PER_CHANNEL * max(c, m)
    )


def _forward(make: Make, node: Node, x: Node, w: Node) -> Node:
    # x: n, lines, places, 1, c; w: 3, 3, 1, c, m
    x = make(reshape_p, (x,), (*x.shape[:3], x.shape[-1]))
    w = make(reshape_p, (w,), (3, 3, *w.shape[-2:]))
    y = make(winograd_p, (x, make(winograd_weight_p, (w,))))
    return make(reshape_p, (y,), node.shape)


def _weight(make: Make, node: Node, x: Node, w: Node) -> Node:
    # x: c, lines, places, 1, n; w, which is the gradient: lines, places, 1, n, m
    c, m, n = x.shape[0], w.shape[-1], x.shape[-1]
    x = make(permute_p, (x,), (4, 1, 2, 3, 0))
    x = make(reshape_p, (x,), (n, *x.shape[1:3], c))
    gradient = make(permute_p, (w,), (3, 0, 1, 2, 4))
    gradient = make(reshape_p, (gradient,), (n, *w.shape[:2], m))
    most = max(1, min(_PIECES, _SUMS // (16 * c * m)))
    pieces = -(-n // -(-n // most))
    # As a weight is stored, see `convolution.order_of_weight`.
    wider = is_wider(m, 3 * c)
    rows = "x" if wider else "g"
    taps = make(winograd_taps_p, (make(winograd_sums_p, (x, gradient), pieces, rows),), rows)
    taps = make(permute_p, (taps,), (2, 0, 1, 3) if wider else (3, 0, 2, 1))
    return make(reshape_p, (taps,), node.shape)
