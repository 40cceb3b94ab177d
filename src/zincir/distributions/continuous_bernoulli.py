"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.exp_family import ExponentialFamily
from zincir.distributions.parameters import (
    Binary,
    broadcast_all,
    clamp_probs,
    derived,
    one_of_two,
    probs_of,
)
from zincir.functional import where
from zincir.nn.functional import binary_cross_entropy_with_logits
from zincir.random import rand
from zincir.tensor import Tensor


class ContinuousBernoulli(Binary, ExponentialFamily):
    """Numbers between 0 and 1: log p(x) = x log(p) + (1 - x) log(1 - p) + log C(p).

    C makes it a density (Loaiza-Ganem and Cunningham, "The continuous Bernoulli", 2019). Between
    the two `lims`, near 1/2, where its formula cannot be computed, a Taylor series takes its place.

    Example:
        >>> ContinuousBernoulli(0.5).mean
        tensor(0.5000)
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _event_dims: ClassVar = {"probs": 0, "logits": 0}

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        one_of_two(probs, logits)
        self._lims = lims
        shape = self._hold(probs=probs) if logits is None else self._hold(logits=logits)
        if logits is None and validate_args is not None:
            self._check_argument("probs", constraints.unit_interval)
        if logits is None:
            self._hold(probs=clamp_probs(self.probs))
        super().__init__(shape, validate_args=validate_args)

    @derived
    def probs(self) -> Tensor:
        """The parameter, between 0 and 1."""
        return clamp_probs(probs_of(self.logits, binary=True))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._lims = self._lims
        return new

    def _regions(self) -> tuple[Tensor, Tensor]:
        """Where the formula can be computed, and parameters with which it can be everywhere."""
        outside = (self.probs <= self._lims[0]) | (self.probs > self._lims[1])
        return outside, where(outside, self.probs, self._lims[0])

    def _log_constant(self) -> Tensor:
        """Log C(p)."""
        outside, p = self._regions()
        below, above = where(p <= 0.5, p, 0.0), where(p >= 0.5, p, 1.0)
        size = where(p <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        exact = ((-p).log1p() - p.log()).abs().log() - size
        x = (self.probs - 0.5).square()
        return where(outside, exact, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Tensor:
        outside, p = self._regions()
        exact = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        x = self.probs - 0.5
        return where(outside, exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.square()) * x)

    @property
    def variance(self) -> Tensor:
        outside, p = self._regions()
        exact = p * (p - 1.0) / (1.0 - 2.0 * p).square() + 1.0 / ((-p).log1p() - p.log()).square()
        x = (self.probs - 0.5).square()
        return where(outside, exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Any) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        cross = binary_cross_entropy_with_logits(logits, value, reduction="none")
        return self._log_constant() - cross

    def cdf(self, value: Any) -> Tensor:
        value = self._checked(value)
        outside, p = self._regions()
        exact = (p**value * (1.0 - p) ** (1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inner = where(outside, exact, value)
        return where(value <= 0.0, 0.0, where(value >= 1.0, 1.0, inner))

    def icdf(self, value: Any) -> Tensor:
        outside, p = self._regions()
        rest = (-p).log1p()
        exact = ((-p + value * (2.0 * p - 1.0)).log1p() - rest) / (p.log() - rest)
        return where(outside, exact, value)

    def entropy(self) -> Tensor:
        no, yes = (-self.probs).log1p(), self.probs.log()
        return self.mean * (no - yes) - self._log_constant() - no
