"""How far vectors are apart."""

from __future__ import annotations

from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn.functional.normalization import euclidean_norm
from zincir.nn.module.user_line import at_user_line, floats
from zincir.ops.arithmetic import maximum
from zincir.ops.composed import one_axis
from zincir.ops.movement import reshape, sum_
from zincir.tensor import Tensor, wrap


@at_user_line
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along `dim`, which goes.

    >>> import zincir
    >>> cosine_similarity(zincir.tensor([[1.0, 0.0]]), zincir.tensor([[2.0, 0.0]])).tolist()
    [1.0]
    """
    a, b = floats(x1, "cosine_similarity: x1"), floats(x2, "cosine_similarity: x2")
    if a.ndim != b.ndim:
        raise ShapeError(
            explain(
                "cosine_similarity: the tensors have different numbers of axes",
                where=user_line(),
                got=f"{a.shape} and {b.shape}",
            )
        )
    axis = one_axis(dim, a.ndim)
    product = sum_(a * b, (axis,))
    y = product / (
        maximum(euclidean_norm(a, (axis,)), eps) * maximum(euclidean_norm(b, (axis,)), eps)
    )
    return wrap(reshape(y, (*y.shape[:axis], *y.shape[axis + 1 :])))
