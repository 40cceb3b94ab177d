"""Products of reflections, as LAPACK keeps orthogonal factors: Householder's vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ShapeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Spec
from zincir.operations import movement as mv
from zincir.operations.compound import outputs
from zincir.operations.matrices import checks as ck
from zincir.operations.matrices.checks import mm, transposed
from zincir.operations.matrices.solving import solve_triangular
from zincir.operations.packed import several


def _spec(a: Spec) -> tuple[Spec, Spec]:
    return a, ((*a[0][:-2], min(a[0][-2:])), a[1])


def _numpy(a: Any) -> tuple[Any, Any]:
    if not a.size:
        return a, np.zeros((*a.shape[:-2], min(a.shape[-2:])), a.dtype)
    h, tau = np.linalg.qr(a, "raw")
    return np.swapaxes(h, -1, -2), tau


geqrf_p = several(
    "geqrf",
    doc="R, with Householder's vectors below its diagonal, and their factors.",
    infer=_spec,
    numpy=_numpy,
    vjp=ck.no_gradient("geqrf", "zincir.linalg.qr"),
)


def geqrf(a: Node) -> tuple[Node, ...]:
    """R, with Householder's vectors below its diagonal, and their factors."""
    return outputs(apply(geqrf_p, ck.matrices(a, "geqrf")))


def reflected(a: Node, tau: Node, c: Node, *, back: bool) -> Node:
    """H[1] ... H[k] c, where H[i] = 1 - tau[i] v[i] v[i]^T, and column i of `a` holds v[i]'s rest.

    The product is 1 - V T V^T with T = (1 + D S)^-1 D, where D has tau on its diagonal, and S is
    V^T V above its own (Schreiber and Van Loan 1989). `back`: its transpose.
    """
    (m, n), k = a.shape[-2:], tau.shape[-1]
    if not a.shape[:-2] == tau.shape[:-1] == c.shape[:-2] or k > min(m, n):
        raise ShapeError(
            explain(
                "Householder's vectors, their factors and what they are applied to do not fit",
                where=user_line(),
                expected="batches of one shape, and not more factors than columns, or rows",
                got=f"{a.shape}, {tau.shape} and {c.shape}",
            )
        )
    heads = mv.slice_(a, (0,) * a.ndim, (1,) * a.ndim, (*a.shape[:-1], k))
    v = ck.lower(heads, -1) + mv.slice_(ck.eye(m, a), (0, 0), (1, 1), (m, k))
    d = ck.column(tau)
    middle = d * ck.upper(mm(transposed(v), v), 1)
    seen = mm(transposed(v), c)
    if back:  # T^T = D (1 + D S)^-T
        done = d * solve_triangular(transposed(middle), seen, False, True, True)
    else:
        done = solve_triangular(middle, d * seen, True, True, True)
    return c - mm(v, done)


def product(a: Node, tau: Node) -> Node:
    """The first columns of the product of all reflections."""
    what = "linalg.householder_product"
    ck.same_type(ck.matrices(a, what), tau, what)
    m, n = a.shape[-2:]
    if n > m:
        raise ShapeError(
            explain(f"{what}: input.shape[-2] must be greater than or equal to input.shape[-1]",
                    where=user_line(), got=str(a.shape))
        )  # fmt: skip
    one = mv.slice_(ck.eye(m, a), (0, 0), (1, 1), (m, n))
    return reflected(a, tau, mv.expand(one, a.shape), back=False)


def multiplied(a: Node, tau: Node, c: Node, *, left: bool, transpose: bool) -> Node:
    """Q c, or c Q, with the square Q that is the product of all reflections."""
    what = "ormqr"
    ck.same_type(ck.matrices(a, what), tau, what)
    ck.same_type(a, ck.matrices(c, what), what)
    if c.shape[-2 if left else -1] != a.shape[-2]:
        raise ShapeError(
            explain(
                f"{what}: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]",
                where=user_line(),
                got=f"{a.shape} and {c.shape}",
            )
        )
    if left:
        return reflected(a, tau, c, back=transpose)
    return transposed(reflected(a, tau, transposed(c), back=not transpose))
