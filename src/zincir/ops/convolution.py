"""Convolution: one primitive for forward and both gradients, with channels last."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from zincir.errors import DTypeError, ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.ops.movement import cat, expand, flip, pad, permute, reshape, slice_, update
from zincir.ops.source import const
from zincir.types import Shape


def _convolution_spec(x: Spec, w: Spec, steps: Shape, spread: Shape) -> Spec:
    (shape, dtype), (kernel, other) = x, w
    if dtype is not other:
        raise DTypeError(f"operands of types {dtype.name} and {other.name}; cast one of them")
    rank = len(steps)
    if len(shape) != rank + 3 or len(kernel) != rank + 3 or shape[-2:] != kernel[-3:-1]:
        raise ShapeError(f"a convolution of {shape} needs another weight than {kernel}")
    places: list[int] = []
    for n, k, s, d in zip(shape[1:], kernel, steps, spread, strict=False):
        if k < 1 or n < d * (k - 1) + 1:
            raise ShapeError(f"a kernel that reaches over {d * (k - 1) + 1} does not fit into {n}")
        places.append((n - d * (k - 1) - 1) // s + 1)
    return (shape[0], *places, shape[-2], kernel[-1]), dtype


def _convolution_numpy(x: Any, w: Any, steps: Any, spread: Any) -> Any:
    rank = len(steps)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(w.shape, spread, strict=False))
    axes = tuple(range(1, rank + 1))
    every = np.lib.stride_tricks.sliding_window_view(x, reach, axis=axes)
    cut = (slice(None), *[slice(None, None, s) for s in steps], slice(None), slice(None))
    every = every[(*cut, *[slice(None, None, d) for d in spread])]
    # every[n, o..., g, c, k...], w[k..., g, c, m]
    letters = "opqrs"[:rank], "hijkl"[:rank]
    return np.einsum(f"n{letters[0]}gc{letters[1]},{letters[1]}gcm->n{letters[0]}gm", every, w)


def _convolution_vjp(
    g: Node, y: Node, x: Node, w: Node, steps: Shape, spread: Shape
) -> tuple[Node | None, ...]:
    dx = gradient_of_input(g, x.shape, w, steps, spread) if x.needs_grad else None
    dw = gradient_of_weight(g, x, w.shape, steps, spread) if w.needs_grad else None
    return dx, dw


convolution_p = register(
    Primitive(
        "convolution",
        Kind.CONVOLUTION,
        doc="""A convolution (as nets have it: a correlation) in `groups` groups of channels.

        y[n, o..., g, m] = sum over k..., c of x[n, o * steps + k * spread, g, c] * w[k..., g, c, m]
        """,
        infer=_convolution_spec,
        numpy=_convolution_numpy,
        vjp=_convolution_vjp,
        attrs=("steps", "spread"),
    )
)


def convolution(x: Node, w: Node, steps: Shape, spread: Shape) -> Node:
    """Correlate `x` with `w`, without padding.

    Shape: x (n, size..., groups, c), w (kernel..., groups, c, m) -> (n, places..., groups, m) with
    places = (size - spread * (kernel - 1) - 1) // step + 1.
    """
    return apply(convolution_p, x, w, attrs=(steps, spread))


def gradient_of_weight(g: Node, x: Node, kernel: Shape, steps: Shape, spread: Shape) -> Node:
    """A convolution of the input with the gradient: batch and channels change places."""
    rank = len(steps)
    groups, c, n, places = rank + 1, rank + 2, 0, tuple(range(1, rank + 1))
    taps = convolution(
        permute(x, (c, *places, groups, n)),
        permute(g, (*places, groups, n, c)),
        spread,
        steps,
    )
    # What the last window does not reach would give further taps.
    sizes = (taps.shape[0], *kernel[:rank], *taps.shape[-2:])
    taps = slice_(taps, (0,) * taps.ndim, (1,) * taps.ndim, sizes)
    return permute(taps, (*places, groups, n, c))


def gradient_of_input(g: Node, shape: Shape, w: Node, steps: Shape, spread: Shape) -> Node:
    """Convolutions of the gradient with the turned kernel, one for each remainder of the step.

    x[s * q + p] meets only every s-th tap (if taps are not spread), so that no zeros between the
    elements of a strided gradient are multiplied.
    """
    rank = len(steps)
    places = tuple(range(rank))
    turned = permute(flip(w, places), (*places, rank, rank + 2, rank + 1))
    if all(s == 1 or d == 1 for s, d in zip(steps, spread, strict=True)):
        return _by_remainders(g, shape, turned, steps, spread)
    wide = [s * (n - 1) + 1 for s, n in zip(steps, g.shape[1:], strict=False)]
    zeros = expand(const(0, g.dtype), (g.shape[0], *wide, *g.shape[-2:]))
    g = update(zeros, g, (0,) * g.ndim, (1, *steps, 1, 1))
    return _by_remainders(g, shape, turned, (1,) * rank, spread)


def _by_remainders(g: Node, shape: Shape, turned: Node, steps: Shape, spread: Shape) -> Node:
    rank = len(steps)
    most = [-(-n // s) for n, s in zip(shape[1:], steps, strict=False)]
    parts: list[Node] = []
    for number in range(prod(steps)):
        rest = np.unravel_index(number, steps)
        parts.append(_one_remainder(g, turned, steps, spread, [int(r) for r in rest], most))
    if len(parts) == 1:
        return parts[0]
    # (remainders, n, q...) -> (n, q, remainder, ...), one after the other
    stacked = cat([reshape(p, (1, *p.shape)) for p in parts], 0)
    stacked = reshape(stacked, (*steps, *parts[0].shape))
    order = [rank]
    for i in range(rank):
        order += [rank + 1 + i, i]
    stacked = permute(stacked, (*order, 2 * rank + 1, 2 * rank + 2))
    whole = tuple(m * s for m, s in zip(most, steps, strict=True))
    joined = reshape(stacked, (shape[0], *whole, *parts[0].shape[-2:]))
    return slice_(joined, (0,) * joined.ndim, (1,) * joined.ndim, shape)


def _one_remainder(
    g: Node, turned: Node, steps: Shape, spread: Shape, rest: list[int], most: list[int]
) -> Node:
    """dx[s * q + p] for q < most: the taps p, p + s, ... of the kernel, turned."""
    rank = len(steps)
    starts, counts, before, after = list[int](), list[int](), list[int](), list[int]()
    for k, s, d, p, q, n in zip(turned.shape, steps, spread, rest, most, g.shape[1:], strict=False):
        taps = len(range(p, k, s))
        if taps == 0:
            return expand(const(0, g.dtype), (g.shape[0], *most, g.shape[-2], turned.shape[-1]))
        # The turned kernel begins with its last tap, p + s * (taps - 1).
        starts.append(k - 1 - (p + s * (taps - 1)))
        counts.append(taps)
        before.append(d * (taps - 1))
        after.append(q - n)
    kernel = slice_(turned, (*starts, 0, 0, 0), (*steps, 1, 1, 1), (*counts, *turned.shape[rank:]))
    return convolution(framed(g, before, after), kernel, (1,) * rank, spread)


def framed(x: Node, before: Sequence[int], after: Sequence[int]) -> Node:
    """`x` (n, size..., groups, c) with zeros before and after its places."""
    if not any(before) and not any(after):
        return x
    return pad(x, (0, *before, 0, 0), (0, *after, 0, 0))
