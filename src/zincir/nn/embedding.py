"""Vectors looked up by number."""

from __future__ import annotations

from typing import Any

from zincir.autograd import no_grad
from zincir.creation import empty
from zincir.nn import functional as F, init
from zincir.nn.checks import check_size, row_number
from zincir.nn.module import Module
from zincir.nn.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


class Embedding(Module):
    """Row i of `weight` for each index i.

    Shape: (...) of integers -> (..., embedding_dim); weight is (num_embeddings, embedding_dim) and
    starts standard normal.

    Args:
        padding_idx: a row that starts as zeros and gets no gradient.

    Example:
        >>> import zincir
        >>> words = Embedding(10, 3, padding_idx=0)
        >>> words(zincir.tensor([[1, 2, 4], [4, 0, 0]])).shape
        (2, 3, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_size("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = row_number(padding_idx, num_embeddings)
        self.weight = Parameter(empty(num_embeddings, embedding_dim, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first values again."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """An embedding with these rows, which are trained only if not `freeze`."""
        rows, width = embeddings.shape
        layer = cls(rows, width, padding_idx, dtype=embeddings.dtype)
        with no_grad():
            layer.weight.copy_(embeddings)
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, index: Tensor) -> Tensor:
        """(...) -> (..., embedding_dim)."""
        return F.embedding(index, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding: Any = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
