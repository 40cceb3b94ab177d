"""Layers that switch elements, channels or branches off while training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import ClassVar

from zincir.nn import functional as F
from zincir.nn.functional.dropout import check_mode, check_probability
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.recording import note_condition
from zincir.tensor import Tensor


def _check(layer: str, p: float) -> None:
    check_probability(layer, p)
    if p == 1.0:
        warnings.warn(
            f"{layer}(p=1.0) lets nothing through: what stands before it learns nothing",
            stacklevel=3,
        )


def _watch(layer: _Dropping | StochasticDepth) -> None:
    """Let a compiled step be recorded anew when p, which it took for constant, has changed."""
    note_condition(layer._buffers, lambda: layer.p)


@described(unless_default="")
class _Dropping(Module):
    _function: ClassVar[Callable[..., Tensor]]
    """The function that the layer is."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        _check(type(self).__name__, p)
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        _watch(self)
        return type(self)._function(input, self.p, self.training, self.inplace)


class Dropout(_Dropping):
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

    _function = F.dropout


class Dropout1d(_Dropping):
    """`Dropout` of whole channels: each is zero with probability p for each example.

    Neighbours within a channel are alike, so that dropping single elements hides little. Shape:
    (batch, channels, length) or (channels, length), unchanged. From
    https://arxiv.org/abs/1411.4280.

    Example:
        >>> import zincir
        >>> y = Dropout1d()(zincir.ones(4, 5, 6))
        >>> (y == y[:, :, :1]).all().item()
        True
    """

    _function = F.dropout1d


class Dropout2d(_Dropping):
    """`Dropout` of whole channels of images.

    Shape: (batch, channels, height, width), unchanged; three axes are, as for PyTorch,
    (batch, channels, length). From https://arxiv.org/abs/1411.4280.

    Example:
        >>> import zincir
        >>> y = Dropout2d()(zincir.ones(4, 5, 6, 6))
        >>> (y == y[:, :, :1, :1]).all().item()
        True
    """

    _function = F.dropout2d


class Dropout3d(_Dropping):
    """`Dropout` of whole channels of volumes.

    Shape: (batch, channels, depth, height, width), or the same without a batch, unchanged.
    From https://arxiv.org/abs/1411.4280.

    Example:
        >>> import zincir
        >>> Dropout3d()(zincir.ones(1, 2, 3, 3, 3)).shape
        (1, 2, 3, 3, 3)
    """

    _function = F.dropout3d


class AlphaDropout(_Dropping):
    """Dropout for nets of SELU: what is dropped gets SELU's least value, mean and variance stay.

    In evaluation, the identity. Shape: any, unchanged. From https://arxiv.org/abs/1706.02515.

    Example:
        >>> import zincir
        >>> [round(v, 4) for v in sorted(set(AlphaDropout()(zincir.zeros(1000)).tolist()))]
        [-0.7792, 0.7792]
    """

    _function = F.alpha_dropout


class FeatureAlphaDropout(_Dropping):
    """`AlphaDropout` of whole channels.

    Shape: (batch, channels, ...), unchanged.

    Example:
        >>> import zincir
        >>> y = FeatureAlphaDropout()(zincir.zeros(4, 5, 6))
        >>> (y == y[:, :, :1]).all().item()
        True
    """

    _function = F.feature_alpha_dropout


class StochasticDepth(Module):
    """In training, a residual branch is zero with probability p, else 1 / (1 - p) times larger.

    In evaluation, the identity. Shape: (batch, ...), unchanged. From
    https://arxiv.org/abs/1603.09382; names and order are torchvision's.

    Args:
        mode: "row" decides for each example, "batch" once for all of them.

    Example:
        >>> import zincir
        >>> y = StochasticDepth(0.5, "row")(zincir.ones(100, 3))
        >>> sorted(set(map(tuple, y.tolist())))
        [(0.0, 0.0, 0.0), (2.0, 2.0, 2.0)]
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        _check("StochasticDepth", p)
        check_mode("StochasticDepth", mode)
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:
        _watch(self)
        return F.stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode}"
