"""Operations built of primitives: they have no rules of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, explain
from zincir.graph.node import MODE, Node, describe, here
from zincir.ops import arithmetic as ar, contraction, elementwise as el, movement as mv, reduction
from zincir.ops.arithmetic import cast, compare, copy as copy, where
from zincir.ops.host import cumsum as cumsum
from zincir.ops.source import const, detach, iota
from zincir.types import DType, bool_, broadcast, int64, size

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
    return el.sqrt(var(x, dim, correction, keepdim))


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
    top = _finite(_constant(reduction.amax(x, axes)))
    y = el.log(mv.sum_(el.exp(x - top), axes)) + top
    return y if keepdim else dropped(y, axes)


def _constant(x: Node) -> Node:
    return detach(x)


def _finite(x: Node) -> Node:
    return where(compare("eq", ar.abs(x), math.inf), 0.0, x)


def softmax(x: Node, dim: int, dtype: DType | None = None) -> Node:
    x = ar.floating(x if dtype is None else cast(x, dtype))
    axes = (one_axis(dim, x.ndim),) if x.ndim else ()
    e = el.exp(x - _constant(reduction.amax(x, axes)))
    return e / mv.sum_(e, axes)


def log_softmax(x: Node, dim: int, dtype: DType | None = None) -> Node:
    x = ar.floating(x if dtype is None else cast(x, dtype))
    axes = (one_axis(dim, x.ndim),) if x.ndim else ()
    shifted = x - _constant(reduction.amax(x, axes))
    return shifted - el.log(mv.sum_(el.exp(shifted), axes))


def relu(x: Node) -> Node:
    return where(compare("gt", x, 0), x, 0) if x.dtype.category == 2 else ar.maximum(x, 0)


def clamp(x: Node, low: Node | float | None, high: Node | float | None) -> Node:
    if low is None and high is None:
        raise ArgumentError(explain("clamp: at least one of min and max must be given", where=place()))
    y = x
    if low is not None:
        y, bound = ar.common(y, low)
        y = where(compare("lt", y, bound), bound, y)
    if high is not None:
        y, bound = ar.common(y, high)
        y = where(compare("gt", y, bound), bound, y)
    return y


def sqrt(x: Node) -> Node:
    return el.sqrt(x)


def square(x: Node) -> Node:
    return x * x


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


def eye_like(rows: int, columns: int, offset: int = 0) -> Node:
    """Whether each place of a matrix is on the diagonal `offset`."""
    shape = (rows, columns)
    return compare("eq", iota(shape, 1, int64) - iota(shape, 0, int64), offset)


def triangle(x: Node, diagonal: int, upper: bool) -> Node:
    """triu, or tril."""
    r, c = x.shape[-2:]
    distance = iota((r, c), 1, int64) - iota((r, c), 0, int64)
    return where(compare("ge" if upper else "le", distance, diagonal), x, 0)

