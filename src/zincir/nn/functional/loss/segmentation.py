"""Losses for few positives among many: focal and Dice loss, as functions."""

from __future__ import annotations

from zincir.nn.functional.activation import softplus_of
from zincir.nn.functional.loss.operands import pair, probabilities
from zincir.nn.functional.loss.reduction import reduced
from zincir.nn.module.user_line import at_user_line
from zincir.operations.elementwise import sigmoid
from zincir.operations.movement import reshape, sum_
from zincir.operations.powers import power
from zincir.tensor import Tensor


@at_user_line
def sigmoid_focal_loss(
    inputs: Tensor,
    targets: Tensor,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: str = "none",
) -> Tensor:
    """Binary cross-entropy times (1 - p)**gamma, p being the probability of what is true.

    What is already right counts little (Lin et al. 2017, https://arxiv.org/abs/1708.02002).

    Args:
        inputs: logits.
        targets: floating, from 0 to 1.
        alpha: the weight of positives, 1 - alpha that of negatives; negative: no weights.

    >>> import zincir
    >>> sigmoid_focal_loss(zincir.tensor([0.0]), zincir.tensor([1.0]), alpha=-1).item()
    0.1732867956161499
    """
    x, t = probabilities(inputs, targets, "sigmoid_focal_loss")
    p = sigmoid(x)
    entropy = t * softplus_of(-x) + (1.0 - t) * softplus_of(x)
    missing = 1.0 - (p * t + (1.0 - p) * (1.0 - t))
    loss = entropy * power(missing, float(gamma))
    if alpha >= 0:
        loss = loss * (alpha * t + (1.0 - alpha) * (1.0 - t))
    return reduced(loss, reduction)


@at_user_line
def dice_loss(
    input: Tensor, target: Tensor, smooth: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """1 - (2 |x t| + smooth) / (|x| + |t| + smooth), |.| a sum over all axes behind the second.

    From Milletari et al. 2016 (https://arxiv.org/abs/1606.04797), where |.| are squares.

    Args:
        input: probabilities (N, C, ...), and
        target: numbers from 0 to 1, of the same shape.
        reduction: over the (N, C) overlaps.

    >>> import zincir
    >>> x = zincir.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    >>> dice_loss(x, x).item(), dice_loss(x, 1.0 - x, smooth=0.0).item()
    (0.0, 1.0)
    """
    x, t = pair(input, target, "dice_loss")
    axes = tuple(range(min(2, x.ndim), x.ndim))
    common = sum_(x * t, axes) * 2.0 + smooth
    loss = 1.0 - common / (sum_(x, axes) + sum_(t, axes) + smooth)
    return reduced(reshape(loss, x.shape[:2]), reduction)
