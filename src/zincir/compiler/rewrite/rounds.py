"""A scan as a loop that programs know: what nobody reads is gone, what stays the same is outside.

scan(body, w, h, xs) --> rounds(body', w', h, xs),  its outputs views of places and rows
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from zincir.compiler.derived import derive_as
from zincir.compiler.rewrite.rewriter import Rewriter
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.graph.subgraph import Subgraph
from zincir.graph.walk import toposort
from zincir.loop.rounds import Rounds, rounds_p
from zincir.loop.scan import Loop
from zincir.operations.compound import output_p, specs_of
from zincir.operations.movement import expand_p, reshape_p, slice_p
from zincir.operations.source import leaf_p

_FEWEST = 2
"""Rounds that are worth a loop."""
_ALONE = (Kind.HOST, Kind.COMPOUND, Kind.LOOP)
"""What a loop cannot do: the twin of NumPy stops native code, and there are no loops in loops."""


def is_loop(whole: Node) -> bool:
    """Whether a scan can be a loop of a program."""
    loop = Loop(*whole.attrs)
    return loop.length >= _FEWEST and not any(
        node.op.kind in _ALONE or (node.op.kind is Kind.CONTRACTION and node.dtype.category != 2)
        for node in toposort(loop.body.results)
    )


def as_rounds(build: Rewriter, whole: Node, used: Collection[int]) -> dict[int, Node]:
    """The outputs of a scan that are used, by their numbers, as those of a loop."""
    loop = Loop(*whole.attrs)
    return _Made(build, whole, replace(loop, body=loop.body.without_aliases()), used).outputs()


@dataclass(slots=True)
class _Made:
    build: Rewriter
    whole: Node
    loop: Loop
    used: Collection[int]
    constants: dict[Node, Node] = field(default_factory=dict[Node, Node])
    """By nodes of the body: what they are in every round, outside of it."""

    def outputs(self) -> dict[int, Node]:
        """See `as_rounds`."""
        loop, body = self.loop, self.loop.body
        _, carried, _ = loop.parts(body.parameters)
        live = self._live()
        rows = self._rows(live)
        kept = tuple([k in self._with_rows(live) for k in live])
        shared = self._shared([body.results[k] for k in live] + list(rows))
        inputs = dict(zip(body.parameters, self.whole.inputs, strict=True))
        for node in toposort(shared, lambda node: node not in inputs):
            inputs[node] = self.build.build(
                self.whole, node.op, tuple([inputs[x] for x in node.inputs]), *node.attrs
            )
        results = [*[body.results[k] for k in live], *rows]
        reached = set(_reached(results, shared))
        sequences = [x for x in loop.parts(body.parameters)[2] if x in reached]
        constants = [x for x in shared if x in reached]
        parameters = [*constants, *[carried[k] for k in live], *sequences]
        new = {x: self._leaf(x) for x in parameters}
        made = Subgraph([new[x] for x in parameters], self._copied(results, new))
        rounds = Rounds(made, len(constants), len(live), loop.length, loop.reverse, kept)
        attrs = (made, len(constants), len(live), loop.length, loop.reverse, kept)
        node = self.build.make(self.whole, rounds_p, tuple([inputs[x] for x in parameters]), attrs)
        return self._views(rounds, node, live, list(rows))

    def _live(self) -> list[int]:
        """What is carried and has any effect."""
        loop, body = self.loop, self.loop.body
        _, carried, _ = loop.parts(body.parameters)
        found = {i for i in self.used if i < loop.carried}
        while True:
            wanted = [body.results[i] for i in found.union(self.used)]
            reached = set(toposort(wanted))
            new = {k for k, x in enumerate(carried) if x in reached} - found
            if not new:
                return sorted(found)
            found |= new

    def _with_rows(self, live: Iterable[int]) -> set[int]:
        """What is carried and is read as a row as well."""
        loop, body = self.loop, self.loop.body
        _, carried, _ = loop.parts(body.parameters)
        rows = {body.results[i] for i in self.used if i >= loop.carried}
        return {k for k in live if body.results[k] in rows or carried[k] in rows}

    def _rows(self, live: Iterable[int]) -> dict[Node, None]:
        """Rows that are not what is carried."""
        loop, body = self.loop, self.loop.body
        _, carried, _ = loop.parts(body.parameters)
        there = {x for k in live for x in (body.results[k], carried[k])}
        rows = [body.results[i] for i in sorted(self.used) if i >= loop.carried]
        return dict.fromkeys(x for x in rows if x not in there)

    # -- what is the same in every round --------------------------------------------------------

    def _shared(self, results: list[Node]) -> list[Node]:
        """Constants, and what is computed of them alone, as large as it has to be."""
        body = self.loop.body
        constants, carried, sequences = self.loop.parts(body.parameters)
        same, varies = set(constants), {*carried, *sequences}
        order = toposort(results)
        for node in order:
            alike = [x in same for x in node.inputs if x.inputs or x in varies or x in same]
            if alike and all(alike) and node.op is not expand_p:
                same.add(node)
        ends = {x for node in order if node not in same for x in node.inputs if x in same}
        ends |= {x for x in results if x in same}
        return [x for x in [*constants, *order] if x in ends and x in same]

    # -- the body -------------------------------------------------------------------------------

    def _leaf(self, x: Node) -> Node:
        spec = x.shape, x.dtype
        return derive_as(self.whole, leaf_p, (), spec, spec)

    def _copied(self, results: list[Node], new: dict[Node, Node]) -> list[Node]:
        """The results, of new parameters; all nodes say where the scan was written."""
        for node in toposort(results, lambda node: node not in new):
            inputs = tuple([new[x] for x in node.inputs])
            spec = node.shape, node.dtype
            new[node] = derive_as(self.whole, node.op, inputs, node.attrs, spec)
        return [new[x] for x in results]

    # -- what is outside of it ------------------------------------------------------------------

    def _views(
        self, rounds: Rounds, node: Node, live: list[int], rows: list[Node]
    ) -> dict[int, Node]:
        loop, body = self.loop, self.loop.body
        _, carried, _ = loop.parts(body.parameters)
        all_specs = specs_of(node)

        def output(i: int) -> Node:
            return self.build.build(self.whole, output_p, (node,), i, *all_specs[i])

        found: dict[int, Node] = {}
        for i in self.used:
            x = body.results[i]
            if i < loop.carried:
                k = live.index(i)
                at = rounds.place(k, loop.length)
                found[i] = self._part(output(k), at, 1, x.shape)
                continue
            made = next((k for k in live if body.results[k] is x), None)
            given = next((k for k in live if carried[k] is x), None)
            if made is not None or given is not None:
                k = live.index(made if made is not None else given or 0)
                later = (made is not None) != loop.reverse
                found[i] = self._part(output(k), int(later), loop.length, None)
            else:
                found[i] = output(len(live) + rows.index(x))
        return found

    def _part(self, x: Node, start: int, count: int, shape: tuple[int, ...] | None) -> Node:
        """Places from `start` on; one of them, if it has a shape."""
        starts, sizes = (start, *(0,) * (x.ndim - 1)), (count, *x.shape[1:])
        part = self.build.build(self.whole, slice_p, (x,), starts, (1,) * x.ndim, sizes)
        return part if shape is None else self.build.build(self.whole, reshape_p, (part,), shape)


def _reached(results: Iterable[Node], stop: Collection[Node]) -> list[Node]:
    """What results are computed of, no further than `stop`."""
    ends = set(stop)
    found = toposort(results, lambda node: node not in ends)
    return [
        *found,
        *{x for node in found for x in node.inputs if x in ends},
        *[x for x in results if x in ends],
    ]
