"""Losses between two tensors of one shape.

Shapes that differ are an error: a loss between (N, 1) and (N,) would silently become (N, N).
"""

from __future__ import annotations

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.lower_precision import full
from zincir.nn.functional.loss.operands import pair
from zincir.nn.functional.loss.reduction import reduced, reduction_of
from zincir.nn.module.user_line import at_user_line
from zincir.operations.arithmetic import abs, compare, where
from zincir.tensor import Tensor


@full
@at_user_line
def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """(input - target) ** 2, averaged over all elements.

    >>> import zincir
    >>> mse_loss(zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 4.0])).item()
    2.0
    """
    reduction = reduction_of("mse_loss", size_average, reduce, reduction)
    x, y = pair(input, target, "mse_loss")
    d = x - y
    return reduced(d * d, reduction)


@full
@at_user_line
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """|input - target|, averaged over all elements.

    >>> import zincir
    >>> l1_loss(zincir.tensor([1.0, 2.0]), zincir.tensor([1.0, 4.0])).item()
    1.0
    """
    reduction = reduction_of("l1_loss", size_average, reduce, reduction)
    x, y = pair(input, target, "l1_loss")
    return reduced(abs(x - y), reduction)


@full
@at_user_line
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d**2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere.

    From https://arxiv.org/abs/1504.08083.

    >>> import zincir
    >>> smooth_l1_loss(zincir.tensor([0.0, 0.0]), zincir.tensor([1.0, 3.0])).item()
    1.5
    """
    reduction = reduction_of("smooth_l1_loss", size_average, reduce, reduction)
    if beta < 0:
        raise ArgumentError(explain("smooth_l1_loss: beta is negative", got=str(beta)))
    x, y = pair(input, target, "smooth_l1_loss")
    if beta == 0:
        return reduced(abs(x - y), reduction)
    d = x - y
    far = abs(d)
    near = d * d * (0.5 / beta)
    return reduced(where(compare("lt", far, beta), near, far - 0.5 * beta), reduction)


@full
@at_user_line
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """d**2 / 2 where d = |input - target| < delta, delta * (d - delta / 2) elsewhere.

    From P. J. Huber (1964).

    >>> import zincir
    >>> huber_loss(zincir.tensor([0.0, 0.0]), zincir.tensor([1.0, 3.0])).item()
    1.5
    """
    if delta <= 0:
        raise ArgumentError(explain("huber_loss: delta is not positive", got=str(delta)))
    x, y = pair(input, target, "huber_loss")
    d = x - y
    far = abs(d)
    near = d * d * 0.5
    return reduced(where(compare("lt", far, delta), near, (far - 0.5 * delta) * delta), reduction)


@at_user_line
def quantile_loss(
    input: Tensor, target: Tensor, quantile: float = 0.5, reduction: str = "mean"
) -> Tensor:
    """max(q d, (q - 1) d) where d = target - input, q the quantile: also called pinball loss.

    It is smallest where a share `quantile` of the targets lies below the input (Koenker and
    Bassett 1978). Its gradient where d is 0 is 0.

    >>> import zincir
    >>> quantile_loss(zincir.tensor([1.0, 1.0]), zincir.tensor([2.0, 0.0]), 0.75).item()
    0.5
    """
    if not 0.0 < quantile < 1.0:
        raise ArgumentError(
            explain(
                "quantile_loss: quantile is out of range",
                where=user_line(),
                expected="0 < quantile < 1",
                got=str(quantile),
            )
        )
    x, y = pair(input, target, "quantile_loss")
    d = y - x
    return reduced(abs(d) * 0.5 + d * (quantile - 0.5), reduction)
