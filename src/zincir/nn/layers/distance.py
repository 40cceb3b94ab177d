"""How far vectors are apart, as layers."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last axis, which goes unless `keepdim`.

    Example:
        >>> import zincir
        >>> PairwiseDistance(eps=0.0)(zincir.zeros(1, 2), zincir.tensor([[3.0, 4.0]])).tolist()
        [5.0]
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along `dim`, which goes.

    Example:
        >>> import zincir
        >>> CosineSimilarity()(zincir.tensor([[1.0, 0.0]]), zincir.tensor([[2.0, 0.0]])).tolist()
        [1.0]
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
