"""Cross-entropy of a linear layer's scores, as a function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.lower_precision import full
from zincir.nn.functional.linear import linear
from zincir.nn.functional.loss.classification import cross_entropy
from zincir.nn.module.user_line import at_user_line
from zincir.tensor import Tensor


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch shall cut the batch into pieces; here the compiler chooses, and nothing changes.

    >>> LinearCrossEntropyOptions(batch_chunk_size=16).batch_chunk_size
    16
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None


@full
@at_user_line
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """`cross_entropy(linear(input, linear_weight, linear_bias), target, ...)`.

    Shape: input (N, D) or (D,); linear_weight (C, D) or (C, d1, ..., D), for as many labels in
    each row; linear_bias the same without D; target as for `cross_entropy` of (N, C, d1, ...).

    >>> import zincir
    >>> x, w = zincir.ones(1, 3), zincir.zeros(2, 3)
    >>> linear_cross_entropy(x, w, zincir.tensor([1])).item()
    0.6931471824645996
    """
    many, d = tuple(linear_weight.shape[:-1]), linear_weight.shape[-1]
    biased = linear_bias is None or tuple(linear_bias.shape) == many
    batched = input.ndim == 2 or (input.ndim == 1 and len(many) == 1)
    if not many or not batched or input.shape[-1] != d or not biased:
        raise ShapeError(
            explain(
                "linear_cross_entropy: the layer does not fit the input",
                where=user_line(),
                expected="input (N, D), linear_weight (C, ..., D), linear_bias (C, ...)",
                got=f"{tuple(input.shape)}, {tuple(linear_weight.shape)}"
                + ("" if linear_bias is None else f", {tuple(linear_bias.shape)}"),
            )
        )
    shape = (*input.shape[:-1], *many)
    if ignore_index is not None and tuple(target.shape) == shape:
        raise ArgumentError(
            explain(
                "linear_cross_entropy: ignore_index beside probabilities",
                where=user_line(),
                expected="labels as target, or no ignore_index",
            )
        )
    flat = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(math.prod(many), d), flat).reshape(shape)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        scores,
        target,
        weight=weight,
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
