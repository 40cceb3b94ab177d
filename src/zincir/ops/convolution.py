"""Convolution: one primitive for forward and both gradients, with channels last."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from zincir.errors import DTypeError, ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.ops.bfloat import halves, sum_type
from zincir.ops.movement import expand, flip, interleave, pad, permute, reshape, slice_, update
from zincir.ops.source import const
from zincir.types import Shape, pair


def _convolution_spec(
    x: Spec, w: Spec, steps: Shape, spread: Shape, before: Shape, after: Shape
) -> Spec:
    (shape, dtype), (kernel, other) = x, w
    if dtype is not other:
        raise DTypeError(f"operands of types {dtype.name} and {other.name}; cast one of them")
    rank = len(steps)
    if len(shape) != rank + 3 or len(kernel) != rank + 3 or shape[-2:] != kernel[-3:-1]:
        raise ShapeError(f"a convolution of {shape} needs another weight than {kernel}")
    places: list[int] = []
    for i, (s, d) in enumerate(zip(steps, spread, strict=True)):
        n, k = before[i] + shape[i + 1] + after[i], kernel[i]
        if k < 1 or n < d * (k - 1) + 1:
            raise ShapeError(f"a kernel that reaches over {d * (k - 1) + 1} does not fit into {n}")
        places.append((n - d * (k - 1) - 1) // s + 1)
    return (shape[0], *places, shape[-2], kernel[-1]), sum_type(dtype)


def _convolution_numpy(x: Any, w: Any, steps: Any, spread: Any, before: Any, after: Any) -> Any:
    if x.dtype == pair.numpy:
        parts = zip(halves(x), halves(w), strict=True)
        first, second = (_convolution_numpy(*p, steps, spread, before, after) for p in parts)
        return first + second
    rank = len(steps)
    x = _framed_numpy(x, before, after)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(w.shape, spread, strict=False))
    axes = tuple(range(1, rank + 1))
    every = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    cut = (slice(None), *[slice(None, None, s) for s in steps], slice(None), slice(None))
    every = every[(*cut, *[slice(None, None, d) for d in spread])]
    # every[n, o..., g, c, k...], w[k..., g, c, m]
    letters = "opqrs"[:rank], "hijkl"[:rank]
    return np.einsum(f"n{letters[0]}gc{letters[1]},{letters[1]}gcm->n{letters[0]}gm", every, w)


def _framed_numpy(x: Any, before: Any, after: Any) -> Any:
    rank = len(before)
    width = [(max(0, b), max(0, a)) for b, a in zip(before, after, strict=True)]
    x = np.pad(x, [(0, 0), *width, *[(0, 0)] * (x.ndim - rank - 1)])
    keep = [
        slice(max(0, -b), n - max(0, -a))
        for b, a, n in zip(before, after, x.shape[1:], strict=False)
    ]
    return x[(slice(None), *keep)]


def _convolution_vjp(
    g: Node, y: Node, x: Node, w: Node, steps: Shape, spread: Shape, before: Shape, after: Shape
) -> tuple[Node | None, ...]:
    dx = gradient_of_input(g, x.shape, w, steps, spread, before) if x.needs_grad else None
    dw = _gradient_of_weight(g, x, w.shape, steps, spread, before) if w.needs_grad else None
    return dx, dw


convolution_p = register(
    Primitive(
        "convolution",
        Kind.CONVOLUTION,
        doc="""A convolution (as nets have it: a correlation) in `groups` groups of channels.

        y[n, o..., g, m] = sum over k..., c of
            x[n, o * steps + k * spread - before, g, c] * w[k..., g, c, m]

        Beyond its ends x is zero, for `before` and `after` elements; negative numbers cut off. An
        element may be a pair of numbers, as for `matmul`.
        """,
        infer=_convolution_spec,
        numpy=_convolution_numpy,
        vjp=_convolution_vjp,
        attrs=("steps", "spread", "before", "after"),
    )
)


def convolution(
    x: Node,
    w: Node,
    steps: Shape,
    spread: Shape,
    before: Shape | None = None,
    after: Shape | None = None,
) -> Node:
    """Correlate `x`, with zeros `before` and `after` it, with `w`.

    Shape: x (n, size..., groups, c), w (kernel..., groups, c, m) -> (n, places..., groups, m) with
    places = (before + size + after - spread * (kernel - 1) - 1) // step + 1.
    """
    none = (0,) * len(steps)
    before, after = before or none, after or none
    # Only what the last place reaches matters, so that equal frames are one.
    reach = tuple(
        s * ((b + n + a - d * (k - 1) - 1) // s) + d * (k - 1) + 1 - b - n
        for n, k, s, d, b, a in zip(
            x.shape[1:], w.shape, steps, spread, before, after, strict=False
        )
    )
    fits = all(a >= r for a, r in zip(after, reach, strict=True))
    return apply(convolution_p, x, w, attrs=(steps, spread, before, reach if fits else after))


def _gradient_of_weight(
    g: Node, x: Node, kernel: Shape, steps: Shape, spread: Shape, before: Shape
) -> Node:
    """A convolution of the input with the gradient: batch and channels change places."""
    rank = len(steps)
    groups, c, n, places = rank + 1, rank + 2, 0, tuple(range(1, rank + 1))
    after = tuple(
        s * (o - 1) + d * (k - 1) + 1 - b - size
        for size, o, k, s, d, b in zip(
            x.shape[1:], g.shape[1:], kernel, steps, spread, before, strict=False
        )
    )
    taps = convolution(
        permute(x, (c, *places, groups, n)),
        permute(g, (*places, groups, n, c)),
        spread,
        steps,
        before,
        after,
    )
    return permute(taps, (*places, groups, n, c))


def gradient_of_input(
    g: Node,
    shape: Shape,
    w: Node,
    steps: Shape,
    spread: Shape,
    before: Shape | None = None,
    bias: Node | None = None,
) -> Node:
    """Convolutions of the gradient with the turned kernel, one for each remainder of the step.

    x[s * q + r] meets only every s-th tap (if taps are not spread), so that no zeros between the
    elements of a strided gradient are multiplied. A transposed convolution is this, too.

    Args:
        bias: what is added to the channels (groups, c) of every place.
    """
    rank = len(steps)
    before = before or (0,) * rank
    places = tuple(range(rank))
    if w.shape[:rank] == steps and set(spread) <= {1} and not any(before):
        whole = tuple(s * n for s, n in zip(steps, g.shape[1:], strict=False))
        if shape[1 : rank + 1] == whole:
            return _apart(g, shape, w, steps, bias)
    turned = permute(flip(w, places), (*places, rank, rank + 2, rank + 1))
    if any(s != 1 and d != 1 for s, d in zip(steps, spread, strict=True)):
        wide = [s * (n - 1) + 1 for s, n in zip(steps, g.shape[1:], strict=False)]
        zeros = expand(const(0, g.dtype), (g.shape[0], *wide, *g.shape[-2:]))
        g = update(zeros, g, (0,) * g.ndim, (1, *steps, 1, 1))
        steps = (1,) * rank
    counts: list[Shape] = []
    found: list[_Rest | None] = []
    for rests in product(*map(range, steps)):
        most = tuple(-(-(n - r) // s) for n, r, s in zip(shape[1:], rests, steps, strict=False))
        counts.append(most)
        found.append(_one_rest(g.shape, turned, steps, spread, before, rests, most))
    frames = [rest.frame for rest in found if rest is not None]
    # One frame around the gradient serves all of them.
    low, high = (
        tuple(max(0, *sides) for sides in zip((0,) * rank, *both, strict=True))
        for both in ([f[0] for f in frames], [f[1] for f in frames])
    )
    if len(found) > 1:
        g = framed(g, low, high)
        found = [rest and rest.within(low, high) for rest in found]
    parts = [
        expand(const(0, g.dtype), (g.shape[0], *most, g.shape[-2], turned.shape[-1]))
        if rest is None
        else convolution(g, rest.kernel, (1,) * rank, spread, *rest.frame)
        for rest, most in zip(found, counts, strict=True)
    ]
    whole = interleave(parts, shape, (1, *steps, 1, 1))
    return whole if bias is None else whole + bias


def _apart(g: Node, shape: Shape, w: Node, steps: Shape, bias: Node | None) -> Node:
    """Windows that lie side by side: one convolution gives all places of each, as channels."""
    rank = len(steps)
    taps = (*range(rank), rank + 1)
    wide = reshape(
        permute(w, (rank, rank + 2, *taps)),
        (*(1,) * rank, w.shape[rank], w.shape[-1], prod(steps) * w.shape[rank + 1]),
    )
    ones = (1,) * rank
    y = convolution(g, wide, ones, ones)
    # n, places..., groups, then (steps..., c): each step goes behind its place
    y = reshape(y, (*y.shape[:-1], *steps, shape[-1]))
    if bias is not None:
        # While channels are still a product's columns: then what is shuffled is only moved.
        y = y + reshape(bias, (bias.shape[0], *ones, bias.shape[-1]))
    order = [0]
    for i in range(rank):
        order += [1 + i, rank + 2 + i]
    return reshape(permute(y, (*order, rank + 1, 2 * rank + 2)), shape)


@dataclass(frozen=True, slots=True)
class _Rest:
    """The convolution that gives every s-th element of a gradient."""

    kernel: Node
    frame: tuple[Shape, Shape]
    """Zeros before and after what it reads; cut off where they are negative."""

    def within(self, low: Shape, high: Shape) -> _Rest:
        """The same, if so many zeros are there already."""
        sides = zip(self.frame, (low, high), strict=True)
        before, after = (tuple(n - m for n, m in zip(*side, strict=True)) for side in sides)
        return _Rest(self.kernel, (before, after))


def _one_rest(
    g: Shape,
    turned: Node,
    steps: Shape,
    spread: Shape,
    before: Shape,
    rests: Shape,
    most: Shape,
) -> _Rest | None:
    """dx[s * q + r] for each q < most: taps (r + before) % s, and every s-th after it, turned.

    None if there are no such taps.
    """
    rank = len(steps)
    starts, counts, frame, after = list[int](), list[int](), list[int](), list[int]()
    for i, (s, d, b, r) in enumerate(zip(steps, spread, before, rests, strict=True)):
        k, ahead, first = turned.shape[i], (r + b) // s, (r + b) % s
        taps = len(range(first, k, s))
        if taps == 0 or most[i] == 0:
            return None
        # The turned kernel begins with its last tap, first + s * (taps - 1).
        starts.append(k - 1 - (first + s * (taps - 1)))
        counts.append(taps)
        frame.append(d * (taps - 1) - ahead)
        after.append(most[i] - g[i + 1] + ahead)
    sizes = (*counts, *turned.shape[rank:])
    kernel = slice_(turned, (*starts, 0, 0, 0), (*steps, 1, 1, 1), sizes)
    return _Rest(kernel, (tuple(frame), tuple(after)))


def framed(x: Node, before: Shape, after: Shape) -> Node:
    """`x` (n, size..., groups, c) with zeros before and after its places, or with some cut off."""
    room = x.shape[1 : len(before) + 1]
    if any(min(b, a) < -n for n, b, a in zip(room, before, after, strict=True)):
        # More is cut off than there is: zeros of the other side, too.
        more = [tuple(max(0, a) for a in side) for side in (before, after)]
        less = [tuple(min(0, a) for a in side) for side in (before, after)]
        return framed(framed(x, *more), *less)
    starts = tuple(max(0, -b) for b in before)
    sizes = tuple(n - max(0, -b) - max(0, -a) for n, b, a in zip(room, before, after, strict=True))
    x = slice_(x, (0, *starts, 0, 0), (1,) * x.ndim, (x.shape[0], *sizes, *x.shape[-2:]))
    if max(*before, *after) <= 0:
        return x
    return pad(x, (0, *[max(0, b) for b in before], 0, 0), (0, *[max(0, a) for a in after], 0, 0))
