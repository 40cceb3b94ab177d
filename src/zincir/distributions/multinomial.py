"""The multinomial distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.creation import _shape as shape_of, ones_like, zeros
from zincir.distributions import constraints
from zincir.distributions.binomial import Binomial
from zincir.distributions.categorical import OverCategories
from zincir.distributions.parameters import broadcast_all
from zincir.functional import where
from zincir.series import arange
from zincir.special import gammaln
from zincir.tensor import Tensor


class Multinomial(OverCategories):
    """How often each category comes in `total_count` draws of a `Categorical`.

    Raises:
        NotImplementedError: `total_count` is no number.

    Example:
        >>> Multinomial(8, Tensor([1.0, 3.0])).mean
        tensor([2., 6.])
    """

    _kept: ClassVar = ("total_count",)

    def __init__(
        self,
        total_count: int = 1,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("Multinomial: inhomogeneous total_count is not supported")
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Where samples lie."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            shape = shape_of((tuple(sample_shape),))
            drawn = self._categorical.sample((self.total_count, *shape)).movedim(0, -1)
            counts = zeros(self._extended_shape(sample_shape), dtype=self.probs.dtype)
            return counts.scatter_add(-1, drawn, ones_like(drawn, dtype=counts.dtype))

    def log_prob(self, value: Any) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        logits = where((value == 0) & (logits == -math.inf), 0.0, logits)  # 0 * -inf counts 0
        orders = gammaln(value.sum(-1) + 1) - gammaln(value + 1).sum(-1)
        return orders + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        values = arange(1, n + 1, dtype=self.probs.dtype).reshape((-1,) + (1,) * self.probs.ndim)
        probs = Binomial(n, self.probs).log_prob(values).exp()
        orders = (probs * gammaln(values + 1)).sum((0, -1))
        return n * self._categorical.entropy() - math.lgamma(n + 1) + orders
