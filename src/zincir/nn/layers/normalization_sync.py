"""Batch norm whose batch is all that the processes have: here there is one process."""

from __future__ import annotations

from typing import Any, ClassVar

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn.layers.normalization_batch import BatchNorm
from zincir.nn.module.module import Module
from zincir.types import DType


class SyncBatchNorm(BatchNorm):
    """`BatchNorm1d` for any number of axes, over the batch of all processes: that of this one.

    Shape: (batch, channels, ...), unchanged.

    Args:
        process_group: None; there are no other processes.

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
        if process_group is not None:
            raise ArgumentError(
                explain(
                    "SyncBatchNorm: there are no groups of processes",
                    where=user_line(),
                    expected="process_group=None",
                    got=type(process_group).__name__,
                )
            )
        self.process_group = process_group

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
