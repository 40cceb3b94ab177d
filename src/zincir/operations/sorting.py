"""Sorted lines, and what sorting finds: the k largest, the k-th, medians, the most frequent."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ArgumentError, IndexOutOfRange, explain
from zincir.graph.at_once import known
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.half import plain
from zincir.operations import arithmetic as ar, host, movement as mv
from zincir.operations.along import along, from_lines, lines
from zincir.operations.dims import dropped, one_axis
from zincir.operations.source import const, detach, with_gradient_of
from zincir.types import int64, size


def _index_spec(x: Spec, axis: int, *_: Any) -> Spec:
    return tuple(1 if i == axis else n for i, n in enumerate(x[0])), int64


def _kth_numpy(x: Any, axis: int, k: int) -> Any:
    return np.take(np.argpartition(x, k - 1, axis), [k - 1], axis)


kth_p = register(
    Primitive(
        "kth",
        Kind.HOST,
        doc="Where the k-th smallest is along `axis`; NaN counts as the largest.",
        infer=_index_spec,
        numpy=_kth_numpy,
        attrs=("axis", "k"),
    )
)


def _median_numpy(x: Any, axis: int, ignore_nan: bool) -> Any:
    rows = lines(x, axis)
    order = np.argsort(rows, 1, kind="stable")
    nan = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, bool)
    count = (~nan).sum(1, keepdims=True) if ignore_nan else np.full((len(rows), 1), rows.shape[1])
    found = np.take_along_axis(order, np.maximum(count - 1, 0) // 2, 1)
    if not ignore_nan:
        found = np.where(nan.any(1, keepdims=True), nan.argmax(1, keepdims=True), found)
    return from_lines(found, x, axis)


median_p = register(
    Primitive(
        "median_index",
        Kind.HOST,
        doc="Where the median is along `axis`, the lower of two; or the first NaN, if any.",
        infer=_index_spec,
        numpy=_median_numpy,
        attrs=("axis", "ignore_nan"),
    )
)


def _mode_numpy(x: Any, axis: int) -> Any:
    rows = lines(x, axis)
    n = rows.shape[1]
    keys: tuple[Any, ...] = (rows, ~np.isnan(rows)) if rows.dtype.kind == "f" else (rows,)
    order = np.lexsort(keys, axis=1)
    values = np.take_along_axis(rows, order, 1)
    last = np.ones(values.shape, bool)
    last[:, :-1] = values[:, :-1] != values[:, 1:]
    place = np.arange(n)
    before = np.maximum.accumulate(np.where(last, place, -1), 1)
    before = np.concatenate([np.full((len(rows), 1), -1), before[:, :-1]], 1)
    best = np.where(last, place - before, 0).argmax(1, keepdims=True)
    return from_lines(np.take_along_axis(order, best, 1), x, axis)


mode_p = register(
    Primitive(
        "mode_index",
        Kind.HOST,
        doc="The last place of what is most frequent along `axis`, the smallest of several.",
        infer=_index_spec,
        numpy=_mode_numpy,
        attrs=("axis",),
    )
)

Pair = tuple[Node, Node]


def sort(x: Node, dim: int, descending: bool) -> Pair:
    """Lines along `dim` in order, and where each element was; equal ones keep their order."""
    axis = one_axis(dim, x.ndim)
    if not x.ndim:
        return ar.copy(x), const(0, int64)
    order = host.argsort(detach(x), axis, descending)
    return along(x, axis, order), order


def topk(x: Node, k: int, dim: int, largest: bool) -> Pair:
    """The `k` largest (or smallest) along `dim` in order, and where they are."""
    axis = one_axis(dim, x.ndim)
    n = x.shape[axis] if x.ndim else 1
    if not 0 <= k <= n:
        raise IndexOutOfRange(
            explain(
                "topk: selected index k out of range",
                where=user_line(),
                expected=f"0 <= k <= {n}",
                got=str(k),
            )
        )
    if not x.ndim:
        return ar.copy(x), const(0, int64)
    order = host.argsort(detach(x), axis, largest)
    sizes = tuple(k if i == axis else m for i, m in enumerate(x.shape))
    order = mv.slice_(order, (0,) * x.ndim, (1,) * x.ndim, sizes)
    return along(x, axis, order), order


def _chosen(x: Node, axis: int, index: Node, keepdim: bool) -> Pair:
    values = along(x, axis, index)
    return (values, index) if keepdim else (dropped(values, (axis,)), dropped(index, (axis,)))


def _line(x: Node, dim: int, what: str) -> int | None:
    """The axis; None for a tensor without any."""
    axis = one_axis(dim, x.ndim)
    if not x.ndim:
        return None
    if not x.shape[axis]:
        raise IndexOutOfRange(
            explain(
                f"{what}(): Expected reduction dim {axis} to have non-zero size.",
                where=user_line(),
                got=str(x.shape),
            )
        )
    return axis


def kthvalue(x: Node, k: int, dim: int, keepdim: bool) -> Pair:
    """The `k`-th smallest along `dim`, counted from 1, and where it is."""
    ar.refuse_bool("kthvalue", x)
    axis = _line(x, dim, "kthvalue")
    n = 1 if axis is None else x.shape[axis]
    if not 1 <= k <= n:
        raise IndexOutOfRange(
            explain(
                "kthvalue(): selected number k out of range for dimension",
                where=user_line(),
                expected=f"1 <= k <= {n}",
                got=str(k),
            )
        )
    if axis is None:
        return ar.copy(x), const(0, int64)
    return _chosen(x, axis, apply(kth_p, detach(x), attrs=(axis, k)), keepdim)


def median(x: Node, dim: int, keepdim: bool, ignore_nan: bool) -> Pair:
    """The median along `dim`, the lower of two, and where it is."""
    ar.refuse_bool("median", x)
    axis = _line(x, dim, "nanmedian" if ignore_nan else "median")
    if axis is None:
        return ar.copy(x), const(0, int64)
    return _chosen(x, axis, apply(median_p, detach(x), attrs=(axis, ignore_nan)), keepdim)


def median_of_all(x: Node, ignore_nan: bool) -> Node:
    """The median of all elements; equal ones share the gradient."""
    ar.refuse_bool("median", x)
    flat = mv.reshape(x, (size(x.shape),))
    if not flat.shape[0]:
        what = float("nan") if x.dtype.category == 2 else -(2**63)
        return const(what if x.dtype.category == 2 else ar._to(x.dtype, what), x.dtype)
    index = apply(median_p, detach(flat), attrs=(0, ignore_nan))
    y = dropped(along(detach(flat), 0, index), (0,))
    if not x.needs_grad:
        return y
    hit = ar.compare("eq", detach(flat), y)
    both = ar.bitwise("and", ar.compare("ne", y, y), ar.compare("ne", detach(flat), detach(flat)))
    share = ar.cast(ar.bitwise("or", hit, both), x.dtype)
    total = mv.sum_(flat * (share / mv.sum_(share, (0,))), (0,))
    return with_gradient_of(y, dropped(total, (0,)))


def mode(x: Node, dim: int, keepdim: bool) -> Pair:
    """The most frequent value along `dim`, the smallest of several, and its last place."""
    axis = _line(x, dim, "mode")
    if axis is None:
        return ar.copy(x), const(0, int64)
    return _chosen(x, axis, apply(mode_p, detach(x), attrs=(axis,)), keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _checked_quantile(x: Node, q: Node, interpolation: str, what: str) -> None:
    problem = ""
    if interpolation not in INTERPOLATIONS:
        problem = f"interpolation must be one of {', '.join(INTERPOLATIONS)}, not {interpolation!r}"
    elif x.dtype.category != 2:
        problem = f"input tensor must be either float or double dtype, not {x.dtype.name}"
    elif not size(x.shape):
        problem = "input tensor must be non-empty"
    elif q.dtype is not x.dtype:
        problem = f"q tensor must have the type of the input, {x.dtype.name}, not {q.dtype.name}"
    elif q.ndim > 1:
        problem = f"q must be a scalar or 1D tensor, not of shape {q.shape}"
    if problem:
        raise ArgumentError(explain(f"{what}(): {problem}", where=user_line()))


def _ranks_numpy(q: Any) -> Any:
    if not ((q >= 0) & (q <= 1)).all():
        raise ArgumentError(explain("quantile(): q values must be in the range [0, 1]"))
    return q


def quantile(
    x: Node, q: Node, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
) -> Node:
    """Values below which a share `q` of each line lies.

    With n elements in order, the one of rank q (n - 1) counted from 0, or one between its two
    neighbours (Hyndman and Fan 1996, definition 7). A line with a NaN has none, unless it is to be
    ignored.
    """
    _checked_quantile(x, q, interpolation, "nanquantile" if ignore_nan else "quantile")
    at_end = None if dim is None else one_axis(dim, x.ndim)
    if at_end is None:
        rows = mv.reshape(x, (size(x.shape), 1))
        kept: tuple[int, ...] = (1,) * x.ndim
    else:
        if not x.ndim:
            return mv.reshape(
                quantile(mv.reshape(x, (1,)), q, 0, False, interpolation, ignore_nan), q.shape
            )
        order = (at_end, *(i for i in range(x.ndim) if i != at_end))
        moved = mv.permute(x, order)
        rows = mv.reshape(moved, (moved.shape[0], size(moved.shape[1:])))
        kept = tuple(1 if i == at_end else n for i, n in enumerate(x.shape))
    values = _ranked(rows, q, interpolation, ignore_nan)
    shape = kept if keepdim else tuple(n for i, n in enumerate(kept) if i != at_end)
    if at_end is None and not keepdim:
        shape = ()
    return mv.reshape(values, (*q.shape, *shape))


def _ranked(rows: Node, q: Node, interpolation: str, ignore_nan: bool) -> Node:
    """The quantiles of the columns of a matrix, one row for each of `q`."""
    ordered, _ = sort(rows, 0, False)
    n, count = rows.shape
    q = mv.reshape(_shares(q), (size(q.shape), 1))
    nan = ar.compare("ne", detach(rows), detach(rows))
    whole = mv.sum_(ar.cast(nan, int64), (0,))
    if ignore_nan:
        last = ar.maximum(n - 1 - whole, 0)
        rank = q * ar.cast(last, q.dtype)
    else:
        rank = ar.where(ar.compare("gt", whole, 0), float(n - 1), q * float(n - 1))
    rank = mv.expand(rank, (q.shape[0], count))
    rounded = {"lower": ar.floor, "higher": ar.ceil, "nearest": ar.round}.get(interpolation)
    if rounded is not None:
        return along(ordered, 0, ar.cast(rounded(rank), int64))
    low = ar.cast(ar.floor(rank), int64)
    below = along(ordered, 0, low)
    above = along(ordered, 0, ar.cast(ar.ceil(rank), int64))
    weight = rank - ar.cast(low, rank.dtype)
    if interpolation == "midpoint":
        weight = mv.expand(const(0.5, rank.dtype), rank.shape)
    near, step = ar.compare("lt", weight, 0.5), above - below
    return ar.where(near, below + step * weight, above - step * (1.0 - weight))


def _shares(q: Node) -> Node:
    """`q`, of which it is made sure that it lies in [0, 1]."""
    array = known(q)
    if array is None:
        return with_gradient_of(host.call(_ranks_numpy, (q.shape, q.dtype), detach(q)), q)
    _ranks_numpy(plain(array))
    return q
