"""What becomes of a distribution when its samples are transformed."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.independent import Independent
from zincir.distributions.parameters import sum_of_last
from zincir.distributions.transform import ComposeTransform, Transform
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class TransformedDistribution(Distribution):
    """The distribution of `f(x)`, where x is drawn from `base_distribution`.

    log p(y) = log p(x) - log |dy / dx| (the density of a changed variable).

    Args:
        base_distribution: what x is drawn from.
        transforms: one, or a list of them, the first one first.

    Raises:
        ArgumentError: they are no transforms, or take events of more dimensions.

    Example:
        >>> from zincir.distributions.normal import Normal
        >>> from zincir.distributions.transforms import ExpTransform
        >>> TransformedDistribution(Normal(0.0, 1.0), ExpTransform()).log_prob(Tensor([1.0]))
        tensor([-0.9189])
    """

    arg_constraints: ClassVar = {}
    base_dist: Any

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None
    ) -> None:
        given: Any = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(given, list) or not all(isinstance(t, Transform) for t in given):  # pyright: ignore[reportUnknownVariableType]
            raise ArgumentError(
                explain(
                    "transforms must be a Transform or a list of Transforms",
                    where=user_line(),
                    got=repr(transforms),
                )
            )
        self.transforms: list[Transform] = given
        transform = ComposeTransform(self.transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        ndims = len(base_distribution.event_shape)
        domain, codomain = transform.domain.event_dim, transform.codomain.event_dim
        if len(shape) < domain:
            raise ArgumentError(
                explain(
                    "base_distribution needs to have shape with size at least "
                    f"{domain}, but got {shape}.",
                    where=user_line(),
                )
            )
        new_shape = transform.forward_shape(shape)
        wanted = transform.inverse_shape(new_shape)
        if tuple(wanted) != shape:
            base_distribution = base_distribution.expand(wanted[: len(wanted) - ndims])
        if domain > ndims:
            base_distribution = Independent(base_distribution, domain - ndims)
        self.base_dist = base_distribution
        cut = len(new_shape) - max(codomain, ndims + codomain - domain)
        super().__init__(new_shape[:cut], new_shape[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._blank(_instance)
        shape = (*batch_shape, *self._event_shape)
        for t in reversed(self.transforms):
            shape = t.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new.transforms = self.transforms
        for name in self._event_dims:  # what it holds besides, with one number for each element
            setattr(new, name, getattr(self, name).expand(tuple(batch_shape)))
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _support(self) -> Any:
        """Where samples lie."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    support: Any = constraints.dependent_property(_support)

    def _has_rsample(self) -> Any:
        return self.base_dist.has_rsample

    has_rsample: Any = property(_has_rsample, doc="Whether samples have gradients.")

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def _transformed(self, x: Any) -> Any:
        for t in self.transforms:
            x = t(x)
        return x

    def log_prob(self, value: Any) -> Tensor:
        y = self._checked(value)
        ndims = len(self._event_shape)
        total: Any = 0.0
        for t in reversed(self.transforms):
            x = t.inv(y)
            ndims += t.domain.event_dim - t.codomain.event_dim
            term = t.log_abs_det_jacobian(x, y)
            total = total - sum_of_last(term, ndims - t.domain.event_dim)
            y = x
        base = self.base_dist.log_prob(y)
        return total + sum_of_last(base, ndims - len(self.base_dist.event_shape))

    def _rising(self, value: Any) -> Any:
        """A probability as it is, or that of the other side if the transforms fall."""
        sign = ComposeTransform(self.transforms).sign
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5

    def cdf(self, value: Any) -> Tensor:
        for t in reversed(self.transforms):
            value = t.inv(value)
        return self._rising(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Tensor:
        return self._transformed(self.base_dist.icdf(self._rising(value)))
