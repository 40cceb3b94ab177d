"""Functions that are linear in their input."""

from __future__ import annotations

from zincir.calling import takes_out
from zincir.errors import DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import lower
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.contraction import matmul
from zincir.operations.movement import permute, reshape, sum_, swap_last
from zincir.operations.products import matmul as product
from zincir.tensor import Tensor, wrap
from zincir.types import size


@takes_out
@lower
@at_user_line
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Computes input @ weight.T + bias.

    Shape: input (..., in), weight (out, in), bias (out,) -> (..., out);
    of one feature also weight (in,), bias () -> (...).

    >>> import zincir
    >>> linear(zincir.ones(2, 3), zincir.ones(4, 3)).shape
    (2, 4)
    """
    x, w = node_of(input, "linear: input"), node_of(weight, "linear: weight")
    b = None if bias is None else node_of(bias, "linear: bias")
    if w.ndim == 1 and x.ndim and (b is None or not b.ndim):
        one = None if b is None else wrap(reshape(b, (1,)))
        y = linear(wrap(x), wrap(reshape(w, (1, *w.shape))), one)
        return wrap(reshape(y._node, x.shape[:-1]))
    if w.ndim != 2 or not x.ndim or x.shape[-1] != w.shape[1] or (b and b.shape != w.shape[:1]):
        raise _linear_shapes(x, w, b)
    if x.dtype is not w.dtype:
        raise _linear_types(x, w)
    rows = x if x.ndim == 2 else reshape(x, (size(x.shape[:-1]), x.shape[-1]))
    y = matmul(rows, swap_last(w))
    y = y if b is None else y + b
    return wrap(y if x.ndim == 2 else reshape(y, (*x.shape[:-1], w.shape[0])))


def _linear_shapes(x: Node, w: Node, b: Node | None) -> ShapeError:
    features = x.shape[-1] if x.ndim else 0
    known = w.shape[1] if w.ndim == 2 else "?"
    remedy = "check the output of the layer before this one"
    if w.ndim == 2 and features != known:
        remedy = f"Linear(in_features={features}, ...), or {remedy}"
        if x.ndim > 2 and size(x.shape[1:]) == known:
            remedy = "nn.Flatten() before this layer, or x.flatten(1)"
    return ShapeError(
        explain(
            f"linear: input has {features} features, weight takes {known}"
            if features != known
            else "linear: weight or bias has a wrong shape",
            where=user_line(),
            expected="input (..., in), weight (out, in), bias (out,)",
            got=f"input {x.shape} {x.dtype.name}, weight {w.shape} {w.dtype.name}"
            + (f", bias {b.shape}" if b else ""),
            try_=remedy,
        )
    )


def _linear_types(x: Node, w: Node) -> DTypeError:
    return DTypeError(
        explain(
            f"linear: input is {x.dtype.name}, weight is {w.dtype.name}",
            where=user_line(),
            expected="the same type",
            got=f"input {x.shape} {x.dtype.name}, weight {w.shape} {w.dtype.name}",
            try_="x.double()" if w.dtype.name == "float64" else "x.float(), or model.double()",
        )
    )


@at_user_line
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1 @ weight[k] @ input2 + bias[k], for each k.

    Shape: input1 (..., A), input2 (..., B), weight (K, A, B), bias (K,) -> (..., K).

    >>> import zincir
    >>> bilinear(zincir.ones(1, 2), zincir.ones(1, 3), zincir.ones(4, 2, 3)).tolist()
    [[6.0, 6.0, 6.0, 6.0]]
    """
    a, b, w = (floats(x, "bilinear") for x in (input1, input2, weight))
    fits = a.ndim and b.ndim and w.ndim == 3 and a.shape[:-1] == b.shape[:-1]
    if not fits or w.shape[1:] != (a.shape[-1], b.shape[-1]):
        raise ShapeError(
            explain(
                "bilinear: inputs and weight do not fit",
                where=user_line(),
                expected="(..., A), (..., B) and weight (K, A, B)",
                got=f"{a.shape}, {b.shape} and weight {w.shape}",
            )
        )
    # (..., A) times (A, K B), then each K of it with input2.
    many, width = w.shape[0], w.shape[2]
    wide = reshape(permute(w, (1, 0, 2)), (w.shape[1], many * width))
    one = reshape(product(a, wide), (*a.shape[:-1], many, width))
    y = sum_(one * reshape(b, (*b.shape[:-1], 1, width)), (one.ndim - 1,))
    y = reshape(y, y.shape[:-1])
    return wrap(y if bias is None else y + floats(bias, "bilinear: bias"))
