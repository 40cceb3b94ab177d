"""Running extremes and logarithms of sums, sums of strips, slopes: along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, register
from zincir.operations import arithmetic as ar, composed as co, elementwise as el, movement as mv
from zincir.operations.along import along
from zincir.operations.dims import one_axis
from zincir.operations.layout import cat
from zincir.operations.source import const, detach
from zincir.types import bool_, int64


def _extreme_numpy(x: Any, axis: int, smallest: bool) -> Any:
    best = (np.minimum if smallest else np.maximum).accumulate(x, axis)
    hit = (x == best) | (x != x)
    place = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return np.maximum.accumulate(np.where(hit, place, 0), axis)


cumulative_extreme_p = register(
    Primitive(
        "cumulative_extreme",
        Kind.HOST,
        doc="Where the largest (smallest) so far is along `axis`, the last of equals; NaN wins.",
        infer=lambda x, axis, smallest: (x[0], int64),
        numpy=_extreme_numpy,
        attrs=("axis", "smallest"),
    )
)


def _logcumsumexp_numpy(x: Any, axis: int) -> Any:
    with np.errstate(all="ignore"):
        return np.logaddexp.accumulate(x, axis)


def _logcumsumexp_vjp(g: Node, y: Node, x: Node, axis: int) -> Node:
    """exp(x) times the sum of g exp(-y) from here on, positive and negative g apart."""
    none = ar.compare("eq", detach(y), -np.inf)  # exponentials of which nothing is left
    level = ar.where(none, 0.0, y)

    def part(g: Node) -> Node:
        some = ar.compare("gt", g, 0.0)
        log_g = ar.where(some, el.log(ar.where(some, g, 1.0)), -np.inf)
        back = flipped(logcumsumexp_node(flipped(log_g - level, axis), axis), axis)
        return el.exp(back + x)

    return part(g) - part(-g)


logcumsumexp_p = register(
    Primitive(
        "logcumsumexp",
        Kind.HOST,
        doc="Running logarithms of sums of exponentials along `axis`.",
        infer=lambda x, axis: x,
        numpy=_logcumsumexp_numpy,
        vjp=_logcumsumexp_vjp,
        attrs=("axis",),
    )
)


def flipped(x: Node, axis: int) -> Node:
    return mv.flip(x, (axis,))


def logcumsumexp_node(x: Node, axis: int) -> Node:
    return apply(logcumsumexp_p, x, attrs=(axis,))


def logcumsumexp(x: Node, dim: int) -> Node:
    """Running log(sum(exp(x))) along `dim`."""
    if x.dtype.category != 2:
        raise DTypeError(
            explain(f"logcumsumexp: not for {x.dtype.name}", where=user_line(), try_="x.float()")
        )
    axis = one_axis(dim, x.ndim)
    return logcumsumexp_node(x, axis) if x.ndim else ar.copy(x)


def cumulative_extreme(x: Node, dim: int, smallest: bool) -> tuple[Node, Node]:
    """The largest (smallest) so far along `dim`, and where it is: the last of equals."""
    axis = one_axis(dim, x.ndim)
    if not x.ndim:
        return ar.copy(x), const(0, int64)
    index = apply(cumulative_extreme_p, detach(x), attrs=(axis, smallest))
    return along(x, axis, index), index


def _part(x: Node, axis: int, start: int, length: int) -> Node:
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    sizes = tuple(length if i == axis else n for i, n in enumerate(x.shape))
    return mv.slice_(x, starts, (1,) * x.ndim, sizes)


def diff(x: Node, n: int, dim: int, prepend: Node | None, append: Node | None) -> Node:
    """Differences of neighbours along `dim`, taken `n` times; of bools, where they differ."""
    if not x.ndim:
        raise ShapeError(
            explain("diff expects input to be at least one-dimensional", where=user_line())
        )
    if n < 0:
        raise ArgumentError(
            explain("diff: order must be non-negative", where=user_line(), got=str(n))
        )
    axis = one_axis(dim, x.ndim)
    if not n:
        return ar.copy(x)
    parts = [part for part in (prepend, x, append) if part is not None]
    if len(parts) > 1:
        x = cat(parts, axis)
    for _ in range(n):
        length = max(x.shape[axis] - 1, 0)
        if not length:
            return _part(x, axis, 0, 0)
        later, earlier = _part(x, axis, 1, length), _part(x, axis, 0, length)
        x = ar.bitwise("xor", later, earlier) if x.dtype is bool_ else later - earlier
    return x


def _strips(y: Node, x: Node | None, dx: float | Node, dim: int) -> tuple[Node, int]:
    """Twice the area of each strip between neighbours along `dim`."""
    axis = one_axis(dim, y.ndim)
    length = max(y.shape[axis] - 1, 0)
    both = _part(y, axis, 0, length) + _part(y, axis, min(1, y.shape[axis]), length)
    if x is None:
        return both * dx, axis
    if x.ndim == 1:
        if x.shape[0] != y.shape[axis]:
            raise ShapeError(
                explain(
                    "trapezoid: There must be one `x` value for each sample point",
                    where=user_line(),
                    expected=str(y.shape[axis]),
                    got=str(x.shape[0]),
                )
            )
        x = mv.reshape(x, tuple(x.shape[0] if i == axis else 1 for i in range(y.ndim)))
    while x.ndim < y.ndim:
        x = mv.reshape(x, (1, *x.shape))
    return both * diff(x, 1, axis, None, None), axis


def trapezoid(y: Node, x: Node | None, dx: float | Node, dim: int) -> Node:
    """The area under a line through points, by the trapezoidal rule."""
    if not y.shape[one_axis(dim, y.ndim)]:
        axis = one_axis(dim, y.ndim)
        return mv.expand(const(0, y.dtype), tuple(n for i, n in enumerate(y.shape) if i != axis))
    strips, axis = _strips(y, x, dx, dim)
    return co.sum(strips, axis) / 2.0


def cumulative_trapezoid(y: Node, x: Node | None, dx: float | Node, dim: int) -> Node:
    """The areas of `trapezoid` up to each point but the first."""
    strips, axis = _strips(y, x, dx, dim)
    return co.cumsum(strips, axis) / 2.0


def slopes(x: Node, dim: int, spacing: Node | float, edge_order: int) -> Node:
    """The slope at each point along `dim`: of a parabola through it and its neighbours.

    At both ends, of a line through two points, or of a parabola through three (`edge_order`).

    Args:
        spacing: the distance of points, or where they lie.
    """
    axis = one_axis(dim, x.ndim)
    n = x.shape[axis]
    if n < edge_order + 1:
        raise ShapeError(
            explain(
                "torch.gradient expected each dimension size to be at least edge_order+1",
                where=user_line(),
                got=f"edge_order={edge_order}, shape {x.shape}",
            )
        )
    equal = not isinstance(spacing, Node)
    gaps = x if equal else _gaps(spacing, n, axis, x)

    def gap(k: int) -> Any:
        return spacing if equal else _part(gaps, axis, k % (n - 1), 1)

    def line(k: int) -> Node:
        return (_part(x, axis, k + 1, 1) - _part(x, axis, k, 1)) / gap(k)

    parts = [_parabola(x, axis, 0, 1, gap(0), gap(1), 0) if edge_order == 2 else line(0)]
    if n > 2:
        inner = n - 2
        if equal:
            ends = _part(x, axis, 2, inner) - _part(x, axis, 0, inner)
            parts.append(ends / (2.0 * spacing))
        else:
            both = _part(gaps, axis, 0, inner), _part(gaps, axis, 1, inner)
            parts.append(_parabola(x, axis, 0, inner, *both, 1))
    last = n - 2
    if edge_order == 2:
        parts.append(_parabola(x, axis, n - 3, 1, gap(n - 3), gap(last), 2))
    else:
        parts.append(line(last))
    return cat(parts, axis)


def _gaps(spacing: Any, n: int, axis: int, x: Node) -> Node:
    if spacing.shape != (n,):
        raise ShapeError(
            explain(
                "torch.gradient: there must be one coordinate for each point",
                where=user_line(),
                expected=f"({n},)",
                got=str(spacing.shape),
            )
        )
    found = diff(spacing, 1, 0, None, None)
    return mv.reshape(found, tuple(n - 1 if i == axis else 1 for i in range(x.ndim)))


def _parabola(x: Node, axis: int, start: int, count: int, a: Any, b: Any, at: int) -> Node:
    """The slope at point `at` of 3 of a parabola through them, which have distances a and b."""
    whole = a + b
    weights = (
        (-(a + whole) / (a * whole), whole / (a * b), -a / (b * whole)),
        (-b / (a * whole), (b - a) / (a * b), a / (b * whole)),
        (b / (a * whole), -whole / (a * b), (b + whole) / (b * whole)),
    )[at]
    first, second, third = (
        _part(x, axis, start + k, count) * weight for k, weight in enumerate(weights)
    )
    return first + second + third
