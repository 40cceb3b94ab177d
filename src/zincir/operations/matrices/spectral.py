"""Orthogonal factors: QR, singular values, eigenvalues of symmetric matrices, pseudoinverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ArgumentError, GradientError, explain
from zincir.graph.at_once import at_once
from zincir.graph.node import Node, apply, describe, user_line
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations import arithmetic as ar, movement as mv, reduction
from zincir.operations.compound import outputs
from zincir.operations.matrices import checks as ck
from zincir.operations.matrices.checks import failed, mm, transposed
from zincir.operations.matrices.solving import triangular_p
from zincir.operations.packed import several
from zincir.operations.source import const, detach
from zincir.types import int64

# --- QR -----------------------------------------------------------------------------------------


def _qr_spec(a: Spec, complete: bool) -> tuple[Spec, Spec]:
    *batch, m, n = a[0]
    k = m if complete else min(m, n)
    return ((*batch, m, k), a[1]), ((*batch, k, n), a[1])


def _qr_numpy(a: Any, complete: bool) -> tuple[Any, Any]:
    *batch, m, n = a.shape
    if not a.size:
        k = m if complete else min(m, n)
        q = np.broadcast_to(np.eye(m, k, dtype=a.dtype), (*batch, m, k))
        return q, np.zeros((*batch, k, n), a.dtype)
    q, r = np.linalg.qr(a, "complete" if complete else "reduced")
    return q, r


def _qr_vjp(g: tuple[Node | None, ...], y: Node, a: Node, complete: bool) -> Node:
    """(gQ + Q copyltu(R gR^T - gQ^T Q)) R^-T (Walter and Lehmann 2012); for wide a of its head."""
    q, r = outputs(y)
    m, n = a.shape[-2:]
    if complete and m > n:
        raise GradientError(
            explain(
                "qr: the gradient of mode='complete' is not defined for more rows than columns",
                where=describe(y.origin),
                got=str(a.shape),
                try_="mode='reduced'",
            )
        )
    zero = const(0.0, a.dtype)
    gq = mv.expand(zero, q.shape) if g[0] is None else g[0]
    gr = mv.expand(zero, r.shape) if g[1] is None else g[1]
    if m >= n:
        return _tall_qr(q, r, gq, gr)
    rest = (0,) * (a.ndim - 2)
    ones = (1,) * a.ndim
    sizes = (*a.shape[:-2], m, m), (*a.shape[:-2], m, n - m)
    gr_head = mv.slice_(gr, (0,) * a.ndim, ones, sizes[0])
    gr_tail = mv.slice_(gr, (*rest, 0, m), ones, sizes[1])
    a_tail = mv.slice_(a, (*rest, 0, m), ones, sizes[1])
    r_head = mv.slice_(r, (0,) * a.ndim, ones, sizes[0])
    first = _tall_qr(q, r_head, gq + mm(a_tail, transposed(gr_tail)), gr_head)
    return mv.cat([first, mm(q, gr_tail)], a.ndim - 1)


def _tall_qr(q: Node, r: Node, gq: Node, gr: Node) -> Node:
    m = mm(r, transposed(gr)) - mm(transposed(gq), q)
    below = ck.lower(m, -1)
    both = ck.lower(m) + transposed(below)
    right = gq + mm(q, both)
    return transposed(apply(triangular_p, r, transposed(right), attrs=(True, False)))


qr_p = several(
    "qr",
    doc="Q with orthogonal columns and upper triangular R, a = Q R; all of Q if `complete`.",
    infer=_qr_spec,
    numpy=_qr_numpy,
    vjp=_qr_vjp,
    attrs=("complete",),
)


def qr(a: Node, mode: str) -> tuple[Node, Node]:
    """Q and R with a = Q R."""
    ck.matrices(a, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(
            explain(
                "qr received unrecognized mode",
                where=user_line(),
                expected="'reduced' (default), 'r' or 'complete'",
                got=repr(mode),
            )
        )
    if mode == "r":
        r = outputs(apply(qr_p, detach(a), attrs=(False,)))[1]
        return mv.expand(const(0.0, a.dtype), (0,)), r
    q, r = outputs(apply(qr_p, a, attrs=(mode == "complete",)))
    return q, r


# --- singular values ----------------------------------------------------------------------------


def _svd_spec(a: Spec, full: bool) -> tuple[Spec, ...]:
    *batch, m, n = a[0]
    k = min(m, n)
    return (
        ((*batch, m, m if full else k), a[1]),
        ((*batch, k), a[1]),
        ((*batch, n if full else k, n), a[1]),
    )


def _svd_numpy(a: Any, full: bool) -> tuple[Any, Any, Any]:
    try:
        u, s, vh = np.linalg.svd(a, full)
    except np.linalg.LinAlgError:
        raise failed(
            "linalg.svd",
            "The algorithm failed to converge because the input matrix contained non-finite values"
            " or is ill-conditioned.",
        ) from None
    return u, s, vh


def _cut(x: Node, rows: int, columns: int) -> Node:
    return mv.slice_(x, (0,) * x.ndim, (1,) * x.ndim, (*x.shape[:-2], rows, columns))


def _skew(x: Node) -> Node:
    return x - transposed(x)


def _svd_vjp(g: tuple[Node | None, ...], y: Node, a: Node, full: bool) -> Node:
    """U ((skew(U^T gU) / E) S + S (skew(V^T gV) / E) + gS) V^T, and what U and V leave out.

    E[i, j] = S[j]^2 - S[i]^2 (Townsend 2016, "Differentiating the singular value decomposition").
    """
    u, s, vh = outputs(y)
    gu, gs, gvh = g
    m, n = a.shape[-2:]
    k = min(m, n)
    if full:
        u, vh = _cut(u, m, k), _cut(vh, k, n)
        gu = None if gu is None else _cut(gu, m, k)
        gvh = None if gvh is None else _cut(gvh, k, n)
    if gu is None and gvh is None:
        assert gs is not None
        return mm(u * ck.row(gs), vh) if m >= n else mm(u, ck.column(gs) * vh)
    squares = s * s
    gaps = ck.row(squares) - ck.column(squares) + ck.eye(k, s)
    inner: Any = None if gs is None else ck.diagonal_matrix(gs)
    if gu is not None:
        part = _skew(mm(transposed(u), gu)) / gaps * ck.row(s)
        inner = part if inner is None else inner + part
    if gvh is not None:
        part = ck.column(s) * (_skew(mm(vh, transposed(gvh))) / gaps)
        inner = part if inner is None else inner + part
    ga = mm(mm(u, inner), vh)
    if m > k and gu is not None:
        scaled = gu / ck.row(s)
        ga = ga + mm(scaled - mm(u, mm(transposed(u), scaled)), vh)
    if n > k and gvh is not None:
        scaled = gvh / ck.column(s)
        ga = ga + mm(u, scaled - mm(mm(scaled, transposed(vh)), vh))
    return ga


svd_p = several(
    "svd",
    doc="U, S and V^T with a = U diag(S) V^T, S falling; all of U and V if `full`.",
    infer=_svd_spec,
    numpy=_svd_numpy,
    vjp=_svd_vjp,
    attrs=("full",),
)


def svd(a: Node, full: bool, what: str = "linalg.svd") -> tuple[Node, Node, Node]:
    """U, S and V^T."""
    u, s, vh = outputs(apply(svd_p, ck.matrices(a, what), attrs=(full,)))
    return u, s, vh


def singular_values(a: Node, what: str = "linalg.svdvals") -> Node:
    """The singular values, the largest first."""
    return svd(a, False, what)[1]


# --- eigenvalues of symmetric matrices ----------------------------------------------------------


def _eigh_spec(a: Spec, upper: bool) -> tuple[Spec, Spec]:
    return (a[0][:-1], a[1]), a


def _eigh_numpy(a: Any, upper: bool) -> tuple[Any, Any]:
    if not a.size:
        return np.zeros(a.shape[:-1], a.dtype), a
    try:
        w, v = np.linalg.eigh(a, "U" if upper else "L")
    except np.linalg.LinAlgError:
        raise failed(
            "linalg.eigh",
            "The algorithm failed to converge because the input matrix is ill-conditioned or has"
            " too many repeated eigenvalues.",
        ) from None
    return w, v


def _eigh_vjp(g: tuple[Node | None, ...], y: Node, a: Node, upper: bool) -> Node:
    """V (skew(V^T gV) / 2 / (w[j] - w[i]) + diag(gw)) V^T (Giles 2008, section 3.1)."""
    w, v = outputs(y)
    gw, gv = g
    if gv is None:
        assert gw is not None
        return mm(v * ck.row(gw), transposed(v))
    gaps = ck.row(w) - ck.column(w) + ck.eye(a.shape[-1], w)
    inner = _skew(mm(transposed(v), gv)) * 0.5 / gaps
    if gw is not None:
        inner = inner + ck.diagonal_matrix(gw)
    return mm(mm(v, inner), transposed(v))


eigh_p = several(
    "eigh",
    doc="Eigenvalues, rising, and eigenvectors of symmetric matrices, of which one half is read.",
    infer=_eigh_spec,
    numpy=_eigh_numpy,
    vjp=_eigh_vjp,
    attrs=("upper",),
)


def eigh(a: Node, uplo: str, what: str = "linalg.eigh") -> tuple[Node, Node]:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    ck.square(a, what)
    if uplo.upper() not in ("L", "U"):
        raise ArgumentError(
            explain(f"{what}: Expected UPLO argument to be 'L' or 'U'", where=user_line(), got=uplo)
        )
    w, v = outputs(apply(eigh_p, a, attrs=(uplo.upper() == "U",)))
    return w, v


# --- pseudoinverses -----------------------------------------------------------------------------


def _pinv_numpy(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    if not a.size:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    if hermitian:
        s, u = _eigh_numpy(a, False)
        vh = np.swapaxes(u, -1, -2)
    else:
        u, s, vh = _svd_numpy(a, False)
    size = np.abs(s)
    limit = np.maximum(atol, rtol * size.max(-1))[..., None]
    with np.errstate(all="ignore"):
        inverse = np.where(size > limit, 1 / s, 0)
    return np.swapaxes(vh, -1, -2) @ (inverse[..., None] * np.swapaxes(u, -1, -2))


def _pinv_vjp(g: Node, y: Node, a: Node, atol: Node, rtol: Node, hermitian: bool) -> Any:
    """-(Y K)^T + K Y^T - A Y K Y^T + Y^T Y (g^T - K A), K = g^T Y (Golub and Pereyra 1973)."""
    gt, yt = transposed(g), transposed(y)
    if a.shape[-2] <= a.shape[-1]:
        k = mm(gt, y)
        kyt = mm(k, yt)
        ga = kyt - transposed(mm(y, k)) - mm(mm(a, y), kyt) + mm(mm(yt, y), gt - mm(k, a))
    else:
        k = mm(y, gt)
        ytk = mm(yt, k)
        ga = mm(mm(gt - mm(a, k), y), yt) - transposed(mm(k, y)) + ytk - mm(mm(ytk, y), a)
    return ga, None, None


pinv_p = register(
    Primitive(
        "pinv",
        Kind.HOST,
        doc="The pseudoinverse (Moore and Penrose); singular values up to max(atol, rtol * the"
        " largest) count as 0.",
        infer=lambda a, atol, rtol, hermitian: (
            (*a[0][:-2], a[0][-1], a[0][-2]),
            a[1],
        ),
        numpy=_pinv_numpy,
        vjp=_pinv_vjp,
        attrs=("hermitian",),
    )
)


def tolerances(a: Node, atol: Node | float | None, rtol: Node | float | None) -> tuple[Node, Node]:
    """What counts as 0 for each matrix: absolute, and beside the largest singular value."""
    batch = a.shape[:-2]
    eps = float(np.finfo(a.dtype.numpy.name).eps)
    some = isinstance(atol, Node) or (atol is not None and atol > 0)
    default = 0.0 if some else eps * max(a.shape[-2:])
    chosen = [0.0 if atol is None else atol, rtol]
    if rtol is None:
        chosen[1] = default
        if isinstance(atol, Node):
            positive = ar.compare("gt", atol, 0.0)
            chosen[1] = ar.where(positive, const(0.0, a.dtype), eps * max(a.shape[-2:]))
    nodes = [
        ar.cast(detach(v), a.dtype) if isinstance(v, Node) else const(float(v), a.dtype)  # type: ignore[arg-type]
        for v in chosen
    ]
    return mv.expand(nodes[0], batch), mv.expand(nodes[1], batch)


def pinv(a: Node, atol: Node | float | None, rtol: Node | float | None, hermitian: bool) -> Node:
    """The pseudoinverse."""
    what = "linalg.pinv"
    (ck.square if hermitian else ck.matrices)(a, what)
    return apply(pinv_p, a, *tolerances(a, atol, rtol), attrs=(hermitian,))


def rank(a: Node, atol: Node | float | None, rtol: Node | float | None, hermitian: bool) -> Node:
    """How many singular values are not taken for 0."""
    what = "linalg.matrix_rank"
    a = detach(a)
    (ck.square if hermitian else ck.matrices)(a, what)
    absolute, relative = tolerances(a, atol, rtol)
    s = at_once(ar.abs(eigh(a, "L", what)[0]) if hermitian else singular_values(a, what))
    if not s.shape[-1]:
        return mv.expand(const(0, int64), s.shape[:-1])
    largest = mv.reshape(reduction.amax(s, (s.ndim - 1,)), s.shape[:-1])
    limit = ck.column(ar.maximum(absolute, relative * largest))
    found = ar.cast(ar.compare("gt", s, limit), int64)
    return mv.reshape(mv.sum_(found, (s.ndim - 1,)), s.shape[:-1])
