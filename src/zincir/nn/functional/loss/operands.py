"""Input, target and weights of a loss: of one shape and type, or an error."""

from __future__ import annotations

from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.nn.module.user_line import floats, node_of
from zincir.operations.arithmetic import common
from zincir.tensor import Tensor
from zincir.types import broadcast, size


def probabilities(input: Tensor, target: Tensor, what: str) -> tuple[Node, Node]:
    """The same where the target is a probability: a whole number is most likely a label.

    Raises:
        DTypeError: the target is not floating.
    """
    if target.dtype.category != 2:
        raise DTypeError(
            explain(
                f"{what}: target is not floating",
                where=user_line(),
                expected=f"{input.dtype.name} {input.shape}",
                got=f"{target.dtype.name} {target.shape}",
                try_="target.float()",
            )
        )
    return pair(input, target, what)


def pair(input: Tensor, target: Tensor, what: str) -> tuple[Node, Node]:
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
        where=user_line(),
        expected=f"target {x.shape}",
        got=f"target {y.shape}{silent}",
        try_=remedy,
    )


def factor(weight: Tensor, x: Node, what: str) -> Node:
    """The node of a floating tensor that broadcasts to the shape of x.

    Raises:
        ShapeError: it does not.
    """
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
            where=user_line(),
            expected=f"a shape that broadcasts to {x.shape}",
            got=str(w.shape),
        )
    )


def weighted(loss: Node, weight: Tensor | None, what: str) -> Node:
    """The terms of a loss, each times its weight, if there are weights."""
    return loss if weight is None else loss * factor(weight, loss, f"{what}: weight")
