"""The generalised Pareto distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.creation import zeros_like
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.functional import where
from zincir.random import rand
from zincir.tensor import Tensor


class GeneralizedPareto(Distribution):
    """What lies beyond a threshold `loc`: P(X > x) = (1 + c (x - loc) / scale)^(-1 / c).

    c is `concentration`; where it is 0, this is an exponential distribution.

    Example:
        >>> GeneralizedPareto(0.0, 1.0, 0.5).mean
        tensor(2.)
    """

    arg_constraints: ClassVar = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True
    _event_dims: ClassVar = {"loc": 0, "scale": 0, "concentration": 0}
    loc: Tensor
    scale: Tensor
    concentration: Tensor

    def __init__(
        self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None
    ) -> None:
        shape = self._hold(loc=loc, scale=scale, concentration=concentration)
        super().__init__(shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Where samples lie."""
        c = self.concentration
        return constraints.interval(self.loc, where(c < 0, self.loc - self.scale / c, math.inf))

    @property
    def mean(self) -> Tensor:
        valid = self.concentration < 1
        c = where(valid, self.concentration, 0.5)
        return where(valid, self.loc + self.scale / (1 - c), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        valid = self.concentration < 0.5
        c = where(valid, self.concentration, 0.25)
        found = self.scale.square() / ((1 - c).square() * (1 - 2 * c))
        return where(valid, found, math.nan)

    def _flat(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is as good as 0, and one that can be divided by."""
        c = self.concentration
        flat = c.isclose(zeros_like(c))
        return flat, where(flat, 1.0, c)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Any) -> Tensor:
        z = (self._checked(value) - self.loc) / self.scale
        flat, c = self._flat()
        y = 1 / c + 1
        bent = where(y == 0, y, y * (c * z).log1p())
        return -self.scale.log() - where(flat, z, bent)

    def log_survival_function(self, value: Any) -> Tensor:
        """The logarithm of the probability of what is larger."""
        z = (self._checked(value) - self.loc) / self.scale
        flat, c = self._flat()
        return where(flat, -z, -(c * z).log1p() / c)

    def log_cdf(self, value: Any) -> Tensor:
        """The logarithm of `cdf`."""
        return (-self.log_survival_function(value).exp()).log1p()

    def cdf(self, value: Any) -> Tensor:
        return self.log_cdf(value).exp()

    def icdf(self, value: Any) -> Tensor:
        flat, c = self._flat()
        log_rest = (-value).log1p()
        bent = self.loc + self.scale / c * (-c * log_rest).expm1()
        return where(flat, self.loc - self.scale * log_rest, bent)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
