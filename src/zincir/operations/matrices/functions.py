"""Products and functions of matrices: powers, exponentials, chains, cross products, norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, register
from zincir.operations import arithmetic as ar, composed as co, movement as mv
from zincir.operations.dims import Dims, is_several, many_axes, one_axis
from zincir.operations.matrices import checks as ck, twins
from zincir.operations.matrices.checks import mm, transposed
from zincir.operations.matrices.solving import inverse, inverse_p
from zincir.operations.matrices.spectral import singular_values
from zincir.operations.source import const
from zincir.types import DType, broadcast, int64


def _exp_vjp(g: Node, y: Node, a: Node) -> Node:
    """The upper right block of exp [[A^T, g], [0, A^T]] (Van Loan 1978)."""
    back = transposed(a)
    n = a.shape[-1]
    zero = mv.expand(const(0.0, a.dtype), a.shape)
    last = a.ndim - 1
    above, below = mv.cat([back, g], last), mv.cat([zero, back], last)
    whole = apply(matrix_exp_p, mv.cat([above, below], last - 1))
    starts = (*(0,) * (a.ndim - 1), n)
    return mv.slice_(whole, starts, (1,) * a.ndim, a.shape)


matrix_exp_p = register(
    Primitive(
        "matrix_exp",
        Kind.HOST,
        doc="The exponentials of matrices.",
        infer=lambda a: a,
        numpy=twins.exponential,
        vjp=_exp_vjp,
    )
)


def matrix_exp(a: Node) -> Node:
    """The exponential of a square matrix: 1 + a + a^2 / 2 + a^3 / 6 + ..."""
    return apply(matrix_exp_p, ck.square(a, "linalg.matrix_exp"))


def matrix_power(a: Node, n: int) -> Node:
    """A product of `n` times the same matrix, or of its inverse if n < 0."""
    ck.square(a, "linalg.matrix_power")
    if n == 0:
        one = mv.expand(ck.eye(a.shape[-1], a), a.shape)
        return mv.attached(one, a) if a.needs_grad else one
    base, left = (a, n) if n > 0 else (inverse(a), -n)
    result: Node | None = None
    while left:
        if left & 1:
            result = base if result is None else mm(result, base)
        left >>= 1
        base = mm(base, base) if left else base
    assert result is not None
    return ar.copy(result) if result is a else result


def _order(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each part of a chain, so that the fewest multiplications are needed."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], cut[i, j] = min(best)
    return cut


def multi_dot(xs: list[Node]) -> Node:
    """The product of matrices, in the order that takes the fewest multiplications."""
    problem = ""
    if len(xs) < 2:
        problem = "expected at least 2 tensors"
    elif any(x.ndim != 2 for x in xs[1:-1]) or any(x.ndim not in (1, 2) for x in (xs[0], xs[-1])):
        problem = "the first and last tensors must be 1D or 2D, those between 2D"
    elif any(x.dtype is not xs[0].dtype for x in xs):
        problem = "all tensors must have the same dtype"
    if problem:
        got = " ".join(str(x.shape) for x in xs)
        raise ShapeError(explain(f"multi_dot(): {problem}", where=user_line(), got=got))
    first = ck.row(xs[0]) if xs[0].ndim == 1 else xs[0]
    last = ck.column(xs[-1]) if xs[-1].ndim == 1 else xs[-1]
    chain = [first, *xs[1:-1], last]
    cut = _order([chain[0].shape[0], *(x.shape[1] for x in chain)])

    def product(i: int, j: int) -> Node:
        if i == j:
            return chain[i]
        return mm(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    y = product(0, len(chain) - 1)
    kept = [n for n, x in ((y.shape[0], xs[0]), (y.shape[1], xs[-1])) if x.ndim == 2]
    return mv.reshape(y, tuple(kept))


def cross(a: Node, b: Node, dim: int | None, what: str = "linalg.cross") -> Node:
    """The cross product along a dimension of size 3; the first such one for None."""
    a, b = ar.common(a, b)
    if a.ndim != b.ndim:
        raise ShapeError(
            explain(f"{what}: inputs must have the same number of dimensions.", where=user_line(),
                    got=f"{a.shape} and {b.shape}")
        )  # fmt: skip
    try:
        shape = broadcast(a.shape, b.shape)
    except ShapeError as error:
        raise ShapeError(
            explain(f"{what}: shapes {error} do not broadcast", where=user_line())
        ) from None
    if dim is None:
        dim = next((i for i, n in enumerate(shape) if n == 3), -1)
    axis = one_axis(dim, len(shape))
    if not shape or shape[axis] != 3 or a.shape[axis] != 3 or b.shape[axis] != 3:
        raise ShapeError(
            explain(f"{what}: inputs dimension {dim} must have length 3", where=user_line(),
                    got=f"{a.shape} and {b.shape}")
        )  # fmt: skip

    def turned(x: Node, by: int) -> Node:
        parts = [_at(x, axis, (i + by) % 3) for i in range(3)]
        return mv.cat(parts, axis)

    return turned(a, 1) * turned(b, 2) - turned(a, 2) * turned(b, 1)


def _at(x: Node, axis: int, place: int) -> Node:
    starts = tuple(place if i == axis else 0 for i in range(x.ndim))
    sizes = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    return mv.slice_(x, starts, (1,) * x.ndim, sizes)


def vander(x: Node, n: int | None) -> Node:
    """Powers 0 to n - 1 of numbers, as rows."""
    x = x if x.ndim else mv.reshape(x, (1,))
    count = x.shape[-1] if n is None else n
    if count < 2:
        raise ArgumentError(
            explain("vander: N must be greater than 1.", where=user_line(), got=str(count))
        )
    kind = x.dtype if x.dtype.category >= 2 else int64
    base = ck.column(ar.cast(x, kind))
    power = mv.expand(const(1, kind), base.shape)
    powers = [power]
    for _ in range(count - 1):
        power = power * base
        powers.append(power)
    return mv.cat(powers, base.ndim - 1)


# --- norms --------------------------------------------------------------------------------------


def vector_norm(x: Node, order: float, dim: Dims, keepdim: bool, dtype: DType | None) -> Node:
    """The norm of vectors along `dim`."""
    x = x if dtype is None else ar.cast(x, dtype)
    axes = many_axes(dim, x.ndim)
    if any(x.shape[a] == 0 for a in axes) and (order < 0 or order == math.inf):
        raise ShapeError(
            explain(
                f"linalg.vector_norm cannot compute the {order} norm on an empty tensor because"
                " the operation does not have an identity",
                where=user_line(),
                got=str(x.shape),
            )
        )
    return co.norm(x, order, dim, keepdim)


_ORDERS = ("fro", "nuc", 2, -2, 1, -1, math.inf, -math.inf)


def matrix_norm(
    x: Node, order: Any, dim: Sequence[int], keepdim: bool, dtype: DType | None
) -> Node:
    """The norm of matrices in the two dimensions `dim`."""
    x = ck.matrices(x if dtype is None else ar.cast(x, dtype), "linalg.matrix_norm")
    if len(dim) != 2:
        raise ShapeError(
            explain("linalg.matrix_norm: dim must be a 2-tuple", where=user_line(), got=str(dim))
        )
    a, b = (one_axis(d, x.ndim) for d in dim)
    if a == b:
        raise ArgumentError(
            explain("linalg.matrix_norm: dims must be different", where=user_line(), got=str(dim))
        )
    if order not in _ORDERS:
        raise ArgumentError(
            explain(f"linalg.matrix_norm: Order {order} not supported.", where=user_line(),
                    expected=", ".join(map(str, _ORDERS)))
        )  # fmt: skip
    if order == "fro":
        return co.norm(x, 2, [a, b], keepdim)
    rest = tuple(i for i in range(x.ndim) if i not in (a, b))
    y = _matrix_norm(mv.permute(x, (*rest, a, b)), order)
    if not keepdim:
        return y
    return mv.reshape(y, tuple(1 if i in (a, b) else n for i, n in enumerate(x.shape)))


def _matrix_norm(x: Node, order: Any) -> Node:
    if order in ("nuc", 2, -2):
        s = at_once(singular_values(x, "linalg.matrix_norm"))
        return co.sum(s, -1) if order == "nuc" else _end(s, order)
    return _end(co.sum(ar.abs(x), -2 if abs(order) == 1 else -1), order)


def _end(x: Node, order: float) -> Node:
    """The largest for order > 0, and 0 if there is none; else the smallest."""
    if order < 0:
        return co.amin(x, -1)
    return co.amax(x, -1) if x.shape[-1] else co.sum(x, -1)


def norm(x: Node, order: Any, dim: Any, keepdim: bool, dtype: DType | None) -> Node:
    """The norm of vectors or matrices, as `dim` has one or two dimensions."""
    dims: tuple[int, ...] | None = None
    if dim is not None:
        dims = tuple(dim) if is_several(dim) else (dim,)
    if dims is None and order is None:
        x = x if dtype is None else ar.cast(x, dtype)
        return co.norm(x, 2, None, keepdim)
    problem = ""
    if dims is not None and len(dims) not in (1, 2):
        problem = "If dim is specified, it must be of length 1 or 2."
    elif dims is None and x.ndim not in (1, 2):
        problem = "If dim is not specified but ord is, the input must be 1D or 2D."
    if problem:
        got = f"{x.shape}, dim={dim}"
        raise ShapeError(explain(f"linalg.norm: {problem}", where=user_line(), got=got))
    if order is not None and (len(dims) == 2 if dims is not None else x.ndim == 2):
        return matrix_norm(x, order, (-2, -1) if dims is None else dims, keepdim, dtype)
    if isinstance(order, str):
        raise ArgumentError(
            explain(f"linalg.norm: Order {order} not supported for vectors", where=user_line())
        )
    return vector_norm(x, 2.0 if order is None else order, dims, keepdim, dtype)


def condition(a: Node, order: Any) -> Node:
    """The norm of a matrix times that of its inverse."""
    ck.matrices(a, "linalg.cond")
    if order in (None, 2, -2):
        s = singular_values(a, "linalg.cond")
        if not s.shape[-1]:
            return mv.expand(const(0.0, a.dtype), s.shape[:-1])
        large, small = _last(s, 0), _last(s, s.shape[-1] - 1)
        return small / large if order == -2 else large / small
    ck.square(a, "linalg.cond")
    from_inverse = apply(inverse_p, a, attrs=(False,))
    return matrix_norm(a, order, (-2, -1), False, None) * matrix_norm(
        from_inverse, order, (-2, -1), False, None
    )


def _last(x: Node, place: int) -> Node:
    return mv.reshape(_at(x, x.ndim - 1, place), x.shape[:-1])
