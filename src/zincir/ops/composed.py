"""Operations built of primitives: they have no rules of their own."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence

from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, explain
from zincir.graph.node import MODE, Node, apply, describe, here
from zincir.ops import (
    arithmetic as ar,
    contraction,
    elementwise as el,
    host,
    movement as mv,
    reduction,
)
from zincir.ops.arithmetic import Number, cast, compare, copy as copy, where
from zincir.ops.source import const, detach, iota
from zincir.types import DType, bool_, broadcast, int64, result_type, size, uint8

Dims = int | Sequence[int] | None


def place() -> str:
    """The user's line, for messages."""
    return describe(MODE.origin or here())


def one_axis(dim: int, ndim: int, what: str = "dim") -> int:
    """`dim` counted from the front.

    Raises:
        IndexOutOfRange: there is no such dimension.
    """
    if -ndim <= dim < ndim:
        return dim % ndim
    if ndim == 0 and dim in (0, -1):
        return 0
    raise IndexOutOfRange(
        explain(
            f"Dimension out of range: {what}={dim} of a tensor with {ndim} dimensions",
            where=place(),
            expected=f"{-max(ndim, 1)} <= {what} <= {max(ndim, 1) - 1}",
            got=str(dim),
        )
    )


def many_axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """`dim` as axes in rising order; None and () mean all of them."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (one_axis(dim, ndim),) if ndim else ()
    if not dim:
        return tuple(range(ndim))
    axes = sorted(one_axis(d, ndim) for d in dim) if ndim else []
    if len(set(axes)) != len(axes):
        raise ArgumentError(explain(f"dim {tuple(dim)} names a dimension twice", where=place()))
    return tuple(axes)


def dropped(x: Node, axes: tuple[int, ...]) -> Node:
    """`x` without the given axes, which have size 1."""
    if not axes:
        return x
    return mv.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


Fold = Callable[[Node, tuple[int, ...]], Node]


def fold(kind: Fold, x: Node, dim: Dims, keepdim: bool) -> Node:
    """A reduction with PyTorch's `dim` and `keepdim`."""
    axes = many_axes(dim, x.ndim)
    y = kind(x, axes)
    return y if keepdim else dropped(y, axes)


def sum(x: Node, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Node:
    if dtype is None:
        dtype = x.dtype if x.dtype.category == 2 else int64
    return fold(mv.sum_, cast(x, dtype), dim, keepdim)


def prod(x: Node, dim: int | None = None, keepdim: bool = False, dtype: DType | None = None) -> Node:
    if dtype is None:
        dtype = x.dtype if x.dtype.category == 2 else int64
    return fold(reduction.prod, cast(x, dtype), dim, keepdim)


def _counted(x: Node, axes: tuple[int, ...]) -> int:
    return size(tuple(x.shape[a] for a in axes))


def mean(x: Node, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Node:
    if dtype is not None:
        x = cast(x, dtype)
    if x.dtype.category != 2:
        raise DTypeError(
            explain(
                f"mean: needs a floating tensor, got {x.dtype.name}",
                where=place(),
                try_="x.float().mean()",
            )
        )
    axes = many_axes(dim, x.ndim)
    n = _counted(x, axes)
    y = mv.sum_(x, axes) * (1.0 / n if n else math.nan)
    return y if keepdim else dropped(y, axes)


def var(x: Node, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Node:
    if x.dtype.category != 2:
        raise DTypeError(explain(f"var: needs a floating tensor, got {x.dtype.name}", where=place()))
    axes = many_axes(dim, x.ndim)
    n = _counted(x, axes)
    centred = x - mv.sum_(x, axes) * (1.0 / n if n else math.nan)
    below = max(n - correction, 0)
    y = mv.sum_(centred * centred, axes)
    y = y * (1.0 / below) if below else y / 0.0
    return y if keepdim else dropped(y, axes)


def std(x: Node, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Node:
    return root(var(x, dim, correction, keepdim))


def root(x: Node) -> Node:
    """The square root, with gradient 0 (and not NaN) where it is 0, as norms need it."""
    zero = compare("eq", x, 0.0)
    return where(zero, 0.0, el.sqrt(where(zero, 1.0, x)))


def amax(x: Node, dim: Dims = (), keepdim: bool = False) -> Node:
    return fold(reduction.amax, x, dim, keepdim)


def amin(x: Node, dim: Dims = (), keepdim: bool = False) -> Node:
    return fold(reduction.amin, x, dim, keepdim)


def arg_extreme(x: Node, dim: int | None, keepdim: bool, smallest: bool) -> Node:
    """argmax, or argmin: over the flattened tensor when `dim` is None."""
    if dim is None:
        y = reduction.argmax(mv.reshape(x, (size(x.shape),)), 0, smallest=smallest)
        return mv.reshape(y, (1,) * x.ndim if keepdim else ())
    axis = one_axis(dim, x.ndim)
    if x.ndim == 0:
        return const(0, int64)
    y = reduction.argmax(x, axis, smallest=smallest)
    return y if keepdim else dropped(y, (axis,))


def all(x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return fold(lambda v, axes: _true(reduction.amin(cast(_true(v), int64), axes)), x, dim, keepdim)


def any(x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return fold(lambda v, axes: _true(mv.sum_(cast(_true(v), int64), axes)), x, dim, keepdim)


def _true(x: Node) -> Node:
    return x if x.dtype is bool_ else compare("ne", x, 0)


def logsumexp(x: Node, dim: Dims, keepdim: bool = False) -> Node:
    x = ar.floating(x)
    axes = many_axes(dim, x.ndim)
    top = _finite(detach(reduction.amax(x, axes)))
    y = el.log(mv.sum_(el.exp(x - top), axes)) + top
    return y if keepdim else dropped(y, axes)


def _finite(x: Node) -> Node:
    return where(compare("eq", ar.abs(x), math.inf), 0.0, x)


def _line(x: Node, dim: int) -> tuple[int, ...]:
    return (one_axis(dim, x.ndim),) if x.ndim else ()


def softmax(x: Node, dim: int, dtype: DType | None = None) -> Node:
    x = ar.floating(x if dtype is None else cast(x, dtype))
    axes = _line(x, dim)
    e = el.exp(x - detach(reduction.amax(x, axes)))
    return e / mv.sum_(e, axes)


def log_softmax(x: Node, dim: int, dtype: DType | None = None) -> Node:
    x = ar.floating(x if dtype is None else cast(x, dtype))
    axes = _line(x, dim)
    shifted = x - detach(reduction.amax(x, axes))
    return shifted - el.log(mv.sum_(el.exp(shifted), axes))


def pick(x: Node, axis: int, index: Node) -> Node:
    """The element of each line along `axis` at `index` (kept, size 1), with its gradient."""
    here_ = compare("eq", iota(x.shape, axis, int64), index)
    return mv.sum_(where(here_, x, 0), (axis,)) if x.dtype is not bool_ else cast(
        mv.sum_(cast(where(here_, x, False), int64), (axis,)), bool_
    )


def extreme(x: Node, dim: int, keepdim: bool, smallest: bool) -> tuple[Node, Node]:
    """Largest or smallest values along `dim`, and where they are; one of equals gets the gradient."""
    if not x.ndim:
        one_axis(dim, 0)
        return x, const(0, int64)
    axis = one_axis(dim, x.ndim)
    index = reduction.argmax(detach(x), axis, smallest=smallest)
    values = pick(x, axis, index)
    return (values, index) if keepdim else (dropped(values, (axis,)), dropped(index, (axis,)))


def norm(x: Node, p: float, dim: Dims = None, keepdim: bool = False) -> Node:
    """The p-norm along `dim`."""
    x = ar.floating(x)
    axes = many_axes(dim, x.ndim)
    if p == 2:
        y = root(mv.sum_(x * x, axes))
    elif p == math.inf:
        y = reduction.amax(ar.abs(x), axes)
    elif p == -math.inf:
        y = reduction.amin(ar.abs(x), axes)
    elif p == 1:
        y = mv.sum_(ar.abs(x), axes)
    elif p == 0:
        y = mv.sum_(cast(compare("ne", x, 0), x.dtype), axes)
    else:
        y = _general_norm(x, p, axes)
    return y if keepdim else dropped(y, axes)


def _general_norm(x: Node, p: float, axes: tuple[int, ...]) -> Node:
    size_ = ar.abs(x)
    zero = compare("eq", size_, 0.0)
    power = where(zero, 0.0 if p > 0 else math.inf, ar.power(where(zero, 1.0, size_), float(p)))
    total = mv.sum_(power, axes)
    none = compare("eq", total, 0.0)
    return where(none, 0.0, ar.power(where(none, 1.0, total), 1.0 / p))


def relu(x: Node) -> Node:
    return where(compare("gt", x, 0), x, 0) if x.dtype.category == 2 else ar.maximum(x, 0)


def clamp(x: Node, low: Node | float | None, high: Node | float | None) -> Node:
    if low is None and high is None:
        raise ArgumentError(explain("clamp: give at least one of min and max", where=place()))
    y = x
    if low is not None:
        y, bound = ar.common(y, low)
        y = where(compare("lt", y, bound), bound, y)
    if high is not None:
        y, bound = ar.common(y, high)
        y = where(compare("gt", y, bound), bound, y)
    return y


def square(x: Node) -> Node:
    return x * x


def rsqrt(x: Node) -> Node:
    return 1.0 / el.sqrt(x)


def reciprocal(x: Node) -> Node:
    return 1.0 / ar.floating(x)


def log2(x: Node) -> Node:
    return el.log(x) * (1.0 / math.log(2.0))


def log10(x: Node) -> Node:
    return el.log(x) * (1.0 / math.log(10.0))


def exp2(x: Node) -> Node:
    return el.exp(ar.floating(x) * math.log(2.0))


def sinh(x: Node) -> Node:
    return (el.expm1(x) - el.expm1(-x)) * 0.5


def cosh(x: Node) -> Node:
    return (el.exp(x) + el.exp(-x)) * 0.5


def asin(x: Node) -> Node:
    x = ar.floating(x)
    return el.atan(x / el.sqrt((1.0 - x) * (1.0 + x)))


def acos(x: Node) -> Node:
    return math.pi / 2 - asin(x)


def isnan(x: Node) -> Node:
    return compare("ne", x, x)


def isinf(x: Node) -> Node:
    return compare("eq", ar.abs(x), math.inf) if x.dtype.category == 2 else compare("ne", x, x)


def isfinite(x: Node) -> Node:
    if x.dtype.category < 2:
        return compare("eq", x, x)
    return compare("lt", ar.abs(x), math.inf)


def isclose(x: Node, y: Node, rtol: float, atol: float, equal_nan: bool) -> Node:
    x, y = detach(x), detach(y)
    same = compare("eq", x, y)
    if x.dtype.category == 2:
        near = compare("le", ar.abs(x - y), atol + rtol * ar.abs(y))
        same = ar.bitwise("or", same, ar.bitwise("and", near, isfinite(y)))
        if equal_nan:
            same = ar.bitwise("or", same, ar.bitwise("and", isnan(x), isnan(y)))
    return same


def logical(kind: str, x: Node, y: Node) -> Node:
    """`and`, `or` or `xor` of what is not zero."""
    return ar.bitwise(kind, _true(x), _true(y))


def logical_not(x: Node) -> Node:
    return compare("eq", x, 0) if x.dtype is not bool_ else compare("eq", x, False)


def bitwise_not(x: Node) -> Node:
    if x.dtype is bool_:
        return logical_not(x)
    if x.dtype.category == 2:
        raise DTypeError(explain(f"bitwise_not: not for {x.dtype.name}", where=place()))
    return ar.bitwise("xor", x, 255 if x.dtype is uint8 else -1)


def lerp(x: Node, end: Node, weight: Node | float) -> Node:
    return x + (end - x) * weight


def rounded(x: Node, decimals: int) -> Node:
    if not decimals:
        return ar.round(x)
    scale = 10.0**abs_(decimals)
    return ar.round(x * scale) / scale if decimals > 0 else ar.round(x / scale) * scale


abs_ = builtins.abs


def divide(x: Number, y: Number, rounding_mode: str | None) -> Node:
    """PyTorch's div."""
    if rounding_mode is None:
        return ar.div(x, y)
    if rounding_mode == "floor":
        return ar.floor_divide(x, y)
    if rounding_mode != "trunc":
        raise ArgumentError(
            explain(
                f"div: unknown rounding_mode {rounding_mode!r}",
                where=place(),
                expected="None, 'trunc' or 'floor'",
            )
        )
    x, y = ar.common(x, y)
    return ar.trunc(x / y) if x.dtype.category == 2 else apply(ar.div_p, x, y)


def fmod(x: Number, y: Number) -> Node:
    x, y = ar.common(x, y)
    return x - (ar.trunc(x / y) if x.dtype.category == 2 else apply(ar.div_p, x, y)) * y


def cumsum(x: Node, dim: int, dtype: DType | None = None) -> Node:
    x = cast(x, dtype or (x.dtype if x.dtype.category == 2 else int64))
    return host.cumsum(x, one_axis(dim, x.ndim)) if x.ndim else x


def cumprod(x: Node, dim: int, dtype: DType | None = None) -> Node:
    """Running products: for each end, the product of all up to there (quadratic in memory)."""
    x = cast(x, dtype or (x.dtype if x.dtype.category == 2 else int64))
    if not x.ndim:
        return x
    axis = one_axis(dim, x.ndim)
    n = x.shape[axis]
    shape = (*x.shape[: axis + 1], n, *x.shape[axis + 1 :])
    spread = mv.expand(mv.reshape(x, (*x.shape[:axis], 1, n, *x.shape[axis + 1 :])), shape)
    before = compare("le", iota(shape, axis + 1, int64), iota(shape, axis, int64))
    return dropped(reduction.prod(where(before, spread, 1), (axis + 1,)), (axis + 1,))


def argsort(x: Node, dim: int, descending: bool) -> Node:
    if not x.ndim:
        return const(0, int64)
    return host.argsort(detach(x), one_axis(dim, x.ndim), descending)


def matmul(a: Node, b: Node) -> Node:
    """PyTorch's matmul: vectors, matrices and batches that broadcast."""
    if a.dtype is not b.dtype:
        raise DTypeError(
            explain(
                f"matmul: operands have types {a.dtype.name} and {b.dtype.name}",
                where=place(),
                expected="the same type",
                try_=f"b.to({a.dtype!r})",
            )
        )
    if not a.ndim or not b.ndim:
        raise ShapeError(explain("matmul: both operands need at least one dimension", where=place(),
                                 got=f"{a.shape} @ {b.shape}"))  # fmt: skip
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        _inner_differs(a, b)
    if a.ndim == 2 and b.ndim == 2:
        return contraction.matmul(a, b)
    if a.ndim == 1:
        y = matmul(mv.reshape(a, (1, *a.shape)), b)
        return mv.reshape(y, (*y.shape[:-2], y.shape[-1])) if b.ndim > 1 else mv.reshape(y, y.shape[1:])
    if b.ndim == 1:
        y = matmul(a, mv.reshape(b, (*b.shape, 1)))
        return mv.reshape(y, y.shape[:-1])
    if b.ndim == 2:
        rows = mv.reshape(a, (size(a.shape[:-1]), a.shape[-1]))
        return mv.reshape(contraction.matmul(rows, b), (*a.shape[:-1], b.shape[-1]))
    try:
        batch = broadcast(a.shape[:-2], b.shape[:-2])
    except ShapeError:
        raise ShapeError(
            explain("matmul: batch dimensions do not broadcast", where=place(),
                    got=f"{a.shape} @ {b.shape}")  # fmt: skip
        ) from None
    a, b = mv.expand(a, (*batch, *a.shape[-2:])), mv.expand(b, (*batch, *b.shape[-2:]))
    return contraction.matmul(a, b)


def _inner_differs(a: Node, b: Node) -> None:
    inner = "-2" if b.ndim > 1 else "0"
    raise ShapeError(
        explain(
            "matmul: inner dimensions differ",
            where=place(),
            expected=f"a.shape[-1] == b.shape[{inner}]",
            got=f"{a.shape} {a.dtype.name} @ {b.shape} {b.dtype.name}",
            try_="check which of the two should be transposed (b.T), or the size of the layer before",
        )
    )


def bmm(a: Node, b: Node, what: str, ndim: int) -> Node:
    """`matmul` of operands that have exactly `ndim` dimensions."""
    if a.ndim != ndim or b.ndim != ndim:
        raise ShapeError(
            explain(
                f"{what}: both operands need {ndim} dimensions",
                where=place(),
                got=f"{a.shape} and {b.shape}",
                try_="matmul",
            )
        )
    if a.shape[: ndim - 2] != b.shape[: ndim - 2]:
        raise ShapeError(
            explain(f"{what}: batch sizes differ", where=place(), got=f"{a.shape} and {b.shape}")
        )
    return matmul(a, b)


def addmm(x: Node, a: Node, b: Node, beta: float, alpha: float) -> Node:
    """beta * x + alpha * (a @ b)."""
    y = matmul(a, b)
    if alpha != 1:
        y = y * alpha
    if beta == 0:
        return y
    return (x if beta == 1 else x * beta) + y


def outer(a: Node, b: Node) -> Node:
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(explain("outer: needs two vectors", where=place(),
                                 got=f"{a.shape} and {b.shape}"))  # fmt: skip
    return mv.reshape(a, (a.shape[0], 1)) * b


def cdist(a: Node, b: Node, p: float) -> Node:
    """Distances between all rows of `a` and all rows of `b`."""
    rows = mv.reshape(a, (*a.shape[:-1], 1, a.shape[-1]))
    columns = mv.reshape(b, (*b.shape[:-2], 1, *b.shape[-2:]))
    return norm(rows - columns, p, -1)


def triangle(x: Node, diagonal: int, upper: bool) -> Node:
    """triu, or tril."""
    if x.ndim < 2:
        raise ShapeError(explain("tril/triu: needs a matrix", where=place(), got=str(x.shape)))
    shape = x.shape[-2:]
    distance = iota(shape, 1, int64) - iota(shape, 0, int64)
    zero = False if x.dtype is bool_ else 0
    return where(compare("ge" if upper else "le", distance, diagonal), x, zero)


def diagonal(x: Node, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    """The diagonal of two axes, as the last axis."""
    a, b = one_axis(dim1, x.ndim), one_axis(dim2, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in (a, b))
    x = mv.permute(x, (*rest, a, b))
    r, c = x.shape[-2:]
    n = max(0, min(r, c - offset) if offset >= 0 else min(r + offset, c))
    kept = x.shape[:-2]
    flat = mv.reshape(x, (*kept, r * c))
    start = (offset if offset >= 0 else -offset * c) if n else 0
    zeros, ones = (0,) * len(kept), (1,) * len(kept)
    return mv.slice_(flat, (*zeros, start), (*ones, c + 1), (*kept, n))


def diag(x: Node, offset: int = 0) -> Node:
    """A matrix with the vector on its diagonal; of a matrix, the diagonal."""
    if x.ndim == 2:
        return diagonal(x, offset)
    if x.ndim != 1:
        raise ShapeError(explain("diag: needs a vector or a matrix", where=place(), got=str(x.shape)))
    n = x.shape[0] + abs_(offset)
    row, column = max(0, -offset), max(0, offset)
    flat = mv.expand(const(0, x.dtype), (n * n,))
    if x.shape[0]:
        flat = mv.update(flat, x, (row * n + column,), (n + 1,))
    return mv.reshape(flat, (n, n))


def roll(x: Node, shift: int, axis: int) -> Node:
    n = x.shape[axis]
    shift = shift % n if n else 0
    if not shift:
        return x

    def part(start: int, length: int) -> Node:
        starts = tuple(start if i == axis else 0 for i in range(x.ndim))
        sizes = tuple(length if i == axis else m for i, m in enumerate(x.shape))
        return mv.slice_(x, starts, (1,) * x.ndim, sizes)

    return mv.cat([part(n - shift, shift), part(0, n - shift)], axis)


def repeat(x: Node, repeats: tuple[int, ...]) -> Node:
    """`x` laid side by side."""
    if len(repeats) < x.ndim:
        raise ShapeError(
            explain(
                "repeat: fewer repeats than dimensions",
                where=place(),
                got=f"{repeats} for {x.shape}",
            )
        )
    shape = (1,) * (len(repeats) - x.ndim) + x.shape
    ones = tuple(m for n in shape for m in (1, n))
    wide = tuple(m for r, n in zip(repeats, shape, strict=True) for m in (r, n))
    result = tuple(r * n for r, n in zip(repeats, shape, strict=True))
    return mv.reshape(mv.expand(mv.reshape(x, ones), wide), result)


def repeat_interleave(x: Node, repeats: int, axis: int) -> Node:
    """Every element `repeats` times in a row."""
    shape = x.shape
    wide = (*shape[: axis + 1], repeats, *shape[axis + 1 :])
    spread = mv.expand(mv.reshape(x, (*shape[: axis + 1], 1, *shape[axis + 1 :])), wide)
    return mv.reshape(spread, (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


def cat(xs: Sequence[Node], dim: int) -> Node:
    xs = [x for x in xs if x.shape != (0,)] or list(xs[:1])
    if not xs:
        raise ArgumentError(explain("cat: expected a non-empty list of tensors", where=place()))
    if builtins.any(x.dtype is not xs[0].dtype for x in xs):
        kind = result_type(*[(x.dtype, 2) for x in xs])
        xs = [cast(x, kind) for x in xs]
    ndim = xs[0].ndim
    if not ndim or builtins.any(x.ndim != ndim for x in xs):
        raise ShapeError(
            explain(
                "cat: tensors must have the same number of dimensions, at least one",
                where=place(),
                got=" ".join(str(x.shape) for x in xs),
                try_="stack, or unsqueeze",
            )
        )
    axis = one_axis(dim, ndim)
    full = [x for x in xs if x.shape[axis]]
    return mv.cat(full or xs[:1], axis) if len(full) != len(xs) else mv.cat(list(xs), axis)


def stack(xs: Sequence[Node], dim: int) -> Node:
    if not xs:
        raise ArgumentError(explain("stack: expected a non-empty list of tensors", where=place()))
    first = xs[0].shape
    if builtins.any(x.shape != first for x in xs):
        raise ShapeError(
            explain(
                "stack: tensors must have one shape",
                where=place(),
                got=" ".join(str(x.shape) for x in xs),
            )
        )
    at = one_axis(dim, len(first) + 1)
    return cat([mv.reshape(x, (*first[:at], 1, *first[at:])) for x in xs], at)
