"""Determinants, and their logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations import arithmetic as ar, movement as mv
from zincir.operations.compound import outputs
from zincir.operations.host import product_of_others
from zincir.operations.matrices import checks as ck
from zincir.operations.matrices.checks import mm, transposed
from zincir.operations.matrices.solving import inverse_p
from zincir.operations.matrices.spectral import svd
from zincir.operations.packed import several
from zincir.operations.source import const, detach


def _wide(x: Node) -> Node:
    """One number for each matrix, beside the matrices."""
    return mv.reshape(x, (*x.shape, 1, 1))


def _det_vjp(g: Node, y: Node, a: Node) -> Node:
    """The matrix of cofactors, which singular ones have too: U diag(others) V^T det(U V)."""
    u, s, vh = svd(a, False)
    if not s.shape[-1]:
        return mv.expand(const(0.0, a.dtype), a.shape)
    others = product_of_others(s, s.ndim - 1)
    sign = apply(det_p, u) * apply(det_p, vh)
    return mm(u * ck.row(others), vh) * _wide(g * sign)


det_p = register(
    Primitive(
        "det",
        Kind.HOST,
        doc="The determinants of matrices.",
        infer=lambda a: (ck.batched(a), a[1]),
        numpy=lambda a: np.linalg.det(a),
        vjp=_det_vjp,
    )
)


def _slogdet_spec(a: Spec) -> tuple[Spec, Spec]:
    return (ck.batched(a), a[1]), (ck.batched(a), a[1])


def _slogdet_numpy(a: Any) -> tuple[Any, Any]:
    sign, size = np.linalg.slogdet(a)
    return np.asarray(sign, a.dtype), np.asarray(size, a.dtype)


def _slogdet_vjp(g: tuple[Node | None, ...], y: Node, a: Node) -> Node | None:
    if g[1] is None:
        return mv.expand(const(0.0, a.dtype), a.shape)
    return transposed(apply(inverse_p, a, attrs=(False,))) * _wide(g[1])


slogdet_p = several(
    "slogdet",
    doc="The signs of determinants, and the logarithms of their absolute values.",
    infer=_slogdet_spec,
    numpy=_slogdet_numpy,
    vjp=_slogdet_vjp,
)


def det(a: Node, what: str = "linalg.det") -> Node:
    """The determinant."""
    return apply(det_p, ck.square(a, what))


def slogdet(a: Node, what: str = "linalg.slogdet") -> tuple[Node, Node]:
    """The sign of the determinant, and the logarithm of its absolute value."""
    sign, size = outputs(apply(slogdet_p, ck.square(a, what)))
    return sign, size


def logdet(a: Node) -> Node:
    """The logarithm of the determinant: NaN if that is negative, -inf if it is 0."""
    sign, size = slogdet(a, "logdet")
    return ar.where(ar.compare("eq", detach(sign), -1.0), float("nan"), size)
