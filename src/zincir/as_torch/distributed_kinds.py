"""Kinds of things that several processes hold together: there are none, and they can be asked for.

`torch.distributed.tensor`, `device_mesh` and `fsdp`: libraries ask whether a tensor or a module is
of such a kind.
"""

from __future__ import annotations

from typing import Any, Never

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import Module


def _several(name: str) -> ArgumentError:
    return ArgumentError(
        explain(f"{name}: it takes several processes, and there is one", where=user_line())
    )


class DTensor:
    """A tensor of which each process has a part.

    Raises:
        ArgumentError: one is to be made.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        raise _several(type(self).__name__)


class Shard(DTensor):
    """How it is cut."""


class Replicate(DTensor):
    """That it is not cut."""


Placement = Partial = Shard


class DeviceMesh(DTensor):
    """Processes in rows and columns."""


class FullyShardedDataParallel(Module):
    """A module whose parameters several processes share out.

    Raises:
        ArgumentError: one is to be made.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        raise _several(type(self).__name__)


class FSDPModule(FullyShardedDataParallel):
    """The same, of the second kind."""


def init_device_mesh(*args: Any, **options: Any) -> Never:
    """An error.

    Raises:
        ArgumentError: always.
    """
    raise _several("init_device_mesh")


def distribute_tensor(*args: Any, **options: Any) -> Never:
    """An error.

    Raises:
        ArgumentError: always.
    """
    raise _several("distribute_tensor")


def fully_shard(*args: Any, **options: Any) -> Never:
    """An error.

    Raises:
        ArgumentError: always.
    """
    raise _several("fully_shard")
