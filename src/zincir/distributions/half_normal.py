"""The half-normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.creation import zeros_like
from zincir.distributions import constraints
from zincir.distributions.normal import Normal
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import AbsTransform
from zincir.functional import where
from zincir.tensor import Tensor


class HalfNormal(TransformedDistribution):
    """The absolute value of a normal number with mean 0 and standard deviation `scale`.

    Example:
        >>> HalfNormal(1.0).mean
        tensor(0.7979)
    """

    arg_constraints: ClassVar = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the whole normal distribution."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.scale.square() * (1 - 2 / math.pi)

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        return where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Any) -> Tensor:
        return 2 * self.base_dist.cdf(self._checked(value)) - 1

    def icdf(self, value: Any) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
