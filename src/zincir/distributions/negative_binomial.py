"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.gamma import standard_gamma
from zincir.distributions.parameters import Binary, one_of_two
from zincir.nn.functional import logsigmoid
from zincir.random import poisson
from zincir.special import gammaln
from zincir.tensor import Tensor


class NegativeBinomial(Binary, Distribution):
    """How many successes there are before `total_count` failures, if `probs` is that of a success.

    P(k) = Gamma(n + k) / (k! Gamma(n)) (1 - p)^n p^k, where n need not be whole.

    Example:
        >>> NegativeBinomial(4.0, 0.5).mean
        tensor(4.)
    """

    arg_constraints: ClassVar = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _event_dims: ClassVar = {"total_count": 0, "probs": 0, "logits": 0}
    total_count: Tensor

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        one_of_two(probs, logits)
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        shape = self._hold(total_count=total_count, **{name: given})
        self.total_count = self.total_count.to(getattr(self, name).dtype)
        super().__init__(shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            drawn = standard_gamma(self.total_count.expand(shape))
            return poisson(drawn / (-self.logits).exp().expand(shape))

    def log_prob(self, value: Any) -> Tensor:
        value, n = self._checked(value), self.total_count
        odds = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = gammaln(1.0 + value) + gammaln(n) - gammaln(n + value)
        return odds - ways.masked_fill(n + value == 0.0, 0.0)
