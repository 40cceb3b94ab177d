"""Losses of pairs and triplets: what is alike shall be near, as modules."""

from __future__ import annotations

from collections.abc import Callable

from zincir.nn import functional as F
from zincir.nn.functional.loss.similarity import check_margin
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class CosineEmbeddingLoss(Loss):
    """1 - cos(x1, x2) where the target is 1; max(0, cos(x1, x2) - margin) where it is -1.

    Shape: inputs (N, D) and target (N,), or inputs (D,) and target ().

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[1.0, 0.0]]), zincir.tensor([[0.0, 2.0]])
        >>> CosineEmbeddingLoss()(a, b, zincir.tensor([1])).item()
        1.0
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d a p-norm of differences.

    Shape: all three (N, D) or (D,). The arguments are those of `functional.triplet_margin_loss`.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0]]), zincir.tensor([[3.0, 4.0]])
        >>> round(TripletMarginLoss()(a, b, b).item(), 4)
        1.0
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        check_margin("TripletMarginLoss", margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            *(anchor, positive, negative, self.margin, self.p, self.eps, self.swap),
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with any function of two tensors as distance.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0]]), zincir.tensor([[3.0, 4.0]])
        >>> l1 = lambda x, y: (x - y).abs().sum(-1)
        >>> TripletMarginWithDistanceLoss(distance_function=l1)(a, b, a).item()
        8.0
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        check_margin("TripletMarginWithDistanceLoss", margin)
        self.distance_function = distance_function or F.pairwise_distance
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            *(anchor, positive, negative),
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
