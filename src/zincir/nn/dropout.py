"""Layers that switch elements off while training."""

from __future__ import annotations

import warnings

from zincir.nn import functional as F
from zincir.nn.checks import check_probability
from zincir.nn.module import Module
from zincir.tensor import Tensor


class Dropout(Module):
    """In training, each element is zero with probability p, and 1 / (1 - p) times larger if not.

    In evaluation, the identity. Shape: any, unchanged. From https://arxiv.org/abs/1207.0580.

    Args:
        p: from 0.0 to 1.0; with 1.0 nothing passes, so that nothing before it can learn.

    Example:
        >>> import zincir
        >>> layer = Dropout(0.5)
        >>> sorted(set(layer(zincir.ones(100)).tolist())), layer.eval()(zincir.ones(2)).tolist()
        ([0.0, 2.0], [1.0, 1.0])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability("Dropout", p)
        if p == 1.0:
            warnings.warn(
                "Dropout(p=1.0) lets nothing through: what stands before it learns nothing",
                stacklevel=2,
            )
        self.p = p
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x."""
        return F.dropout(x, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
