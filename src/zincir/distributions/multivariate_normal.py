"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.errors import ArgumentError, explain
from zincir.functional import broadcast_shapes
from zincir.graph.node import user_line
from zincir.linalg import cholesky, inv, solve_triangular
from zincir.random import randn
from zincir.tensor import Tensor


class MultivariateNormal(Distribution):
    """Normal vectors with mean `loc` and a covariance: itself, its inverse, or its Cholesky factor.

    Raises:
        ArgumentError: not exactly one of the three is given, or dimensions are missing.

    Example:
        >>> from zincir import eye, zeros
        >>> MultivariateNormal(zeros(2), eye(2)).entropy()
        tensor(2.8379)
    """

    arg_constraints: ClassVar = {
        "loc": constraints.real_vector,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _event_dims: ClassVar = {"loc": 1, "scale_tril": 2}

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        what = ""
        if loc.ndim < 1:
            what = "loc must be at least one-dimensional."
        elif len(given) != 1:
            what = "Exactly one of covariance_matrix or precision_matrix or scale_tril"
        elif given[0].ndim < 2:
            what = "the matrix must be at least two-dimensional"
        if what:
            raise ArgumentError(explain(f"MultivariateNormal: {what}", where=user_line()))
        if covariance_matrix is not None:
            scale_tril = cholesky(covariance_matrix)
        elif precision_matrix is not None:
            scale_tril = cholesky(inv(precision_matrix))
        assert scale_tril is not None
        batch = broadcast_shapes(scale_tril.shape[:-2], loc.shape[:-1])
        self.scale_tril: Tensor = scale_tril.expand((*batch, *scale_tril.shape[-2:]))
        self.loc: Tensor = loc.expand((*batch, loc.shape[-1]))
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)

    @property
    def covariance_matrix(self) -> Tensor:
        """The covariance."""
        return self.scale_tril @ self.scale_tril.transpose(-2, -1)

    @property
    def precision_matrix(self) -> Tensor:
        """Its inverse."""
        return inv(self.covariance_matrix)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self.scale_tril @ eps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Tensor:
        away = self._checked(value) - self.loc
        shape = (*away.shape[:-1], *self.scale_tril.shape[-2:])
        tril = self.scale_tril.expand(shape)
        white = solve_triangular(tril, away.unsqueeze(-1), upper=False).squeeze(-1)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + white.square().sum(-1)) - self._half_log_det()

    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Tensor:
        constant = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return constant + self._half_log_det()
