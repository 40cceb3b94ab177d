"""What methods with several results return."""

from __future__ import annotations

from typing import Any, NamedTuple


class Extreme(NamedTuple):
    """What `max`, `sort`, `topk`, `median` and the like return."""

    values: Any
    indices: Any


class Range(NamedTuple):
    """What `aminmax` returns."""

    min: Any
    max: Any


class Histogram(NamedTuple):
    """What `histogram` returns."""

    hist: Any
    bin_edges: Any


class Grid(NamedTuple):
    """What `histogramdd` returns."""

    hist: Any
    bin_edges: Any


class QR(NamedTuple):
    """What `qr` returns."""

    Q: Any
    R: Any


class SVD(NamedTuple):
    """What `linalg.svd` returns."""

    U: Any
    S: Any
    Vh: Any


class OldSVD(NamedTuple):
    """What `svd` returns: V, and not its transpose."""

    U: Any
    S: Any
    V: Any


class Eigh(NamedTuple):
    """What `linalg.eigh` returns."""

    eigenvalues: Any
    eigenvectors: Any


class Householder(NamedTuple):
    """What `geqrf` returns."""

    a: Any
    tau: Any


class SignedLog(NamedTuple):
    """What `slogdet` returns."""

    sign: Any
    logabsdet: Any


class Inverse(NamedTuple):
    """What `linalg.inv_ex` returns."""

    inverse: Any
    info: Any


class Checked(NamedTuple):
    """What `linalg.solve_ex` returns."""

    result: Any
    info: Any


class Cholesky(NamedTuple):
    """What `linalg.cholesky_ex` returns."""

    L: Any
    info: Any


class PLU(NamedTuple):
    """What `linalg.lu` returns."""

    P: Any
    L: Any
    U: Any


class LU(NamedTuple):
    """What `linalg.lu_factor` returns."""

    LU: Any
    pivots: Any


class CheckedLU(NamedTuple):
    """What `linalg.lu_factor_ex` returns."""

    LU: Any
    pivots: Any
    info: Any


class LDL(NamedTuple):
    """What `linalg.ldl_factor` returns."""

    LD: Any
    pivots: Any


class CheckedLDL(NamedTuple):
    """What `linalg.ldl_factor_ex` returns."""

    LD: Any
    pivots: Any
    info: Any


class LeastSquares(NamedTuple):
    """What `linalg.lstsq` returns."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


class Triangular(NamedTuple):
    """What `triangular_solve` returns."""

    solution: Any
    cloned_coefficient: Any
