"""One of several distributions of a kind, chosen at random."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.distributions import constraints
from zincir.distributions.categorical import Categorical
from zincir.distributions.constraints import Constraint, all_of_last
from zincir.distributions.distribution import Distribution
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class _OfAll(Constraint):
    """What lies in the support of every component."""

    def __init__(self, of: Constraint) -> None:
        self._of = of
        self.is_discrete, self.event_dim = of.is_discrete, of.event_dim

    def check(self, value: Tensor) -> Tensor:
        valid = self._of.check(value.unsqueeze(-1 - self.event_dim))
        return all_of_last(valid, valid.ndim - (value.ndim - self.event_dim))


class MixtureSameFamily(Distribution):
    """Components along the last dimension of a batch, weighted by a `Categorical`.

    log p(x) = logsumexp over k of (log w[k] + log p[k](x))

    Args:
        mixture_distribution: the weights.
        component_distribution: the components: the last dimension of its batch counts them.

    Raises:
        ArgumentError: the weights are no `Categorical`, or there is another number of them.

    Example:
        >>> from zincir.distributions.normal import Normal
        >>> mix = MixtureSameFamily(
        ...     Categorical(Tensor([0.5, 0.5])), Normal(Tensor([-1.0, 1.0]), 1.0)
        ... )
        >>> mix.mean
        tensor(0.)
    """

    arg_constraints: ClassVar = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        self._check_parts()
        shape = component_distribution.batch_shape[:-1]
        event_shape = component_distribution.event_shape
        super().__init__(shape, event_shape, validate_args=validate_args)

    def _check_parts(self) -> None:
        mixture, component = self._mixture_distribution, self._component_distribution
        what = ""
        if not isinstance(mixture, Categorical):
            what = "The Mixture distribution needs to be an instance of Categorical"
        elif not isinstance(component, Distribution):
            what = "The Component distribution needs to be an instance of Distribution"
        elif mixture._num_events != component.batch_shape[-1]:
            what = f"there are {mixture._num_events} weights for {component.batch_shape[-1]}"
        else:
            pairs = zip(
                reversed(mixture.batch_shape), reversed(component.batch_shape[:-1]), strict=False
            )
            if any(1 not in pair and pair[0] != pair[1] for pair in pairs):
                what = "`mixture_distribution.batch_shape` does not fit the components'"
        if what:
            raise ArgumentError(explain(f"MixtureSameFamily: {what}", where=user_line()))

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._blank(_instance)
        shape = tuple(batch_shape)
        count = self._mixture_distribution._num_events
        new._component_distribution = self._component_distribution.expand((*shape, count))
        new._mixture_distribution = self._mixture_distribution.expand(shape)
        Distribution.__init__(new, shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property
    def support(self) -> Any:
        """Where samples lie."""
        return _OfAll(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Categorical:
        """The weights."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components."""
        return self._component_distribution

    @property
    def mean(self) -> Tensor:
        at = -1 - len(self._event_shape)
        return (self._weights() * self._component_distribution.mean).sum(at)

    @property
    def variance(self) -> Tensor:
        at = -1 - len(self._event_shape)
        weights, component = self._weights(), self._component_distribution
        within = (weights * component.variance).sum(at)
        between = (component.mean - self.mean.unsqueeze(at)).square()
        return within + (weights * between).sum(at)

    def _weights(self) -> Tensor:
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + (1,) * len(self._event_shape))

    def cdf(self, value: Any) -> Tensor:
        x = self._checked(value).unsqueeze(-1 - len(self._event_shape))
        return (self._component_distribution.cdf(x) * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Any) -> Tensor:
        x = self._checked(value).unsqueeze(-1 - len(self._event_shape))
        weights = self._mixture_distribution.logits.log_softmax(-1)
        return (self._component_distribution.log_prob(x) + weights).logsumexp(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            n = len(self._event_shape)
            index = chosen.reshape((*chosen.shape, 1) + (1,) * n)
            index = index.expand((*chosen.shape, 1, *self._event_shape))
            return drawn.gather(chosen.ndim, index).squeeze(chosen.ndim)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily(\n  {self._mixture_distribution},\n"
            f"  {self._component_distribution})"
        )
