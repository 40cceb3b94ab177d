"""Dimensions of the batch taken for dimensions of one event."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import sum_of_last
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class Independent(Distribution):
    """`base_distribution`, the last dimensions of whose batch are one event: their log_probs add
    up.

    Raises:
        ArgumentError: the batch has fewer dimensions.

    Example:
        >>> from zincir.distributions.normal import Normal
        >>> Independent(Normal(Tensor([0.0, 0.0]), 1.0), 1).log_prob(Tensor([0.0, 0.0]))
        tensor(-1.8379)
    """

    arg_constraints: ClassVar = {}

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        shape = base_distribution.batch_shape
        if reinterpreted_batch_ndims > len(shape):
            raise ArgumentError(
                explain(
                    "Independent: Expected reinterpreted_batch_ndims <= "
                    "len(base_distribution.batch_shape)",
                    where=user_line(),
                    got=f"{reinterpreted_batch_ndims} vs {len(shape)}",
                )
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        kept = len(shape) - reinterpreted_batch_ndims
        event_shape = shape[kept:] + base_distribution.event_shape
        super().__init__(shape[:kept], event_shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._blank(_instance)
        shape = tuple(batch_shape)
        inner = self._event_shape[: self.reinterpreted_batch_ndims]
        new.base_dist = self.base_dist.expand(shape + inner)
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def has_rsample(self) -> Any:
        """Whether samples have gradients."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> Any:
        """Whether all values can be listed."""
        return not self.reinterpreted_batch_ndims and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        """Where samples lie."""
        inner = self.base_dist.support
        ndims = self.reinterpreted_batch_ndims
        return constraints.independent(inner, ndims) if ndims else inner

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return sum_of_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_of_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
