"""Cross-entropy of a linear layer's scores, as a module."""

from __future__ import annotations

import math
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.functional.loss.linear_cross_entropy import LinearCrossEntropyOptions
from zincir.nn.layers.linear import Linear
from zincir.nn.layers.loss.reduced import Loss
from zincir.tensor import Tensor
from zincir.types import DType


class LinearCrossEntropyLoss(Loss):
    """Cross-entropy of the scores that a linear layer of its own, `linear`, gives the input.

    Shape: input (N, in_features) or (in_features,); target as for `CrossEntropyLoss`, of scores
    (N, num_classes, *out_features).

    Example:
        >>> import zincir
        >>> loss = LinearCrossEntropyLoss(5, 10)
        >>> loss(zincir.ones(2, 5), zincir.tensor([1, 2])).shape, list(loss.state_dict())
        ((), ['linear.weight'])
    """

    weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        super().__init__(reduction=reduction)
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(
                explain(
                    "LinearCrossEntropyLoss: weight does not fit the classes",
                    where=user_line(),
                    expected=f"({num_classes},)",
                    got=str(tuple(weight.shape)),
                )
            )
        if not 0.0 <= label_smoothing <= 1.0:
            raise ArgumentError(
                explain(
                    "LinearCrossEntropyLoss: label_smoothing is out of range",
                    where=user_line(),
                    expected="from 0.0 to 1.0",
                    got=str(label_smoothing),
                )
            )
        self.register_buffer("weight", weight)
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        count = math.prod(self.out_features, start=num_classes)
        self.linear = Linear(in_features, count, bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        many, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*many, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(many),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
