"""The distribution of von Mises: angles."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.generator import default_generator
from zincir.operations.host import call
from zincir.special import i0e, i1e
from zincir.tensor import Tensor, wrap


class VonMises(Distribution):
    """Angles around `loc`: log p(x) = k cos(x - loc) - log(2 pi I0(k)), k the `concentration`.

    I0 is the modified Bessel function, exact to the type's precision (PyTorch's is a polynomial of
    seven digits). Mean and variance are the circular ones.

    Example:
        >>> VonMises(0.0, 1.0).log_prob(Tensor([0.0]))
        tensor([-1.0738])
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    _event_dims: ClassVar = {"loc": 0, "concentration": 0}
    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        shape = self._hold(loc=loc, concentration=concentration)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return 1 - i1e(k) / i0e(k)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        loc, k = self.loc.detach().expand(shape), self.concentration.detach().expand(shape)
        with no_grad():
            state = default_generator.draw(max(1, loc.numel()))
            spec = (loc.shape, loc.dtype)
            return wrap(call(_drawn, spec, state, loc._node, k._node))

    def log_prob(self, value: Any) -> Tensor:
        value, k = self._checked(value), self.concentration
        return k * (value - self.loc).cos() - math.log(2 * math.pi) - (i0e(k).log() + k)


def _drawn(state: Any, loc: Any, k: Any) -> Any:
    # One number may take many bits: each draw has counters of its own, in the lower half.
    bits = np.random.Philox(key=int(state[0]), counter=int(state[1]) << 64)
    stream: Any = np.random.Generator(bits)
    angle = stream.vonmises(0.0, k.astype(np.float64)) + loc.astype(np.float64)
    return ((angle + math.pi) % (2 * math.pi) - math.pi).astype(loc.dtype)
