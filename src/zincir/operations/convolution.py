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
from zincir.operations.bfloat import halves, sum_type
from zincir.operations.movement import (
    expand,
    flip,
    interleave,
    pad,
    permute,
    reshape,
    slice_,
    update,
)
from zincir.operations.source import const
from zincir.types import Shape, pair


def _convolution_spec(
    x: Spec, w: Spec, stride: Shape, dilation: Shape, before: Shape, after: Shape
) -> Spec:
    (shape, dtype), (kernel, other) = x, w
    if dtype is not other:
        raise DTypeError(f"operands of types {dtype.name} and {other.name}; cast one of them")
    rank = len(stride)
    if len(shape) != rank + 3 or len(kernel) != rank + 3 or shape[-2:] != kernel[-3:-1]:
        raise ShapeError(f"a convolution of {shape} needs another weight than {kernel}")
    out: list[int] = []
    for i, (s, d) in enumerate(zip(stride, dilation, strict=True)):
        n, k = before[i] + shape[i + 1] + after[i], kernel[i]
        if k < 1 or n < d * (k - 1) + 1:
            raise ShapeError(f"a kernel that reaches over {d * (k - 1) + 1} does not fit into {n}")
        out.append((n - d * (k - 1) - 1) // s + 1)
    return (shape[0], *out, shape[-2], kernel[-1]), sum_type(dtype)


def _convolution_numpy(x: Any, w: Any, stride: Any, dilation: Any, before: Any, after: Any) -> Any:
    if x.dtype == pair.numpy:
        parts = zip(halves(x), halves(w), strict=True)
        first, second = (_convolution_numpy(*p, stride, dilation, before, after) for p in parts)
        return first + second
    rank = len(stride)
    x = _padded_numpy(x, before, after)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(w.shape, dilation, strict=False))
    axes = tuple(range(1, rank + 1))
    every = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    cut = (slice(None), *[slice(None, None, s) for s in stride], slice(None), slice(None))
    every = every[(*cut, *[slice(None, None, d) for d in dilation])]
    # every[n, o..., g, c, k...], w[k..., g, c, m]
    letters = "opqrs"[:rank], "hijkl"[:rank]
    return np.einsum(f"n{letters[0]}gc{letters[1]},{letters[1]}gcm->n{letters[0]}gm", every, w)


def _padded_numpy(x: Any, before: Any, after: Any) -> Any:
    rank = len(before)
    width = [(max(0, b), max(0, a)) for b, a in zip(before, after, strict=True)]
    x = np.pad(x, [(0, 0), *width, *[(0, 0)] * (x.ndim - rank - 1)])
    keep = [
        slice(max(0, -b), n - max(0, -a))
        for b, a, n in zip(before, after, x.shape[1:], strict=False)
    ]
    return x[(slice(None), *keep)]


def _convolution_vjp(
    g: Node, y: Node, x: Node, w: Node, stride: Shape, dilation: Shape, before: Shape, after: Shape
) -> tuple[Node | None, ...]:
    dx = gradient_of_input(g, x.shape, w, stride, dilation, before) if x.needs_grad else None
    dw = _gradient_of_weight(g, x, w.shape, stride, dilation, before) if w.needs_grad else None
    return dx, dw


convolution_p = register(
    Primitive(
        "convolution",
        Kind.CONVOLUTION,
        doc="""A convolution (as nets have it: a correlation) in `groups` groups of channels.

        y[n, o..., g, m] = sum over k..., c of
            x[n, o * stride + k * dilation - before, g, c] * w[k..., g, c, m]

        Beyond its ends x is zero, for `before` and `after` elements; negative numbers cut off. An
        element may be a pair of numbers, as for `matmul`.
        """,
        infer=_convolution_spec,
        numpy=_convolution_numpy,
        vjp=_convolution_vjp,
        attrs=("stride", "dilation", "before", "after"),
    )
)


def convolution(
    x: Node,
    w: Node,
    stride: Shape,
    dilation: Shape,
    before: Shape | None = None,
    after: Shape | None = None,
) -> Node:
    """Correlate `x`, with zeros `before` and `after` it, with `w`.

    Shape: x (n, size..., groups, c), w (kernel..., groups, c, m) -> (n, out..., groups, m) with
    out = (before + size + after - dilation * (kernel - 1) - 1) // stride + 1.
    """
    none = (0,) * len(stride)
    before, after = before or none, after or none
    # Only what the last output reaches matters, so that equal paddings are one.
    reach = tuple(
        s * ((b + n + a - d * (k - 1) - 1) // s) + d * (k - 1) + 1 - b - n
        for n, k, s, d, b, a in zip(
            x.shape[1:], w.shape, stride, dilation, before, after, strict=False
        )
    )
    fits = all(a >= r for a, r in zip(after, reach, strict=True))
    return apply(convolution_p, x, w, attrs=(stride, dilation, before, reach if fits else after))


def _gradient_of_weight(
    g: Node, x: Node, kernel: Shape, stride: Shape, dilation: Shape, before: Shape
) -> Node:
    """A convolution of the input with the gradient: batch and channels are exchanged."""
    rank = len(stride)
    groups, c, n, axes = rank + 1, rank + 2, 0, tuple(range(1, rank + 1))
    after = tuple(
        s * (o - 1) + d * (k - 1) + 1 - b - size
        for size, o, k, s, d, b in zip(
            x.shape[1:], g.shape[1:], kernel, stride, dilation, before, strict=False
        )
    )
    taps = convolution(
        permute(x, (c, *axes, groups, n)),
        permute(g, (*axes, groups, n, c)),
        dilation,
        stride,
        before,
        after,
    )
    return permute(taps, (*axes, groups, n, c))


def gradient_of_input(
    g: Node,
    shape: Shape,
    w: Node,
    stride: Shape,
    dilation: Shape,
    before: Shape | None = None,
    bias: Node | None = None,
) -> Node:
    """Convolutions of the gradient with the turned kernel, one for each remainder of the stride.

    x[s * q + r] meets only every s-th tap (if taps are not dilation), so that no zeros between the
    elements of a strided gradient are multiplied. A transposed convolution is this, too.

    Args:
        bias: what is added to the channels (groups, c) of every element.
    """
    rank = len(stride)
    before = before or (0,) * rank
    if w.shape[:rank] == stride and set(dilation) <= {1} and not any(before):
        whole = tuple(s * n for s, n in zip(stride, g.shape[1:], strict=False))
        if shape[1 : rank + 1] == whole:
            return _apart(g, shape, w, stride, bias)
    if any(s != 1 and d != 1 for s, d in zip(stride, dilation, strict=True)):
        g, stride = _with_zeros_between(g, stride), (1,) * rank
    axes = tuple(range(rank))
    turned = permute(flip(w, axes), (*axes, rank, rank + 2, rank + 1))
    whole = interleave(
        _one_for_each_rest(g, shape, turned, stride, dilation, before), shape, (1, *stride, 1, 1)
    )
    return whole if bias is None else whole + bias


def _with_zeros_between(g: Node, stride: Shape) -> Node:
    """The gradient (n, out..., groups, m) with its elements `stride` apart."""
    wide = [s * (n - 1) + 1 for s, n in zip(stride, g.shape[1:], strict=False)]
    zeros = expand(const(0, g.dtype), (g.shape[0], *wide, *g.shape[-2:]))
    return update(zeros, g, (0,) * g.ndim, (1, *stride, 1, 1))


def _one_for_each_rest(
    g: Node, shape: Shape, turned: Node, stride: Shape, dilation: Shape, before: Shape
) -> list[Node]:
    """The parts x[s * q + r] of the gradient, one for each remainder r of the stride."""
    rank = len(stride)
    counts: list[Shape] = []
    found: list[_Rest | None] = []
    for rests in product(*map(range, stride)):
        most = tuple(-(-(n - r) // s) for n, r, s in zip(shape[1:], rests, stride, strict=False))
        counts.append(most)
        found.append(_one_rest(g.shape, turned, stride, dilation, before, rests, most))
    if len(found) > 1:
        # One padding of the gradient serves all of them.
        paddings = [rest.padding for rest in found if rest is not None]
        low, high = (
            tuple(max(0, *sides) for sides in zip((0,) * rank, *both, strict=True))
            for both in ([p[0] for p in paddings], [p[1] for p in paddings])
        )
        g = padded(g, low, high)
        found = [rest and rest.within(low, high) for rest in found]
    return [
        expand(const(0, g.dtype), (g.shape[0], *most, g.shape[-2], turned.shape[-1]))
        if rest is None
        else convolution(g, rest.kernel, (1,) * rank, dilation, *rest.padding)
        for rest, most in zip(found, counts, strict=True)
    ]


def _apart(g: Node, shape: Shape, w: Node, stride: Shape, bias: Node | None) -> Node:
    """Windows that lie side by side: one convolution gives all elements of each, as channels."""
    rank = len(stride)
    taps = (*range(rank), rank + 1)
    wide = reshape(
        permute(w, (rank, rank + 2, *taps)),
        (*(1,) * rank, w.shape[rank], w.shape[-1], prod(stride) * w.shape[rank + 1]),
    )
    ones = (1,) * rank
    y = convolution(g, wide, ones, ones)
    # n, out..., groups, then (stride..., c): each window goes behind its place
    y = reshape(y, (*y.shape[:-1], *stride, shape[-1]))
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
    padding: tuple[Shape, Shape]
    """Zeros before and after what it reads; cut off where they are negative."""

    def within(self, low: Shape, high: Shape) -> _Rest:
        """The same, if so many zeros are there already."""
        sides = zip(self.padding, (low, high), strict=True)
        before, after = (tuple(n - m for n, m in zip(*side, strict=True)) for side in sides)
        return _Rest(self.kernel, (before, after))


def _one_rest(
    g: Shape,
    turned: Node,
    stride: Shape,
    dilation: Shape,
    before: Shape,
    rests: Shape,
    most: Shape,
) -> _Rest | None:
    """dx[s * q + r] for each q < most: taps (r + before) % s, and every s-th after it, turned.

    None if there are no such taps.
    """
    rank = len(stride)
    starts, counts, padding, after = list[int](), list[int](), list[int](), list[int]()
    for i, (s, d, b, r) in enumerate(zip(stride, dilation, before, rests, strict=True)):
        k, ahead, first = turned.shape[i], (r + b) // s, (r + b) % s
        taps = len(range(first, k, s))
        if taps == 0 or most[i] == 0:
            return None
        # The turned kernel begins with its last tap, first + s * (taps - 1).
        starts.append(k - 1 - (first + s * (taps - 1)))
        counts.append(taps)
        padding.append(d * (taps - 1) - ahead)
        after.append(most[i] - g[i + 1] + ahead)
    sizes = (*counts, *turned.shape[rank:])
    kernel = slice_(turned, (*starts, 0, 0, 0), (*stride, 1, 1, 1), sizes)
    return _Rest(kernel, (tuple(padding), tuple(after)))


def padded(x: Node, before: Shape, after: Shape) -> Node:
    """`x` (n, size..., groups, c) with zeros before and after it, or with some cut off."""
    room = x.shape[1 : len(before) + 1]
    if any(min(b, a) < -n for n, b, a in zip(room, before, after, strict=True)):
        # More is cut off than there is: zeros of the other side, too.
        more = [tuple(max(0, a) for a in side) for side in (before, after)]
        less = [tuple(min(0, a) for a in side) for side in (before, after)]
        return padded(padded(x, *more), *less)
    starts = tuple(max(0, -b) for b in before)
    sizes = tuple(n - max(0, -b) - max(0, -a) for n, b, a in zip(room, before, after, strict=True))
    x = slice_(x, (0, *starts, 0, 0), (1,) * x.ndim, (x.shape[0], *sizes, *x.shape[-2:]))
    if max(*before, *after) <= 0:
        return x
    return pad(x, (0, *[max(0, b) for b in before], 0, 0), (0, *[max(0, a) for a in after], 0, 0))
