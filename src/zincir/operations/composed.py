"""Operations built of primitives: they have no rules of their own."""

from __future__ import annotations

import builtins
import math
from typing import Any

from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import Node, user_line
from zincir.operations import (
    arithmetic as ar,
    elementwise as el,
    host,
    movement as mv,
    numbers,
    powers,
    reduction,
)
from zincir.operations.arithmetic import Number, cast, compare, copy as copy, where
from zincir.operations.dims import Dims, dropped, fold, many_axes, one_axis
from zincir.operations.halves import once
from zincir.operations.source import bent, const, const_p, detach, iota, with_gradient_of
from zincir.types import DType, Scalar, bool_, int64, of_scalar, size, uint8


def sum(x: Node, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Node:
    """The sum along `dim`; booleans and integers add up in int64."""
    if dtype is None:
        dtype = x.dtype if x.dtype.category >= 2 else int64
    return fold(mv.sum_, cast(x, dtype), dim, keepdim)


def prod(
    x: Node, dim: int | None = None, keepdim: bool = False, dtype: DType | None = None
) -> Node:
    """The product along `dim`."""
    if dtype is None:
        dtype = x.dtype if x.dtype.category >= 2 else int64
    return fold(reduction.prod, cast(x, dtype), dim, keepdim)


def _counted(x: Node, axes: tuple[int, ...]) -> int:
    return size(tuple(x.shape[a] for a in axes))


@once
def mean(x: Node, dim: Dims = None, keepdim: bool = False, dtype: DType | None = None) -> Node:
    """The mean along `dim`."""
    if dtype is not None:
        x = cast(x, dtype)
    if x.dtype.category < 2:
        raise DTypeError(
            explain(
                f"mean: needs a floating tensor, got {x.dtype.name}",
                where=user_line(),
                try_="x.float().mean()",
            )
        )
    axes = many_axes(dim, x.ndim)
    n = _counted(x, axes)
    y = mv.sum_(x, axes) / float(n)  # not times 1 / n: the mean of equal numbers is that number
    return y if keepdim else dropped(y, axes)


def correction_of(dim: Any, unbiased: bool | None, correction: float | None) -> tuple[Dims, float]:
    """The arguments of PyTorch's two forms of `var`: dimensions, and what is taken from n."""
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 0 if unbiased is False else 1
    return dim, correction


@once
def var(x: Node, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Node:
    """The variance along `dim`: squares of distances from the mean, divided by n - correction."""
    if x.dtype.category != 2:
        raise DTypeError(
            explain(f"var: needs a floating tensor, got {x.dtype.name}", where=user_line())
        )
    axes = many_axes(dim, x.ndim)
    n = _counted(x, axes)
    centred = x - mv.sum_(x, axes) / float(n)
    y = mv.sum_(centred * centred, axes) / float(max(n - correction, 0))
    return y if keepdim else dropped(y, axes)


@once
def std(x: Node, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Node:
    """The square root of `var`."""
    return root(var(x, dim, correction, keepdim))


def root(x: Node) -> Node:
    """The square root, with gradient 0 (and not NaN) where it is 0, as norms need it."""
    zero = compare("eq", x, 0.0)
    return where(zero, 0.0, el.sqrt(where(zero, 1.0, x)))


def amax(x: Node, dim: Dims = (), keepdim: bool = False) -> Node:
    """The largest along `dim`; equal ones share the gradient."""
    return fold(reduction.amax, x, dim, keepdim)


def amin(x: Node, dim: Dims = (), keepdim: bool = False) -> Node:
    """The smallest along `dim`; equal ones share the gradient."""
    return fold(reduction.amin, x, dim, keepdim)


def arg_extreme(x: Node, dim: int | None, keepdim: bool, smallest: bool) -> Node:
    """argmax, or argmin: over the flattened tensor when `dim` is None."""
    ar.refuse_bool("argmin" if smallest else "argmax", x)
    if dim is None:
        y = reduction.argmax(mv.reshape(x, (size(x.shape),)), 0, smallest=smallest)
        return mv.reshape(y, (1,) * x.ndim if keepdim else ())
    axis = one_axis(dim, x.ndim)
    if x.ndim == 0:
        return const(0, int64)
    y = reduction.argmax(x, axis, smallest=smallest)
    return y if keepdim else dropped(y, (axis,))


def all(x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    """Whether no element along `dim` is 0."""
    y = logical_not(any(logical_not(x), dim, keepdim))
    return cast(y, uint8) if x.dtype is uint8 else y


def any(x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    """Whether an element along `dim` is not 0."""
    y = fold(lambda v, axes: _true(mv.sum_(cast(_true(v), int64), axes)), x, dim, keepdim)
    return cast(y, uint8) if x.dtype is uint8 else y


def _true(x: Node) -> Node:
    return x if x.dtype is bool_ else compare("ne", x, 0)


def logsumexp(x: Node, dim: Dims, keepdim: bool = False) -> Node:
    """log(sum(exp(x))) along `dim`, without overflow."""
    x = ar.floating(x)
    axes = many_axes(dim, x.ndim)
    if _counted(x, axes):
        top = _finite(detach(reduction.amax(x, axes)))
        y = el.log(mv.sum_(el.exp(x - top), axes)) + top
    else:
        y = el.log(mv.sum_(x, axes))
    return y if keepdim else dropped(y, axes)


def _finite(x: Node) -> Node:
    return where(compare("eq", ar.abs(x), math.inf), 0.0, x)


def _softened(x: Node, dim: int, dtype: DType | None, what: str) -> tuple[Node, tuple[int, ...]]:
    """The input of a softmax in its type, and its axes."""
    x = x if dtype is None else cast(x, dtype)
    _refuse_whole(what, x)
    return x, (one_axis(dim, x.ndim),) if x.ndim else ()


def _refuse_whole(what: str, x: Node) -> None:
    if x.dtype.category != 2:
        raise DTypeError(
            explain(
                f"{what}: needs a floating tensor, got {x.dtype.name}",
                where=user_line(),
                try_="x.float()",
            )
        )


@once
def softmax(x: Node, dim: int, dtype: DType | None = None) -> Node:
    """exp(x) / sum(exp(x)) along `dim`, without overflow."""
    x, axes = _softened(x, dim, dtype, "softmax")
    if not _counted(x, axes):
        return copy(x)
    e = el.exp(x - detach(reduction.amax(x, axes)))
    return e * (1.0 / mv.sum_(e, axes))  # one division for each line, not for each element


@once
def log_softmax(x: Node, dim: int, dtype: DType | None = None) -> Node:
    """The logarithm of softmax along `dim`, without overflow."""
    x, axes = _softened(x, dim, dtype, "log_softmax")
    if not _counted(x, axes):
        return copy(x)
    shifted = x - detach(reduction.amax(x, axes))
    return shifted - el.log(mv.sum_(el.exp(shifted), axes))


def choose(condition: Node, x: Number, y: Number) -> Node:
    """PyTorch's where: `x` where the condition holds, `y` elsewhere."""
    kinds = [v.dtype for v in (x, y) if isinstance(v, Node)]
    for v in (x, y):
        if not isinstance(v, Node) and kinds and kinds[0].category >= of_scalar(v).category:
            numbers.fit(kinds[0], v, "where")
    if condition.dtype is uint8:
        condition = cast(condition, bool_)
    return where(condition, x, y)


def pick(x: Node, axis: int, index: Node) -> Node:
    """The element of each line along `axis` at `index` (kept, size 1), with its gradient."""
    here_ = compare("eq", iota(x.shape, axis, int64), index)
    return (
        mv.sum_(where(here_, x, 0), (axis,))
        if x.dtype is not bool_
        else cast(mv.sum_(cast(where(here_, x, False), int64), (axis,)), bool_)
    )


def extreme(x: Node, dim: int, keepdim: bool, smallest: bool) -> tuple[Node, Node]:
    """Largest or smallest along `dim`, and where; one of equals gets the gradient."""
    if not x.ndim:
        one_axis(dim, 0)
        return x, const(0, int64)
    axis = one_axis(dim, x.ndim)
    index = reduction.argmax(detach(x), axis, smallest=smallest)
    values = pick(x, axis, index)
    return (values, index) if keepdim else (dropped(values, (axis,)), dropped(index, (axis,)))


@once
def extreme_of_all(x: Node, smallest: bool) -> Node:
    """Largest or smallest of all; equal ones, which NaN are here, share the gradient."""
    axes = tuple(range(x.ndim))
    y = (reduction.amin if smallest else reduction.amax)(detach(x), axes)
    if x.needs_grad:
        hit = ar.bitwise("or", compare("eq", detach(x), y), isnan(detach(x)))
        share = cast(hit, x.dtype)
        y = with_gradient_of(y, mv.sum_(x * (share / mv.sum_(share, axes)), axes))
    return dropped(y, axes)


@once
def norm(x: Node, p: float, dim: Dims = None, keepdim: bool = False) -> Node:
    """The p-norm along `dim`."""
    x = ar.abs(x) if x.dtype.is_complex else x
    _refuse_whole("norm", x)
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
        counted = where(const(True, bool_), cast(compare("ne", x, 0), x.dtype), x)
        y = mv.sum_(counted, axes)
    else:
        y = _general_norm(x, p, axes)
    return y if keepdim else dropped(y, axes)


def _general_norm(x: Node, p: float, axes: tuple[int, ...]) -> Node:
    size_ = ar.abs(x)
    zero = compare("eq", size_, 0.0)
    power = where(zero, 0.0 if p > 0 else math.inf, powers.power(where(zero, 1.0, size_), float(p)))
    total = mv.sum_(power, axes)
    none = compare("eq", total, 0.0)
    return where(none, 0.0, powers.power(where(none, 1.0, total), 1.0 / p))


def relu(x: Node) -> Node:
    """X where it is positive, 0 elsewhere; NaN stays."""
    ar.refuse_bool("relu", x)
    return bent(where(compare("le", x, 0), 0, x), x)


def clamp(x: Node, low: Node | float | None, high: Node | float | None) -> Node:
    """x, but at least `low` and at most `high`."""
    if low is None and high is None:
        raise ArgumentError(explain("clamp: give at least one of min and max", where=user_line()))
    y = x
    if low is not None:
        y = _bounded(y, low, "ge")
    if high is not None:
        y = _bounded(y, high, "le")
    return y


def _bounded(x: Node, bound: Node | float, relation: str) -> Node:
    """`x` where it is on the right side of `bound`; NaN if either is."""
    if not isinstance(bound, Node) and x.dtype.category >= of_scalar(bound).category:
        ar.refuse_bool("clamp", x)
        bound = const(numbers.fit(x.dtype, bound, "clamp"), x.dtype)
    x, bound = ar.common(x, bound)
    inside = compare(relation, x, bound)
    if x.dtype.category < 2:
        return where(inside, x, bound)
    neither = (
        detach(x)
        if bound.op is const_p and bound.attrs[0] == bound.attrs[0]
        else nan_of(detach(x), detach(bound))
    )
    outside = compare({"ge": "lt", "le": "gt"}[relation], x, bound)
    return where(inside, x, where(outside, bound, neither))


def nan_of(x: Node, y: Node) -> Node:
    """NaN, if one of the two is."""
    return where(isnan(x), x, y)


def square(x: Node) -> Node:
    """X * x."""
    return powers.power(x, 2)


def isnan(x: Node) -> Node:
    """Where x is not a number."""
    return compare("ne", x, x)


def isinf(x: Node) -> Node:
    """Where x is infinite."""
    return compare("eq", ar.abs(x), math.inf) if x.dtype.category >= 2 else compare("ne", x, x)


def isfinite(x: Node) -> Node:
    """Where x is neither NaN nor infinite."""
    if x.dtype.category < 2:
        return compare("eq", x, x)
    return compare("lt", ar.abs(x), math.inf)


@once
def isclose(x: Node, y: Node, rtol: float, atol: float, equal_nan: bool) -> Node:
    """Where |x - y| <= atol + rtol * |y|."""
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise ArgumentError(
                explain(
                    f"isclose: {name} must be greater than or equal to zero",
                    where=user_line(),
                    got=str(tolerance),
                )
            )
    x, y = detach(x), detach(y)
    same = compare("eq", x, y)
    if x.dtype.category >= 2:
        near = compare("le", ar.abs(x - y), atol + rtol * ar.abs(y))
        same = ar.bitwise("or", same, ar.bitwise("and", near, isfinite(y)))
        if equal_nan:
            same = ar.bitwise("or", same, ar.bitwise("and", isnan(x), isnan(y)))
    return same


def logical(kind: str, x: Node, y: Node) -> Node:
    """`and`, `or` or `xor` of what is not zero."""
    return ar.bitwise(kind, _true(x), _true(y))


def logical_not(x: Node) -> Node:
    """Where x is 0 or False."""
    return compare("eq", x, 0) if x.dtype is not bool_ else compare("eq", x, False)


def bitwise_not(x: Node) -> Node:
    """All bits of x turned round."""
    if x.dtype is bool_:
        return logical_not(x)
    if x.dtype.category == 2:
        raise DTypeError(explain(f"bitwise_not: not for {x.dtype.name}", where=user_line()))
    return ar.bitwise("xor", x, 255 if x.dtype is uint8 else -1)


@once
def lerp(x: Node, end: Node, weight: Node | float) -> Node:
    """The way from x to `end`, `weight` of it; from the nearer of the two, so that both are met."""
    for what, other in (("end", end), ("weight", weight)):
        if isinstance(other, Node) and other.dtype is not x.dtype:
            raise DTypeError(
                explain(
                    f"lerp: expected dtype {x.dtype.name} for `{what}`",
                    where=user_line(),
                    got=other.dtype.name,
                )
            )
    if x.dtype.category != 2:
        raise DTypeError(
            explain(f"lerp: not for {x.dtype.name}", where=user_line(), try_="x.float()")
        )
    near = x + (end - x) * weight
    far = end - (end - x) * (1.0 - weight)
    if isinstance(weight, Node):
        return where(compare("lt", ar.abs(weight), 0.5), near, far)
    return near if abs_(weight) < 0.5 else far


def scaled_add(x: Node, y: Number, alpha: float, *, minus: bool = False) -> Node:
    """X + alpha * y, or x - alpha * y, worked out in the type of the result."""
    if minus:
        ar.refuse_bool("sub", x, y, try_="x ^ y, or x.int()")
    first, second = ar.common(x, y)
    kind = first.dtype
    if isinstance(alpha, bool) and kind is not bool_:
        raise DTypeError(
            explain("add: Boolean alpha only supported for Boolean results.", where=user_line())
        )
    if kind.category < 2 and isinstance(alpha, float):
        raise DTypeError(
            explain(
                "add: alpha must not be a floating point number for integers",
                where=user_line(),
                got=f"alpha={alpha} for {kind.name}",
            )
        )
    if alpha == 1:
        return ar.sub(first, second) if minus else ar.add(first, second)
    return _scaled_sum(first, second, numbers.to(kind, alpha), minus)


@once
def _scaled_sum(x: Node, y: Node, alpha: Scalar, minus: bool) -> Node:
    second = ar.mul(y, const(alpha, y.dtype))
    return ar.sub(x, second) if minus else ar.add(x, second)


@once
def scaled_product(x: Node, a: Node, b: Node, value: float) -> Node:
    """X + value * a * b."""
    factor = int(value) if x.dtype.category == 1 else value  # as PyTorch does
    return scaled_add(x, ar.mul(a, b), factor)


@once
def scaled_quotient(x: Node, a: Node, b: Node, value: float) -> Node:
    """X + value * a / b."""
    return scaled_add(x, ar.div(a, b), value)


@once
def rounded(x: Node, decimals: int) -> Node:
    """X rounded to so many decimals."""
    if not decimals:
        return ar.round(x)
    scale = 10.0 ** abs_(decimals)
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
                where=user_line(),
                expected="None, 'trunc' or 'floor'",
            )
        )
    return ar.trunc_divide(x, y)


def cumsum(x: Node, dim: int, dtype: DType | None = None) -> Node:
    """Running sums along `dim`."""
    x = cast(x, dtype or (x.dtype if x.dtype.category >= 2 else int64))
    return host.cumsum(x, one_axis(dim, x.ndim)) if x.ndim else x


def cumprod(x: Node, dim: int, dtype: DType | None = None) -> Node:
    """Running products along `dim`."""
    x = cast(x, dtype or (x.dtype if x.dtype.category >= 2 else int64))
    return host.cumprod(x, one_axis(dim, x.ndim)) if x.ndim else x


def argsort(x: Node, dim: int, descending: bool) -> Node:
    """The indices that sort along `dim`."""
    if not x.ndim:
        return const(0, int64)
    return host.argsort(detach(x), one_axis(dim, x.ndim), descending)
