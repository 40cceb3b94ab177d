"""Yes and no, relaxed to numbers between 0 and 1."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.creation import as_tensor
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import Binary, broadcast_all, clamp_probs, one_of_two
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.transforms import SigmoidTransform
from zincir.random import rand
from zincir.tensor import Tensor


class LogitRelaxedBernoulli(Binary, Distribution):
    """The logit of a `RelaxedBernoulli`.

    Maddison, Mnih and Teh, "The concrete distribution" (2017).
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    has_rsample = True
    _event_dims: ClassVar = {"probs": 0, "logits": 0}

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        one_of_two(probs, logits)
        self.temperature = as_tensor(temperature)
        shape = self._hold(probs=probs) if logits is None else self._hold(logits=logits)
        super().__init__(shape, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        p = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(rand(shape, dtype=p.dtype))
        return (u.log() - (-u).log1p() + p.log() - (-p).log1p()) / self.temperature

    def log_prob(self, value: Any) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        diff = logits - value * self.temperature
        return self.temperature.log() + diff - 2 * diff.exp().log1p()


class Relaxed(TransformedDistribution):
    """What is relaxed: its parameters are those of the distribution that is transformed."""

    @property
    def temperature(self) -> Tensor:
        """How far the numbers are from 0 and 1."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Tensor:
        """The log odds, or the logarithms of the probabilities."""
        return self.base_dist.logits

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs


class RelaxedBernoulli(Relaxed):
    """A number between 0 and 1 that tends to one of them as `temperature` falls, with gradients.

    Example:
        >>> RelaxedBernoulli(Tensor([1.0]), probs=Tensor([0.5])).log_prob(Tensor([0.5]))
        tensor([0.])
    """

    arg_constraints: ClassVar = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
