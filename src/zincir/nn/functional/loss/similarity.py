"""Losses of pairs and triplets: what is alike shall be near, as functions."""

from __future__ import annotations

from collections.abc import Callable

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.lower_precision import full
from zincir.nn.functional.distance import pairwise_distance
from zincir.nn.functional.loss.reduction import reduced, reduction_of
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import compare, minimum, where
from zincir.operations.composed import clamp
from zincir.operations.elementwise import sqrt
from zincir.operations.movement import reshape, sum_
from zincir.tensor import Tensor

EPSILON = 1e-12


@full
@at_user_line
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(x1, x2) where the target is 1; max(0, cos(x1, x2) - margin) where it is -1.

    Shape: inputs (N, D) and target (N,), or inputs (D,) and target ().

    >>> import zincir
    >>> a, b = zincir.tensor([[1.0, 0.0]]), zincir.tensor([[0.0, 2.0]])
    >>> cosine_embedding_loss(a, b, zincir.tensor([1])).item()
    1.0
    """
    reduction = reduction_of("cosine_embedding_loss", size_average, reduce, reduction)
    a, b = (floats(x, "cosine_embedding_loss: input") for x in (input1, input2))
    y = node_of(target, "cosine_embedding_loss: target")
    if y.ndim > 1 or not a.ndim == b.ndim == y.ndim + 1:
        raise ShapeError(
            explain(
                "cosine_embedding_loss: target does not fit the inputs",
                where=user_line(),
                expected="inputs (N, D) and target (N,), or inputs (D,) and target ()",
                got=f"inputs {a.shape} and {b.shape}, target {y.shape}",
            )
        )
    last = (y.ndim,)
    squares = (sum_(a * a, last) + EPSILON) * (sum_(b * b, last) + EPSILON)
    cosine = sum_(a * b, last) / sqrt(squares)
    cosine = reshape(cosine, cosine.shape[:-1])
    apart = where(compare("eq", y, -1), clamp(cosine - margin, 0.0, None), 0.0)
    return reduced(where(compare("eq", y, 1), 1.0 - cosine, 0.0) + apart, reduction)


@full
@at_user_line
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the `pairwise_distance`.

    Args:
        swap: the distance to the negative is that of whichever is nearer to it, the anchor or
            the positive (Balntas et al. 2016).

    >>> import zincir
    >>> a, b = zincir.tensor([[0.0, 0.0]]), zincir.tensor([[3.0, 4.0]])
    >>> round(triplet_margin_loss(a, b, b).item(), 4)
    1.0
    """
    reduction = reduction_of("triplet_margin_loss", size_average, reduce, reduction)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    triplet = (anchor, positive, negative)
    return _triplet("triplet_margin_loss", triplet, distance, margin, swap, reduction)


@at_user_line
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any function of two tensors as distance.

    >>> import zincir
    >>> a, b = zincir.tensor([[0.0, 0.0]]), zincir.tensor([[3.0, 4.0]])
    >>> l1 = lambda x, y: (x - y).abs().sum(-1)
    >>> triplet_margin_with_distance_loss(a, b, a, distance_function=l1).item()
    8.0
    """
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet(
        "triplet_margin_with_distance_loss",
        (anchor, positive, negative),
        distance,
        margin,
        swap,
        reduction,
    )


def _triplet(
    what: str,
    triplet: tuple[Tensor, Tensor, Tensor],
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    check_margin(what, margin)
    anchor, positive, negative = triplet
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            explain(
                f"{what}: anchor, positive and negative have different numbers of axes",
                where=user_line(),
                got=", ".join(str(tuple(x.shape)) for x in triplet),
            )
        )
    near, far = distance(anchor, positive)._node, distance(anchor, negative)._node
    if swap:
        far = minimum(far, distance(positive, negative)._node)
    return reduced(clamp(near - far + margin, 0.0, None), reduction)


def check_margin(what: str, margin: float) -> None:
    """Raise unless a margin is positive.

    Raises:
        ArgumentError: it is not.
    """
    if margin <= 0:
        raise ArgumentError(
            explain(f"{what}: margin is not positive", where=user_line(), got=repr(margin))
        )
