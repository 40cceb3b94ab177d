"""The distribution of Kumaraswamy."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.creation import ones_like, zeros_like
from zincir.distributions import constraints
from zincir.distributions.parameters import EULER
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import AffineTransform, PowerTransform
from zincir.distributions.uniform import Uniform
from zincir.functional import where
from zincir.special import digamma, gammaln
from zincir.tensor import Tensor


class Kumaraswamy(TransformedDistribution):
    """Between 0 and 1, nearly as `Beta`: P(X > x) = (1 - x^a)^b, a `concentration1`, b `...0`.

    Example:
        >>> Kumaraswamy(1.0, 2.0).mean
        tensor(0.3333)
    """

    arg_constraints: ClassVar = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True
    _event_dims: ClassVar = {"concentration1": 0, "concentration0": 0}
    concentration1: Tensor
    concentration0: Tensor

    def __init__(
        self, concentration1: Any, concentration0: Any, validate_args: bool | None = None
    ) -> None:
        self._hold(concentration1=concentration1, concentration0=concentration0)
        a, b = self.concentration1, self.concentration0
        base = Uniform(zeros_like(b), ones_like(b), validate_args=validate_args)
        parts = [
            PowerTransform(b.reciprocal()),
            AffineTransform(1.0, -1.0),
            PowerTransform(a.reciprocal()),
        ]
        super().__init__(base, parts, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        log_mode = b.reciprocal() * (-b).log1p() - (-b * a).log1p()
        return where((b < 1) | (a < 1), math.nan, log_mode).exp()

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean.square()

    def _moment(self, n: int) -> Tensor:
        """The mean of X^n."""
        b, more = self.concentration0, 1 + n / self.concentration1
        return b * (gammaln(more) + gammaln(b) - gammaln(more + b)).exp()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = digamma(b + 1) + EULER
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()
