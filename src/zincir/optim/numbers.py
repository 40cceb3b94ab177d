"""The numbers of a parameter group as nodes: never stale, though programs are replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir import recording
from zincir.graph.node import Node
from zincir.ops.arithmetic import cast
from zincir.ops.movement import reshape, slice_
from zincir.optim.groups import Group
from zincir.tensor import Tensor
from zincir.types import float64

Numbers = Callable[[Group], dict[str, float]]


def number_nodes(group: Group, numbers: Numbers) -> dict[str, Node]:
    """Each number of `numbers(group)` as a 0-dimensional float64 node, read at each replay."""
    rate = group["lr"]

    def read() -> dict[str, float]:
        rate = group["lr"]
        return numbers({**group, "lr": 0.0} if isinstance(rate, Tensor) else group)

    names = list(read())
    row = recording.live(lambda: list(read().values()), (len(names),), float64, setting=True)
    nodes = {k: reshape(slice_(row, (i,), (1,), (1,)), ()) for i, k in enumerate(names)}
    if isinstance(rate, Tensor):
        nodes["lr"] = reshape(cast(rate._node, float64), ())
    return nodes


def switches(group: Group) -> list[Any]:
    """What decides which operations an update has: which settings are zero, which tensor is lr.

    A step asks at every replay, so it has to be quick.
    """
    rate = group["lr"]
    found: list[Any] = [*group, *map(bool, {**group, "lr": True, "params": True}.values())]
    found.append(id(rate) if isinstance(rate, Tensor) else None)
    return found
