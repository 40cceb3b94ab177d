"""The inverse gamma distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.gamma import Gamma
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import PowerTransform
from zincir.functional import where
from zincir.special import digamma, gammaln
from zincir.tensor import Tensor


class InverseGamma(TransformedDistribution):
    """1 / X, where X is a `Gamma` number.

    Example:
        >>> InverseGamma(3.0, 4.0).mean
        tensor(2.)
    """

    arg_constraints: ClassVar = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        power = PowerTransform(-base.rate.new_ones(()))
        super().__init__(base, power, validate_args=validate_args)

    @property
    def concentration(self) -> Tensor:
        """The concentration of the gamma distribution."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """The rate of the gamma distribution."""
        return self.base_dist.rate

    @property
    def mean(self) -> Tensor:
        a = self.concentration
        return where(a > 1, self.rate / (a - 1), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return where(a > 2, self.rate.square() / ((a - 1).square() * (a - 2)), math.inf)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + gammaln(a) - (1 + a) * digamma(a)
