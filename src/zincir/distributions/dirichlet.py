"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.creation import zeros_like
from zincir.distributions import constraints
from zincir.distributions.exp_family import ExponentialFamily
from zincir.distributions.gamma import standard_gamma
from zincir.errors import ArgumentError, explain
from zincir.functional import where
from zincir.graph.node import user_line
from zincir.special import digamma, gammaln, xlogy
from zincir.tensor import Tensor


class Dirichlet(ExponentialFamily):
    """Probabilities that add up to 1: p(x) is proportional to the product of x[i]^(a[i] - 1).

    Samples are gamma numbers divided by their sum, and have their gradients.

    Raises:
        ArgumentError: `concentration` has no dimension.

    Example:
        >>> Dirichlet(Tensor([1.0, 3.0])).mean
        tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _event_dims: ClassVar = {"concentration": 1}

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ArgumentError(
                explain(
                    "Dirichlet: `concentration` parameter must be at least one-dimensional.",
                    where=user_line(),
                )
            )
        self.concentration = concentration
        shape = concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        first = zeros_like(above)
        first[..., 0] = 1  # where all corners are peaks, PyTorch takes this one
        corners = (self.concentration < 1).all(-1, keepdim=True)
        return where(corners, first, above / above.sum(-1, keepdim=True))

    @property
    def variance(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1, keepdim=True)
        return a * (total - a) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        x = standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
        return x / x.sum(-1, keepdim=True)

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        a = self.concentration
        return xlogy(a - 1.0, value).sum(-1) + gammaln(a.sum(-1)) - gammaln(a).sum(-1)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        k = a.shape[-1]
        parts = gammaln(a).sum(-1) - gammaln(total) - (k - total) * digamma(total)
        return parts - ((a - 1.0) * digamma(a)).sum(-1)
