"""The numbers of a parameter group as nodes: never stale, though programs are replayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zincir import recording
from zincir.errors import TraceError, explain
from zincir.graph.node import Node, describe, here
from zincir.ops.arithmetic import cast
from zincir.ops.movement import reshape, slice_
from zincir.ops.source import const
from zincir.optim.groups import Group
from zincir.tensor import Tensor
from zincir.types import float64

Numbers = Callable[[Group], dict[str, float]]


def number_nodes(owner: str, group: Group, numbers: Numbers) -> dict[str, Node]:
    """Each number of `numbers(group)` as a 0-dimensional float64 node.

    While a function is recorded, all of them are read again at each replay. Otherwise only the
    learning rate is an input of the program, and the others are constants.
    """
    rate = group["lr"]
    given = numbers({**group, "lr": 0.0} if isinstance(rate, Tensor) else group)
    if recording.CURRENT.recording is not None:
        nodes = _read_at_replay(owner, group, numbers, list(given))
    else:
        nodes = {name: const(value, float64) for name, value in given.items()}
        nodes["lr"] = recording.live(lambda: rate, (), float64) if _plain(rate) else nodes["lr"]
    if isinstance(rate, Tensor):
        nodes["lr"] = reshape(cast(rate._node, float64), ())
    return nodes


def _plain(rate: object) -> bool:
    return not isinstance(rate, Tensor)


def _read_at_replay(
    owner: str, group: Group, numbers: Numbers, names: list[str]
) -> dict[str, Node]:
    recorded = _switches(group)

    def read() -> list[float]:
        if _switches(group) != recorded:
            raise _switched(owner, recorded, _switches(group))
        rate = group["lr"]
        return list(numbers({**group, "lr": 0.0} if isinstance(rate, Tensor) else group).values())

    row = recording.live(read, (len(names),), float64)
    return {name: reshape(slice_(row, (k,), (1,), (1,)), ()) for k, name in enumerate(names)}


def _switches(group: Group) -> dict[str, Any]:
    """What decides which operations an update has: whether each setting is zero or not."""
    found: dict[str, Any] = {k: bool(v) for k, v in group.items() if k not in ("lr", "params")}
    found["lr"] = isinstance(group["lr"], Tensor)
    return found


def _switched(owner: str, before: dict[str, Any], now: dict[str, Any]) -> TraceError:
    name = next(k for k in now if now[k] != before.get(k))
    kinds = ("a number", "a tensor") if name == "lr" else ("zero or off", "non-zero or on")
    return TraceError(
        explain(
            f"{owner}: {name!r} was switched after the step was recorded",
            where=describe(here()),
            expected=f"{kinds[before[name]]}, as it was then",
            got=f"{kinds[now[name]]}",
            try_="set it before the first call of the compiled function, or compile it again; "
            "other values may change at any time",
        )
    )
