"""Losses that vanish beyond a margin, as functions."""

from __future__ import annotations

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.nn.functional.activation import softplus_of
from zincir.nn.functional.labels import checked_labels
from zincir.nn.functional.loss.operands import pair, weighted
from zincir.nn.functional.loss.reduction import reduced, reduction_of
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import bitwise, cast, compare, where
from zincir.operations.composed import clamp, logical_not
from zincir.operations.indexing import take
from zincir.operations.movement import reshape, sum_
from zincir.operations.reduction import amin
from zincir.operations.source import iota
from zincir.tensor import Tensor
from zincir.types import int32, size


@full
@at_user_line
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """A distance where the target is 1; max(0, margin - distance) where it is -1.

    >>> import zincir
    >>> hinge_embedding_loss(zincir.tensor([0.5, 0.75]), zincir.tensor([1, -1]), reduction="none")
    tensor([0.5000, 0.2500])
    """
    reduction = reduction_of("hinge_embedding_loss", size_average, reduce, reduction)
    x = floats(input, "hinge_embedding_loss: input")
    y = node_of(target, "hinge_embedding_loss: target")
    short = clamp(margin - x, 0.0, None)
    loss = where(compare("ne", y, 1), short, 0.0) + where(compare("ne", y, -1), x, 0.0)
    return reduced(loss, reduction)


@full
@at_user_line
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target * (input1 - input2) + margin): 1 ranks the first higher, -1 the second.

    >>> import zincir
    >>> a, b = zincir.tensor([1.0, 1.0]), zincir.tensor([3.0, 0.0])
    >>> margin_ranking_loss(a, b, zincir.tensor([1.0, 1.0])).item()
    1.0
    """
    reduction = reduction_of("margin_ranking_loss", size_average, reduce, reduction)
    a, b = (node_of(x, "margin_ranking_loss: input") for x in (input1, input2))
    y = node_of(target, "margin_ranking_loss: target")
    if not a.ndim == b.ndim == y.ndim:
        raise ShapeError(
            explain(
                "margin_ranking_loss: inputs and target have different numbers of axes",
                where=user_line(),
                got=f"{a.shape}, {b.shape} and target {y.shape}",
            )
        )
    return reduced(clamp(-y * (a - b) + margin, 0.0, None), reduction)


@full
@at_user_line
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input)) for targets of 1 and -1; accurate for any input.

    >>> import zincir
    >>> soft_margin_loss(zincir.tensor([0.0]), zincir.tensor([1.0])).item()
    0.6931471824645996
    """
    reduction = reduction_of("soft_margin_loss", size_average, reduce, reduction)
    x, y = pair(input, target, "soft_margin_loss")
    return reduced(softplus_of(-y * x), reduction)


@full
@at_user_line
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """For each row, the sum of max(0, margin - x[label] + x[i])**p over the other classes, / C.

    Shape: input (N, C) or (C,), target (N,) or (): labels; weight (C,), a factor for each label.

    >>> import zincir
    >>> multi_margin_loss(zincir.tensor([[0.5, 1.0]]), zincir.tensor([0])).item()
    0.75
    """
    reduction = reduction_of("multi_margin_loss", size_average, reduce, reduction)
    if p not in (1, 2):
        raise ArgumentError(
            explain("multi_margin_loss: p is not 1 or 2", where=user_line(), got=repr(p))
        )
    x, y = _rows(input, target, "multi_margin_loss", per_class=False)
    classes, last = x.shape[1], (1,)
    label = checked_labels(y, classes, None).number
    hit = compare("eq", iota(x.shape, 1, int32), reshape(label, (x.shape[0], 1)))
    z = margin - sum_(where(hit, x, 0.0), last) + x
    counted = bitwise("and", compare("gt", z, 0.0), logical_not(hit))
    z = where(counted, z if p == 1 else z * z, 0.0)
    if weight is not None:
        w = floats(weight, "multi_margin_loss: weight")
        if w.shape != (classes,):
            raise ShapeError(
                explain(
                    "multi_margin_loss: weight does not fit the classes",
                    where=user_line(),
                    expected=f"({classes},), one for each class",
                    got=str(w.shape),
                )
            )
        z = z * reshape(take(w, label, "label"), (x.shape[0], 1))
    loss = sum_(z, last) / float(classes)
    return reduced(reshape(loss, tuple(target.shape)), reduction)


@full
@at_user_line
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum of max(0, 1 - (x[label] - x[i])) over all labels and all that are none, / C.

    Shape: input (N, C) or (C,); target of the same: in each row the labels, -1 behind the last.

    >>> import zincir
    >>> x, y = zincir.tensor([[0.1, 0.2, 0.4, 0.8]]), zincir.tensor([[3, 0, -1, 1]])
    >>> round(multilabel_margin_loss(x, y).item(), 6)
    0.85
    """
    reduction = reduction_of("multilabel_margin_loss", size_average, reduce, reduction)
    x, y = _rows(input, target, "multilabel_margin_loss", per_class=True)
    rows, classes = x.shape
    labels = checked_labels(y, classes, -1)
    place = iota(x.shape, 1, int32)
    stop = amin(where(compare("eq", y, -1), place, classes), (1,))
    valid = reshape(compare("lt", place, stop), (rows, classes, 1))
    number = reshape(labels.number, (rows, classes, 1))
    # (rows, labels, classes): whether the class is that label.
    hit = compare("eq", iota((rows, classes, classes), 2, int32), number)
    hit = bitwise("and", hit, valid)
    member = compare("gt", sum_(cast(hit, int32), (1,)), 0)
    wide = reshape(x, (rows, 1, classes))
    z = 1.0 - sum_(where(hit, wide, 0.0), (2,)) + wide
    counted = bitwise("and", bitwise("and", valid, logical_not(member)), compare("gt", z, 0.0))
    loss = sum_(where(counted, z, 0.0), (1, 2)) / float(classes)
    return reduced(reshape(loss, (rows,) if input.ndim > 1 else ()), reduction)


@at_user_line
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy of logits, averaged over the classes: the last axis.

    Shape: input and target (N, C) or (C,); weight, one factor for each class, broadcasts.

    >>> import zincir
    >>> x, y = zincir.tensor([[0.0, 0.0]]), zincir.tensor([[1.0, 0.0]])
    >>> multilabel_soft_margin_loss(x, y).item()
    0.6931471824645996
    """
    reduction = reduction_of("multilabel_soft_margin_loss", size_average, reduce, reduction)
    x, y = pair(input, target, "multilabel_soft_margin_loss")
    if not x.ndim:
        raise ShapeError(
            explain("multilabel_soft_margin_loss: the input has no classes", where=user_line())
        )
    loss = y * softplus_of(-x) + (1.0 - y) * softplus_of(x)
    loss = weighted(loss, weight, "multilabel_soft_margin_loss")
    total = sum_(loss, (x.ndim - 1,)) / float(x.shape[-1])
    return reduced(reshape(total, x.shape[:-1]), reduction)


def _rows(input: Tensor, target: Tensor, what: str, per_class: bool) -> tuple[Node, Node]:
    """Scores (N, C), C at least 1, and integers: one for each row, or (`per_class`) each score."""
    x, y = floats(input, f"{what}: input"), node_of(target, f"{what}: target")
    rows = x if x.ndim > 1 else reshape(x, (1, x.shape[0] if x.ndim else 1))
    wanted = rows.shape if per_class else rows.shape[:1]
    # What has one row, or one class, may lack the axis.
    loose = y.ndim < 2 and size(y.shape) == size(wanted) and (x.ndim < 2 or not per_class)
    if rows.ndim == 2 and rows.shape[1] and y.dtype.category == 1 and (y.shape == wanted or loose):
        return rows, reshape(y, wanted)
    raise ShapeError(
        explain(
            f"{what}: target does not fit the input",
            where=user_line(),
            expected=f"input (N, C) or (C,), and integers {wanted if x.ndim > 1 else wanted[1:]}",
            got=f"input {x.shape}, target {y.dtype.name} {y.shape}",
        )
    )
