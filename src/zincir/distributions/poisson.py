"""The Poisson distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.exp_family import ExponentialFamily
from zincir.distributions.parameters import broadcast_all
from zincir.random import poisson
from zincir.special import gammaln, xlogy
from zincir.tensor import Tensor


class Poisson(ExponentialFamily):
    """How often something happens that happens `rate` times on average: P(k) = rate^k e^-rate / k!.

    Example:
        >>> Poisson(2.0).log_prob(Tensor([0.0]))
        tensor([-2.])
    """

    arg_constraints: ClassVar = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer
    _event_dims: ClassVar = {"rate": 0}
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._hold(rate=rate), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        rate, value = broadcast_all(self.rate, self._checked(value))
        return xlogy(value, rate) - rate - gammaln(value + 1)
