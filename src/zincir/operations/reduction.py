"""Axes folded into one element. They stay, with size 1: dropping them is a view."""

from __future__ import annotations

import numpy as np

from zincir.errors import ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.arithmetic import bitwise, cast, compare, where
from zincir.operations.host import product_of_others
from zincir.operations.movement import permute, reduce_spec, reshape, sum_
from zincir.operations.source import iota
from zincir.types import int64, inverse_permutation, size

_NUMBERS = ("float32", "float64", "int64", "int32")


def _nonempty_spec(x: Spec, axes: tuple[int, ...]) -> Spec:
    if any(x[0][a] == 0 for a in axes):
        raise ShapeError("an axis with no elements has no largest or smallest one")
    return reduce_spec(x, axes)


def _share_among_equals(g: Node, y: Node, x: Node, axes: tuple[int, ...]) -> Node:
    hit = cast(compare("eq", x, y), g.dtype)
    return hit * (g / sum_(hit, axes))


amax_p = register(
    Primitive(
        "amax",
        Kind.REDUCTION,
        doc="The largest along `axes`; equal ones share the gradient.",
        infer=_nonempty_spec,
        numpy=lambda x, axes: np.max(x, axes, keepdims=True),
        vjp=_share_among_equals,
        lower=lambda b, x, y: b.maximum(x, y),
        identity=-np.inf,
        attrs=("axes",),
        dtypes=_NUMBERS,
    )
)
amin_p = register(
    Primitive(
        "amin",
        Kind.REDUCTION,
        doc="The smallest along `axes`; equal ones share the gradient.",
        infer=_nonempty_spec,
        numpy=lambda x, axes: np.min(x, axes, keepdims=True),
        vjp=_share_among_equals,
        lower=lambda b, x, y: b.minimum(x, y),
        identity=np.inf,
        attrs=("axes",),
        dtypes=_NUMBERS,
    )
)


def _prod_vjp(g: Node, y: Node, x: Node, axes: tuple[int, ...]) -> Node:
    if len(axes) == 1:
        return g * product_of_others(x, axes[0])
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    kept = tuple(x.shape[a] for a in order[: -len(axes)])
    moved = permute(x, order)
    others = product_of_others(reshape(moved, (*kept, size(moved.shape[len(kept) :]))), len(kept))
    back = inverse_permutation(order)
    return g * permute(reshape(others, moved.shape), back)


prod_p = register(
    Primitive(
        "prod",
        Kind.REDUCTION,
        doc="The product along `axes`.",
        infer=reduce_spec,
        numpy=lambda x, axes: np.prod(x, axes, keepdims=True, dtype=x.dtype),
        vjp=_prod_vjp,
        lower=lambda b, x, y: b.mul(x, y),
        identity=1.0,
        attrs=("axes",),
        dtypes=_NUMBERS,
    )
)


def amax(x: Node, axes: tuple[int, ...]) -> Node:
    return apply(amax_p, x, attrs=(axes,)) if axes else x


def amin(x: Node, axes: tuple[int, ...]) -> Node:
    return apply(amin_p, x, attrs=(axes,)) if axes else x


def prod(x: Node, axes: tuple[int, ...]) -> Node:
    return apply(prod_p, x, attrs=(axes,)) if axes else x


def argmax(x: Node, axis: int, *, smallest: bool = False) -> Node:
    """The first index along `axis` (kept, size 1) of the largest element; NaN counts as largest."""
    best = (amin if smallest else amax)(x, (axis,))
    hit = compare("eq", x, best)
    if x.dtype.category == 2:
        hit = bitwise("or", hit, compare("ne", x, x))
    return amin(where(hit, iota(x.shape, axis, int64), x.shape[axis]), (axis,))
