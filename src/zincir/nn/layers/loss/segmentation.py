"""Losses for few positives among many: focal and Dice loss, as modules."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class SigmoidFocalLoss(Loss):
    """Binary cross-entropy times (1 - p)**gamma, p being the probability of what is true.

    Shape: logits, any; targets from 0 to 1 of the same. The arguments are those of
    `functional.sigmoid_focal_loss`, but the terms are averaged.

    Example:
        >>> import zincir
        >>> SigmoidFocalLoss(alpha=-1)(zincir.tensor([0.0]), zincir.tensor([1.0])).item()
        0.1732867956161499
    """

    def __init__(self, alpha: float = 0.25, gamma: float = 2, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.alpha = alpha
        self.gamma = gamma

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        return F.sigmoid_focal_loss(inputs, targets, self.alpha, self.gamma, self.reduction)


class DiceLoss(Loss):
    """1 - (2 |x t| + smooth) / (|x| + |t| + smooth), |.| a sum over all axes behind the second.

    Shape: probabilities (N, C, ...) and targets of the same. From https://arxiv.org/abs/1606.04797.

    Example:
        >>> import zincir
        >>> x = zincir.tensor([[[1.0, 1.0, 0.0, 0.0]]])
        >>> DiceLoss()(x, x).item()
        0.0
    """

    def __init__(self, smooth: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.smooth = smooth

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.dice_loss(input, target, self.smooth, self.reduction)
