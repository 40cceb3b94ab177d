"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.exp_family import ExponentialFamily
from zincir.random import randn
from zincir.special import erfinv
from zincir.tensor import Tensor


class Normal(ExponentialFamily):
    """Normal with mean `loc` and standard deviation `scale`.

    log p(x) = -(x - loc)^2 / (2 scale^2) - log(scale) - log(2 pi) / 2

    Example:
        >>> Normal(0.0, 1.0).log_prob(Tensor([0.0]))
        tensor([-0.9189])
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
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale.square()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + eps * self.scale

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        squares = (value - self.loc).square() / (2 * self.scale.square())
        return -squares - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Any) -> Tensor:
        value = self._checked(value)
        return 0.5 * (1 + ((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)).erf())

    def icdf(self, value: Any) -> Tensor:
        return self.loc + self.scale * erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
