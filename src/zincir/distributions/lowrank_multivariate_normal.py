"""Normal vectors whose covariance is a diagonal and a product of narrow matrices."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.creation import eye
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import derived
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.functional import broadcast_tensors
from zincir.graph.node import user_line
from zincir.linalg import cholesky, solve_triangular
from zincir.random import randn
from zincir.tensor import Tensor


class LowRankMultivariateNormal(Distribution):
    """Normal vectors with covariance `W W^T + D`: W is `cov_factor`, D the diagonal `cov_diag`.

    Determinant and inverse are those of the small matrix `I + W^T D^-1 W` (the matrix determinant
    lemma, and Woodbury's identity).

    Shapes: loc (..., n), cov_factor (..., n, rank), cov_diag (..., n).

    Raises:
        ArgumentError: shapes do not fit.

    Example:
        >>> from zincir import ones, zeros
        >>> LowRankMultivariateNormal(zeros(2), Tensor([[1.0], [0.0]]), ones(2)).variance
        tensor([2., 1.])
    """

    arg_constraints: ClassVar = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _event_dims: ClassVar = {"loc": 1, "cov_factor": 2, "cov_diag": 1}
    loc: Tensor
    cov_factor: Tensor
    cov_diag: Tensor

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ) -> None:
        shape = loc.shape[-1:]
        what = ""
        if loc.ndim < 1:
            what = "loc must be at least one-dimensional."
        elif cov_factor.ndim < 2:
            what = "cov_factor must be at least two-dimensional"
        elif cov_factor.shape[-2:-1] != shape:
            what = f"cov_factor must be a batch of matrices with shape {shape[0]} x m"
        elif cov_diag.shape[-1:] != shape:
            what = f"cov_diag must be a batch of vectors with shape {shape}"
        if what:
            raise ArgumentError(explain(f"LowRankMultivariateNormal: {what}", where=user_line()))
        try:
            parts = broadcast_tensors(loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1))
        except ShapeError:
            shapes = ", ".join(str(t.shape) for t in (loc, cov_factor, cov_diag))
            raise ArgumentError(
                explain(
                    "LowRankMultivariateNormal: Incompatible batch shapes",
                    where=user_line(),
                    got=shapes,
                )
            ) from None
        self.loc, self.cov_factor, self.cov_diag = parts[0][..., 0], parts[1], parts[2][..., 0]
        super().__init__(self.loc.shape[:-1], shape, validate_args=validate_args)

    @derived
    def _small_tril(self) -> Tensor:
        """The Cholesky factor of I + W^T D^-1 W."""
        w = self.cov_factor
        small = self._weighted() @ w
        return cholesky(small + eye(w.shape[-1], dtype=w.dtype))

    def _weighted(self) -> Tensor:
        """W^T D^-1."""
        return self.cov_factor.mT / self.cov_diag.unsqueeze(-2)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.cov_factor.square().sum(-1) + self.cov_diag

    @derived
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance, computed from one whose diagonal is at least 1."""
        root = self.cov_diag.sqrt().unsqueeze(-1)
        w = self.cov_factor / root
        return root * cholesky(w @ w.mT + eye(w.shape[-2], dtype=w.dtype))

    @derived
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @derived
    def precision_matrix(self) -> Tensor:
        """Its inverse."""
        a = solve_triangular(self._small_tril, self._weighted(), upper=False)
        return self.cov_diag.reciprocal().diag_embed() - a.mT @ a

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        rank = self.cov_factor.shape[-1]
        few = randn((*shape[:-1], rank, 1), dtype=self.loc.dtype)
        own = randn(shape, dtype=self.loc.dtype)
        return self.loc + (self.cov_factor @ few).squeeze(-1) + self.cov_diag.sqrt() * own

    def log_prob(self, value: Any) -> Tensor:
        distance = self.distance(self._checked(value) - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self.log_det() + distance)

    def log_det(self) -> Tensor:
        """The logarithm of the determinant of the covariance."""
        small = self._small_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return 2 * small + self.cov_diag.log().sum(-1)

    def distance(self, away: Tensor) -> Tensor:
        """The squared Mahalanobis distance of a difference."""
        seen = (self._weighted() @ away.unsqueeze(-1)).expand(
            (*away.shape[:-1], self.cov_factor.shape[-1], 1)
        )
        tril = self._small_tril
        white = solve_triangular(
            tril.expand((*away.shape[:-1], *tril.shape[-2:])), seen, upper=False
        )
        return (away.square() / self.cov_diag).sum(-1) - white.square().sum((-2, -1))

    def entropy(self) -> Tensor:
        constant = self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return 0.5 * (constant + self.log_det())
