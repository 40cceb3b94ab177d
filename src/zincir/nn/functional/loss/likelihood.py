"""Negative log-likelihoods of distributions whose parameters a net predicts, as functions."""

from __future__ import annotations

import math

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.nn.functional.loss.reduction import reduced, reduction_of
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import compare, where
from zincir.operations.composed import clamp
from zincir.operations.elementwise import exp, log
from zincir.operations.host import checked
from zincir.operations.movement import reshape
from zincir.operations.reduction import amin
from zincir.operations.source import const, detach, with_gradient_of
from zincir.tensor import Tensor
from zincir.types import size


@full
@at_user_line
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target * input: counts that follow a Poisson distribution of this log-rate.

    Args:
        log_input: if False, the input is the rate itself: input - target * log(input + eps).
        full: add Stirling's approximation of log(target!) where the target is above 1.

    >>> import zincir
    >>> poisson_nll_loss(zincir.tensor([0.0]), zincir.tensor([2.0])).item()
    1.0
    """
    reduction = reduction_of("poisson_nll_loss", size_average, reduce, reduction)
    x, y = floats(input, "poisson_nll_loss: input"), node_of(target, "poisson_nll_loss: target")
    loss = exp(x) - y * x if log_input else x - y * log(x + eps)
    if full:
        counted = compare("gt", y, 1)
        n = where(counted, y, 2)
        stirling = n * log(n) - n + 0.5 * log(2.0 * math.pi * n)
        loss = loss + where(counted, stirling, 0.0)
    return reduced(loss, reduction)


@at_user_line
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log(var) + (input - target)**2 / var) / 2: targets spread normally around the input.

    Args:
        var: the variance, at least 0: of the shape of the input, without its last axis, with 1
            in place of one axis, or a number.
        full: add the constant log(2 pi) / 2.
        eps: smaller variances count as this one; gradients pass to them unchanged.

    >>> import zincir
    >>> gaussian_nll_loss(zincir.tensor([1.0]), zincir.tensor([3.0]), zincir.tensor([1.0])).item()
    2.0
    """
    x = floats(input, "gaussian_nll_loss: input")
    y = node_of(target, "gaussian_nll_loss: target")
    if eps <= 0:
        raise ArgumentError(
            explain("gaussian_nll_loss: eps is not positive", where=user_line(), got=repr(eps))
        )
    variance = _variance(var, x)
    variance = with_gradient_of(clamp(detach(variance), eps, None), variance)
    d = x - y
    loss = (log(variance) + d * d / variance) * 0.5
    return reduced(loss + 0.5 * math.log(2.0 * math.pi) if full else loss, reduction)


def _variance(var: Tensor | float, x: Node) -> Node:
    if not isinstance(var, Tensor):
        return _not_negative(const(float(var), x.dtype))
    v = floats(var, "gaussian_nll_loss: var")
    if size(v.shape):
        least = amin(detach(v), tuple(range(v.ndim)))
        v = v + 0.0 * _not_negative(least)
    if v.shape == x.shape:
        return v
    if v.shape == x.shape[:-1]:
        return reshape(v, (*v.shape, 1))
    if v.ndim == x.ndim and [n for n, m in zip(v.shape, x.shape, strict=True) if n != m] == [1]:
        return v
    raise ShapeError(
        explain(
            "gaussian_nll_loss: var does not fit the input",
            where=user_line(),
            expected=f"{x.shape}, {x.shape[:-1]}, or {x.shape} with 1 for one of its axes",
            got=str(v.shape),
        )
    )


def _not_negative(x: Node) -> Node:
    return checked(x, compare("ge", x, 0.0), "gaussian_nll_loss: var is negative")
