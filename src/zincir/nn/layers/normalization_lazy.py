"""Norms whose first input tells how many channels they take."""

from __future__ import annotations

from typing import Any

from zincir.nn.layers.normalization_batch import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _ChannelNorm,
)
from zincir.nn.module.lazy import Lazy
from zincir.nn.module.module import Module
from zincir.nn.module.uninitialized import is_lazy
from zincir.types import DType, Shape


class _LazyNorm(Lazy, _ChannelNorm):
    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _channels_of(self, x: Shape) -> int:
        if len(x) not in self._axes:
            self._refuse(x, " or ".join(self._axes.values()))
        held = (t for t in (self.weight, self.running_mean) if t is not None and not is_lazy(t))
        return next((t.shape[0] for t in held), x[1 if "batch" in self._axes[len(x)] else 0])

    def _ordinary(self, channels: int, dtype: DType) -> Module:
        return self.cls_to_become(
            channels,
            affine=self.affine,
            track_running_stats=self.track_running_stats,
            dtype=dtype,
            bias=self.bias is not None,
        )

    def _learn(self, channels: int) -> None:
        self.num_features = channels


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """`BatchNorm1d` whose num_features are the channels of its first input; see `LazyLinear`.

    Shape: (batch, any) or (batch, any, length), unchanged.
    Arguments as for `BatchNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyBatchNorm1d()
        >>> layer(zincir.randn(8, 3)).shape, layer.num_features
        ((8, 3), 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """`BatchNorm2d` whose num_features are the channels of its first input; see `LazyLinear`.

    Shape: (batch, any, height, width), unchanged.
    Arguments as for `BatchNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyBatchNorm2d()
        >>> layer(zincir.randn(8, 3, 5, 5)).shape, layer.num_features
        ((8, 3, 5, 5), 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """`BatchNorm3d` whose num_features are the channels of its first input; see `LazyLinear`.

    Shape: (batch, any, depth, height, width), unchanged.
    Arguments as for `BatchNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyBatchNorm3d()
        >>> layer(zincir.randn(2, 3, 4, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4, 4), 3)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """`InstanceNorm1d` whose num_features are the channels of its first input; see `LazyLinear`.

    As in PyTorch, and unlike `InstanceNorm1d`, it has weight, bias and running statistics unless
    told otherwise.

    Shape: (batch, any, length) or (any, length), unchanged.
    Arguments as for `InstanceNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyInstanceNorm1d()
        >>> layer(zincir.randn(8, 3, 5)).shape, layer.num_features
        ((8, 3, 5), 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """`InstanceNorm2d` whose num_features are the channels of its first input; see `LazyLinear`.

    As in PyTorch, and unlike `InstanceNorm2d`, it has weight, bias and running statistics unless
    told otherwise.

    Shape: (batch, any, height, width) or (any, height, width), unchanged.
    Arguments as for `InstanceNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyInstanceNorm2d()
        >>> layer(zincir.randn(3, 5, 5)).shape, layer.num_features
        ((3, 5, 5), 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """`InstanceNorm3d` whose num_features are the channels of its first input; see `LazyLinear`.

    As in PyTorch, and unlike `InstanceNorm3d`, it has weight, bias and running statistics unless
    told otherwise.

    Shape: (batch, any, depth, height, width), or the same without a batch, unchanged.
    Arguments as for `InstanceNorm1d`, without num_features.

    Example:
        >>> import zincir
        >>> layer = LazyInstanceNorm3d()
        >>> layer(zincir.randn(2, 3, 4, 4, 4)).shape, layer.num_features
        ((2, 3, 4, 4, 4), 3)
    """

    cls_to_become = InstanceNorm3d
