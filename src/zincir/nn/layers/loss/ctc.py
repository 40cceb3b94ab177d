"""Connectionist temporal classification, as a module."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class CTCLoss(Loss):
    """-log of the probability to read the targets off a sequence, over all alignments.

    Shape: log_probs (T, N, C) or (T, C); targets (N, S), or all of them one behind the other;
    lengths (N,). The arguments are those of `functional.ctc_loss`.

    Example:
        >>> import zincir
        >>> even = zincir.zeros(2, 1, 2).log_softmax(-1)
        >>> round(CTCLoss()(even, zincir.tensor([[1]]), (2,), (1,)).item(), 4)
        0.2877
    """

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            *(log_probs, targets, input_lengths, target_lengths),
            *(self.blank, self.reduction, self.zero_infinity),
        )
