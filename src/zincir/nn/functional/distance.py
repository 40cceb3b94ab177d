"""How far vectors are apart."""

from __future__ import annotations

import numpy as np

from zincir.creation import from_numpy
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn.functional.normalization import euclidean_norm
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations import composed
from zincir.operations.arithmetic import common, maximum
from zincir.operations.dims import dropped, one_axis
from zincir.operations.indexing import take
from zincir.operations.movement import broadcast_to_common, sum_
from zincir.tensor import Tensor, wrap


@at_user_line
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along `dim`, which goes.

    >>> import zincir
    >>> cosine_similarity(zincir.tensor([[1.0, 0.0]]), zincir.tensor([[2.0, 0.0]])).tolist()
    [1.0]
    """
    a, b = floats(x1, "cosine_similarity: x1"), floats(x2, "cosine_similarity: x2")
    a, b = broadcast_to_common(*common(a, b))
    axes = (one_axis(dim, a.ndim),) if a.ndim else ()
    y = sum_(a * b, axes)
    y = y / (maximum(euclidean_norm(a, axes), eps) * maximum(euclidean_norm(b, axes), eps))
    return wrap(dropped(y, axes))


@at_user_line
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis, which goes unless `keepdim`.

    >>> import zincir
    >>> pairwise_distance(zincir.zeros(1, 2), zincir.tensor([[3.0, 4.0]]), eps=0.0).tolist()
    [5.0]
    """
    a, b = node_of(x1, "pairwise_distance: x1"), node_of(x2, "pairwise_distance: x2")
    return wrap(composed.norm(a - b + eps, float(p), -1, keepdim))


@at_user_line
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows: (0, 1), (0, 2), ..., (1, 2), ...

    Shape: (N, M) -> (N (N - 1) / 2,).

    >>> import zincir
    >>> pdist(zincir.tensor([[0.0], [1.0], [5.0]])).tolist()
    [1.0, 5.0, 4.0]
    """
    x = floats(input, "pdist: input")
    if x.ndim != 2:
        raise ShapeError(
            explain("pdist: the input is no matrix", where=user_line(), got=str(x.shape))
        )
    first, second = (from_numpy(i)._node for i in np.triu_indices(x.shape[0], 1))
    return wrap(composed.norm(take(x, first) - take(x, second), float(p), -1))
