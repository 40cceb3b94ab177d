"""`torch.distributed.nn`: exchanges with gradients, among processes that are one."""

from __future__ import annotations

from typing import Any

from zincir.tensor import Tensor


def all_reduce(tensor: Tensor, op: Any = None, group: Any = None) -> Tensor:
    """The sum over all processes: the tensor of this one, as a new tensor.

    >>> import zincir
    >>> all_reduce(zincir.ones(2))
    tensor([1., 1.])
    """
    return tensor.clone()


def all_gather(tensor: Tensor, group: Any = None) -> tuple[Tensor, ...]:
    """The tensors of all processes: that of this one."""
    return (tensor.clone(),)


def broadcast(tensor: Tensor, src: int, group: Any = None) -> Tensor:
    """The tensor of process `src`: that of this one."""
    return tensor.clone()
