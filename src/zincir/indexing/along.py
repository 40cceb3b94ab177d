"""Elements picked, set and added along one axis: gather, scatter, index_add and their like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.at_once import known
from zincir.graph.node import MODE, Node, apply, user_line
from zincir.indexing.rows import check_now, elements
from zincir.operations import indexing as rows
from zincir.operations.arithmetic import (
    bitwise,
    cast,
    compare,
    floor_div_p,
    maximum,
    refuse_bool,
    where,
)
from zincir.operations.dims import one_axis
from zincir.operations.host import call, cumsum
from zincir.operations.movement import broadcast_to_common, expand, permute, reshape, slice_
from zincir.operations.numbers import to
from zincir.operations.source import const, custom, detach, with_gradient_of
from zincir.types import Scalar, bool_, broadcast, int32, int64, inverse_permutation, size


def _integers(index: Node, what: str) -> Node:
    if index.dtype not in (int32, int64) and size(index.shape):
        raise DTypeError(
            explain(
                f"{what}: the index must be int64 or int32",
                where=user_line(),
                got=f"{index.dtype.name} {index.shape}",
                try_="index.long()",
            )
        )
    return cast(index, int64)


def _check(x: Node, axis: int, index: Node, what: str) -> None:
    if index.ndim != x.ndim or any(
        n > m for i, (n, m) in enumerate(zip(index.shape, x.shape, strict=True)) if i != axis
    ):
        raise ShapeError(
            explain(
                f"{what}: the index does not fit the tensor",
                where=user_line(),
                expected=f"{x.ndim} dimensions, none larger than {x.shape} except dim={axis}",
                got=str(index.shape),
            )
        )


def _flat(x: Node) -> Node:
    return reshape(x, (size(x.shape),))


def gather(x: Node, dim: int, index: Node) -> Node:
    """y[i][j] = x[i][index[i][j]], for dim=1."""
    axis = one_axis(dim, x.ndim)
    index = _integers(index, "gather")
    if not x.ndim or not index.ndim or not size(index.shape):
        return _gather_single(x, index)
    _check(x, axis, index, "gather")
    return rows.take(_flat(x), elements(x.shape, index, axis))


def _gather_single(x: Node, index: Node) -> Node:
    return rows.take(_flat(x), index)


def take_along_dim(x: Node, index: Node, dim: int | None) -> Node:
    """`gather` with the other axes broadcast; over the flattened tensor when `dim` is None."""
    if dim is None:
        place = _flat(_integers(index, "take_along_dim"))
        return rows.take(_flat(x), where(compare("lt", place, 0), place + size(x.shape), place))
    axis = one_axis(dim, x.ndim)
    common = broadcast(
        tuple(1 if i == axis else n for i, n in enumerate(x.shape)),
        tuple(1 if i == axis else n for i, n in enumerate(index.shape)),
    )
    mine = tuple(x.shape[axis] if i == axis else n for i, n in enumerate(common))
    its = tuple(index.shape[axis] if i == axis else n for i, n in enumerate(common))
    place = _integers(index, "take_along_dim")
    place = where(compare("lt", place, 0), place + x.shape[axis], place)
    return gather(expand(x, mine), axis, expand(place, its))


def _source(x: Node, index: Node, src: Node | Scalar, what: str) -> Node:
    if not isinstance(src, Node):
        return expand(const(to(x.dtype, src), x.dtype), index.shape)
    if src.dtype is not x.dtype:
        raise DTypeError(
            explain(
                f"{what}: source and tensor have different types",
                where=user_line(),
                expected=x.dtype.name,
                got=src.dtype.name,
            )
        )
    if src.ndim != index.ndim or any(a > b for a, b in zip(index.shape, src.shape, strict=True)):
        raise ShapeError(
            explain(
                f"{what}: the source is smaller than the index",
                where=user_line(),
                expected=f"at least {index.shape}",
                got=str(src.shape),
            )
        )
    return slice_(src, (0,) * src.ndim, (1,) * src.ndim, index.shape)


def scatter(x: Node, dim: int, index: Node, src: Node | Scalar, mode: str) -> Node:
    """`x` with x[i][index[i][j]] set to (or raised by) src[i][j], for dim=1."""
    axis = one_axis(dim, x.ndim)
    index = _integers(index, "scatter")
    source = _source(x, index, src, "scatter")
    if x.ndim and index.ndim:
        _check(x, axis, index, "scatter")
    at = elements(x.shape, index, axis)
    flat = rows.scatter(_flat(x), _flat(at), _flat(source), mode)
    return reshape(flat, x.shape)


def _folding(combine: Any) -> Any:
    def run(base: Any, place: Any, source: Any) -> Any:
        out = np.array(base)
        rows.check_range(place, out.shape[0], "index")
        combine.at(out, place, source)
        return out

    return run


_FOLDS = {
    "prod": _folding(np.multiply),
    "amax": _folding(np.maximum),
    "amin": _folding(np.minimum),
}


def scatter_reduce(
    x: Node, dim: int, index: Node, src: Node, reduce: str, include_self: bool
) -> Node:
    """`x` combined with all elements of `src` sent to the same place."""
    if reduce not in ("sum", "mean", *_FOLDS):
        raise ArgumentError(
            explain(
                f"scatter_reduce: unknown reduce {reduce!r}",
                where=user_line(),
                expected="sum, prod, mean, amax or amin",
            )
        )
    index = _integers(index, "scatter_reduce")
    src = _source(x, index, src, "scatter_reduce")
    if x.dtype is bool_:
        refuse_bool("scatter_reduce: mean", *[x] * (reduce == "mean"))
        reduce = {"sum": "amax", "prod": "amin"}.get(reduce, reduce)
    kind = int64 if x.dtype is bool_ else x.dtype
    one = expand(const(1, kind), index.shape)
    hits = scatter(expand(const(0, kind), x.shape), dim, index, one, "add")
    hit = compare("gt", hits, 0)
    if reduce in ("sum", "mean"):
        start = x if include_self else where(hit, 0, x)
        total = scatter(start, dim, index, src, "add")
        if reduce == "sum":
            return total
        count = hits + 1 if include_self else maximum(hits, 1)
        return total / count if x.dtype.category == 2 else apply(floor_div_p, total, count)
    start = x if include_self else where(hit, const(*_neutral(x, reduce)), x)
    if reduce == "prod":
        return _product(start, dim, index, src)
    return _extreme(start, dim, index, src, reduce)


def _folded(x: Node, dim: int, index: Node, src: Node, reduce: str) -> Node:
    at = _flat(elements(x.shape, index, one_axis(dim, x.ndim)))
    x, src = _flat(detach(x)), _flat(detach(src))
    return call(_FOLDS[reduce], (x.shape, x.dtype), x, at, src)


def _extreme(x: Node, dim: int, index: Node, src: Node, reduce: str) -> Node:
    """The largest or smallest; equal ones share the gradient."""
    y = reshape(_folded(x, dim, index, src, reduce), x.shape)
    if not (x.needs_grad or src.needs_grad):
        return y
    mine = cast(compare("eq", detach(x), y), x.dtype)
    its = cast(compare("eq", detach(src), gather(y, dim, index)), x.dtype)
    count = maximum(scatter(mine, dim, index, its, "add"), 1)
    stem = scatter(x * (mine / count), dim, index, src * (its / gather(count, dim, index)), "add")
    return with_gradient_of(y, stem)


def _product(x: Node, dim: int, index: Node, src: Node) -> Node:
    y = reshape(_folded(x, dim, index, src, "prod"), x.shape)
    if not (MODE.grad and (x.needs_grad or src.needs_grad)):
        return y
    return custom(y, (x, index, src), _OfProduct(dim))


@dataclass(frozen=True, eq=False)
class _OfProduct:
    """The gradient of a product: for each factor, that of the others; nothing is divided by 0."""

    dim: int

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> tuple[Node, None, Node]:
        """What is passed to the tensor, and to the source."""
        x, index, src = inputs
        ones = expand(const(1, x.dtype), x.shape)
        others = _product(ones, self.dim, index, src)  # all but that of the tensor
        none = compare("eq", src, 0)
        zeros = scatter(
            expand(const(0, x.dtype), x.shape), self.dim, index, cast(none, x.dtype), "add"
        )
        alone = bitwise("and", none, compare("eq", gather(zeros, self.dim, index), 1))
        rest = _product(x, self.dim, index, where(alone, 1, src))
        divided = gather(g * y, self.dim, index) / where(none, 1, src)
        return g * others, None, where(alone, gather(g * rest, self.dim, index), divided)


def _neutral(x: Node, reduce: str) -> tuple[Scalar, Any]:
    if reduce == "prod" or x.dtype is bool_:
        return reduce != "amax", x.dtype
    info: Any = np.finfo if x.dtype.category == 2 else np.iinfo
    if x.dtype.category == 2:
        return (-np.inf if reduce == "amax" else np.inf), x.dtype
    limits = info(x.dtype.numpy)
    return int(limits.min if reduce == "amax" else limits.max), x.dtype


def _in_front(x: Node, axis: int) -> tuple[Node, tuple[int, ...]]:
    order = (axis, *(i for i in range(x.ndim) if i != axis))
    return permute(x, order), inverse_permutation(order)


def _vector(index: Node, what: str) -> Node:
    index = _integers(index, what)
    if index.ndim > 1:
        raise ShapeError(
            explain(f"{what}: the index must be a vector", where=user_line(), got=str(index.shape))
        )
    return reshape(index, (size(index.shape),))


def index_select(x: Node, dim: int, index: Node) -> Node:
    """The slices of `x` along `dim` that `index` names."""
    index = _vector(index, "index_select")
    if not x.ndim:
        return reshape(rows.take(_flat(x), index), ())
    axis = one_axis(dim, x.ndim)
    check_now(index, x.shape[axis], negative=False)
    front, back = _in_front(x, axis)
    return permute(rows.take(front, index), back)


def _index_write(x: Node, dim: int, index: Node, source: Node, mode: str, what: str) -> Node:
    index = _vector(index, what)
    if not x.ndim:
        return reshape(_index_write(_flat(x), 0, index, _flat(source), mode, what), ())
    axis = one_axis(dim, x.ndim)
    check_now(index, x.shape[axis], negative=False)
    expected = (*x.shape[:axis], index.shape[0], *x.shape[axis + 1 :])
    if source.shape != expected:
        raise ShapeError(
            explain(
                f"{what}: the source does not fit",
                where=user_line(),
                expected=str(expected),
                got=str(source.shape),
            )
        )
    front, back = _in_front(x, axis)
    return permute(rows.scatter(front, index, _in_front(source, axis)[0], mode), back)


def index_add(x: Node, dim: int, index: Node, source: Node) -> Node:
    """`x` with slices of `source` added at those that `index` names."""
    return _index_write(x, dim, index, source, "add", "index_add")


def index_copy(x: Node, dim: int, index: Node, source: Node) -> Node:
    """`x` with the slices that `index` names replaced."""
    return _index_write(x, dim, index, source, "set", "index_copy")


def index_fill(x: Node, dim: int, index: Node, value: Node | Scalar) -> Node:
    """`x` with the slices that `index` names set to one number."""
    axis = one_axis(dim, x.ndim)
    index = _vector(index, "index_fill")
    n = x.shape[axis] if x.ndim else 1
    check_now(index, n)
    row = where(compare("lt", index, 0), index + n, index)
    true = expand(const(True, bool_), index.shape)
    named = rows.scatter(expand(const(False, bool_), (n,)), row, true, "set")
    named = reshape(named, tuple(n if i == axis else 1 for i in range(x.ndim)))
    if not isinstance(value, Node):
        value = const(to(x.dtype, value), x.dtype)
    return where(named, cast(value, x.dtype), x)


def take(x: Node, index: Node) -> Node:
    """Elements of the flattened tensor; negative numbers count from its end."""
    if index.dtype is not int64:
        raise DTypeError(
            explain("take: the index must be int64", where=user_line(), got=index.dtype.name)
        )
    n = size(x.shape)
    check_now(index, n)
    return rows.take(_flat(x), where(compare("lt", index, 0), index + n, index))


def put(x: Node, index: Node, source: Node, accumulate: bool) -> Node:
    """`x` with elements of the flattened tensor set, or added to.

    Raises:
        DTypeError: the index is no int64, or the types differ.
        ShapeError: there is not one number in `source` for each index.
    """
    if index.dtype is not int64 or source.dtype is not x.dtype:
        got = f"an index of {index.dtype.name}, {source.dtype.name} into {x.dtype.name}"
        raise DTypeError(
            explain("put: needs an int64 index, and one type", where=user_line(), got=got)
        )
    n, count = size(x.shape), size(index.shape)
    if size(source.shape) != count:
        got = f"{size(source.shape)} for {count}"
        raise ShapeError(
            explain("put: index and source must have the same size", where=user_line(), got=got)
        )
    check_now(index, n)
    place = _flat(where(compare("lt", index, 0), index + n, index))
    new = rows.scatter(_flat(x), place, _flat(source), "add" if accumulate else "set")
    return reshape(new, x.shape)


def masked_scatter(x: Node, mask: Node, source: Node) -> Node:
    """Elements of `source`, one after the other, where the mask holds.

    Raises:
        DTypeError: the mask is no bool, or the types differ.
        ShapeError: the mask holds in more places than the source has elements.
    """
    if mask.dtype is not bool_ or source.dtype is not x.dtype:
        got = f"a mask of {mask.dtype.name}, {source.dtype.name} into {x.dtype.name}"
        raise DTypeError(
            explain("masked_scatter: needs a bool mask, and one type", where=user_line(), got=got)
        )
    x, mask = broadcast_to_common(x, mask)
    if not size(x.shape):
        return x
    array = known(mask)
    if array is not None and np.count_nonzero(array) > size(source.shape):
        got = f"{np.count_nonzero(array)} places, {size(source.shape)} elements"
        raise ShapeError(
            explain("masked_scatter: the source has too few elements", where=user_line(), got=got)
        )
    count = cumsum(cast(_flat(mask), int64), 0)
    place = where(_flat(mask), count - 1, -1)
    if not size(source.shape):
        source = expand(const(0, x.dtype), (1,))
        place = where(_flat(mask), 1, -1)  # out of range, wherever the mask holds
    taken = rows.take(_flat(source), where(compare("lt", place, 0), 0, place))
    return where(mask, reshape(taken, x.shape), x)


def index_reduce(
    x: Node, dim: int, index: Node, source: Node, reduce: str, include_self: bool
) -> Node:
    """Slices of `x` combined with all slices of `source` sent to the same place."""
    index, shape_of_x = _vector(index, "index_reduce"), x.shape
    if reduce not in ("mean", *_FOLDS):
        raise ArgumentError(
            explain(
                f"index_reduce: unknown reduce {reduce!r}",
                where=user_line(),
                expected="prod, mean, amax or amin",
            )
        )
    axis = one_axis(dim, x.ndim)
    wanted = tuple(index.shape[0] if i == axis else n for i, n in enumerate(x.shape))
    if source.shape != wanted:
        got = str(source.shape)
        raise ShapeError(
            explain("index_reduce: the source does not fit", where=user_line(),
                    expected=str(wanted), got=got)
        )  # fmt: skip
    if not x.ndim:
        shape = index.shape
        x, source = reshape(x, (1,)), reshape(source, shape)
        wanted = shape
    along = tuple(index.shape[0] if i == axis else 1 for i in range(len(wanted)))
    spread = expand(reshape(index, along), wanted)
    return reshape(scatter_reduce(x, dim, spread, source, reduce, include_self), shape_of_x)
