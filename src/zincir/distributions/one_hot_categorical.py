"""The categorical distribution, whose samples are vectors of one 1."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.creation import eye
from zincir.distributions import constraints
from zincir.distributions.categorical import OverCategories
from zincir.nn.functional import one_hot
from zincir.tensor import Tensor


class OneHotCategorical(OverCategories):
    """As `Categorical`, but samples are vectors with 1 in the place of what was drawn.

    Example:
        >>> OneHotCategorical(Tensor([1.0, 3.0])).log_prob(Tensor([0.0, 1.0]))
        tensor(-0.2877)
    """

    arg_constraints: ClassVar = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    support = constraints.one_hot
    has_enumerate_support = True

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self._categorical.mode, self._event_shape[0]).to(self.probs.dtype)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self._categorical.sample(sample_shape)
        return one_hot(drawn, self._event_shape[0]).to(self.probs.dtype)

    def log_prob(self, value: Any) -> Tensor:
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        values = eye(n, dtype=self.probs.dtype)
        values = values.reshape((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """As `OneHotCategorical`, with the gradient of the probabilities in the place of the samples'.

    Bengio, Leonard and Courville, "Estimating or propagating gradients through stochastic neurons"
    (2013).
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
