"""Losses between two tensors of one shape, as modules; shapes that differ are errors."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class MSELoss(Loss):
    """(input - target) ** 2, averaged over all elements.

    Shape: target has the shape of input, any.

    Example:
        >>> import zincir
        >>> MSELoss()(zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 4.0])).item()
        2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """|input - target|, averaged over all elements.

    Shape: target has the shape of input, any.

    Example:
        >>> import zincir
        >>> L1Loss()(zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 4.0])).item()
        1.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """d**2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere.

    Shape: target has the shape of input, any. From https://arxiv.org/abs/1504.08083.

    Example:
        >>> import zincir
        >>> SmoothL1Loss()(zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 4.0])).item()
        0.75
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, beta=self.beta, reduction=self.reduction)


class HuberLoss(Loss):
    """d**2 / 2 where d = |input - target| < delta, delta * (d - delta / 2) elsewhere.

    Shape: target has the shape of input, any. From P. J. Huber (1964).

    Example:
        >>> import zincir
        >>> HuberLoss()(zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 4.0])).item()
        0.75
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, delta=self.delta, reduction=self.reduction)


class QuantileLoss(Loss):
    """max(q d, (q - 1) d) where d = target - input, q the quantile: also called pinball loss.

    Shape: target has the shape of input, any.

    Example:
        >>> import zincir
        >>> QuantileLoss(0.75)(zincir.tensor([1.0, 1.0]), zincir.tensor([2.0, 0.0])).item()
        0.5
    """

    def __init__(self, quantile: float = 0.5, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.quantile = quantile

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.quantile_loss(input, target, self.quantile, self.reduction)
