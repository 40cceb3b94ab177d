"""Losses for classes, as functions: cross-entropy and negative log-likelihood.

Everything is a pointwise function or a reduction along the class axis, which comes last, so that
one pass over a row in cache computes the loss, and one pass its gradient, softmax - onehot.
"""

from __future__ import annotations

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.nn.functional.labels import Labels, checked_labels
from zincir.nn.functional.loss.reduction import reduction_of
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import cast, compare, where
from zincir.operations.elementwise import exp, log
from zincir.operations.movement import permute, reshape, sum_
from zincir.operations.reduction import amax
from zincir.operations.source import bent, detach, iota
from zincir.tensor import Tensor, wrap
from zincir.types import Shape, int32, size


@full
@at_user_line
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log(softmax(input)[label]), for each row of scores.

    Shape: input (C,), (N, C) or (N, C, d1, ...), not normalised; target either labels, integers
    from 0 to C - 1 of shape (), (N,) or (N, d1, ...), or probabilities of the shape of input.

    Args:
        weight: one factor for each class, (C,); "mean" divides by the factors of the labels.
        ignore_index: rows with this label are left out.
        reduction: "mean" over the rows, "sum", or "none": one loss for each row.
        label_smoothing: from 0 to 1, the share of the target that is spread over all classes
            (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567).

    Raises:
        IndexOutOfRange: a label is not a class; names the row and the value.

    >>> import zincir
    >>> cross_entropy(zincir.tensor([[0.0, 0.0]]), zincir.tensor([1])).item()
    0.6931471824645996
    """
    reduction = reduction_of("cross_entropy", size_average, reduce, reduction)
    x = _classes_last(floats(input, "cross_entropy: input"))
    y = node_of(target, "cross_entropy: target")
    factors = _class_weights(weight, x, "cross_entropy")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(
            explain(
                "cross_entropy: label_smoothing is out of range",
                expected="from 0.0 to 1.0",
                got=str(label_smoothing),
            )
        )
    last = (x.ndim - 1,)
    shifted = x - detach(amax(x, last))
    normaliser = log(sum_(exp(shifted), last))
    if y.dtype.category == 2:
        target_row = _probabilities(y, x, input._node.shape, label_smoothing)
        return wrap(_soft(shifted, normaliser, target_row, factors, reduction))
    labels = _labels(y, x, ignore_index, "cross_entropy")
    hit = _hit(labels, x)
    loss = normaliser - sum_(where(hit, shifted, 0.0), last)
    own = None if factors is None else sum_(where(hit, factors, 0.0), last)
    loss = loss if own is None else loss * own
    if label_smoothing:
        smoothing = _smoothing(shifted, normaliser, factors) * (label_smoothing / x.shape[-1])
        loss = loss * (1.0 - label_smoothing) + smoothing
    return wrap(_reduced(loss, labels.used, own, reduction))


@full
@at_user_line
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[label] for each row of log-probabilities; arguments as for `cross_entropy`.

    >>> import zincir
    >>> nll_loss(zincir.tensor([[-1.0, -3.0]]), zincir.tensor([1])).item()
    3.0
    """
    reduction = reduction_of("nll_loss", size_average, reduce, reduction)
    x = _classes_last(floats(input, "nll_loss: input"))
    factors = _class_weights(weight, x, "nll_loss")
    labels = _labels(node_of(target, "nll_loss: target"), x, ignore_index, "nll_loss")
    hit, last = _hit(labels, x), (x.ndim - 1,)
    loss = -sum_(where(hit, x, 0.0), last)
    own = None if factors is None else sum_(where(hit, factors, 0.0), last)
    loss = loss if own is None else loss * own
    return wrap(bent(_reduced(loss, labels.used, own, reduction), x))


def _classes_last(x: Node) -> Node:
    if x.ndim == 0 or x.shape[min(x.ndim - 1, 1)] == 0:
        raise ShapeError(
            explain(
                "cross_entropy: the input has no classes",
                where=user_line(),
                expected="(N, C), (C,) or (N, C, d1, ...)",
                got=str(x.shape),
            )
        )
    return permute(x, (0, *range(2, x.ndim), 1)) if x.ndim > 2 else x


def _class_weights(weight: Tensor | None, x: Node, what: str) -> Node | None:
    if weight is None:
        return None
    factors = cast(floats(weight, f"{what}: weight"), x.dtype)
    if factors.shape != x.shape[-1:]:
        raise ShapeError(
            explain(
                f"{what}: weight does not fit the classes",
                where=user_line(),
                expected=f"({x.shape[-1]},), one for each class",
                got=str(factors.shape),
            )
        )
    return factors


def _labels(y: Node, x: Node, ignore: int, what: str) -> Labels:
    rows, classes = x.shape[:-1], x.shape[-1]
    if not y.dtype.names_rows:
        raise DTypeError(
            explain(
                f"{what}: labels are not integers",
                where=user_line(),
                expected=f"int64 labels {rows}",
                got=f"{y.dtype.name} {y.shape}",
                try_="target.long()",
            )
        )
    if y.shape != rows:
        raise ShapeError(_wrong_target(y, x, what))
    return checked_labels(y, classes, ignore)


def _wrong_target(y: Node, x: Node, what: str) -> str:
    rows, classes = x.shape[:-1], x.shape[-1]
    remedy = "one label for each row of the input"
    if y.shape == (*rows, 1):
        remedy = "target.squeeze(-1)"
    elif y.shape == (*rows, classes):
        remedy = "target.argmax(-1) for one-hot labels, target.float() for probabilities"
    return explain(
        f"{what}: target does not fit the input",
        where=user_line(),
        expected=f"labels {rows}, for {classes} classes",
        got=f"target {y.shape} {y.dtype.name}",
        try_=remedy,
    )


def _hit(labels: Labels, x: Node) -> Node:
    """(..., C): whether this column is the row's label."""
    label = reshape(labels.number, (*x.shape[:-1], 1))
    return compare("eq", iota(x.shape, x.ndim - 1, int32), label)


def _probabilities(y: Node, x: Node, shape: Shape, smoothing: float) -> Node:
    if y.shape != shape:
        if y.shape in (x.shape[:-1], (*x.shape[:-1], 1)):
            raise DTypeError(
                explain(
                    "cross_entropy: labels are not integers",
                    where=user_line(),
                    expected=f"int64 labels {x.shape[:-1]}, or probabilities {shape}",
                    got=f"{y.dtype.name} {y.shape}",
                    try_="target.long()",
                )
            )
        raise ShapeError(
            explain(
                "cross_entropy: target does not fit the input",
                where=user_line(),
                expected=f"probabilities {shape}, or int64 labels {x.shape[:-1]}",
                got=f"{y.dtype.name} {y.shape}",
            )
        )
    y = cast(_classes_last(y), x.dtype)
    return y * (1.0 - smoothing) + smoothing / x.shape[-1] if smoothing else y


def _soft(
    shifted: Node, normaliser: Node, target: Node, factors: Node | None, reduction: str
) -> Node:
    if factors is not None:
        target = target * factors
    loss = sum_(target * (normaliser - shifted), (shifted.ndim - 1,))
    return _reduced(loss, None, None, reduction)


def _smoothing(shifted: Node, normaliser: Node, factors: Node | None) -> Node:
    """The sum over all classes of their losses."""
    losses = normaliser - shifted
    return sum_(losses if factors is None else losses * factors, (shifted.ndim - 1,))


def _reduced(loss: Node, used: Node | None, own: Node | None, reduction: str) -> Node:
    """One loss for each row, shape (..., 1), made what `reduction` says."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(
            explain(
                "reduction is not known",
                where=user_line(),
                expected="'mean', 'sum' or 'none'",
                got=repr(reduction),
            )
        )
    rows = loss.shape[:-1]
    if used is not None:
        used = reshape(used, loss.shape)
        loss = where(used, loss, 0.0)
        own = None if own is None else where(used, own, 0.0)
    if reduction == "none":
        return reshape(loss, rows)
    every = tuple(range(loss.ndim))
    total = reshape(sum_(loss, every), ())
    if reduction == "sum":
        return total
    if own is not None:
        return total / reshape(sum_(own, every), ())
    if used is not None:
        return total / reshape(sum_(cast(used, loss.dtype), every), ())
    return total / float(size(rows))
