"""Parameters of distributions: broadcast, and turned from probabilities into logits and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.autograd.modes import enable_grad
from zincir.creation import tensor
from zincir.errors import ArgumentError, explain
from zincir.functional import broadcast_tensors
from zincir.graph.node import user_line
from zincir.limits import finfo
from zincir.tensor import Tensor

EULER = 0.57721566490153286060
"""The constant of Euler and Mascheroni."""


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; numbers take the type of the first tensor."""
    for value in values:
        if not isinstance(value, Tensor | int | float | np.number):
            raise ArgumentError(
                explain(
                    "Input arguments must all be instances of Number or Tensor",
                    where=user_line(),
                    got=type(value).__name__,
                )
            )
    kind = next((v.dtype for v in values if isinstance(v, Tensor)), None)
    tensors = [
        v if isinstance(v, Tensor) else tensor(float(v) if kind is None else v, dtype=kind)
        for v in values
    ]
    return tuple(broadcast_tensors(*tensors))


def smallest(like: Tensor) -> float:
    """The smallest normal number of a type."""
    return finfo(like.dtype).tiny


def spacing(like: Tensor) -> float:
    """The distance from 1 to the next number of a type."""
    return finfo(like.dtype).eps


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities, away from 0 and 1 by the spacing of their type."""
    eps = spacing(probs)
    return probs.clamp(min=eps, max=1 - eps)


def logits_of(probs: Tensor, binary: bool) -> Tensor:
    """The logits of probabilities."""
    p = clamp_probs(probs)
    return p.log() - (-p).log1p() if binary else p.log()


def probs_of(logits: Tensor, binary: bool) -> Tensor:
    """The probabilities of logits."""
    return logits.sigmoid() if binary else logits.softmax(-1)


def one_of_two(probs: Any, logits: Any) -> None:
    """Raise unless one is given, and the other not."""
    if (probs is None) == (logits is None):
        raise ArgumentError(
            explain(
                "Either `probs` or `logits` must be specified, but not both.", where=user_line()
            )
        )


class derived:
    """A parameter that is computed from the others when it is first asked for, with gradients."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: Any, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value


class Binary:
    """`probs` and `logits` of yes and no: each from the other."""

    @derived
    def logits(self) -> Tensor:
        """The log odds."""
        return logits_of(self.probs, binary=True)

    @derived
    def probs(self) -> Tensor:
        """The probability of 1."""
        return probs_of(self.logits, binary=True)


class OneOfMany:
    """`probs` and `logits` of one of several: each from the other."""

    @derived
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return logits_of(self.probs, binary=False)

    @derived
    def probs(self) -> Tensor:
        """The probability of each."""
        return probs_of(self.logits, binary=False)


def sum_of_last(value: Tensor, ndims: int) -> Tensor:
    """The sum over the last dimensions."""
    return value.reshape((*value.shape[: value.ndim - ndims], -1)).sum(-1) if ndims else value
