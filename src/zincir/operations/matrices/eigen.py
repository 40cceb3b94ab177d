"""Eigenvalues and eigenvectors of any square matrix, which are complex; systems of complex ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import ON_COMPLEX, Spec
from zincir.operations import movement as mv
from zincir.operations.complex_rules import conj
from zincir.operations.compound import outputs
from zincir.operations.matrices import checks as ck
from zincir.operations.matrices.checks import mm, transposed
from zincir.operations.matrices.solving import inverse_p, solve_p
from zincir.operations.packed import packed_p, several
from zincir.operations.parts import WHOLE, imag, join, real

# --- systems of equations -----------------------------------------------------------------------


def _real_solve(a: Node, b: Node, checked: bool) -> Node:
    """(X + i Y) (u + i v) = p + i q as one real system, of twice the size."""
    x, y, last = real(a), imag(a), a.ndim - 2
    whole = mv.cat([mv.cat([x, -y], last + 1), mv.cat([y, x], last + 1)], last)
    found = apply(solve_p, whole, mv.cat([real(b), imag(b)], last), attrs=(checked,))
    n = a.shape[-1]
    halves = [
        mv.slice_(found, (*(0,) * last, start, 0), (1,) * b.ndim, b.shape) for start in (0, n)
    ]
    return join(*halves)


def _real_inverse(a: Node, checked: bool) -> Node:
    return _real_solve(a, mv.expand(ck.eye(a.shape[-1], a), a.shape), checked)


ON_COMPLEX.update({solve_p: _real_solve, inverse_p: _real_inverse, packed_p: None})


# --- eigenvalues --------------------------------------------------------------------------------


def _spec(a: Spec) -> tuple[Spec, Spec]:
    kind = WHOLE.get(a[1], a[1])
    return (a[0][:-1], kind), (a[0], kind)


def _numpy(a: Any) -> tuple[Any, Any]:
    kind = np.result_type(a.dtype, np.complex64)
    if not np.isfinite(a).all():
        raise ck.failed("linalg.eig", "input tensor should not contain infs or NaNs.")
    if not a.size:
        return np.zeros(a.shape[:-1], kind), np.zeros(a.shape, kind)
    w, v = np.linalg.eig(a)
    return w.astype(kind), v.astype(kind)


def _vjp(g: tuple[Node | None, ...], y: Node, a: Node) -> Node:
    """V^-H (diag(gw) + (V^H gV - V^H V diag(Re V^H gV)) / conj(w[j] - w[i])) V^H.

    Boeddeker et al. 2017, "On the computation of complex-valued gradients", 4.77; for vectors of
    length 1, whose phase is free.
    """
    w, v = outputs(y)
    gw, gv = g
    back = conj(transposed(v))
    inner = None if gw is None else ck.diagonal_matrix(gw)
    if gv is not None:
        part = mm(back, gv)
        n = a.shape[-1]
        lengths = mv.sum_(real(part) * ck.eye(n, real(part)), (part.ndim - 2,))
        part = part - mm(back, v * join(mv.reshape(lengths, (*w.shape[:-1], 1, n)), None))
        gaps = conj(ck.row(w) - ck.column(w)) + ck.eye(n, w)
        part = part / gaps * (1.0 - ck.eye(n, w))
        inner = part if inner is None else inner + part
    assert inner is not None
    found = apply(solve_p, back, mm(inner, back), attrs=(True,))
    return found if a.dtype.is_complex else real(found)


eig_p = several(
    "eig",
    doc="Eigenvalues and eigenvectors, of length 1, of square matrices: complex numbers.",
    infer=_spec,
    numpy=_numpy,
    vjp=_vjp,
)
ON_COMPLEX[eig_p] = None


def eig(a: Node, what: str) -> tuple[Node, Node]:
    """Eigenvalues and eigenvectors."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            explain(f"{what}: A must be batches of square matrices", where=user_line(),
                    got=str(a.shape))
        )  # fmt: skip
    if a.dtype not in WHOLE and not a.dtype.is_complex:
        raise DTypeError(
            explain(
                f"{what}: Expected a floating point or complex tensor as input",
                where=user_line(),
                got=a.dtype.name,
                try_="x.float()",
            )
        )
    w, v = outputs(apply(eig_p, a))
    return w, v
