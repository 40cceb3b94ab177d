"""The Pareto distribution."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.exponential import Exponential
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import AffineTransform, ExpTransform
from zincir.tensor import Tensor


class Pareto(TransformedDistribution):
    """Pareto: P(X > x) = (scale / x)^alpha, from `scale` on.

    Its mean is infinite unless alpha > 1, its variance unless alpha > 2.

    Example:
        >>> Pareto(1.0, 3.0).mean
        tensor(1.5000)
    """

    arg_constraints: ClassVar = {"alpha": constraints.positive, "scale": constraints.positive}
    _event_dims: ClassVar = {"scale": 0, "alpha": 0}
    scale: Tensor
    alpha: Tensor

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self._hold(scale=scale, alpha=alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        parts = [ExpTransform(), AffineTransform(0, self.scale)]
        super().__init__(base, parts, validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """Where samples lie."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale.square() * a / ((a - 1).square() * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())
