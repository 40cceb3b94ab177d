"""Operations without a kernel: their NumPy twins, as part of a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zincir.compiler.schedule.plan import Plan
from zincir.graph.node import Node
from zincir.graph.primitive import REGISTRY, Attr
from zincir.runtime.program import HostFunction, View


@dataclass(frozen=True, slots=True)
class Twin:
    """The NumPy twin of an operation, by name: it can be kept on disk."""

    op: str
    attrs: tuple[Attr, ...]

    def __call__(self, *xs: Any) -> Any:
        return REGISTRY[self.op].numpy(*xs, *self.attrs)


def host_call(plan: Plan, spaces: Mapping[str, int], node: Node) -> HostFunction:
    """The twin of a node, given its operands and its result.

    Args:
        spaces: the number of the first input, of the first output, and of the arena.
    """
    inputs = [_view(plan, spaces, x) for x in node.inputs]
    return HostFunction(Twin(node.op.name, node.attrs), inputs, _view(plan, spaces, node))


def _view(plan: Plan, spaces: Mapping[str, int], node: Node) -> View:
    view = plan.legal.views[node]
    kind, at = plan.home[view.base]
    space, start = (spaces[kind], at) if kind == "arena" else (spaces[kind] + at, 0)
    offset = start + view.offset * node.dtype.itemsize
    return View(space, offset, node.shape, view.strides, node.dtype.memory)
