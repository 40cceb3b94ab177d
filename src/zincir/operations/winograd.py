"""Convolutions by the Winograd algorithm F(2x2, 3x3): 16 multiplications where 36 would be needed.

Of an image, windows of 4x4 places overlap by 2. Transformed by B, each is 16 numbers for every
channel; so is a kernel of 3x3 taps, by G. Their products, summed over channels, become 2x2 places
of the result by A:

    y = A^T [ (G w G^T) (B^T x B) ] A

The compiler makes these operations from convolutions; their gradients were taken before. They hold
for 2x2 outputs and 3x3 taps alone (Winograd 1980; Lavin and Gray 2015, arXiv:1509.09308).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.errors import ShapeError
from zincir.graph.primitive import Kind, Primitive, Spec, register

B = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]).T
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
A = np.array([[1, 1, 1, 0], [0, 1, -1, 1]]).T


def _windows(x: Any, size: int) -> Any:
    """x[n, h, w, c] as windows of size x size, two apart: n, line, place, c, i, j.

    Where they do not fill x, it goes on with zeros.
    """
    _, high, wide, _ = x.shape
    x = np.pad(x, [(0, 0), (0, high % 2), (0, wide % 2), (0, 0)])
    every = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return every[:, ::2, ::2]


def _weight_spec(w: Spec) -> Spec:
    (shape, dtype) = w
    if len(shape) != 4 or shape[:2] != (3, 3):
        raise ShapeError(f"taps of {shape[:2]} are not 3 x 3")
    return (4, 4, *shape[2:]), dtype


winograd_weight_p = register(
    Primitive(
        "winograd_weight",
        Kind.TRANSFORM,
        doc="u[a, b, c, m] = (G w G^T)[a, b], for w[3, 3, c, m].",
        infer=_weight_spec,
        numpy=lambda w: np.einsum("ai,bj,ijcm->abcm", G, G, w).astype(w.dtype),
        dtypes=("float32",),
    )
)


def _product_spec(x: Spec, u: Spec) -> Spec:
    (shape, dtype), (weight, _) = x, u
    n, high, wide, c = shape
    if min(high, wide) < 3 or weight[:3] != (4, 4, c):
        raise ShapeError(f"no windows of 4 x 4 in {shape} for a weight of {weight}")
    return (n, high - 2, wide - 2, weight[3]), dtype


def _product_numpy(x: Any, u: Any) -> Any:
    v = np.einsum("ia,jb,nhwcij->nhwabc", B, B, _windows(x, 4))
    z = np.einsum("nhwabc,abcm->nhwabm", v, u)
    y = np.einsum("ai,bj,nhwabm->nhiwjm", A, A, z)
    n, h, _, w, _, m = y.shape
    _, high, wide, _ = x.shape
    return y.reshape(n, 2 * h, 2 * w, m)[:, : high - 2, : wide - 2].astype(x.dtype)


winograd_p = register(
    Primitive(
        "winograd",
        Kind.CONTRACTION,
        doc="""A correlation of x[n, h + 2, w + 2, c] with a weight that `winograd_weight` made.

        y[n, h, w, m] = A^T [ sum over c of (B^T x B)[c] u[c, m] ] A, tile by tile
        """,
        infer=_product_spec,
        numpy=_product_numpy,
        dtypes=("float32",),
    )
)


def _sums_spec(x: Spec, g: Spec, pieces: int, rows: str) -> Spec:
    (shape, dtype), (gradient, _) = x, g
    n, high, wide, c = shape
    whole = pieces and -(-n // -(-n // pieces)) == pieces
    if gradient[:3] != (n, high - 2, wide - 2) or not whole:
        raise ShapeError(f"{gradient} is no gradient of a result of {shape} in {pieces} pieces")
    m = gradient[3]
    return (pieces, 4, 4, *((c, m) if rows == "x" else (m, c))), dtype


def _sums_numpy(x: Any, g: Any, pieces: int, rows: str) -> Any:
    v = np.einsum("ia,jb,nhwcij->nhwabc", B, B, _windows(x, 4))
    e = np.einsum("ai,bj,nhwmij->nhwabm", A, A, _windows(g, 2))
    count = -(-len(x) // pieces)
    cuts = [slice(start, start + count) for start in range(0, len(x), count)]
    sums = [np.einsum("nhwabc,nhwabm->abcm", v[cut], e[cut]) for cut in cuts]
    return np.stack(sums if rows == "x" else [s.swapaxes(2, 3) for s in sums]).astype(x.dtype)


winograd_sums_p = register(
    Primitive(
        "winograd_sums",
        Kind.TRANSFORM,
        doc="""The gradient of `winograd` for its transformed weight, in pieces of ceil(n / pieces).

        u[p, a, b, c, m] = sum over tiles of piece p of (B^T x B)[a, b, c] (A g A^T)[a, b, m]; with
        `rows` "g" instead of "x", m comes before c
        """,
        infer=_sums_spec,
        numpy=_sums_numpy,
        attrs=("pieces", "rows"),
        dtypes=("float32",),
    )
)


def _taps_spec(u: Spec, rows: str) -> Spec:
    shape, dtype = u
    if len(shape) != 5 or shape[1:3] != (4, 4):
        raise ShapeError(f"{shape} is no gradient of a transformed weight")
    r, c = shape[3:]
    return ((3, 3, r, c) if rows == "x" else (3, r, 3, c)), dtype


winograd_taps_p = register(
    Primitive(
        "winograd_taps",
        Kind.TRANSFORM,
        doc="""The gradient of `winograd_weight`: w = G^T (sum over p of u[p]) G.

        Shape: u[p, 4, 4, c, m] -> w[3, 3, c, m]; or, with `rows` "g" instead of "x",
        u[p, 4, 4, m, c] -> w[3, m, 3, c]: as weights are stored, see `compiler.rewrite.convolution`
        """,
        infer=_taps_spec,
        numpy=lambda u, rows: np.einsum(
            f"ai,bj,pabrc->{'ijrc' if rows == 'x' else 'irjc'}", G, G, u
        ).astype(u.dtype),
        attrs=("rows",),
        dtypes=("float32",),
    )
)
