"""Hypothesis strategies for what nets do to a batch of images: chains, frames and phases meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from random_graphs import BINARY, UNARY, data
from zincir.graph.node import Node
from zincir.operations import elementwise as el, movement as mv
from zincir.operations.convolution import convolution, gradient_of_input

CHANNELS = st.sampled_from([1, 3, 16, 32])
CONTINUOUS = BINARY[:-1]
"""Without the one that jumps where its operands meet: values here may differ by rounding alone."""
MOST = 40_000
"""Elements of a value."""


def _leaf(draw: st.DrawFn, *shape: int) -> Node:
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    return data(rng.uniform(-1, 1, shape).astype(np.float32))


def _pointwise(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    n, _, _, _, c = x.shape
    others = [y for y in pool if y.shape == x.shape]
    small = _leaf(draw, *draw(st.sampled_from([(1, 1, 1, 1, c), (n, 1, 1, 1, 1)])))
    y = draw(st.sampled_from([*others, mv.expand(small, x.shape)]))
    return draw(st.sampled_from([*[lambda x, _, f=f: f(x) for f in UNARY], *CONTINUOUS]))(x, y)


def _convolve(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    kernel = tuple(draw(st.integers(1, min(3, n + 1))) for n in x.shape[1:3])
    steps = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 2)]))
    sides = [tuple(draw(st.integers(0, k // 2)) for k in kernel) for _ in "ab"]
    sides[1] = tuple(
        max(a, k - n - b) for n, k, b, a in zip(x.shape[1:3], kernel, *sides, strict=True)
    )
    alone = draw(st.booleans())
    c = x.shape[-1]
    if alone:
        turned = mv.reshape(x, (*x.shape[:3], c, 1))
        y = convolution(turned, _leaf(draw, *kernel, c, 1, 1), steps, (1, 1), *sides)
        return mv.reshape(y, (*y.shape[:3], 1, c))
    m = draw(CHANNELS)
    w = _leaf(draw, *kernel, 1, c, m) * float(1 / (c * kernel[0]))
    return convolution(x, w, steps, (1, 1), *sides)


def _grow(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    """A transposed convolution."""
    steps = draw(st.sampled_from([(2, 2), (2, 1)]))
    kernel = draw(st.sampled_from([steps, (3, 3), (2, 3)]))
    n, high, wide, _, c = x.shape
    m = draw(CHANNELS)
    more = [
        draw(st.integers(0, s - 1)) if k >= s else 0 for k, s in zip(kernel, steps, strict=True)
    ]
    sizes = (
        s * (q - 1) + k + a for q, k, s, a in zip((high, wide), kernel, steps, more, strict=True)
    )
    w = _leaf(draw, *kernel, 1, m, c) * float(1 / c)
    return gradient_of_input(x, (n, *sizes, 1, m), w, steps, (1, 1))


def _cat(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    axis = draw(st.sampled_from([1, 4, 4]))
    same = [y for y in pool if _without(y.shape, axis) == _without(x.shape, axis)]
    y = draw(st.sampled_from(same))
    return mv.cat(draw(st.permutations([x, y])), axis)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _frame(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    sides = [(0, draw(st.integers(0, 2)), draw(st.integers(0, 2)), 0, 0) for _ in "ab"]
    wide = mv.pad(x, *sides)
    starts = (
        0,
        *[draw(st.integers(0, w - n)) for w, n in zip(wide.shape[1:3], x.shape[1:3], strict=True)],
        0,
        0,
    )
    return mv.slice_(wide, starts, (1,) * 5, x.shape)


def _normalise(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    """Around sums of all of the batch, taken piece by piece, or of each image."""
    n, high, wide, _, c = x.shape
    whole = 1.0 / (n * high * wide)
    if draw(st.booleans()):
        return x - mv.sum_(x, (1, 2, 4)) * (n * whole / c)
    pieces = draw(st.sampled_from([p for p in range(1, n + 1) if n % p == 0]))
    sums = mv.sum_(mv.reshape(x, (pieces, n // pieces, high, wide, 1, c)), (1, 2, 3))
    mean = mv.reshape(mv.sum_(sums, (0,)), (1, 1, 1, 1, c)) * whole
    return el.tanh((x - mean) * 2.0)


def _pool(draw: st.DrawFn, x: Node, pool: list[Node]) -> Node:
    n, high, wide, _, c = x.shape
    parts = mv.slice_(x, (0,) * 5, (1,) * 5, (n, high // 2 * 2, wide // 2 * 2, 1, c))
    parts = mv.reshape(parts, (n, high // 2, 2, wide // 2, 2, c))
    return mv.reshape(mv.sum_(parts, (2, 4)) * 0.25, (n, high // 2, wide // 2, 1, c))


@st.composite
def image_graphs(draw: st.DrawFn, most: int = 8) -> list[Node]:
    """Some values computed from a batch of images, and a sum of the last."""
    n, c = draw(st.sampled_from([4, 8, 9, 16, 24])), draw(CHANNELS)
    high, wide = (draw(st.sampled_from([1, 2, 5, 8, 9])) for _ in "ab")
    pool = [_leaf(draw, n, high, wide, 1, c)]
    kinds: list[Callable[[st.DrawFn, Node, list[Node]], Node]]
    kinds = [_pointwise, _convolve, _grow, _cat, _frame, _normalise, _pool]
    for _ in range(draw(st.integers(2, most))):
        x = draw(st.sampled_from(pool[-3:]))
        made = draw(st.sampled_from(kinds))(draw, x, pool)
        if 0 < np.prod(made.shape) <= MOST:
            pool.append(made)
    last = pool[-1]
    wanted = draw(st.lists(st.sampled_from(pool), min_size=0, max_size=2))
    sums = mv.sum_(last, (1, 2, 4)) * float(1 / np.prod(last.shape[1:]))
    return [*wanted, draw(st.sampled_from([last, mv.permute(last, (0, 4, 1, 2, 3))])), sums]
