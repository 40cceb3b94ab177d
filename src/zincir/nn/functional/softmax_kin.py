"""What softmax is a part of: its mirror, and choices that gradients pass."""

from __future__ import annotations

from zincir.nn.functional.activation import softmax
from zincir.nn.functional.embedding import one_hot
from zincir.nn.module.user_line import at_user_line
from zincir.random import rand_like
from zincir.tensor import Tensor
from zincir.types import DType

LEAST = 1e-37
"""In place of a 0 that was drawn: its logarithm is a number."""


@at_user_line
def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """`softmax` of the negative.

    >>> import zincir
    >>> softmin(zincir.tensor([0.0, 0.0]), dim=0).tolist()
    [0.5, 0.5]
    """
    return softmax(-input, dim, dtype=dtype)


@at_user_line
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """softmax((logits + g) / tau), g drawn from the Gumbel distribution.

    A class drawn with the probabilities softmax(logits), as a vector whose largest element it is,
    through which gradients pass (https://arxiv.org/abs/1611.01144).

    Args:
        hard: 1 for the class and 0 elsewhere, with the gradient of the soft vector.

    >>> import zincir
    >>> gumbel_softmax(zincir.zeros(4, 3), hard=True).sum(1).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    gumbels = -(-rand_like(logits).clamp(min=LEAST).log()).log()
    soft = softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    chosen = one_hot(soft.detach().argmax(dim), soft.shape[dim]).movedim(-1, dim).to(soft.dtype)
    return chosen - soft.detach() + soft
