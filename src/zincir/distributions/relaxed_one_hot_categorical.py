"""Vectors of one 1, relaxed to numbers between 0 and 1."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.creation import as_tensor, full_like
from zincir.distributions import constraints
from zincir.distributions.categorical import Categorical, OverCategories
from zincir.distributions.parameters import broadcast_all, clamp_probs
from zincir.distributions.relaxed_bernoulli import Relaxed
from zincir.distributions.transforms import ExpTransform
from zincir.random import rand
from zincir.special import gammaln
from zincir.tensor import Tensor


class ExpRelaxedCategorical(OverCategories):
    """The logarithm of a `RelaxedOneHotCategorical`.

    Maddison, Mnih and Teh, "The concrete distribution" (2017).
    """

    support = constraints.real_vector
    has_rsample = True
    _kept: ClassVar = ("temperature",)

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = as_tensor(temperature)
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = clamp_probs(rand(shape, dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def log_prob(self, value: Any) -> Tensor:
        logits, value = broadcast_all(self.logits, self._checked(value))
        count = self._categorical._num_events
        score = logits - value * self.temperature
        score = (score - score.logsumexp(-1, keepdim=True)).sum(-1)
        many = gammaln(full_like(self.temperature, float(count)))
        return score + many + self.temperature.log() * (count - 1)


class RelaxedOneHotCategorical(Relaxed):
    """Vectors that tend to one 1 as `temperature` falls, with gradients.

    Example:
        >>> RelaxedOneHotCategorical(Tensor([0.5]), Tensor([1.0, 3.0])).probs
        tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar = Categorical.arg_constraints
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)
