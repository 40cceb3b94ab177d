"""The Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.exp_family import ExponentialFamily
from zincir.distributions.parameters import Binary, broadcast_all, one_of_two
from zincir.functional import where
from zincir.nn.functional import binary_cross_entropy_with_logits
from zincir.random import bernoulli
from zincir.series import arange
from zincir.tensor import Tensor
from zincir.types import Shape


class Bernoulli(Binary, ExponentialFamily):
    """1 with the probability `probs`, or with the log odds `logits`; else 0.

    Example:
        >>> Bernoulli(0.25).log_prob(Tensor([1.0, 0.0]))
        tensor([-1.3863, -0.2877])
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _event_dims: ClassVar = {"probs": 0, "logits": 0}

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of_two(probs, logits)
        shape = self._hold(probs=probs) if logits is None else self._hold(logits=logits)
        super().__init__(shape, validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        known = self.__dict__
        return known["probs"] if "probs" in known else known["logits"]

    @property
    def param_shape(self) -> Shape:
        """The shape of the parameters."""
        return self._param.shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        sure = (self.probs >= 0.5).to(self.probs.dtype)
        return where(self.probs == 0.5, math.nan, sure)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(2, dtype=self._param.dtype).reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values
