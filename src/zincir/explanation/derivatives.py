"""The graph of gradients, with what is wanted besides: contributions and local derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zincir import autodiff
from zincir.autograd import FunctionCtx
from zincir.explanation.private import Private
from zincir.explanation.several import Part, again, contexts, inner, kept, part_of
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.half import converted
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
        _add(found.added, user, source, g)

    seed = expand(const(1.0, graph.root.dtype), graph.root.shape)
    before, PASS.chosen = PASS.chosen, True  # a rule that would add to `.grad` refuses
    try:
        own = contexts(graph.order)
        with kept(own):
            autodiff.grad({graph.root: seed}, None, retain=True, hook=hook, edge=edge)
        _by_output(graph, found, own)
    finally:
        PASS.chosen = before
    return found


def _by_output(graph: Private, found: Gradients, own: Sequence[FunctionCtx]) -> None:
    """Of operations with several outputs, what each output adds to what it was computed from."""
    outputs: dict[Node, list[tuple[Node, Part]]] = {}
    for node in graph.order:
        part = part_of(node)
        if part is not None and node in found.of:
            outputs.setdefault(part.core, []).append((node, part))
    parts: dict[tuple[Node, Node], Node] = {}
    for several in outputs.values():
        for node, part in several:
            edges = found.added
            if len(several) > 1:
                with kept(own):
                    edges = _edges(node, found.of[node])
            for way, source in dict.fromkeys(part.ways):
                if (way, source) in edges:
                    _add(parts, node, source, edges[way, source])
    hidden = inner(graph.order)
    found.added = {pair: g for pair, g in found.added.items() if not hidden & {*pair}} | parts
    found.of = {node: g for node, g in found.of.items() if node not in hidden}


def _edges(output: Node, g: Node) -> dict[tuple[Node, Node], Node]:
    """What a gradient of one output alone becomes on the way out of its operation."""
    part = part_of(output)
    assert part is not None
    edges: dict[tuple[Node, Node], Node] = {}

    def edge(user: Node, source: Node, added: Node) -> None:
        _add(edges, user, source, added)

    autodiff.grad({output: g}, part.operands, retain=True, edge=edge)
    return edges


def _add(edges: dict[tuple[Node, Node], Node], user: Node, source: Node, g: Node) -> None:
    before = edges.get((user, source))
    edges[user, source] = g if before is None else before + g


def add_local(graph: Private, found: Gradients) -> None:
    """Add the derivatives of each value by what it is computed from, by nothing else."""
    own = contexts(graph.order)
    for node in graph.order:
        sources = [x for x in operands(node) if (node, x) in found.added]
        elements: list[int | None] = [None]
        if not elementwise(node):
            sources, elements = _of_matrix(node, sources, len(graph.order))
        if not sources or node.dtype.is_complex:
            continue
        with kept(own):
            rows = _rows(node, sources, elements)
        for x, row in zip(sources, rows, strict=True):
            found.local[node, x] = row


def operands(node: Node) -> list[Node]:
    """What a node was computed from, each once."""
    part = part_of(node)
    return [*dict.fromkeys(node.inputs if part is None else part.operands)]


def is_left_out(graph: Private, user: Node, source: Node) -> bool:
    """Whether a matrix of derivatives is small enough to be shown, and the graph too large."""
    if elementwise(user) or len(graph.order) <= FEW_STEPS:
        return False
    return bool(_of_matrix(user, [source], 0)[0])


def _of_matrix(node: Node, sources: list[Node], steps: int) -> tuple[list[Node], list[int | None]]:
    """By which operands, and of which elements, a matrix of derivatives is computed."""
    outputs, part = math.prod(node.shape), part_of(node)
    # A function of the user's runs anew for each row: once is enough.
    most = 1 if part is not None and part.own else ENTRIES
    small = [x for x in sources if 0 < outputs * math.prod(x.shape) <= ENTRIES]
    if outputs > most or steps > FEW_STEPS or (part is None and node.op.kind is Kind.ALIAS):
        small = []
    return small, [*range(outputs)]


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
    y = again(node, cut)
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
    array = np.zeros(math.prod(y.shape), np.float32)
    array[element] = 1
    node = leaf(y.shape, y.dtype, origin=y.origin)
    node.value = Buffer(converted(array.reshape(y.shape), y.dtype))
    return node
