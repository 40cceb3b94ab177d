"""`torch.nn.parallel`: one device, one process; the module itself does the work."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

from zincir.as_torch import distributed
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module


class DataParallel(Module):
    """A module that passes everything on to `module`: without GPUs there is nothing to share out.

    The names in its state begin with `module.`, as in PyTorch.

    >>> import zincir
    >>> list(DataParallel(zincir.nn.Linear(1, 1)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What `module` computes."""
        return self.module(*inputs, **kwargs)


class DistributedDataParallel(Module):
    """A module whose gradients are those of all processes, which are one.

    Raises:
        ArgumentError: there is no process group; `torch.distributed.init_process_group` makes it.
    """

    def __init__(self, module: Module, *args: Any, **options: Any) -> None:
        super().__init__()
        if not distributed.is_initialized():
            raise ArgumentError(
                explain(
                    "DistributedDataParallel: there is no process group",
                    where=user_line(),
                    try_="torch.distributed.init_process_group('gloo', rank=0, world_size=1, ...)",
                )
            )
        self.module = module
        self.require_backward_grad_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What `module` computes."""
        return self.module(*inputs, **kwargs)

    @contextlib.contextmanager
    def no_sync(self) -> Generator[None]:
        """A context in which gradients are not exchanged: they never are."""
        yield


def data_parallel(module: Module, inputs: Any, *args: Any, module_kwargs: Any = None) -> Any:
    """What `module` computes."""
    options: Any = module_kwargs or {}
    return module(*inputs, **options) if isinstance(inputs, tuple) else module(inputs, **options)
