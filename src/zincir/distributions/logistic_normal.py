"""The logistic normal distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.normal import Normal
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import StickBreakingTransform
from zincir.tensor import Tensor


class LogisticNormal(TransformedDistribution):
    """Normal numbers broken off a stick: probabilities, one more than there are numbers.

    Example:
        >>> LogisticNormal(Tensor([0.0, 0.0]), 1.0).event_shape
        (3,)
    """

    arg_constraints: ClassVar = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Their standard deviations."""
        return self.base_dist.base_dist.scale
