"""Vectors looked up by number, as a layer."""

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
    hidden="_weight _freeze",
    unless_default="padding_idx max_norm norm_type scale_grad_by_freq sparse",
)
class Embedding(Module):
    """Row i of `weight` for each index i.

    Shape: (...) of integers -> (..., embedding_dim); weight is (num_embeddings, embedding_dim) and
    starts standard normal.

    Args:
        padding_idx: a row that starts as zeros and gets no gradient.
        max_norm: and the next two as for `functional.embedding`.

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
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_device("Embedding", device)
        check_size("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = row_number(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        size = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = Parameter(empty(size, dtype=dtype), requires_grad=not _freeze)
            self.reset_parameters()
        elif _weight.shape == size:
            self.weight = Parameter(_weight, requires_grad=not _freeze)
        else:
            raise ShapeError(
                explain(
                    "Embedding: _weight has another shape",
                    where=user_line(),
                    expected=str(size),
                    got=str(_weight.shape),
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
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding with these rows, which are trained only if not `freeze`."""
        if embeddings.ndim != 2:
            raise ShapeError(
                explain(
                    "Embedding.from_pretrained: embeddings are not a table",
                    where=user_line(),
                    expected="(rows, width)",
                    got=str(embeddings.shape),
                )
            )
        return cls(
            *(embeddings.shape[0], embeddings.shape[1], padding_idx, max_norm, norm_type),
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )
