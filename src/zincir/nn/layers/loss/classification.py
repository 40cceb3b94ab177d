"""Losses for classes, as modules."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class CrossEntropyLoss(Loss):
    """-log(softmax(input)[label]), for each row of scores.

    Shape: input (C,), (N, C) or (N, C, d1, ...), not normalised; target either labels, integers
    from 0 to C - 1 of shape (), (N,) or (N, d1, ...), or probabilities of the shape of input.
    The arguments are those of `functional.cross_entropy`.

    Example:
        >>> import zincir
        >>> CrossEntropyLoss()(zincir.tensor([[0.0, 0.0]]), zincir.tensor([1])).item()
        0.6931471824645996
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction=self.reduction,
        )


class NLLLoss(Loss):
    """-input[label], for each row of log-probabilities.

    Shape: input (C,), (N, C) or (N, C, d1, ...); target labels of shape (), (N,) or (N, d1, ...).
    The arguments are those of `functional.nll_loss`.

    Example:
        >>> import zincir
        >>> NLLLoss()(zincir.tensor([[-1.0, -3.0]]), zincir.tensor([1])).item()
        3.0
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """An older name of `NLLLoss`.

    Example:
        >>> import zincir
        >>> NLLLoss2d()(zincir.zeros(1, 2, 1, 1), zincir.tensor([[[1]]])).item()
        -0.0
    """
