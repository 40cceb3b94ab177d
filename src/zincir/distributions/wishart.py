"""The Wishart distribution: random covariances."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar

from zincir.creation import eye, tensor
from zincir.distributions import constraints
from zincir.distributions.chi2 import Chi2
from zincir.distributions.exp_family import ExponentialFamily
from zincir.distributions.parameters import derived, spacing
from zincir.errors import ArgumentError, explain
from zincir.functional import broadcast_shapes, where
from zincir.graph.node import user_line
from zincir.linalg import cholesky, inv, slogdet
from zincir.random import randn
from zincir.recording import CURRENT
from zincir.series import arange
from zincir.special import digamma
from zincir.tensor import Tensor


class Wishart(ExponentialFamily):
    """The sum of `df` products `x x^T` of normal vectors with a covariance V, of p dimensions.

    log p(X) = ((df - p - 1) log|X| - tr(V^-1 X) - df p log(2) - df log|V|) / 2 -
        log Gamma_p(df / 2)

    V is given as one of: itself, its inverse, or its Cholesky factor. Samples are drawn by
    Bartlett's decomposition; those that came out singular are drawn again, at most ten times.

    Raises:
        ArgumentError: not exactly one of the three is given; df <= p - 1.

    Example:
        >>> from zincir import eye
        >>> Wishart(Tensor([3.0]), covariance_matrix=eye(2)).mean
        tensor([[[3., 0.],
                 [0., 3.]]])
    """

    support = constraints.positive_definite
    has_rsample = True
    _event_dims: ClassVar = {"df": 0, "scale_tril": 2}
    df: Tensor

    def _arg_constraints(self) -> Any:
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._event_shape[-1] - 1),
        }

    arg_constraints: Any = property(_arg_constraints, doc="Where parameters may lie.")

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = {
            name: matrix
            for name, matrix in (
                ("covariance_matrix", covariance_matrix),
                ("precision_matrix", precision_matrix),
                ("scale_tril", scale_tril),
            )
            if matrix is not None
        }
        matrix = next(iter(given.values()), None)
        if len(given) != 1 or matrix is None:
            raise _wrong("Exactly one of covariance_matrix or precision_matrix or scale_tril")
        if matrix.ndim < 2:
            raise _wrong("scale_tril must be at least two-dimensional")
        df = df if isinstance(df, Tensor) else tensor(df, dtype=matrix.dtype)
        shape = broadcast_shapes(matrix.shape[:-2], df.shape)
        size = matrix.shape[-1]
        self.df = df.expand(shape)
        if CURRENT.recording is None:
            least = self.df.detach().min().item() if self.df.numel() else math.inf
            if least <= size - 1:
                raise _wrong(f"df must be greater than ndim - 1 = {size - 1}, but is {least}")
            if least < size:
                warnings.warn("Low df values: samples are likely to be singular", stacklevel=2)
        for name, value in given.items():
            setattr(self, name, value.expand((*shape, *value.shape[-2:])))
        super().__init__(shape, matrix.shape[-2:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        _ = self.scale_tril  # which is what the expanded one has
        return super().expand(batch_shape, _instance)

    @derived
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of V."""
        if "covariance_matrix" in self.__dict__:
            return cholesky(self.covariance_matrix)
        return cholesky(inv(self.precision_matrix))

    @derived
    def covariance_matrix(self) -> Tensor:
        """V."""
        return self.scale_tril @ self.scale_tril.mT

    @derived
    def precision_matrix(self) -> Tensor:
        """The inverse of V."""
        tril = self.scale_tril
        identity = eye(tril.shape[-1], dtype=tril.dtype)
        return identity.expand(tril.shape).cholesky_solve(tril)

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[-1] - 1
        factor = where(factor <= 0, math.nan, factor)
        return factor[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df[..., None, None] * (v.square() + products)

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Tensor:
        recording = CURRENT.recording is not None
        tries = max_try_correction if max_try_correction is not None else 3 if recording else 10
        found = self._drawn(sample_shape)
        for _ in range(tries):
            fine = self.support.check(found)
            if not recording and bool(fine.all()):
                break
            found = where(fine[..., None, None], found, self._drawn(sample_shape))
        return found

    def _drawn(self, sample_shape: Any) -> Tensor:
        """A sample by Bartlett's decomposition: its factor has normal numbers below `Chi` ones."""
        size = self._event_shape[-1]
        steps = arange(size, dtype=self.scale_tril.dtype)
        roots = Chi2(self.df.unsqueeze(-1) - steps, False).rsample(sample_shape).sqrt()
        below = randn(self._extended_shape(sample_shape), dtype=roots.dtype).tril(-1)
        factor = self.scale_tril @ (below + roots.clamp(min=spacing(roots)).diag_embed())
        return factor @ factor.mT

    def log_prob(self, value: Any) -> Tensor:
        value, size = self._checked(value), self._event_shape[-1]
        batch = broadcast_shapes(value.shape[:-2], self._batch_shape)
        tril = self.scale_tril.expand((*batch, *self._event_shape))
        trace = value.expand(tril.shape).cholesky_solve(tril).diagonal(dim1=-2, dim2=-1).sum(-1)
        volume = (self.df - size - 1) / 2 * slogdet(value).logabsdet
        return volume - trace / 2 - self.df * self._half_log_det() - (self.df / 2).mvlgamma(size)

    def _half_log_det(self) -> Tensor:
        """Half of the logarithm of the determinant of 2 V."""
        diagonal = self.scale_tril.diagonal(dim1=-2, dim2=-1)
        return self._event_shape[-1] * math.log(2) / 2 + diagonal.log().sum(-1)

    def entropy(self) -> Tensor:
        size, half = self._event_shape[-1], self.df / 2
        steps = arange(size, dtype=half.dtype) / 2
        slope = digamma(half.unsqueeze(-1) - steps).sum(-1)
        fixed = (size + 1) * self._half_log_det() + half.mvlgamma(size)
        return fixed - (self.df - size - 1) / 2 * slope + self.df * size / 2

    @property
    def _mean_carrier_measure(self) -> float:
        return 0.0

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        x, y = natural_params
        size = self._event_shape[-1]
        half = y + (size + 1) / 2
        volume = -slogdet(-2 * x).logabsdet + math.log(2) * size
        return half * volume + half.mvlgamma(size)


def _wrong(what: str) -> ArgumentError:
    return ArgumentError(explain(f"Wishart: {what}", where=user_line()))
