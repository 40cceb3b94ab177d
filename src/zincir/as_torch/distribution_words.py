"""`torch.distributions.utils`: words that distributions are written in, by PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir.distributions.correlation import (
    tril_matrix_to_vec as tril_matrix_to_vec,
    vec_to_tril_matrix as vec_to_tril_matrix,
)
from zincir.distributions.parameters import (
    EULER,
    broadcast_all as broadcast_all,
    clamp_probs as clamp_probs,
    derived,
    logits_of,
    probs_of,
    sum_of_last,
)
from zincir.random import randn
from zincir.tensor import Tensor

euler_constant = EULER
_sum_rightmost = sum_of_last


class lazy_property(derived):
    """A property that is computed when it is first read, with gradients, and then remembered.

    >>> class Square:
    ...     side = 3
    ...
    ...     @lazy_property
    ...     def area(self):
    ...         return self.side**2
    >>> square = Square()
    >>> square.area, vars(square)
    (9, {'area': 9})
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        super().__init__(wrapped)
        self.wrapped = wrapped
        self._name = wrapped.__name__


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Probabilities of logits: of yes and no, or of one of many along the last dimension."""
    return probs_of(logits, is_binary)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Logits of probabilities: of yes and no, or of one of many along the last dimension."""
    return logits_of(probs, is_binary)


def _standard_normal(  # pyright: ignore[reportUnusedFunction]
    shape: Any, dtype: Any, device: Any
) -> Tensor:
    return randn(tuple(shape), dtype=dtype, device=device)
