"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.creation import as_tensor, full, zeros_like
from zincir.distributions import constraints
from zincir.distributions.cauchy import Cauchy
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import AbsTransform
from zincir.functional import where
from zincir.tensor import Tensor


class HalfCauchy(TransformedDistribution):
    """The absolute value of a `Cauchy` number around 0. Its mean is infinite.

    Example:
        >>> HalfCauchy(1.0).icdf(Tensor([0.5]))
        tensor([1.0000])
    """

    arg_constraints: ClassVar = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        base = Cauchy(0, scale, validate_args=False)
        super().__init__(base, AbsTransform(), validate_args=validate_args)

    @property
    def scale(self) -> Tensor:
        """The scale of the whole Cauchy distribution."""
        return self.base_dist.scale

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.scale)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(self._checked(value), dtype=self.scale.dtype)
        return where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Any) -> Tensor:
        return 2 * self.base_dist.cdf(self._checked(value)) - 1

    def icdf(self, value: Any) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)
