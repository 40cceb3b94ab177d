"""Losses for probabilities, as modules."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor


class BCEWithLogitsLoss(Loss):
    """-(pos_weight * t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))) * weight.

    Shape: target has the shape of input, any.
    The arguments are those of `functional.binary_cross_entropy_with_logits`.

    Example:
        >>> import zincir
        >>> BCEWithLogitsLoss()(zincir.tensor([0.0]), zincir.tensor([1.0])).item()
        0.6931471824645996
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


class BCELoss(Loss):
    """-(t * log(x) + (1 - t) * log(1 - x)) * weight, for probabilities x; logs end at -100.

    Shape: target has the shape of input, any. Prefer `BCEWithLogitsLoss`: it is accurate where
    x is near 0 or 1.

    Example:
        >>> import zincir
        >>> BCELoss()(zincir.tensor([0.5]), zincir.tensor([1.0])).item()
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
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class KLDivLoss(Loss):
    """t * (log(t) - input), `input` being log-probabilities; 0 where t is 0.

    Shape: target has the shape of input, any.
    The arguments are those of `functional.kl_div`.

    Example:
        >>> import zincir
        >>> KLDivLoss(reduction="batchmean")(zincir.tensor([[0.0]]), zincir.tensor([[1.0]])).item()
        0.0
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, log_target=self.log_target, reduction=self.reduction)
