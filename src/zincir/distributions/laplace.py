"""The Laplace distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import smallest, spacing
from zincir.random import rand
from zincir.tensor import Tensor


class Laplace(Distribution):
    """Laplace around `loc`: log p(x) = -|x - loc| / scale - log(2 scale).

    Example:
        >>> Laplace(0.0, 1.0).entropy()
        tensor(1.6931)
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
    def variance(self) -> Tensor:
        return 2 * self.scale.square()

    @property
    def stddev(self) -> Tensor:
        return (2**0.5) * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        # Uniform in (-1, 1), both left out: the logarithm of what is left must be finite.
        low = spacing(self.loc) - 1
        u = low + rand(self._extended_shape(sample_shape), dtype=self.loc.dtype) * (1 - low)
        away = (-u.abs().clamp(min=smallest(self.loc))).log1p()
        return self.loc - self.scale * u.sign() * away

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Any) -> Tensor:
        away = self._checked(value) - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def icdf(self, value: Any) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
