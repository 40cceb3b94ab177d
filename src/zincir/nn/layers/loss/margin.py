"""Losses that vanish beyond a margin, as modules."""

from __future__ import annotations

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class HingeEmbeddingLoss(Loss):
    """A distance where the target is 1; max(0, margin - distance) where it is -1.

    Shape: input any, target of the same.

    Example:
        >>> import zincir
        >>> HingeEmbeddingLoss()(zincir.tensor([0.5, 0.75]), zincir.tensor([1, -1])).item()
        0.375
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(Loss):
    """max(0, -target * (input1 - input2) + margin): 1 ranks the first higher, -1 the second.

    Shape: all three the same, any.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([1.0, 1.0]), zincir.tensor([3.0, 0.0])
        >>> MarginRankingLoss()(a, b, zincir.tensor([1.0, 1.0])).item()
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
        return F.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class SoftMarginLoss(Loss):
    """log(1 + exp(-target * input)) for targets of 1 and -1.

    Shape: target has the shape of input, any.

    Example:
        >>> import zincir
        >>> SoftMarginLoss()(zincir.tensor([0.0]), zincir.tensor([1.0])).item()
        0.6931471824645996
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(Loss):
    """For each row, the sum of max(0, margin - x[label] + x[i])**p over the other classes, / C.

    Shape: input (N, C) or (C,), target (N,) or (): labels; weight (C,), a factor for each label.

    Example:
        >>> import zincir
        >>> MultiMarginLoss()(zincir.tensor([[0.5, 1.0]]), zincir.tensor([0])).item()
        0.75
    """

    weight: Tensor | None

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(
                explain("MultiMarginLoss: p is not 1 or 2", where=user_line(), got=repr(p))
            )
        self.register_buffer("weight", weight)
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """The sum of max(0, 1 - (x[label] - x[i])) over all labels and all that are none, / C.

    Shape: input (N, C) or (C,); target of the same: in each row the labels, -1 behind the last.

    Example:
        >>> import zincir
        >>> x, y = zincir.tensor([[0.1, 0.2, 0.4, 0.8]]), zincir.tensor([[3, 0, -1, 1]])
        >>> round(MultiLabelMarginLoss()(x, y).item(), 6)
        0.85
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(Loss):
    """Binary cross-entropy of logits, averaged over the classes: the last axis.

    Shape: input and target (N, C) or (C,); weight, one factor for each class, broadcasts.

    Example:
        >>> import zincir
        >>> x, y = zincir.tensor([[0.0, 0.0]]), zincir.tensor([[1.0, 0.0]])
        >>> MultiLabelSoftMarginLoss()(x, y).item()
        0.6931471824645996
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )
