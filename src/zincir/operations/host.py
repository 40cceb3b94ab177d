"""Operations that run their NumPy twin: rare, or not worth a kernel of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, explain
from zincir.graph.at_once import at_once, known
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.movement import cat, expand, flip, slice_
from zincir.operations.source import const
from zincir.types import int64

cumsum_p = register(
    Primitive(
        "cumsum",
        Kind.HOST,
        doc="Running sums along `axis`.",
        infer=lambda x, axis: x,
        numpy=lambda x, axis: np.cumsum(x, axis, dtype=x.dtype),
        vjp=lambda g, y, x, axis: flip(cumsum(flip(g, (axis,)), axis), (axis,)),
        attrs=("axis",),
        saves=False,
    )
)


def _recurrence(a: Any, b: Any, axis: int) -> Any:
    with np.errstate(all="ignore"):
        y = np.array(b)
        rows, factors = np.moveaxis(y, axis, 0), np.moveaxis(a, axis, 0)
        for i in range(1, len(rows)):
            rows[i] += factors[i] * rows[i - 1]
    return y


def _recurrence_vjp(g: Node, y: Node, a: Node, b: Node, axis: int) -> tuple[Node, Node]:
    back = _backward_recurrence(g, a, axis)
    return back * _moved(y, axis, 1), back


recurrence_p = register(
    Primitive(
        "recurrence",
        Kind.HOST,
        doc="y[i] = a[i] * y[i - 1] + b[i] along `axis`; y[0] = b[0].",
        infer=lambda a, b, axis: b,
        numpy=_recurrence,
        vjp=_recurrence_vjp,
        attrs=("axis",),
    )
)


def _backward_recurrence(g: Node, a: Node, axis: int) -> Node:
    """r[i] = g[i] + a[i + 1] * r[i + 1]: what a change of y[i] adds to the sum of g * y."""
    factors = flip(_moved(a, axis, -1), (axis,))
    return flip(apply(recurrence_p, factors, flip(g, (axis,)), attrs=(axis,)), (axis,))


def _moved(x: Node, axis: int, by: int, fill: float = 0.0) -> Node:
    """`x` one place further along `axis`, or back (`by` is 1 or -1), `fill` moving in."""
    n = x.shape[axis]
    if not n:
        return x
    sizes = tuple(n - 1 if k == axis else m for k, m in enumerate(x.shape))
    start = tuple(int(k == axis and by < 0) for k in range(x.ndim))
    rest = slice_(x, start, (1,) * x.ndim, sizes)
    new = expand(const(fill, x.dtype), tuple(1 if k == axis else m for k, m in enumerate(x.shape)))
    return cat([new, rest] if by > 0 else [rest, new], axis)


def _cumprod_numpy(x: Any, axis: int) -> Any:
    with np.errstate(all="ignore"):
        return np.cumprod(x, axis, dtype=x.dtype)


cumprod_p = register(
    Primitive(
        "cumprod",
        Kind.HOST,
        doc="Running products along `axis`.",
        infer=lambda x, axis: x,
        numpy=_cumprod_numpy,
        vjp=lambda g, y, x, axis: _moved(y, axis, 1, 1.0) * _backward_recurrence(g, x, axis),
        attrs=("axis",),
    )
)

argsort_p = register(
    Primitive(
        "argsort",
        Kind.HOST,
        doc="The order that sorts along `axis`; equal elements keep theirs, NaN goes last.",
        infer=lambda x, axis, descending: (x[0], int64),
        numpy=lambda x, axis, descending: _argsort(x, axis, descending),
        attrs=("axis", "descending"),
    )
)


def _stable_order(x: Any, axis: int) -> Any:
    """The order of a stable sort. Where all elements differ any sort has that order, and NumPy's
    own takes a fifth of the time.
    """
    if x.dtype.kind in "fiu" and x.size >= 1000:
        order = np.argsort(x, axis)
        line = np.moveaxis(np.take_along_axis(x, order, axis), axis, -1)
        if (line[..., 1:] > line[..., :-1]).all():  # with a NaN, it is not
            return order
    return np.argsort(x, axis, kind="stable")


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return _stable_order(x, axis).astype(np.int64)
    backwards = _stable_order(np.flip(x, axis), axis)
    return (x.shape[axis] - 1 - np.flip(backwards, axis)).astype(np.int64)


def _checked(x: Any, fine: Any, problem: str) -> Any:
    if not fine.all():
        raise ArgumentError(explain(problem, got=str(x.flat[int(np.argmin(fine))])))
    return np.array(x)


checked_p = register(
    Primitive(
        "checked",
        Kind.HOST,
        doc="The same numbers; an error, of which `problem` is the text, where one is not fine.",
        infer=lambda x, fine, problem: x,
        numpy=_checked,
        vjp=lambda g, y, x, fine, problem: (g, None),
        attrs=("problem",),
        saves=False,
    )
)


def _call_spec(*args: Any) -> Spec:
    return args[-1]


call_p = register(
    Primitive(
        "call",
        Kind.HOST,
        doc="A Python function of arrays.",
        infer=_call_spec,
        numpy=lambda *args: args[-2](*args[:-2]),
        attrs=("function", "spec"),
    )
)


def checked(x: Node, fine: Node, problem: str) -> Node:
    """`x`; an error where it is not `fine`, at the latest when it is computed. For few numbers."""
    found = known(fine)
    if found is not None and found.all():
        return x
    return at_once(apply(checked_p, x, fine, attrs=(problem,)))


def cumsum(x: Node, axis: int) -> Node:
    return apply(cumsum_p, x, attrs=(axis,))


def cumprod(x: Node, axis: int) -> Node:
    return apply(cumprod_p, x, attrs=(axis,))


def product_of_others(x: Node, axis: int) -> Node:
    """For each element, the product of all others along `axis`: exact, whatever is 0."""
    before = _moved(cumprod(x, axis), axis, 1, 1.0)
    after = flip(_moved(cumprod(flip(x, (axis,)), axis), axis, 1, 1.0), (axis,))
    return before * after


def argsort(x: Node, axis: int, descending: bool = False) -> Node:
    return apply(argsort_p, x, attrs=(axis, descending))


def call(function: Callable[..., Any], spec: Spec, *xs: Node) -> Node:
    """`function(*arrays)`, an array of `spec`'s shape and type."""
    return apply(call_p, *xs, attrs=(function, spec))
