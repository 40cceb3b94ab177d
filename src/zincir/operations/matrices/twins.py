"""What NumPy's LAPACK lacks, on batches of matrices: LU, substitution, the exponential."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.operations.matrices.checks import failed
from zincir.types import size


def lu(a: Any) -> tuple[Any, Any, Any]:
    """L and U in one matrix, rows exchanged, and where the first pivot is 0.

    Gauss's elimination with the largest pivot of each column (Golub and Van Loan, 3.4.1).

    Returns:
        L without its diagonal of ones and U; for each column the row (from 1) it was exchanged
        with; the number of the first pivot that is 0, or 0.
    """
    lu = np.array(a)
    m, n = lu.shape[-2:]
    k = min(m, n)
    flat = lu.reshape(size(a.shape[:-2]), m, n)
    pivots = np.zeros((len(flat), k), np.int32)
    info = np.zeros(len(flat), np.int32)
    every = np.arange(len(flat))
    with np.errstate(all="ignore"):
        for j in range(k):
            best = np.abs(flat[:, j:, j]).argmax(1) + j
            pivots[:, j] = best + 1
            rows = flat[every, best]
            flat[every, best] = flat[:, j]
            flat[:, j] = rows
            pivot = flat[:, j, j]
            info = np.where((pivot == 0) & (info == 0), j + 1, info)
            safe = np.where(pivot == 0, 1, pivot)
            flat[:, j + 1 :, j] /= safe[:, None]
            flat[:, j + 1 :, j + 1 :] -= flat[:, j + 1 :, j, None] * flat[:, j, None, j + 1 :]
    batch = a.shape[:-2]
    return flat.reshape(a.shape), pivots.reshape(*batch, k), info.reshape(batch).astype(np.int32)


def permutation(pivots: Any, m: int) -> Any:
    """The rows, in the order in which exchanges leave them."""
    batch = pivots.shape[:-1]
    flat = pivots.reshape(size(batch), pivots.shape[-1]).astype(np.int64) - 1
    order = np.tile(np.arange(m), (len(flat), 1))
    every = np.arange(len(flat))
    for j in range(flat.shape[1]):
        other = order[every, flat[:, j]]
        order[every, flat[:, j]] = order[:, j]
        order[:, j] = other
    return order.reshape(*batch, m)


def triangular(a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """Solve a x = b by substitution, for triangular a; rows that divide by 0 give inf or NaN."""
    x = np.array(b)
    n = a.shape[-1]
    with np.errstate(all="ignore"):
        for i in reversed(range(n)) if upper else range(n):
            known = slice(i + 1, n) if upper else slice(0, i)
            done = a[..., i, None, known] @ x[..., known, :]
            x[..., i, :] -= done[..., 0, :]
            if not unit:
                x[..., i, :] /= a[..., i, i, None]
    return x


def _singular(a: Any) -> tuple[int | None, int]:
    """Which matrix of a batch is singular (None if there is no batch), and its pivot that is 0."""
    info = lu(a)[2].reshape(-1)
    wrong = np.flatnonzero(info)
    first = int(wrong[0]) if len(wrong) else 0
    return (first if a.ndim > 2 else None), int(info[first]) if info.size else 0


def inverse(a: Any, checked: bool) -> Any:
    """The inverse; of a singular matrix an error, or inf everywhere."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        if checked:
            batch, pivot = _singular(a)
            raise failed(
                "linalg.inv",
                f"The diagonal element {pivot} is zero, the inversion could not be completed"
                " because the input matrix is singular.",
                batch,
                "zincir.linalg.pinv",
            ) from None
        return _each(a, lambda m: np.linalg.inv(m), np.full_like(a, np.inf))


def solve(a: Any, b: Any, checked: bool) -> Any:
    """The solution of a x = b; of a singular matrix an error, or inf everywhere."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        if checked:
            batch, _ = _singular(a)
            raise failed(
                "torch.linalg.solve",
                "The solver failed because the input matrix is singular.",
                batch,
                "zincir.linalg.lstsq",
            ) from None
        x = np.full_like(b, np.inf)
        for i, j, k in zip(_flat(a), _flat(b), _flat(x), strict=True):
            try:
                k[...] = np.linalg.solve(i, j)
            except np.linalg.LinAlgError:
                continue
        return x


def _flat(a: Any) -> Any:
    return a.reshape(size(a.shape[:-2]), *a.shape[-2:])


def _each(a: Any, function: Any, out: Any) -> Any:
    for matrix, place in zip(_flat(a), _flat(out), strict=True):
        try:
            place[...] = function(matrix)
        except np.linalg.LinAlgError:
            continue
    return out


def cholesky(a: Any, checked: bool) -> Any:
    """L with L L^T = a, from the lower triangle; an error or NaN if a is not positive definite."""
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        if not checked:
            return _each(a, np.linalg.cholesky, np.full_like(a, np.nan))
        orders = cholesky_info(a).reshape(-1)
        first = int(np.flatnonzero(orders)[0])
        raise failed(
            "linalg.cholesky",
            "The factorization could not be completed because the input is not positive-definite"
            f" (the leading minor of order {orders[first]} is not positive-definite).",
            first if a.ndim > 2 else None,
            "a + 1e-6 * zincir.eye(n), or zincir.linalg.cholesky_ex",
        ) from None


def cholesky_info(a: Any) -> Any:
    """The order of the first leading minor that is not positive definite, or 0."""
    info = np.zeros(a.shape[:-2], np.int32)
    for place, matrix in zip(np.ndindex(info.shape), _flat(a), strict=True):
        for order in range(1, len(matrix) + 1):
            try:
                np.linalg.cholesky(matrix[:order, :order])
            except np.linalg.LinAlgError:
                info[place] = order
                break
    return info


_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip


def exponential(a: Any) -> Any:
    """e^a by scaling, the [13/13] approximant of Pade, and squaring (Higham 2005)."""
    if not a.size:
        return a
    x = a.astype(np.float64)
    n = x.shape[-1]
    norm = np.abs(x).sum(-2).max(-1)
    finite = np.isfinite(norm)
    safe = np.where(finite & (norm > 5.371920351148152), norm / 5.371920351148152, 1.0)
    squarings = np.ceil(np.log2(safe)).astype(int)
    x = np.where(finite[..., None, None], x, 0.0) / 2.0 ** squarings[..., None, None]
    one = np.eye(n)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    b = _PADE
    odd = x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2)
    odd = x @ (odd + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2)
    even = even + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    y = np.linalg.solve(even - odd, even + odd)
    with np.errstate(all="ignore"):
        for i in range(int(squarings.max(initial=0))):
            more = (squarings > i)[..., None, None]
            y = np.where(more, y @ y, y)
    return np.where(finite[..., None, None], y, np.nan).astype(a.dtype)


def least_squares(a: Any, b: Any, rcond: float) -> tuple[Any, Any, Any]:
    """Solutions of least squares, ranks and singular values, for batches of the same shape."""
    *batch, m, n = a.shape
    x = np.zeros((*batch, n, b.shape[-1]), a.dtype)
    ranks = np.zeros(batch, np.int64)
    values = np.zeros((*batch, min(m, n)), a.dtype)
    for place in np.ndindex(*batch):
        if a[place].size:
            x[place], _, ranks[place], values[place] = np.linalg.lstsq(a[place], b[place], rcond)
    return x, ranks, values
