"""Losses for probabilities, as functions: binary cross-entropy, divergence."""

from __future__ import annotations

from zincir.graph.at_once import at_once
from zincir.graph.node import Node
from zincir.lower_precision import full
from zincir.nn.functional.activation import softplus_of
from zincir.nn.functional.loss.operands import factor, probabilities, weighted
from zincir.nn.functional.loss.reduction import reduced, reduction_of
from zincir.nn.module.user_line import at_user_line
from zincir.operations.arithmetic import abs, bitwise, cast, compare, maximum, minimum, where
from zincir.operations.elementwise import exp, log, log1p
from zincir.operations.indexing import PROBABILITY, take
from zincir.operations.movement import expand
from zincir.operations.reduction import amax
from zincir.operations.source import const, detach, with_gradient_of
from zincir.tensor import Tensor
from zincir.types import int32, size


@full
@at_user_line
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-(pos_weight * t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))) * weight.

    Computed as max(x, 0) - x * t + log1p(exp(-|x|)), which is accurate for any x.

    Args:
        target: floating, from 0 to 1.
        weight: a factor for each element; broadcasts.
        pos_weight: a factor for the positive part, such as one for each column; broadcasts.

    >>> import zincir
    >>> binary_cross_entropy_with_logits(zincir.tensor([0.0]), zincir.tensor([1.0])).item()
    0.6931471824645996
    """
    reduction = reduction_of("binary_cross_entropy_with_logits", size_average, reduce, reduction)
    what = "binary_cross_entropy_with_logits"
    x, t = probabilities(input, target, what)
    if pos_weight is None:
        negative = compare("lt", x, 0.0)
        loss = where(negative, 0.0, x) - x * t + log1p(exp(where(negative, x, -x)))
    else:
        positive = (factor(pos_weight, x, f"{what}: pos_weight") - 1.0) * t + 1.0
        loss = (1.0 - t) * x + positive * softplus_of(-x)
    return reduced(weighted(loss, weight, what), reduction)


@full
@at_user_line
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t * log(x) + (1 - t) * log(1 - x)) * weight, for probabilities x; logs end at -100.

    Prefer `binary_cross_entropy_with_logits`: it is accurate where x is near 0 or 1. NaN gives NaN,
    where PyTorch raises.

    Raises:
        ArgumentError: an element of `input` or `target` is below 0 or above 1; of outputs that are
            not known yet as soon as the loss is.

    >>> import zincir
    >>> binary_cross_entropy(zincir.tensor([0.5]), zincir.tensor([1.0])).item()
    0.6931471824645996
    """
    reduction = reduction_of("binary_cross_entropy", size_average, reduce, reduction)
    x, t = probabilities(input, target, "binary_cross_entropy")
    loss = -(t * _cut_log(x) + (1.0 - t) * _cut_log(1.0 - x))
    loss = loss + expand(_outside(x, t), loss.shape)
    return reduced(weighted(loss, weight, "binary_cross_entropy"), reduction)


def _outside(x: Node, t: Node) -> Node:
    """0; an error if there are numbers below 0 or above 1 in `x` or `t`."""
    if not size(x.shape):
        return const(0.0, x.dtype)
    low, high = minimum(detach(x), detach(t)), maximum(detach(x), detach(t))
    wrong = bitwise("or", compare("lt", low, 0.0), compare("gt", high, 1.0))
    any_wrong = amax(cast(wrong, int32), tuple(range(x.ndim)))
    zero = take(expand(const(0.0, x.dtype), (1,)), any_wrong, PROBABILITY)
    return at_once(zero) if x.value is not None and t.value is not None else zero


def _cut_log(x: Node) -> Node:
    """log(x), -100 from where float32 has no smaller normal number; no gradient there."""
    zero = compare("lt", abs(x), 1.2e-38)
    return where(zero, -100.0, log(where(zero, 1.0, x)))


@full
@at_user_line
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Computes t * (log(t) - input), `input` being log-probabilities; 0 where t is 0.

    Args:
        reduction: "batchmean" (the mathematical mean: divides by the first axis), "mean" (divides
            by all elements), "sum" or "none".
        log_target: the target is log-probabilities too.

    >>> import zincir
    >>> kl_div(zincir.tensor([[0.0]]), zincir.tensor([[1.0]]), reduction="batchmean").item()
    0.0
    """
    reduction = reduction_of("kl_div", size_average, reduce, reduction)
    x, t = probabilities(input, target, "kl_div")
    if log_target:
        loss = exp(t) * (t - x)
    else:
        # As in PyTorch, 0 log 0 is 0, and its slope in the target NaN.
        fixed = detach(t)
        zero = compare("eq", fixed, 0.0)
        plain = where(zero, 0.0, fixed * log(where(zero, 1.0, fixed)))
        loss = with_gradient_of(plain, t * log(t) if t.needs_grad else t) - t * x
    if reduction != "batchmean":
        return reduced(loss, reduction)
    total = reduced(loss, "sum")
    return total / float(x.shape[0]) if x.ndim else total
