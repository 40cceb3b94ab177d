"""Random correlations: their Cholesky factors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.beta import Beta
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import broadcast_all, smallest
from zincir.errors import ArgumentError, explain
from zincir.functional import cat, where
from zincir.graph.node import user_line
from zincir.random import randn
from zincir.series import arange
from zincir.special import gammaln
from zincir.tensor import Tensor


class LKJCholesky(Distribution):
    """Cholesky factors of correlations M, with p(M) in proportion to det(M)^(concentration - 1).

    Lewandowski, Kurowicka and Joe, "Generating random correlation matrices based on vines and
    extended onion method" (2009); samples are drawn by the onion method, row by row.

    Raises:
        ArgumentError: `dim` is less than 2.

    Example:
        >>> LKJCholesky(3, 0.5).sample().shape
        (3, 3)
    """

    arg_constraints: ClassVar = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _event_dims: ClassVar = {"concentration": 0}

    def __init__(
        self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None
    ) -> None:
        if dim < 2:
            raise ArgumentError(
                explain("LKJCholesky: dim", where=user_line(), expected="2 or more", got=str(dim))
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.dim = self.dim
        return new

    def _lengths(self) -> Beta:
        """The squared length of what each row has below the diagonal."""
        steps = arange(self.dim - 1, dtype=self.concentration.dtype)
        steps = cat([steps.new_zeros((1,)), steps])
        rest = (self.concentration + 0.5 * (self.dim - 2)).unsqueeze(-1) - 0.5 * steps
        return Beta(steps + 0.5, rest)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            squared = self._lengths().sample(sample_shape).unsqueeze(-1)
            below = randn(self._extended_shape(sample_shape), dtype=squared.dtype).tril(-1)
            length = below.norm(dim=-1, keepdim=True)
            factor = squared.sqrt() * below / where(length == 0, 1.0, length)
            rest = 1 - factor.square().sum(-1)
            return factor + rest.clamp(min=smallest(factor)).sqrt().diag_embed()

    def log_prob(self, value: Any) -> Tensor:
        diagonal = self._checked(value).diagonal(dim1=-1, dim2=-2)[..., 1:]
        rows = arange(2, self.dim + 1)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - rows
        below = self.dim - 1
        alpha = self.concentration + 0.5 * below
        constant = 0.5 * below * math.log(math.pi) + (alpha - 0.5).mvlgamma(below)
        return (order * diagonal.log()).sum(-1) - (constant - gammaln(alpha) * below)
