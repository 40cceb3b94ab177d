"""The geometric distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.creation import zeros_like
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution, required
from zincir.distributions.parameters import Binary, broadcast_all, one_of_two, smallest
from zincir.functional import where
from zincir.nn.functional import binary_cross_entropy_with_logits
from zincir.random import rand
from zincir.tensor import Tensor


class Geometric(Binary, Distribution):
    """The number of failures before the first success: P(k) = (1 - probs)^k probs.

    Example:
        >>> Geometric(0.25).mean
        tensor(3.)
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.nonnegative_integer
    _event_dims: ClassVar = {"probs": 0, "logits": 0}

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of_two(probs, logits)
        shape = self._hold(probs=probs) if logits is None else self._hold(logits=logits)
        super().__init__(shape, validate_args=validate_args)
        if self._validate_args and logits is None:
            p = self.probs
            positive = required(
                p, p > 0, lambda: "Expected parameter probs of distribution Geometric "
                f"(Tensor of shape {tuple(p.shape)}) to be positive"
            )  # fmt: skip
            self._hold(probs=positive)

    @property
    def mean(self) -> Tensor:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            u = rand(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            return (u.clamp(min=smallest(self.probs)).log() / (-self.probs).log1p()).floor()

    def log_prob(self, value: Any) -> Tensor:
        value, probs = broadcast_all(self._checked(value), self.probs)
        failing = where((probs == 1) & (value == 0), 0.0, probs)  # 0 * log(0) is 0
        return value * (-failing).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        logits, probs = self.logits, self.probs
        return binary_cross_entropy_with_logits(logits, probs, reduction="none") / probs
