"""Numbers counted, and found among others: histograms, bins, membership."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations import arithmetic as ar, movement as mv
from zincir.operations.source import detach
from zincir.types import Scalar, bool_, int32, int64, size

# --- places among sorted numbers --------------------------------------------------------------


def _search_spec(sequence: Spec, values: Spec, *rest: Any) -> Spec:
    return values[0], int64


def _search_numpy(sequence: Any, values: Any, *rest: Any) -> Any:
    *order, right = rest
    side = "right" if right else "left"
    if sequence.ndim == 1:
        sequence = sequence[order[0]] if order else sequence
        return np.searchsorted(sequence, values, side)
    n, m = sequence.shape[-1], values.shape[-1]
    rows = (np.take_along_axis(sequence, order[0], -1) if order else sequence).reshape(-1, n)
    found = [
        np.searchsorted(row, some, side)
        for row, some in zip(rows, values.reshape(len(rows), m), strict=True)
    ]
    return np.array(found, np.int64).reshape(values.shape)


searchsorted_p = register(
    Primitive(
        "searchsorted",
        Kind.HOST,
        doc="How many of a sorted line are less than each value; not greater, with `right`."
        " A third input is the order that sorts the line.",
        infer=_search_spec,
        numpy=_search_numpy,
        attrs=("right",),
    )
)


def searchsorted(
    sequence: Node,
    values: Node | Scalar,
    right: bool,
    side: str | None,
    sorter: Node | None,
    out_int32: bool,
    what: str = "searchsorted",
) -> Node:
    """Where each value would go in a sorted line, and it stays sorted."""
    if not isinstance(values, Node):
        sequence, values = ar.common(sequence, values)
    problem = ""
    if side not in (None, "left", "right"):
        problem = f"side can only be 'left' or 'right' but got {side}"
    elif side == "left" and right:
        problem = "side and right can't be set to opposites, got side of left while right was True"
    elif not sequence.ndim:
        problem = "the sorted sequence needs at least one dimension"
    elif sequence.ndim > 1 and sequence.shape[:-1] != values.shape[:-1]:
        problem = (
            "boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries"
            f" and input must match, but got {sequence.shape} and {values.shape}"
        )
    elif sorter is not None and sorter.shape != sequence.shape:
        problem = f"sorter must have the shape of the sequence, {sequence.shape}"
    elif sorter is not None and sorter.dtype is not int64:
        problem = "sorter must be a tensor of long dtype"
    if problem:
        raise ArgumentError(explain(f"{what}(): {problem}", where=user_line()))
    order = [] if sorter is None else [sorter]
    inputs = [*ar.common(detach(sequence), detach(values)), *order]
    found = apply(searchsorted_p, *inputs, attrs=(right or side == "right",))
    return ar.cast(found, int32) if out_int32 else found


# --- membership -------------------------------------------------------------------------------

isin_p = register(
    Primitive(
        "isin",
        Kind.HOST,
        doc="Which elements of the first occur in the second.",
        infer=lambda x, among: (x[0], bool_),
        numpy=lambda x, among: np.isin(x, among),
    )
)


def isin(x: Node, among: Node, invert: bool) -> Node:
    """Which elements of `x` occur in `among` (or do not)."""
    x, among = ar.common(detach(x), detach(among))
    found = apply(isin_p, x, among)
    return ar.compare("eq", found, False) if invert else found


# --- histograms -------------------------------------------------------------------------------


def span_of(x: Any, low: float, high: float, spread: float, what: str) -> tuple[Any, Any]:
    """The range of a histogram, made wider by `spread` at both ends if it has no width."""
    a, b = x.dtype.type(low), x.dtype.type(high)
    if a == b:
        a, b = x.dtype.type(a - spread), x.dtype.type(b + spread)
    if not (np.isfinite(a) and np.isfinite(b)):
        raise ArgumentError(explain(f"{what}: range of [{a}, {b}] is not finite"))
    return a, b


def _histc_numpy(x: Any, bins: int, low: float, high: float) -> Any:
    flat = x.reshape(-1)
    ends = (flat.min(), flat.max()) if low == high and flat.size else (low, high)
    a, b = span_of(flat, *ends, 1.0, "histc")
    flat = flat[(flat >= a) & (flat <= b)]
    place = ((flat - a) * x.dtype.type(bins) / (b - a)).astype(np.int64)
    place = np.minimum(place, bins - 1)
    return np.bincount(place, minlength=bins).astype(x.dtype)


histc_p = register(
    Primitive(
        "histc",
        Kind.HOST,
        doc="How many elements lie in each of `bins` parts of a range, which both ends belong to.",
        infer=lambda x, bins, low, high: ((bins,), x[1]),
        numpy=_histc_numpy,
        attrs=("bins", "low", "high"),
    )
)


def check_histogram(x: Node, bins: int, low: float, high: float, what: str) -> None:
    """Raise if no histogram can be made so."""
    if x.dtype.category != 2:
        raise DTypeError(
            explain(f'"{what}" not implemented for {x.dtype.name}', where=user_line(),
                    try_="x.float()")
        )  # fmt: skip
    if bins < 1:
        raise ArgumentError(explain(f"{what}: bins must be > 0", where=user_line(), got=str(bins)))
    if low > high:
        raise ArgumentError(
            explain(f"{what}: max must be larger than min", where=user_line(),
                    got=f"min={low}, max={high}")
        )  # fmt: skip


def histc(x: Node, bins: int, low: float, high: float) -> Node:
    """How many elements lie in each of `bins` equal parts from `low` to `high`."""
    check_histogram(x, bins, low, high, "histc")
    return at_once(apply(histc_p, detach(x), attrs=(bins, float(low), float(high))))


def _linear_edges(x: Any, bins: int, low: float | None, high: float | None) -> Any:
    data = (x.min(), x.max()) if x.size else (0.0, 1.0)
    a, b = span_of(x, *(data if low is None or high is None else (low, high)), 0.5, "histogram")
    steps = np.arange(bins + 1)
    step = x.dtype.type((b - a) / x.dtype.type(bins))
    up, down = a + step * steps.astype(x.dtype), b - step * (bins - steps).astype(x.dtype)
    return np.where(steps < (bins + 1) // 2, up, down).astype(x.dtype)


edges_p = register(
    Primitive(
        "histogram_edges",
        Kind.HOST,
        doc="The ends of `bins` equal parts of a range: that of the data, for None.",
        infer=lambda x, bins, low, high: ((bins + 1,), x[1]),
        numpy=_linear_edges,
        attrs=("bins", "low", "high"),
    )
)


def _cells(x: Any, edges: Any) -> tuple[Any, Any]:
    """Between which edges each number lies, and whether it lies between any."""
    place = np.searchsorted(edges, x, "right") - 1
    place = np.where(x == edges[-1], len(edges) - 2, place)
    return place, (x >= edges[0]) & (x <= edges[-1])


def _histogram_numpy(x: Any, edges: Any, *rest: Any) -> Any:
    *weight, density = rest
    flat = x.reshape(-1)
    place, inside = _cells(flat, edges)
    weights = weight[0].reshape(-1)[inside] if weight else None
    found = np.bincount(place[inside], weights, len(edges) - 1).astype(x.dtype)
    if density:
        with np.errstate(all="ignore"):
            found = found / (found.sum() * np.diff(edges))
    return found.astype(x.dtype)


histogram_p = register(
    Primitive(
        "histogram",
        Kind.HOST,
        doc="How many elements (or what weight of them) lie between neighbouring edges.",
        infer=lambda x, edges, *rest: ((edges[0][0] - 1,), x[1]),
        numpy=_histogram_numpy,
        attrs=("density",),
    )
)


def histogram(x: Node, edges: Node, weight: Node | None, density: bool) -> Node:
    """How many elements lie between neighbouring `edges`."""
    if edges.ndim != 1 or edges.shape[0] < 2:
        raise ShapeError(
            explain("histogram: needs at least two bin edges, in a vector", where=user_line(),
                    got=str(edges.shape))
        )  # fmt: skip
    for other, name in ((edges, "bins"), (weight, "weight")):
        if other is not None and other.dtype is not x.dtype:
            raise DTypeError(
                explain(f"histogram: input and {name} must have the same dtype",
                        where=user_line(), got=f"{x.dtype.name} and {other.dtype.name}")
            )  # fmt: skip
    if weight is not None and weight.shape != x.shape:
        raise ShapeError(
            explain("histogram: weight must have the shape of the input", where=user_line(),
                    expected=str(x.shape), got=str(weight.shape))
        )  # fmt: skip
    inputs = [detach(x), detach(edges), *([] if weight is None else [detach(weight)])]
    return apply(histogram_p, *inputs, attrs=(density,))


def linear_edges(x: Node, bins: int, span: tuple[float, float] | None) -> Node:
    """The ends of `bins` equal parts of a range, or of the data's."""
    low, high = (None, None) if span is None else (float(span[0]), float(span[1]))
    check_histogram(x, bins, *(span or (0.0, 0.0)), "histogram")
    return at_once(apply(edges_p, detach(x), attrs=(bins, low, high)))


def _together_numpy(x: Any, *rest: Any) -> Any:
    *others, weighted, density = rest
    weight, edges = (others[0], others[1:]) if weighted else (None, others)
    place, inside = np.zeros(len(x), np.int64), np.ones(len(x), bool)
    for k, ends in enumerate(edges):
        cell, within = _cells(x[:, k], ends)
        place, inside = place * (len(ends) - 1) + cell, inside & within
    shape = [len(ends) - 1 for ends in edges]
    weights = None if weight is None else weight[inside]
    found = np.bincount(place[inside], weights, math.prod(shape)).reshape(shape)
    if density:
        with np.errstate(all="ignore"):
            found = found / found.sum()
            for k, ends in enumerate(edges):
                found = found / np.diff(ends).reshape(
                    [-1 if i == k else 1 for i in range(x.shape[1])]
                )
    return found.astype(x.dtype)


def _together_spec(x: Spec, *rest: Any) -> Spec:
    *others, weighted, _ = rest
    return tuple(edges[0][0] - 1 for edges in others[int(weighted) :]), x[1]


histogramdd_p = register(
    Primitive(
        "histogramdd",
        Kind.HOST,
        doc="How many rows (or what weight of them) lie in each cell between edges of all columns.",
        infer=_together_spec,
        numpy=_together_numpy,
        attrs=("weighted", "density"),
    )
)


def histogramdd(
    x: Node, bins: Sequence[int | Node], span: Sequence[float] | None, weight: Node | None,
    density: bool,
) -> tuple[Node, tuple[Node, ...]]:  # fmt: skip
    """How many points lie in each cell of a grid, and the grid's edges."""
    if x.ndim < 2 or len(bins) != x.shape[-1] or len(span or ()) not in (0, 2 * len(bins)):
        raise ShapeError(
            explain(
                "histogramdd: points of N numbers, N bins, and 2 N ends of ranges, or none",
                where=user_line(),
                got=f"input {x.shape}, {len(bins)} bins, range {span}",
            )
        )
    n = x.shape[-1]
    points = mv.reshape(x, (size(x.shape[:-1]), n))
    edges: list[Node] = []
    for k, some in enumerate(bins):
        if isinstance(some, int):
            column = mv.slice_(points, (0, k), (1, 1), (points.shape[0], 1))
            ends = None if not span else (span[2 * k], span[2 * k + 1])
            edges.append(linear_edges(column, some, ends))
        else:
            edges.append(some)
    for other in (*edges, *([] if weight is None else [weight])):
        if other.dtype is not x.dtype:
            raise DTypeError(
                explain("histogramdd: input, bins and weight must have the same dtype",
                        where=user_line(), got=f"{x.dtype.name} and {other.dtype.name}")
            )  # fmt: skip
    if weight is not None and weight.shape != x.shape[:-1]:
        raise ShapeError(
            explain("histogramdd: needs one weight for each point", where=user_line(),
                    expected=str(x.shape[:-1]), got=str(weight.shape))
        )  # fmt: skip
    weights = [] if weight is None else [mv.reshape(weight, points.shape[:1])]
    inputs = [detach(node) for node in (points, *weights, *edges)]
    found = apply(histogramdd_p, *inputs, attrs=(weight is not None, density))
    return found, tuple(edges)


# --- places of what is not 0 ------------------------------------------------------------------


def _nonzero_numpy(x: Any, count: int, fill: int) -> Any:
    found = np.argwhere(x)[:count]
    rest = np.full((count - len(found), x.ndim), fill, np.int64)
    return np.concatenate([found, rest])


nonzero_p = register(
    Primitive(
        "nonzero_static",
        Kind.HOST,
        doc="The first `count` places where x is not 0, a row each; then `fill`.",
        infer=lambda x, count, fill: ((count, len(x[0])), int64),
        numpy=_nonzero_numpy,
        attrs=("count", "fill"),
    )
)


def nonzero_static(x: Node, count: int, fill: int) -> Node:
    """The first `count` places where `x` is not 0."""
    if count < 0:
        raise ArgumentError(
            explain("nonzero_static: size must be non-negative", where=user_line(), got=str(count))
        )
    return apply(nonzero_p, detach(x), attrs=(count, fill))


# --- what looks at values: the shapes of its results depend on them -------------------------------


def bincount(x: Any, weights: Any, minlength: int) -> Any:
    """How often each whole number occurs, or what weight it has."""
    problem = ""
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.min() < 0):
        problem = "bincount only supports 1-d non-negative integral inputs."
    elif weights is not None and weights.shape != x.shape:
        problem = "weights should be 1-d and have the same length as input"
    elif minlength < 0:
        problem = "minlength should be >= 0"
    if problem:
        raise ArgumentError(explain(f"bincount: {problem}", where=user_line()))
    kind = np.int64
    if weights is not None:
        kind = np.float32 if weights.dtype == np.float32 else np.float64
    return np.bincount(x, weights, minlength).astype(kind)


def unique(x: Any, dim: int | None) -> tuple[Any, Any, Any]:
    """The different values (or slices) in order, where each element is among them, how often."""
    options: Any = {"return_inverse": True, "return_counts": True, "equal_nan": False}
    if dim is None:
        values, inverse, counts = np.unique(x, **options)
        return values, inverse.reshape(x.shape), counts
    if not x.size:
        if x.shape[dim]:
            raise ShapeError(
                explain(
                    "There are 0 sized dimensions, and they aren't selected,"
                    " so unique cannot be applied", where=user_line(), got=str(x.shape),
                )
            )  # fmt: skip
        return x, np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows = np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)
    order = np.lexsort(rows.T[::-1])
    values, place, counts = _runs(rows[order])
    inverse = np.empty(len(rows), np.int64)
    inverse[order] = place
    shape = (len(values), *(n for i, n in enumerate(x.shape) if i != dim))
    return np.moveaxis(values.reshape(shape), 0, dim), inverse, counts


def unique_consecutive(x: Any, dim: int | None) -> tuple[Any, Any, Any]:
    """The values (or slices) without those that repeat the one before."""
    if dim is None:
        values, place, counts = _runs(x.reshape(-1, 1))
        return values.reshape(-1), place.reshape(x.shape), counts
    rows = np.moveaxis(x, dim, 0).reshape(x.shape[dim], size(x.shape) // max(x.shape[dim], 1))
    values, place, counts = _runs(rows)
    shape = (len(values), *(n for i, n in enumerate(x.shape) if i != dim))
    return np.moveaxis(values.reshape(shape), 0, dim), place, counts


def _runs(rows: Any) -> tuple[Any, Any, Any]:
    """The first of each run of equal rows, which run each row is in, and their lengths."""
    new = np.ones(len(rows), bool)
    new[1:] = (rows[1:] != rows[:-1]).any(1)
    place = np.cumsum(new) - 1
    return rows[new], place, np.bincount(place, minlength=0)
