"""The binomial distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import Binary, one_of_two
from zincir.random import binomial
from zincir.series import arange
from zincir.special import gammaln
from zincir.tensor import Tensor


class Binomial(Binary, Distribution):
    """The number of successes in `total_count` trials, each with the probability `probs`.

    P(k) = n! / (k! (n - k)!) p^k (1 - p)^(n - k).

    Example:
        >>> Binomial(10, 0.25).mean
        tensor(2.5000)
    """

    arg_constraints: ClassVar = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True
    _event_dims: ClassVar = {"total_count": 0, "probs": 0, "logits": 0}
    total_count: Tensor

    def __init__(
        self,
        total_count: Any = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        one_of_two(probs, logits)
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        shape = self._hold(total_count=total_count, **{name: given})
        self.total_count = self.total_count.to(getattr(self, name).dtype)
        super().__init__(shape, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """Where samples lie."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value: Any) -> Tensor:
        value, n, logits = self._checked(value), self.total_count, self.logits
        chosen = gammaln(n + 1) - gammaln(value + 1) - gammaln(n - value + 1)
        # The mean of max(x, 0) and x - min(x, 0), whose slope at 0 is 1/2.
        above = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2
        return value * logits + chosen - n * (above + (-logits.abs()).exp().log1p())

    def entropy(self) -> Tensor:
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        most = int(self.total_count.max().item())
        if not bool((self.total_count == most).all()):
            raise NotImplementedError(
                "Inhomogeneous total count: the values of one of them are not those of others"
            )
        values = arange(1 + most, dtype=self._param.dtype)
        values = values.reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    @property
    def _param(self) -> Tensor:
        known = self.__dict__
        return known["probs"] if "probs" in known else known["logits"]
