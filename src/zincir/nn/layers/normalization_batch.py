"""Batch and instance norms as layers: they normalise each channel and may follow its statistics."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from zincir.autograd import no_grad
from zincir.creation import ones, tensor, zeros
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.layers.normalization import Affine
from zincir.nn.module.checks import check_device, check_size
from zincir.recording import note_condition
from zincir.tensor import Tensor
from zincir.types import DType, int64


class _ChannelNorm(Affine):
    """What the layers here share: parameters, statistics, and the check of what comes in."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    _axes: ClassVar[dict[int, str]]
    """The numbers of axes that are taken, and what they are."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_size(type(self).__name__, num_features=num_features)
        check_device(type(self).__name__, device)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self._hold_affine((num_features,), affine, affine and bias, dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches seen."""
        for buffer, value in (
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            if buffer is not None:
                buffer.fill_(value)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and statistics as they were at first."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _watch(self) -> None:
        """Let a compiled step be recorded anew when a number that it took for constant changes."""
        note_condition(self._buffers, lambda: (self.momentum, self.eps))

    def _check(self, x: Tensor, channels_at: int) -> None:
        """Raise unless x has as many axes and channels as the layer takes.

        A layer that holds nothing for each channel takes any number of them, with a warning.
        """
        name = type(self).__name__
        if x.ndim not in self._axes:
            problem = f"input has {x.ndim} axes"
            remedy = "the layer for so many axes, or x.unsqueeze(0) if the batch is missing"
        elif x.shape[channels_at] != self.num_features:
            found = x.shape[channels_at]
            if self.weight is None and self.running_mean is None:
                warnings.warn(
                    f"{name}: input has {found} channels, num_features is {self.num_features}; "
                    "it is not used, because affine=False",
                    stacklevel=3,
                )
                return
            problem = f"input has {found} channels, the layer takes {self.num_features}"
            remedy = f"{name}({found}), or check the output of the layer before this one"
        else:
            return
        raise ShapeError(
            explain(
                f"{name}: {problem}",
                where=user_line(),
                expected=" or ".join(dict.fromkeys(self._axes.values()))
                + f" with {self.num_features} channels",
                got=str(x.shape),
                try_=remedy,
            )
        )


class BatchNorm(_ChannelNorm):
    """What batch norms share, for whatever number of axes."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise for inputs of another number of axes or channels; a subclass may take others."""
        self._check(input, 1)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        self._watch()
        mean, var, seen = self.running_mean, self.running_var, self.num_batches_tracked
        momentum: float | Tensor = self.momentum or 0.0
        if self.training and self.track_running_stats and seen is not None:
            with no_grad():
                seen.add_(1)
                if self.momentum is None:
                    momentum = 1.0 / seen.to(input.dtype)
        # As in PyTorch: without statistics of its own the layer uses the batch's in evaluation too
        training = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, training, momentum, self.eps)


class BatchNorm1d(BatchNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias for each channel.

    In training, mean and variance are those of the batch, and running_mean and running_var follow
    them: running = (1 - momentum) * running + momentum * now, with the variance divided by n - 1.
    In evaluation the running ones are used. From https://arxiv.org/abs/1502.03167.

    Shape: (batch, channels) or (batch, channels, length), unchanged.

    Args:
        momentum: None makes the running ones the mean over all batches seen.
        track_running_stats: False keeps none, so that evaluation uses those of its batch as well.

    Example:
        >>> import zincir
        >>> layer = BatchNorm1d(1, eps=0.0)
        >>> layer(zincir.tensor([[1.0], [3.0]])).tolist(), round(layer.running_mean.item(), 4)
        ([[-1.0], [1.0]], 0.2)
    """

    _axes: ClassVar = {2: "(batch, channels)", 3: "(batch, channels, length)"}


class BatchNorm2d(BatchNorm):
    """`BatchNorm1d` for images: mean and variance over the batch and all their places.

    Shape: (batch, channels, height, width), unchanged.

    Example:
        >>> import zincir
        >>> y = BatchNorm2d(3)(zincir.randn(8, 3, 5, 5))
        >>> (y.mean((0, 2, 3)).abs() < 1e-5).all().item()
        True
    """

    _axes: ClassVar = {4: "(batch, channels, height, width)"}


class BatchNorm3d(BatchNorm):
    """`BatchNorm1d` for volumes: mean and variance over the batch and all their places.

    Shape: (batch, channels, depth, height, width), unchanged.

    Example:
        >>> import zincir
        >>> BatchNorm3d(2)(zincir.randn(3, 2, 4, 4, 4)).shape
        (3, 2, 4, 4, 4)
    """

    _axes: ClassVar = {5: "(batch, channels, depth, height, width)"}


class _InstanceNorm(_ChannelNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        numbers = (num_features, eps, momentum, affine, track_running_stats)
        super().__init__(*numbers, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        batched = input.ndim == max(self._axes)
        self._check(input, 1 if batched else 0)
        self._watch()
        y = F.instance_norm(
            input if batched else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y if batched else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """y = (x - mean) / sqrt(var + eps) * weight + bias for each channel of each example.

    Shape: (batch, channels, length) or (channels, length), unchanged.
    From https://arxiv.org/abs/1607.08022.

    Args:
        affine: whether there are weight and bias, one number for each channel.
        track_running_stats: whether running_mean and running_var follow the mean over the batch,
            and are used in evaluation.

    Example:
        >>> import zincir
        >>> InstanceNorm1d(1, eps=0.0)(zincir.tensor([[[1.0, 3.0]], [[5.0, 9.0]]])).tolist()
        [[[-1.0, 1.0]], [[-1.0, 1.0]]]
    """

    _axes: ClassVar = {3: "(batch, channels, length)", 2: "(channels, length)"}


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images.

    Shape: (batch, channels, height, width) or (channels, height, width), unchanged.

    Example:
        >>> import zincir
        >>> InstanceNorm2d(3)(zincir.randn(8, 3, 5, 5)).shape
        (8, 3, 5, 5)
    """

    _axes: ClassVar = {4: "(batch, channels, height, width)", 3: "(channels, height, width)"}


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes.

    Shape: (batch, channels, depth, height, width) or (channels, depth, height, width), unchanged.

    Example:
        >>> import zincir
        >>> InstanceNorm3d(2)(zincir.randn(3, 2, 4, 4, 4)).shape
        (3, 2, 4, 4, 4)
    """

    _axes: ClassVar = {
        5: "(batch, channels, depth, height, width)",
        4: "(channels, depth, height, width)",
    }
