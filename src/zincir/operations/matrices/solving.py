"""Systems of equations: solved, inverted, and the triangular factors that help."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations import arithmetic as ar, movement as mv
from zincir.operations.compound import outputs
from zincir.operations.host import call
from zincir.operations.matrices import checks as ck, twins
from zincir.operations.matrices.checks import mm, transposed
from zincir.operations.packed import several
from zincir.operations.source import const, detach, iota, with_gradient_of
from zincir.types import int32, int64


def _inverse_vjp(g: Node, y: Node, a: Node, checked: bool) -> Node:
    back = transposed(y)
    return -mm(mm(back, g), back)


inverse_p = register(
    Primitive(
        "inverse",
        Kind.HOST,
        doc="The inverses of matrices; if not `checked`, inf for those that have none.",
        infer=lambda a, checked: a,
        numpy=twins.inverse,
        vjp=_inverse_vjp,  # d(A^-1) = -A^-1 dA A^-1
        attrs=("checked",),
    )
)


def _solve_vjp(g: Node, y: Node, a: Node, b: Node, checked: bool) -> tuple[Node | None, Node]:
    gb = apply(solve_p, transposed(a), g, attrs=(False,))
    return (-mm(gb, transposed(y)) if a.needs_grad else None), gb


solve_p = register(
    Primitive(
        "solve",
        Kind.HOST,
        doc="The solutions of a x = b; if not `checked`, inf for singular matrices.",
        infer=lambda a, b, checked: b,
        numpy=twins.solve,
        vjp=_solve_vjp,
        attrs=("checked",),
    )
)


def _triangular_vjp(
    g: Node, y: Node, a: Node, b: Node, upper: bool, unit: bool
) -> tuple[Node | None, Node]:
    gb = apply(triangular_p, transposed(a), g, attrs=(not upper, unit))
    if not a.needs_grad:
        return None, gb
    full = -mm(gb, transposed(y))
    return (ck.upper(full, int(unit)) if upper else ck.lower(full, -int(unit))), gb


triangular_p = register(
    Primitive(
        "solve_triangular",
        Kind.HOST,
        doc="The solutions of a x = b for triangular a, by substitution; only that half is read.",
        infer=lambda a, b, upper, unit: b,
        numpy=twins.triangular,
        vjp=_triangular_vjp,
        attrs=("upper", "unit"),
    )
)


def _cholesky_vjp(g: Node, y: Node, a: Node, checked: bool) -> Node:
    """L^-T sym(Phi(L^T g)) L^-1; Phi halves the diagonal of a lower triangle (Murray 2016)."""
    product = mm(transposed(y), g)
    phi = ck.lower(product) - ar.mul(product, ck.eye(y.shape[-1], y)) * 0.5
    middle = (phi + transposed(phi)) * 0.5
    left = apply(triangular_p, transposed(y), middle, attrs=(True, False))
    return transposed(apply(triangular_p, transposed(y), transposed(left), attrs=(True, False)))


cholesky_p = register(
    Primitive(
        "cholesky",
        Kind.HOST,
        doc="Lower triangular L with L L^T = a, of which the lower half is read.",
        infer=lambda a, checked: a,
        numpy=twins.cholesky,
        vjp=_cholesky_vjp,
        attrs=("checked",),
    )
)
info_p = register(
    Primitive(
        "cholesky_info",
        Kind.HOST,
        doc="The order of the first leading minor that is not positive definite, or 0.",
        infer=lambda a: (a[0][:-2], int32),
        numpy=twins.cholesky_info,
    )
)


def inverse(a: Node) -> Node:
    """The inverse of a square matrix."""
    return apply(inverse_p, ck.square(a, "linalg.inv"), attrs=(True,))


def inverse_ex(a: Node) -> tuple[Node, Node]:
    """The inverse, and the number of the first pivot that is 0."""
    ck.square(a, "linalg.inv")
    return apply(inverse_p, a, attrs=(False,)), lu_factors(a)[2]


def is_vector(a: Node, b: Node) -> bool:
    """Whether b is one right side (or a batch of vectors) for matrices a, as PyTorch decides."""
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])


def solve(a: Node, b: Node, left: bool, checked: bool = True) -> Node:
    """The solution of a x = b, or of x a = b."""
    what = "linalg.solve"
    ck.square(a, what)
    ck.same_type(a, b, what)
    vector = is_vector(a, b)
    if vector and not left:
        raise ArgumentError(
            explain(f"{what}: Vector broadcasting of the left hand side is not supported for"
                    " left=False.", where=user_line())
        )  # fmt: skip
    right = ck.column(b) if vector else b
    n = a.shape[-1]
    if right.ndim < 2 or right.shape[-2 if left else -1] != n:
        raise ShapeError(
            explain(f"{what}: Incompatible shapes of A and B for the equation",
                    where=user_line(), got=f"A {a.shape}, B {b.shape}")
        )  # fmt: skip
    if left:
        first, second = ck.together(a, right, what)
        x = apply(solve_p, first, second, attrs=(checked,))
    else:
        first, second = ck.together(transposed(a), transposed(right), what)
        x = transposed(apply(solve_p, first, second, attrs=(checked,)))
    return mv.reshape(x, x.shape[:-1]) if vector else x


def solve_triangular(
    a: Node, b: Node, upper: bool, left: bool, unit: bool, what: str = "linalg.solve_triangular"
) -> Node:
    """The solution of a x = b, or of x a = b, for triangular a."""
    ck.square(a, what)
    ck.matrices(b, what)
    ck.same_type(a, b, what)
    if b.shape[-2 if left else -1] != a.shape[-1]:
        raise ShapeError(
            explain(f"{what}: Incompatible shapes of A and B for the equation",
                    where=user_line(), got=f"A {a.shape}, B {b.shape}")
        )  # fmt: skip
    if left:
        first, second = ck.together(a, b, what)
        return apply(triangular_p, first, second, attrs=(upper, unit))
    first, second = ck.together(transposed(a), transposed(b), what)
    return transposed(apply(triangular_p, first, second, attrs=(not upper, unit)))


def cholesky(a: Node, upper: bool, checked: bool = True) -> Node:
    """L with L L^T = a; with `upper`, its transpose, from the upper half of a."""
    ck.square(a, "linalg.cholesky")
    if upper:
        return transposed(apply(cholesky_p, transposed(a), attrs=(checked,)))
    return apply(cholesky_p, a, attrs=(checked,))


def cholesky_ex(a: Node, upper: bool) -> tuple[Node, Node]:
    """`cholesky`, and the order of the first leading minor that is not positive definite."""
    factor = cholesky(a, upper, checked=False)
    return factor, apply(info_p, transposed(a) if upper else a)


def cholesky_solve(b: Node, factor: Node, upper: bool) -> Node:
    """The solution of a x = b, given the Cholesky factor of a.

    Gradients take the factor for a full matrix, as PyTorch's do.
    """
    what = "cholesky_solve"
    low = factor if not upper else transposed(factor)
    first = detach(low)
    middle = solve_triangular(first, detach(b), False, True, False, what)
    x = solve_triangular(transposed(first), middle, True, True, False, what)
    if not (b.needs_grad or factor.needs_grad):
        return x
    dense = with_gradient_of(ck.lower(first), low)
    whole, right = ck.together(mm(dense, transposed(dense)), b, what)
    return with_gradient_of(x, apply(solve_p, whole, right, attrs=(False,)))


def cholesky_inverse(factor: Node, upper: bool) -> Node:
    """The inverse of a matrix, given its Cholesky factor."""
    ck.square(factor, "cholesky_inverse")
    fine = at_once(call(_invertible, (factor.shape, factor.dtype), detach(factor)))
    factor = with_gradient_of(fine, factor)
    one = mv.expand(ck.eye(factor.shape[-1], factor), factor.shape)
    return cholesky_solve(one, factor, upper)


# --- LU -----------------------------------------------------------------------------------------


def _lu_spec(a: Spec) -> tuple[Spec, ...]:
    *batch, m, n = a[0]
    k = min(m, n)
    return (
        ((*batch, m, k), a[1]),
        ((*batch, k, n), a[1]),
        ((*batch, k), int32),
        (tuple(batch), int32),
    )


def _lu_numpy(a: Any) -> tuple[Any, ...]:
    packed, pivots, info = twins.lu(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    one = np.eye(m, k, dtype=a.dtype)
    return np.tril(packed[..., :k], -1) + one, np.triu(packed[..., :k, :]), pivots, info


def _lu_vjp(g: tuple[Node | None, ...], y: Node, a: Node) -> Node | None:
    """P L^-T (tril(L^T gL, -1) + triu(gU U^T)) U^-T, with the rest of a long matrix apart."""
    low, up, pivots, _ = outputs(y)
    m, n = a.shape[-2:]
    k = min(m, n)
    gl, gu = g[0], g[1]
    if gl is None and gu is None:
        return None
    zero = const(0.0, a.dtype)
    gl = mv.expand(zero, low.shape) if gl is None else gl
    gu = mv.expand(zero, up.shape) if gu is None else gu
    head_l, head_u = _rows(low, 0, k), _columns(up, 0, k)
    below = mm(transposed(head_l), _rows(gl, 0, k))
    above = mm(_columns(gu, 0, k), transposed(head_u))
    if m > k:  # A = [A1; A2], L = [L1; L2]
        above = above - mm(transposed(_rows(low, k, m)), _rows(gl, k, m))
    if n > k:  # A = [A1, A2], U = [U1, U2]
        below = below - mm(_columns(gu, k, n), transposed(_columns(up, k, n)))
    inner = ck.lower(below, -1) + ck.upper(above)
    left = apply(triangular_p, transposed(head_l), inner, attrs=(True, True))
    ga = transposed(apply(triangular_p, head_u, transposed(left), attrs=(True, False)))
    if m > k:
        more = transposed(
            apply(triangular_p, head_u, transposed(_rows(gl, k, m)), attrs=(True, False))
        )
        ga = mv.cat([ga, more], ga.ndim - 2)
    if n > k:
        more = apply(triangular_p, transposed(head_l), _columns(gu, k, n), attrs=(True, True))
        ga = mv.cat([ga, more], ga.ndim - 1)
    return mm(permutation_matrix(pivots, m, a), ga)


def _rows(x: Node, start: int, stop: int) -> Node:
    starts = tuple(start if i == x.ndim - 2 else 0 for i in range(x.ndim))
    sizes = tuple(stop - start if i == x.ndim - 2 else n for i, n in enumerate(x.shape))
    return mv.slice_(x, starts, (1,) * x.ndim, sizes)


def _columns(x: Node, start: int, stop: int) -> Node:
    return transposed(_rows(transposed(x), start, stop))


lu_p = several(
    "lu",
    doc="L, U, the rows exchanged for each column (from 1), and the first pivot that is 0.",
    infer=_lu_spec,
    numpy=_lu_numpy,
    vjp=_lu_vjp,
)

permutation_p = register(
    Primitive(
        "permutation",
        Kind.HOST,
        doc="The order in which exchanges of rows leave `m` rows.",
        infer=lambda pivots, m: ((*pivots[0][:-1], m), int64),
        numpy=twins.permutation,
        attrs=("m",),
    )
)


def permutation_matrix(pivots: Node, m: int, like: Node) -> Node:
    """P with A = P L U."""
    order = apply(permutation_p, pivots, attrs=(m,))
    places = iota((m, m), 0, int64)
    return ar.cast(ar.compare("eq", places, ck.row(order)), like.dtype)


def lu_factors(a: Node, what: str = "linalg.lu_factor") -> tuple[Node, Node, Node]:
    """L and U in one matrix, the rows exchanged, and the first pivot that is 0."""
    low, up, pivots, info = outputs(apply(lu_p, ck.matrices(a, what)))
    m, n = a.shape[-2:]
    k = min(m, n)
    if m > n:
        up = mv.pad(up, (0,) * up.ndim, (*(0,) * (up.ndim - 2), m - k, 0))
    if n > m:
        low = mv.pad(low, (0,) * low.ndim, (*(0,) * (low.ndim - 1), n - k))
    return ck.lower(low, -1) + ck.upper(up), pivots, info


def _without_zeros(x: Any, zeros: Any, what: str, why: str) -> Any:
    if zeros.any():
        batch = int(np.flatnonzero(zeros)[0]) if zeros.ndim else None
        raise ck.failed(what, why, batch)
    return np.array(x)


def _solvable(lu: Any, info: Any) -> Any:
    why = "U has a 0 on its diagonal: nothing can be solved with it"
    return _without_zeros(lu, info != 0, "linalg.lu_factor", why)


def _invertible(factor: Any) -> Any:
    zeros = (np.diagonal(factor, 0, -2, -1) == 0).any(-1)
    why = "the factor has a 0 on its diagonal: the matrix has no inverse"
    return _without_zeros(factor, zeros, "cholesky_inverse", why)


def solvable_factors(a: Node, what: str = "linalg.lu_factor") -> tuple[Node, Node]:
    """L and U in one matrix, with which equations can be solved, and the rows exchanged.

    Raises:
        LinAlgError: U has a 0 on its diagonal.
    """
    both, pivots, info = lu_factors(a, what)
    fine = at_once(call(_solvable, (both.shape, both.dtype), detach(both), info))
    return with_gradient_of(fine, both), pivots


def lu(a: Node) -> tuple[Node, Node, Node]:
    """P, L and U with a = P L U."""
    low, up, pivots, _ = outputs(apply(lu_p, ck.matrices(a, "linalg.lu")))
    return permutation_matrix(pivots, a.shape[-2], a), low, up


def lu_unpack(packed: Node, pivots: Node) -> tuple[Node, Node, Node]:
    """P, L and U from what `lu_factors` gives."""
    m, n = packed.shape[-2:]
    k = min(m, n)
    low = ck.lower(_columns(packed, 0, k), -1)
    one = ck.eye(k, packed)
    if m > k:
        one = mv.pad(one, (0, 0), (m - k, 0))
    return permutation_matrix(pivots, m, packed), low + one, ck.upper(_rows(packed, 0, k))


def lu_solve(packed: Node, pivots: Node, b: Node, left: bool, adjoint: bool) -> Node:
    """The solution of a x = b (of x a = b; of a^T x = b) from what `lu_factors` gives of a."""
    what = "linalg.lu_solve"
    ck.square(packed, what)
    ck.same_type(packed, b, what)
    if not left:
        return transposed(lu_solve(packed, pivots, transposed(b), True, not adjoint))
    order, low, up = lu_unpack(packed, pivots)
    if adjoint:
        middle = solve_triangular(transposed(up), b, False, True, False, what)
        return mm(order, solve_triangular(transposed(low), middle, True, True, True, what))
    middle = solve_triangular(low, mm(transposed(order), b), False, True, True, what)
    return solve_triangular(up, middle, True, True, False, what)
