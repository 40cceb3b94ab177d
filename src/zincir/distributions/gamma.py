"""The gamma distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from zincir.autograd.function import Function, once_differentiable
from zincir.distributions import constraints
from zincir.distributions.exp_family import ExponentialFamily
from zincir.distributions.parameters import smallest
from zincir.generator import default_generator
from zincir.operations.host import call
from zincir.special import digamma, gammainc, gammaln, xlogy
from zincir.tensor import Tensor, wrap


class Gamma(ExponentialFamily):
    """Gamma: p(x) = rate^a x^(a - 1) exp(-rate x) / Gamma(a), where a is `concentration`.

    Samples have the gradient that keeps the distribution function where it is: dx / da = -(dF / da)
        / p
    (Figurnov, Mohamed and Mnih, "Implicit reparameterization gradients", 2018).

    Example:
        >>> Gamma(2.0, 4.0).mean
        tensor(0.5000)
    """

    arg_constraints: ClassVar = {
        "concentration": constraints.positive,
        "rate": constraints.positive,
    }
    support = constraints.nonnegative
    has_rsample = True
    _event_dims: ClassVar = {"concentration": 0, "rate": 0}
    concentration: Tensor
    rate: Tensor

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        shape = self._hold(concentration=concentration, rate=rate)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)

    def log_prob(self, value: Any) -> Tensor:
        value = self._checked(value)
        a, rate = self.concentration, self.rate
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - gammaln(a)

    def cdf(self, value: Any) -> Tensor:
        return gammainc(self.concentration, self.rate * self._checked(value))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + gammaln(a) + (1.0 - a) * digamma(a)


def standard_gamma(concentration: Tensor) -> Tensor:
    """Gamma numbers of rate 1, never 0, with gradients."""
    drawn: Tensor = _StandardGamma.apply(concentration)
    return drawn


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, concentration: Tensor) -> Tensor:
        """Draw."""
        state = default_generator.draw(max(1, concentration.numel()))
        spec = (concentration.shape, concentration.dtype)
        x = wrap(call(_drawn, spec, state, concentration._node))
        x = x.clamp(min=smallest(x))
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        """The gradient by the concentration."""
        x, a = ctx.saved_tensors
        return grad_output * wrap(call(_slopes, (a.shape, a.dtype), x._node, a._node))


def _drawn(state: Any, a: Any) -> Any:
    # One number may take many bits: each draw has counters of its own, in the lower half.
    bits = np.random.Philox(key=int(state[0]), counter=int(state[1]) << 64)
    stream: Any = np.random.Generator(bits)
    return stream.standard_gamma(a.astype(np.float64)).astype(a.dtype)


def _slopes(x: Any, a: Any) -> Any:
    """Dx / da at a fixed value of the distribution function, by differences of its logarithm."""
    y, b = x.astype(np.float64).reshape(-1), a.astype(np.float64).reshape(-1)
    step: Any = 1e-5 * np.maximum(b, 1e-3)
    below = y < b + 1
    with np.errstate(all="ignore"):
        part = _log_part(y, b, below)
        slope = (_log_part(y, b + step, below) - _log_part(y, b - step, below)) / (2 * step)
        log_p = (b - 1) * np.log(y) - y - _lgamma(b)
        found = _where(below, -1.0, 1.0) * slope * np.exp(part - log_p)
    return found.reshape(a.shape).astype(a.dtype)


_where: Any = np.where
_lgamma: Any = np.vectorize(math.lgamma, otypes=[np.float64])


def _log_part(x: Any, a: Any, below: Any) -> Any:
    """The logarithm of the probability of what is below x, or of what is above.

    A series below, and a continued fraction above (Press et al., "Numerical Recipes", 6.2).
    """
    front = a * np.log(x) - x - _lgamma(a)
    rounds = int(20 + 12 * math.sqrt(float(np.max(a, initial=1.0))))
    term = total = 1 / a
    for k in range(1, rounds + 60):
        term = term * x / (a + k)
        total = total + term
    b = x + 1 - a
    c: Any = np.full_like(b, 1e300)
    d = 1 / b
    fraction = d
    for k in range(1, rounds + 60):
        factor = -k * (k - a)
        b = b + 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        fraction = fraction * d * c
    chosen: Any = _where(below, total, fraction)
    return front + np.log(chosen)
