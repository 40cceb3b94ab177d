"""The Weibull distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.creation import ones_like
from zincir.distributions import constraints
from zincir.distributions.exponential import Exponential
from zincir.distributions.parameters import EULER
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import AffineTransform, PowerTransform
from zincir.special import gammaln
from zincir.tensor import Tensor


class Weibull(TransformedDistribution):
    """Weibull: P(X > x) = exp(-(x / scale)^concentration).

    Example:
        >>> Weibull(2.0, 1.0).mean
        tensor(2.)
    """

    arg_constraints: ClassVar = {
        "scale": constraints.positive,
        "concentration": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True
    _event_dims: ClassVar = {"scale": 0, "concentration": 0}
    scale: Tensor
    concentration: Tensor

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._hold(scale=scale, concentration=concentration)
        base = Exponential(ones_like(self.scale), validate_args=validate_args)
        power = PowerTransform(self.concentration.reciprocal())
        super().__init__(base, [power, AffineTransform(0, self.scale)], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * self._log_moment(1).exp()

    @property
    def mode(self) -> Tensor:
        a = self.concentration
        return self.scale * ((a - 1) / a) ** a.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * (self._log_moment(2).exp() - (2 * self._log_moment(1)).exp())

    def _log_moment(self, n: int) -> Tensor:
        """The logarithm of the mean of X^n, for a scale of 1."""
        return gammaln(1 + n * self.concentration.reciprocal())

    def entropy(self) -> Tensor:
        inverse = self.concentration.reciprocal()
        return EULER * (1 - inverse) + (self.scale * inverse).log() + 1
