"""Symmetric matrices that need not be definite: L D L^T, with blocks of 1 or 2 in D."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, apply, user_line
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations import movement as mv
from zincir.operations.compound import outputs
from zincir.operations.matrices import checks as ck
from zincir.operations.packed import several
from zincir.operations.source import detach
from zincir.types import int32

_SHARE = (1 + math.sqrt(17)) / 8
"""How large a pivot must be beside what is below it, so that elements grow least."""


def _swap(x: Any, y: Any) -> None:
    kept = x.copy()
    x[...] = y
    y[...] = kept


def _pivot(a: Any, k: int) -> tuple[int, int]:
    """The row that comes to the front, and whether one or two columns are eliminated."""
    low = np.abs(a[k + 1 :, k])
    if not low.size or abs(a[k, k]) >= _SHARE * low.max():
        return k, 1
    row, most = k + 1 + int(low.argmax()), low.max()
    widest = max(np.abs(a[row, k:row]).max(), np.abs(a[row + 1 :, row]).max(initial=0))
    if abs(a[k, k]) >= _SHARE * most * (most / widest):
        return k, 1
    return row, 1 if abs(a[row, row]) >= _SHARE * widest else 2


def _exchange(a: Any, k: int, other: int, step: int) -> None:
    """Rows and columns `other` and k (or the one after it) of the lower triangle change places."""
    at = k + step - 1
    if other == at:
        return
    _swap(a[other + 1 :, at], a[other + 1 :, other])
    _swap(a[at + 1 : other, at], a[other, at + 1 : other])
    a[at, at], a[other, other] = a[other, other], a[at, at]
    if step == 2:
        a[at, k], a[other, k] = a[other, k], a[at, k]


def _divided(a: Any, k: int, step: int, x: Any) -> Any:
    """D^-1 x for the block of D that begins at k; inf or NaN where it has no inverse."""
    if step == 1:
        return x / a[k, k]
    between = a[k + 1, k]
    first, second = a[k, k] / between, a[k + 1, k + 1] / between
    other = np.array([[second, -1], [-1, first]], a.dtype)
    return other @ (x / between) / (first * second - 1)


def _factor(a: Any, pivots: Any) -> int:
    """In place, on the lower triangle; returns the first column of D that is 0 (from 1), or 0.

    Bunch and Kaufman 1977 (Golub and Van Loan, 4.4.4), with the layout of LAPACK's sytrf.
    """
    n, k, info = len(a), 0, 0
    while k < n:
        column = np.abs(a[k:, k]).max()
        if column == 0 or np.isnan(column):
            info, pivots[k], k = info or k + 1, k + 1, k + 1
            continue
        other, step = _pivot(a, k)
        _exchange(a, k, other, step)
        done = slice(k, k + step)
        pivots[done] = other + 1 if step == 1 else -other - 1
        rest = a[k + step :, done].copy()
        a[k + step :, done] = _divided(a, k, step, rest.T).T
        a[k + step :, k + step :] -= a[k + step :, done] @ rest.T
        k += step
    return info


def _numpy(a: Any, checked: bool) -> tuple[Any, Any, Any]:
    ld = np.array(np.tril(a))
    pivots, info = np.zeros(a.shape[:-1], np.int32), np.zeros(a.shape[:-2], np.int32)
    with np.errstate(all="ignore"):
        for place in np.ndindex(*a.shape[:-2]):
            info[place] = _factor(ld[place], pivots[place])
            if checked and info[place]:
                raise ck.failed(
                    "linalg.ldl_factor",
                    f"The diagonal element {info[place]} of D is zero, so that it divides nothing.",
                    place[-1] if place else None,
                    "zincir.linalg.ldl_factor_ex",
                )
    return np.tril(ld), pivots, info


def _spec(a: Spec, checked: bool) -> tuple[Spec, ...]:
    return a, (a[0][:-1], int32), (a[0][:-2], int32)


ldl_p = several(
    "ldl_factor",
    doc="L and D of a = P L D L^T P^T in one matrix, the rows exchanged, and the first 0 in D.",
    infer=_spec,
    numpy=_numpy,
    vjp=ck.no_gradient("linalg.ldl_factor"),
    attrs=("checked",),
)


def _solve_one(a: Any, pivots: Any, x: Any) -> None:
    """In place: through L, D and L^T, with rows exchanged as they were."""
    steps: list[tuple[int, int, int]] = []
    k = 0
    while k < len(a):
        step = 1 if pivots[k] > 0 else 2
        steps.append((k, step, abs(int(pivots[k])) - 1))
        k += step
    for k, step, other in steps:
        done = slice(k, k + step)
        x[[k + step - 1, other]] = x[[other, k + step - 1]]
        x[k + step :] -= a[k + step :, done] @ x[done]
        x[done] = _divided(a, k, step, x[done])
    for k, step, other in reversed(steps):
        done = slice(k, k + step)
        x[done] -= a[k + step :, done].T @ x[k + step :]
        x[[k + step - 1, other]] = x[[other, k + step - 1]]


def _solve_numpy(a: Any, pivots: Any, b: Any) -> Any:
    x = np.array(b)
    with np.errstate(all="ignore"):
        for place in np.ndindex(*x.shape[:-2]):
            _solve_one(a[place], pivots[place], x[place])
    return x


ldl_solve_p = register(
    Primitive(
        "ldl_solve",
        Kind.HOST,
        doc="The solutions of a x = b, from what `ldl_factor` gives of a.",
        infer=lambda a, pivots, b: b,
        numpy=_solve_numpy,
        vjp=ck.no_gradient("linalg.ldl_solve", "zincir.linalg.solve"),
    )
)


def ldl_factor(a: Node, what: str, *, checked: bool) -> tuple[Node, ...]:
    """L and D in one matrix, the rows exchanged, and the first 0 in D."""
    return outputs(apply(ldl_p, ck.square(a, what), attrs=(checked,)))


def ldl_solve(a: Node, pivots: Node, b: Node) -> Node:
    """The solution of a x = b."""
    what = "linalg.ldl_solve"
    ck.square(a, what)
    ck.matrices(b, what)
    ck.same_type(a, b, what)
    if pivots.dtype.category != 1:
        raise DTypeError(
            explain(f"{what}: Expected pivots to be integers", where=user_line(),
                    got=pivots.dtype.name)
        )  # fmt: skip
    if pivots.shape != a.shape[:-1] or b.shape[-2] != a.shape[-1]:
        raise ShapeError(
            explain(
                f"{what}: the factors, the pivots and the right side do not fit",
                where=user_line(),
                got=f"{a.shape}, {pivots.shape} and {b.shape}",
            )
        )
    first, second = ck.together(a, b, what)
    order = mv.expand(detach(pivots), first.shape[:-1])
    return apply(ldl_solve_p, first, order, second)
