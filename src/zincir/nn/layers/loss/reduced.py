"""What all losses share: a reduction."""

from __future__ import annotations

from zincir.nn.functional.loss.reduction import reduction_of
from zincir.nn.module.module import Module


class Loss(Module):
    """A loss with a reduction; `weight` and its like are buffers, so that they follow `.to()`.

    `size_average` and `reduce` are older words for `reduction`.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        self.reduction = reduction_of(type(self).__name__, size_average, reduce, reduction)
