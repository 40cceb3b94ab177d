"""The graph of gradients, with what is wanted besides: contributions and local derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zincir import autodiff
from zincir.explanation.private import Private
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.operations.movement import expand
from zincir.operations.source import alias_p, const, detach_p, leaf, variable_p
from zincir.runtime.buffer import Buffer
from zincir.tensor_backward import PASS

MOST_LOCAL = 3000
"""In graphs of more steps local derivatives are left out: they would take longer than the rest."""
ENTRIES = 256
"""Matrices of derivatives have so many entries at most,"""
FEW_STEPS = 200
"""and are there in graphs of so many steps."""


@dataclass
class Gradients:
    """The graph of gradients, and where in it what is shown is computed."""

    of: dict[Node, Node] = field(default_factory=dict[Node, Node])
    added: dict[tuple[Node, Node], Node] = field(default_factory=dict[tuple[Node, Node], Node])
    """By user and source."""
    local: dict[tuple[Node, Node], list[Node]] = field(
        default_factory=dict[tuple[Node, Node], list[Node]]
    )
    """One node if element by element, else one for each row of the matrix."""


def gradients_of(graph: Private) -> Gradients:
    """The gradient of each value, and what each use adds to it, as nodes."""
    found = Gradients()

    def hook(node: Node, g: Any) -> Any:
        if isinstance(g, Node):
            found.of[node] = g
        return g

    def edge(user: Node, source: Node, g: Node) -> None:
        before = found.added.get((user, source))
        found.added[user, source] = g if before is None else before + g

    seed = expand(const(1.0, graph.root.dtype), graph.root.shape)
    before, PASS.chosen = PASS.chosen, True  # a rule that would add to `.grad` refuses
    try:
        autodiff.grad({graph.root: seed}, None, retain=True, hook=hook, edge=edge)
    finally:
        PASS.chosen = before
    return found


def add_local(graph: Private, found: Gradients) -> None:
    """Add the derivatives of each value by what it is computed from, by nothing else."""
    for node in graph.order:
        sources = [x for x in dict.fromkeys(node.inputs) if (node, x) in found.added]
        if not sources or node.op.has_several or node.dtype.half or node.dtype.is_complex:
            continue
        elements: list[int | None] = [None]
        if not elementwise(node):
            outputs = math.prod(node.shape)
            sources = [x for x in sources if 0 < outputs * math.prod(x.shape) <= ENTRIES]
            if not sources or node.op.kind is Kind.ALIAS or len(graph.order) > FEW_STEPS:
                continue
            elements = [*range(outputs)]
        for x, rows in zip(sources, _rows(node, sources, elements), strict=True):
            found.local[node, x] = rows


def elementwise(node: Node) -> bool:
    """Whether each element is computed from the elements at the same place."""
    return node.op.kind is Kind.POINTWISE or node.op in (variable_p, alias_p)


def _rows(node: Node, sources: list[Node], elements: list[int | None]) -> list[list[Node]]:
    """Derivatives of a node by its own inputs alone: of all of it, or of single elements."""
    cut: dict[Node, Node] = {}
    for x in sources:
        still = Node(detach_p, (x,), (), (x.shape, x.dtype), False, x.origin)
        if elements == [None]:
            still = expand(still, node.shape)
        cut[x] = Node(variable_p, (still,), (), (still.shape, x.dtype), True, x.origin)
    inputs = tuple(cut.get(x, x) for x in node.inputs)
    y = Node(node.op, inputs, node.attrs, (node.shape, node.dtype), True, node.origin)
    rows: list[list[Node]] = [[] for _ in sources]
    for element in elements:
        seed = expand(const(1.0, y.dtype), y.shape) if element is None else _unit(y, element)
        derivatives = autodiff.grad({y: seed}, list(cut.values()), retain=True)
        for row, x in zip(rows, sources, strict=True):
            row.append(derivatives.get(cut[x]) or _nothing(cut[x]))
    return rows


def _nothing(x: Node) -> Node:
    return expand(const(0.0, x.dtype), x.shape)


def _unit(y: Node, element: int) -> Node:
    array = np.zeros(math.prod(y.shape), y.dtype.memory)
    array[element] = 1
    node = leaf(y.shape, y.dtype, origin=y.origin)
    node.value = Buffer(array.reshape(y.shape))
    return node
