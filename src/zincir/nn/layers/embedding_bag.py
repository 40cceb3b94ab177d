"""Vectors looked up by number and put together bag by bag, as a layer."""

from __future__ import annotations

from typing import Any

from zincir.autograd import no_grad
from zincir.creation import empty
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F, init
from zincir.nn.functional.embedding import row_number
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


@described(
    bare=2,
    hidden="sparse _weight include_last_offset",
    unless_default="max_norm norm_type scale_grad_by_freq padding_idx",
)
class EmbeddingBag(Module):
    """The mean, sum or maximum of the rows of `weight` that each bag of numbers names.

    Shape: (B, S), or (P,) and offsets (B,) -> (B, embedding_dim); weight (num_embeddings,
    embedding_dim) starts standard normal. The arguments are those of `functional.embedding_bag`.

    Example:
        >>> import zincir
        >>> words = EmbeddingBag(10, 3, mode="sum")
        >>> words(zincir.tensor([1, 2, 4, 5]), zincir.tensor([0, 3])).shape
        (2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_device("EmbeddingBag", device)
        check_size("EmbeddingBag", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = row_number(padding_idx, num_embeddings)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        size = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = Parameter(empty(size, dtype=dtype))
            self.reset_parameters()
        elif tuple(_weight.shape) == size:
            self.weight = Parameter(_weight)
        else:
            raise ShapeError(
                explain(
                    "EmbeddingBag: _weight has another shape",
                    where=user_line(),
                    expected=str(size),
                    got=str(tuple(_weight.shape)),
                )
            )

    def reset_parameters(self) -> None:
        """Draw first values again."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A layer with these rows, which are trained only if not `freeze`."""
        if embeddings.ndim != 2:
            raise ShapeError(
                explain(
                    "EmbeddingBag.from_pretrained: embeddings are not a table",
                    where=user_line(),
                    expected="(rows, width)",
                    got=str(tuple(embeddings.shape)),
                )
            )
        layer = cls(
            *(embeddings.shape[0], embeddings.shape[1], max_norm, norm_type, scale_grad_by_freq),
            *(mode, sparse, embeddings, include_last_offset, padding_idx),
        )
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        return F.embedding_bag(
            *(input, self.weight, offsets, self.max_norm, self.norm_type),
            *(self.scale_grad_by_freq, self.mode, self.sparse, per_sample_weights),
            *(self.include_last_offset, self.padding_idx),
        )
