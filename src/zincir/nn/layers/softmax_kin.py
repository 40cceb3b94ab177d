"""What softmax is a part of, as layers."""

from __future__ import annotations

from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described()
class Softmin(Module):
    """Softmax of the negative, along `dim`.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Softmin(dim=0)(zincir.tensor([0.0, 0.0])).tolist()
        [0.5, 0.5]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of each place.

    Shape: (N, C, H, W) or (C, H, W), unchanged.

    Example:
        >>> import zincir
        >>> Softmax2d()(zincir.zeros(2, 1, 1)).flatten().tolist()
        [0.5, 0.5]
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (3, 4):
            raise ShapeError(
                explain(
                    "Softmax2d: input has another number of axes",
                    where=user_line(),
                    expected="(N, C, H, W) or (C, H, W)",
                    got=str(tuple(input.shape)),
                )
            )
        return F.softmax(input, -3)
