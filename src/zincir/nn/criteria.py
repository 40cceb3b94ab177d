"""Losses between two tensors of one shape.

Shapes that differ are an error: a loss between (N, 1) and (N,) would silently become (N, N).
"""

from __future__ import annotations

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node
from zincir.nn.checks import reduction_of
from zincir.nn.nonlinear import softplus_of
from zincir.nn.place import at_user_line, floats, node_of, where_am_i
from zincir.ops.arithmetic import abs, common, compare, where
from zincir.ops.elementwise import exp, log, log1p
from zincir.ops.movement import reshape, sum_
from zincir.tensor import Tensor, wrap
from zincir.types import broadcast, size


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
    x, y = _pair(input, target, "mse_loss")
    d = x - y
    return _reduced(d * d, reduction)


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
    x, y = _pair(input, target, "l1_loss")
    return _reduced(abs(x - y), reduction)


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
    x, y = _pair(input, target, "smooth_l1_loss")
    if beta == 0:
        return _reduced(abs(x - y), reduction)
    d = x - y
    far = abs(d)
    near = d * d * (0.5 / beta)
    return _reduced(where(compare("lt", far, beta), near, far - 0.5 * beta), reduction)


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
    x, y = _pair(input, target, "huber_loss")
    d = x - y
    far = abs(d)
    near = d * d * 0.5
    return _reduced(where(compare("lt", far, delta), near, (far - 0.5 * delta) * delta), reduction)


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
    x, t = _probabilities(input, target, what)
    if pos_weight is None:
        negative = compare("lt", x, 0.0)
        loss = where(negative, 0.0, x) - x * t + log1p(exp(where(negative, x, -x)))
    else:
        factor = (_factor(pos_weight, x, f"{what}: pos_weight") - 1.0) * t + 1.0
        loss = (1.0 - t) * x + factor * softplus_of(-x)
    return _reduced(_weighted(loss, weight, what), reduction)


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

    Prefer `binary_cross_entropy_with_logits`: it is accurate where x is near 0 or 1.

    >>> import zincir
    >>> binary_cross_entropy(zincir.tensor([0.5]), zincir.tensor([1.0])).item()
    0.6931471824645996
    """
    reduction = reduction_of("binary_cross_entropy", size_average, reduce, reduction)
    x, t = _probabilities(input, target, "binary_cross_entropy")
    loss = -(t * _cut_log(x) + (1.0 - t) * _cut_log(1.0 - x))
    return _reduced(_weighted(loss, weight, "binary_cross_entropy"), reduction)


def _cut_log(x: Node) -> Node:
    """log(x), -100 from where float32 has no smaller normal number; no gradient there."""
    zero = compare("lt", abs(x), 1.2e-38)
    return where(zero, -100.0, log(where(zero, 1.0, x)))


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
    x, t = _probabilities(input, target, "kl_div")
    if log_target:
        loss = exp(t) * (t - x)
    else:
        there = compare("gt", t, 0.0)
        loss = where(there, t * log(where(there, t, 1.0)), 0.0) - t * x
    if reduction != "batchmean":
        return _reduced(loss, reduction)
    total = _reduced(loss, "sum")
    return total / float(x.shape[0]) if x.ndim else total


def _probabilities(input: Tensor, target: Tensor, what: str) -> tuple[Node, Node]:
    """The same where the target is a probability: a whole number is most likely a label.

    Raises:
        DTypeError: the target is not floating.
    """
    if target.dtype.category != 2:
        raise DTypeError(
            explain(
                f"{what}: target is not floating",
                where=where_am_i(),
                expected=f"{input.dtype.name} {input.shape}",
                got=f"{target.dtype.name} {target.shape}",
                try_="target.float()",
            )
        )
    return _pair(input, target, what)


def _pair(input: Tensor, target: Tensor, what: str) -> tuple[Node, Node]:
    """Both nodes, of one shape and one floating type."""
    x, y = node_of(input, f"{what}: input"), node_of(target, f"{what}: target")
    if y.dtype.category < 2:
        x = floats(input, f"{what}: input")
    if x.shape != y.shape:
        raise ShapeError(_apart(x, y, what))
    if x.dtype is not y.dtype:
        x, y = common(x, y)
    return x, y


def _apart(x: Node, y: Node, what: str) -> str:
    remedy = "make both the same shape"
    if size(x.shape) == size(y.shape):
        last = y.shape == (*x.shape, 1)
        remedy = "target.squeeze(-1)" if last else f"target.reshape{x.shape}"
        if x.shape == (*y.shape, 1):
            remedy = "input.squeeze(-1), or target.unsqueeze(-1)"
    try:
        silent = f"; they would have broadcast to {broadcast(x.shape, y.shape)}"
    except ShapeError:
        silent = ""
    return explain(
        f"{what}: input and target have different shapes",
        where=where_am_i(),
        expected=f"target {x.shape}",
        got=f"target {y.shape}{silent}",
        try_=remedy,
    )


def _factor(weight: Tensor, x: Node, what: str) -> Node:
    w = floats(weight, what)
    try:
        fits = broadcast(w.shape, x.shape) == x.shape
    except ShapeError:
        fits = False
    if fits:
        return w
    raise ShapeError(
        explain(
            f"{what} does not fit the input",
            where=where_am_i(),
            expected=f"a shape that broadcasts to {x.shape}",
            got=str(w.shape),
        )
    )


def _weighted(loss: Node, weight: Tensor | None, what: str) -> Node:
    return loss if weight is None else loss * _factor(weight, loss, f"{what}: weight")


def _reduced(loss: Node, reduction: str) -> Tensor:
    if reduction == "none":
        return wrap(loss)
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            explain(
                "reduction is not known",
                where=where_am_i(),
                expected="'mean', 'sum' or 'none'",
                got=repr(reduction),
            )
        )
    total = reshape(sum_(loss, tuple(range(loss.ndim))), ())
    return wrap(total if reduction == "sum" else total / float(size(loss.shape)))
