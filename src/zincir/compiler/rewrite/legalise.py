"""graph -> graph: copies where a view cannot be had for free, and buffers that are needed whole.

reshape(permute(x)) --> reshape(copy(permute(x)));  output(view) --> output(copy(view))
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from zincir.compiler.access import Strided, is_affine_reshape, strided, through
from zincir.compiler.derived import derive, rebuild
from zincir.compiler.options import Options
from zincir.compiler.rewrite.convolution import as_matmul
from zincir.compiler.rewrite.winograd import as_tiles
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind, Primitive
from zincir.graph.walk import toposort
from zincir.loop.rounds import Rounds
from zincir.operations.arithmetic import copy_p
from zincir.operations.movement import reshape_p
from zincir.operations.source import const_p
from zincir.types import contiguous_strides, size

INLINE = frozenset({Kind.POINTWISE, Kind.INDEXED, Kind.TAKE})
"""Kinds that can be computed where they are used."""


@dataclass(frozen=True, slots=True)
class Legal:
    """A graph whose every view is either strided or affine."""

    graph: Graph
    materialised: set[Node] = field(default_factory=set[Node])
    """Inline nodes that somebody needs as a buffer."""
    views: dict[Node, Strided] = field(default_factory=dict[Node, Strided])
    """Every buffer, and every view of one, as offset and strides."""
    alias_of: dict[Node, tuple[Node, int]] = field(default_factory=dict[Node, tuple[Node, int]])
    """For what is computed inside a larger value, that value and which operand of it: see
    `fuse.copy_elision`."""

    def copy(self) -> Legal:
        """For a pass that changes it: what another pass has made stays as it is."""
        return Legal(self.graph, set(self.materialised), dict(self.views), dict(self.alias_of))

    def show(self) -> str:
        return self.graph.show()

    def is_buffer(self, node: Node) -> bool:
        if node.op.kind in (Kind.VIEW, Kind.LOOP) or node.op is const_p:
            return False
        return node.op.kind not in INLINE or node.op is copy_p or node in self.materialised


def legalise(graph: Graph, options: Options) -> Legal:
    """See the module's description."""
    legal = Legal(graph)
    maker = _Legaliser(legal, options)
    new: dict[Node, Node] = {}
    for node in toposort(graph.outputs):
        new[node] = maker.legal_node(node, tuple(new[n] for n in node.inputs))
    outputs: list[Node] = []
    owned: set[Node] = set()
    for root in graph.outputs:
        output = maker.legal_output(new[root], owned)
        outputs.append(output)
        owned.add(legal.views[output].base)
    return replace(legal, graph=graph.with_outputs(outputs))


def copy_of(node: Node) -> Node:
    """A copy: a contiguous buffer of its own."""
    return derive(node, copy_p, (node,))


class _Legaliser:
    def __init__(self, legal: Legal, options: Options) -> None:
        self.legal = legal
        self.options = options
        self.copies: dict[Node, Node] = {}

    def legal_node(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        kind = node.op.kind
        if kind is Kind.CONVOLUTION:
            x, w = map(self._as_view, inputs)
            if self.options.winograd:
                tiled = as_tiles(self._make, node, x, w, self.legal.views, self._whole)
                if tiled is not None:
                    return tiled
            x, w = self._read_well(x, w)
            return as_matmul(self._make, node, x, w, self.legal.views[x].strides)
        if kind in (Kind.CONTRACTION, Kind.HOST):
            inputs = tuple(self._as_view(x) for x in inputs)
        elif kind is Kind.LOOP:
            inputs = self._of_loop(Rounds(*node.attrs), inputs)
        elif kind is Kind.SCATTER:
            inputs = (inputs[0], *(self._as_contiguous(x) for x in inputs[1:]))
        elif kind in (Kind.TAKE, Kind.INDEXED) and inputs:
            inputs = (self._as_view(inputs[0]), *inputs[1:])
        elif node.op is reshape_p and not self._reshapes(node, inputs[0]):
            inputs = (self._whole(inputs[0]),)
        made = rebuild(node, inputs)
        self._note(made)
        return made

    def _of_loop(self, rounds: Rounds, inputs: tuple[Node, ...]) -> tuple[Node, ...]:
        """What is read in every round, as it is read best; of sequences, views will do."""
        first, then = rounds.constants, rounds.constants + rounds.carried
        constants = [self._as_contiguous(x) for x in inputs[:first]]
        return (*constants, *inputs[first:then], *[self._as_view(x) for x in inputs[then:]])

    def _make(self, op: Primitive, inputs: tuple[Node, ...], *attrs: Any) -> Node:
        made = derive(inputs[0], op, inputs, attrs)
        self._note(made)
        return made

    def _read_well(self, x: Node, w: Node) -> tuple[Node, Node]:
        """Both operands of a convolution as views that products read well."""
        if w.shape[-1] != 1 and 1 not in self.legal.views[w].strides[-2:]:
            w = self._whole(w)
        strides = self.legal.views[x].strides
        beside = 1 in (x.shape[-1], strides[-1], x.shape[0], strides[0])
        return x if beside else self._whole(x), w

    def _note(self, node: Node) -> None:
        views = self.legal.views
        if node.op.kind is Kind.VIEW:
            inner = views.get(node.inputs[0])
            found = through(node, inner) if inner is not None else None
            if found is not None:
                views[node] = found
        elif self.legal.is_buffer(node):
            views[node] = strided(node, self.legal.graph.layouts.get(node))

    def _reshapes(self, node: Node, x: Node) -> bool:
        """Whether reshaping `x` costs nothing."""
        inner = self.legal.views.get(x)
        if inner is None:
            return is_affine_reshape(rebuild(node, (x,)))
        return through(rebuild(node, (x,)), inner) is not None

    def _whole(self, x: Node) -> Node:
        """`x` as a contiguous buffer."""
        if x.op.kind in INLINE:
            self.legal.materialised.add(x)
            self._note(x)
            return x
        if x not in self.copies:
            self.copies[x] = copy_of(x)
            self._note(self.copies[x])
        return self.copies[x]

    def _as_view(self, x: Node) -> Node:
        """`x` as a buffer or a strided view of one."""
        chain = [x]
        while chain[-1].op.kind is Kind.VIEW:
            chain.append(chain[-1].inputs[0])
        if chain[-1].op.kind in INLINE:
            self._whole(chain[-1])
        for view in reversed(chain):
            if view not in self.legal.views:
                self._note(view)
        return x if x in self.legal.views else self._whole(x)

    def _as_contiguous(self, x: Node) -> Node:
        view = self.legal.views.get(x)
        if view is not None and view == strided(view.base) and view.base.shape == x.shape:
            return x
        return self._whole(x)

    def legal_output(self, x: Node, owned: set[Node]) -> Node:
        """An output owns its memory, alone: what is `owned` is another one's."""
        if x in owned or x.op.kind in (Kind.VIEW, Kind.SOURCE):
            if self._whole_temporary(x, owned):
                return x
            return self._own_copy(x)
        if x.op.kind in INLINE:
            self._whole(x)
        return x

    def _whole_temporary(self, x: Node, owned: set[Node]) -> bool:
        """Whether x is all of a buffer of this program as it lies, and not handed out yet."""
        view = self.legal.views.get(x)
        if (
            view is None
            or view.base.op.kind is Kind.SOURCE
            or size(x.shape) != size(view.base.shape)
        ):
            return False
        lies = zip(x.shape, view.strides, contiguous_strides(x.shape), strict=True)
        if view.offset or any(n != 1 and mine != other for n, mine, other in lies):
            return False
        return view.base not in owned

    def _own_copy(self, x: Node) -> Node:
        copy = copy_of(x)
        self._note(copy)
        return copy
