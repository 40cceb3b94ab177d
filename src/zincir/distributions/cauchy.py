"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.creation import full
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.random import rand
from zincir.tensor import Tensor


class Cauchy(Distribution):
    """Cauchy around `loc`: log p(x) = -log(pi scale) - log(1 + ((x - loc) / scale)^2). It has no
    mean.

    Example:
        >>> Cauchy(0.0, 1.0).cdf(Tensor([0.0]))
        tensor([0.5000])
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _event_dims: ClassVar = {"loc": 0, "scale": 0}
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._hold(loc=loc, scale=scale), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.loc.dtype)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return full(self._extended_shape(), math.inf, dtype=self.loc.dtype)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = rand(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (math.pi * (u - 0.5)).tan() * self.scale

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        away = ((value - self.loc) / self.scale).square()
        return -math.log(math.pi) - self.scale.log() - away.log1p()

    def cdf(self, value: Any) -> Tensor:
        value = self._checked(value)
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Tensor:
        return (math.pi * (value - 0.5)).tan() * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()
