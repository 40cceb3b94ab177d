"""Sums and means that pass over NaN, distances, and norms that are bounded."""

from __future__ import annotations

import math

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.operations import arithmetic as ar, composed as co, movement as mv, powers
from zincir.operations.dims import Dims, one_axis
from zincir.operations.indexing import take
from zincir.operations.source import detach
from zincir.types import DType, broadcast, int64, size


def nansum(x: Node, dim: Dims, keepdim: bool, dtype: DType | None) -> Node:
    """The sum along `dim` of what is no NaN."""
    if x.dtype.category == 2:
        x = ar.where(co.isnan(detach(x)), 0.0, x)
    return co.sum(x, dim, keepdim, dtype)


def nanmean(x: Node, dim: Dims, keepdim: bool, dtype: DType | None) -> Node:
    """The mean along `dim` of what is no NaN."""
    if x.dtype.category != 2:
        raise DTypeError(
            explain(
                f"nanmean(): expected input to have floating point dtype but got {x.dtype.name}",
                where=user_line(),
                try_="x.float()",
            )
        )
    there = ar.cast(ar.compare("eq", detach(x), detach(x)), int64)
    count = co.sum(there, dim, keepdim)
    return nansum(x, dim, keepdim, dtype) / count


def extremes(x: Node, dim: int | None, keepdim: bool) -> tuple[Node, Node]:
    """The smallest and the largest along `dim`; equal ones share the gradients."""
    if not size(x.shape) and (dim is None or not x.shape[one_axis(dim, x.ndim)]):
        raise ArgumentError(
            explain(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no"
                " identity.", where=user_line(), got=str(x.shape),
            )
        )  # fmt: skip
    dims: Dims = () if dim is None else dim
    return co.amin(x, dims, keepdim), co.amax(x, dims, keepdim)


def renorm(x: Node, p: float, dim: int, maxnorm: float) -> Node:
    """Slices along `dim` scaled down so that their p-norms are at most `maxnorm`."""
    if p <= 0 or maxnorm < 0 or x.ndim < 2:
        raise ArgumentError(
            explain(
                "renorm: needs p > 0, maxnorm >= 0 and at least 2 dimensions", where=user_line(),
                got=f"p={p}, maxnorm={maxnorm}, {x.shape}",
            )
        )  # fmt: skip
    axis = one_axis(dim, x.ndim)
    norms = co.norm(x, p, [i for i in range(x.ndim) if i != axis], keepdim=True)
    large = ar.compare("gt", norms, maxnorm)
    # Not quite maxnorm, so that what was scaled is not scaled again.
    return x * ar.where(large, maxnorm / (norms + 1e-7), 1.0)


def distance(x: Node, y: Node, p: float) -> Node:
    """The p-norm of the difference."""
    return co.norm(x - y, p)


# --- distances between rows ---------------------------------------------------------------------


def _check_distances(what: str, p: float, *xs: Node) -> None:
    for x in xs:
        if x.dtype.category != 2:
            raise DTypeError(
                explain(
                    f"{what} only supports floating-point dtypes, got: {x.dtype.name}",
                    where=user_line(), try_="x.float()",
                )
            )  # fmt: skip
    if not p >= 0:
        raise ArgumentError(
            explain(f"{what} only supports non-negative p values", where=user_line(), got=str(p))
        )


def cdist(a: Node, b: Node, p: float, mode: str) -> Node:
    """Distances between all rows of `a` and all rows of `b`, by the p-norm.

    All modes give the same: the squares of differences are added up, which loses nothing.
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
             "donot_use_mm_for_euclid_dist")  # fmt: skip
    _check_distances("cdist", p, a, b)
    problem = ""
    if mode not in modes:
        problem = f"{mode} is not a valid value for compute_mode"
    elif a.ndim < 2 or b.ndim < 2:
        problem = f"needs at least 2 dimensions, got {a.shape} and {b.shape}"
    elif a.shape[-1] != b.shape[-1]:
        problem = f"X1 and X2 must have the same number of columns. X1: {a.shape} X2: {b.shape}"
    if problem:
        raise ShapeError(explain(f"cdist: {problem}", where=user_line()))
    rows = mv.reshape(a, (*a.shape[:-1], 1, a.shape[-1]))
    columns = mv.reshape(b, (*b.shape[:-2], 1, *b.shape[-2:]))
    first, second = ar.common(rows, columns)
    return row_norm(first, second, p)


def row_norm(a: Node, b: Node, p: float) -> Node:
    """The p-norm of differences along the last axis, with the gradients that distances have."""
    difference = a - b
    if p == 0:
        shape = broadcast(a.shape, b.shape)[:-1]
        differs = ar.cast(ar.compare("ne", detach(difference), 0.0), difference.dtype)
        count = mv.reshape(mv.sum_(differs, (differs.ndim - 1,)), shape)
        return mv.attached(count, difference) if difference.needs_grad else count
    if p == 1:
        return co.sum(ar.abs(difference), -1)
    if p == 2:
        return co.root(co.sum(difference * difference, -1))
    if p == math.inf:
        if not difference.shape[-1]:
            return co.sum(difference, -1)
        return co.amax(ar.abs(difference), -1)
    return _general(difference, p)


def _general(x: Node, p: float) -> Node:
    length = ar.abs(x)
    zero = ar.compare("eq", detach(length), 0.0)
    power = ar.where(zero, 0.0, powers.power(ar.where(zero, 1.0, length), float(p)))
    total = co.sum(power, -1)
    none = ar.compare("eq", detach(total), 0.0)
    return ar.where(none, 0.0, powers.power(ar.where(none, 1.0, total), 1.0 / p))


def pdist(x: Node, first: Node, second: Node, p: float) -> Node:
    """Distances between the rows that `first` names and those that `second` names."""
    _check_distances("pdist", p, x)
    return row_norm(take(x, first), take(x, second), p)
