"""Batch norm whose batch is all that the processes have which train together."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.autograd import no_grad
from zincir.creation import tensor
from zincir.distributed import Comm, all_sum, world
from zincir.errors import ArgumentError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.nn.layers.normalization_batch import BatchNorm
from zincir.nn.module.module import Module
from zincir.tensor import Tensor
from zincir.types import DType, float32, float64


class SyncBatchNorm(BatchNorm):
    """`BatchNorm1d` for any number of axes, over the batch of all processes that `mpiexec` started.

    In training, all of them call it at the same time; each may have another number of samples.

    Shape: (batch, channels, ...), unchanged.

    Args:
        process_group: a `zincir.distributed.Comm`, for other processes.

    Example:
        >>> import zincir
        >>> layer = SyncBatchNorm(1, eps=0.0)
        >>> layer(zincir.tensor([[1.0], [3.0]])).tolist()
        [[-1.0], [1.0]]
    """

    _axes: ClassVar = dict.fromkeys(range(2, 65), "(batch, channels, ...)")

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        numbers = (num_features, eps, momentum, affine, track_running_stats)
        super().__init__(*numbers, device, dtype, bias=bias)
        if process_group is not None and not isinstance(process_group, Comm):
            raise ArgumentError(
                explain(
                    "SyncBatchNorm: this is no group of processes",
                    where=user_line(),
                    expected="None, or a zincir.distributed.Comm",
                    got=type(process_group).__name__,
                )
            )
        self.process_group = process_group

    def forward(self, input: Tensor) -> Tensor:
        comm = self.process_group or world()
        own = self.running_mean is None and self.running_var is None
        if comm.size == 1 or not (self.training or own):
            return super().forward(input)
        self._check(input, 1)
        self._watch()
        axes = [0, *range(2, input.ndim)]
        shape = (1, -1, *(1,) * (input.ndim - 2))
        x = input if input.dtype is float64 else input.to(float32)
        count = tensor([float(x.numel() // self.num_features)], dtype=x.dtype)
        sums = all_sum(cat([x.sum(axes), count]), comm)
        count = sums[-1:].detach()
        mean = sums[:-1] / count
        distance = x - mean.reshape(shape)
        var = all_sum((distance * distance).sum(axes), comm) / count
        if self.training:
            self._follow(mean.detach(), (var * count / (count - 1)).detach())
        y = distance * (var + self.eps).rsqrt().reshape(shape)
        if self.weight is not None:
            y = y * self.weight.reshape(shape)
        if self.bias is not None:
            y = y + self.bias.reshape(shape)
        return y.to(input.dtype)

    def _follow(self, mean: Tensor, var: Tensor) -> None:
        """Let the running statistics follow those of a batch."""
        seen = self.num_batches_tracked
        if not self.track_running_stats or seen is None:
            return
        with no_grad():
            seen.add_(1)
            share: Any = self.momentum if self.momentum is not None else 1.0 / seen.to(mean.dtype)
            for running, now in ((self.running_mean, mean), (self.running_var, var)):
                if running is not None:
                    running.copy_((1 - share) * running + share * now)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Put a `SyncBatchNorm` in the place of every batch norm in `module`, which is returned.

        The new layers hold the parameters and statistics of the old ones. If `module` is a batch
        norm itself, the new layer is returned.

        >>> from zincir import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        >>> type(SyncBatchNorm.convert_sync_batchnorm(net)[1]).__name__
        'SyncBatchNorm'
        """
        new = module
        if isinstance(module, BatchNorm):
            numbers = (module.num_features, module.eps, module.momentum, module.affine)
            tracked = module.track_running_stats
            bias = module.bias is not None
            new = cls(*numbers, tracked, process_group, bias=bias)
            held = ("running_mean", "running_var", "num_batches_tracked")
            for name in (*(("weight", "bias") if module.affine else ()), *held):
                setattr(new, name, getattr(module, name))
            new.train(module.training)
        for name, child in module.named_children():
            new.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return new
