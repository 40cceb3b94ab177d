"""Losses that `torch` itself has: those of `torch.nn.functional`, with numbers for reductions."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.tensor import Tensor

_REDUCTIONS = ("none", "mean", "sum")


def _named(reduction: int) -> str:
    if isinstance(reduction, int) and 0 <= reduction < len(_REDUCTIONS):
        return _REDUCTIONS[reduction]
    raise ArgumentError(
        explain(
            "a loss of torch itself: reductions are numbers",
            where=user_line(),
            expected="0 (none), 1 (mean) or 2 (sum)",
            got=repr(reduction),
            try_="the loss of the same name in torch.nn.functional",
        )
    )


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    pos_weight: Tensor | None = None,
    reduction: int = 1,
) -> Tensor:
    """`F.binary_cross_entropy_with_logits`.

    >>> import zincir
    >>> x, t = zincir.zeros(2), zincir.ones(2)
    >>> binary_cross_entropy_with_logits(x, t, None, None, 2)
    tensor(1.3863)
    """
    how = _named(reduction)
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=how, pos_weight=pos_weight
    )


def kl_div(
    input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False
) -> Tensor:
    """`F.kl_div`."""
    return F.kl_div(input, target, reduction=_named(reduction), log_target=log_target)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """`F.triplet_margin_loss`."""
    given = (anchor, positive, negative, margin, p, eps, swap)
    return F.triplet_margin_loss(*given, reduction=_named(reduction))


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`F.cosine_embedding_loss`."""
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_named(reduction))


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1
) -> Tensor:
    """`F.hinge_embedding_loss`."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_named(reduction))


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """`F.margin_ranking_loss`."""
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_named(reduction))


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """`F.poisson_nll_loss`."""
    how = _named(reduction)
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=how)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """`F.ctc_loss`."""
    given = (log_probs, targets, input_lengths, target_lengths, blank)
    return F.ctc_loss(*given, _named(reduction), zero_infinity)
