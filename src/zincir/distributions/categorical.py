"""The categorical distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from zincir.autograd.modes import no_grad
from zincir.creation import _shape as shape_of, full
from zincir.distributions import constraints
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import OneOfMany, one_of_two
from zincir.errors import ArgumentError, explain
from zincir.functional import broadcast_tensors
from zincir.graph.node import user_line
from zincir.limits import finfo
from zincir.random import multinomial
from zincir.series import arange
from zincir.tensor import Tensor
from zincir.types import Shape, size


class Categorical(OneOfMany, Distribution):
    """A number from 0 to K - 1, with the probabilities `probs` or the unnormalised logarithms
    `logits`.

    The last dimension holds the K categories; probabilities are divided by their sum.

    Raises:
        ArgumentError: both or none are given, or what is given has no dimension.

    Example:
        >>> Categorical(Tensor([1.0, 3.0])).probs
        tensor([0.2500, 0.7500])
    """

    arg_constraints: ClassVar = {
        "probs": constraints.simplex,
        "logits": constraints.real_vector,
    }
    has_enumerate_support = True
    _event_dims: ClassVar = {"probs": 1, "logits": 1}

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        one_of_two(probs, logits)
        name, given = ("probs", probs) if logits is None else ("logits", logits)
        if given.ndim < 1:
            raise ArgumentError(
                explain(
                    f"Categorical: `{name}` parameter must be at least one-dimensional.",
                    where=user_line(),
                )
            )
        if logits is None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(-1, keepdim=True)
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Tensor:
        known = self.__dict__
        return known["probs"] if "probs" in known else known["logits"]

    @property
    def _num_events(self) -> int:
        return self._param.shape[-1]

    @property
    def param_shape(self) -> Shape:
        """The shape of the parameters."""
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """Where samples lie."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self.mean

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            count = size(shape_of((tuple(sample_shape),)))
            rows = self.probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, count, True).transpose(0, 1)
            return drawn.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        index = self._checked(value).long().unsqueeze(-1)
        index, log_pmf = broadcast_tensors(index, self.logits)
        return log_pmf.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        least = finfo(self.logits.dtype).min  # 0 * -inf would be NaN
        return -(self.logits.clamp(min=least) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = arange(self._num_events).reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values


class OverCategories(Distribution):
    """What distributions of vectors share that have a place for each of several categories."""

    arg_constraints: ClassVar = Categorical.arg_constraints
    _kept: ClassVar[tuple[str, ...]] = ()
    """What a larger batch takes over as it is."""

    def __init__(
        self, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.batch_shape
        super().__init__(shape, self._categorical.param_shape[-1:], validate_args=False)
        self._validate_args = self._categorical._validate_args

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._blank(_instance)
        new._categorical = self._categorical.expand(batch_shape)
        for name in self._kept:
            setattr(new, name, getattr(self, name))
        Distribution.__init__(new, new._categorical.batch_shape, self._event_shape, False)
        new._validate_args = self._validate_args
        return new

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Shape:
        """The shape of the parameters."""
        return self._categorical.param_shape
