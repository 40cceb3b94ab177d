"""The gradient of a loop: a loop over the gradient of its body, from the last round to the first.

A round of it looks at what the same round of the first loop computed. So a loop whose gradient may
be asked for has rows more than it was written with: what its body's gradient looks at and what
costs more to compute again than to keep. Rows that nobody reads are not computed.

What a round adds to the gradient of a constant is not added up in the loop, where it is a sum of
linear things: then these come behind the sum. Of a weight's gradient in each round,

    h[t].T @ g[t],    a row of each operand is kept, and all rounds are one product.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from zincir import autodiff
from zincir.graph.node import Node, apply, grad_mode
from zincir.graph.primitive import Kind
from zincir.graph.subgraph import Subgraph
from zincir.graph.walk import toposort
from zincir.operations import movement as mv
from zincir.operations.arithmetic import add_p, neg_p
from zincir.operations.compound import outputs
from zincir.operations.contraction import matmul, matmul_p
from zincir.operations.source import alias_p, const, leaf
from zincir.types import Shape, size

_MOST_ROWS = 1 << 24
"""Elements of rows that are kept for one sum; what would be more is added up in the loop."""

Scan: TypeAlias = Callable[..., tuple[tuple[Node, ...], tuple[Node, ...]]]
Later: TypeAlias = Callable[[dict[Node, Node]], Node]
"""A node, once it is known which sequences hold the values of the body's nodes."""


class _Differentiated:
    """A copy of a body, and its gradient.

    Args:
        wanted: for each result, whether a gradient arrives there.
    """

    def __init__(self, body: Subgraph, wanted: Sequence[bool]) -> None:
        with grad_mode(True):
            self.parameters = [leaf(x.shape, x.dtype, _floats(x)) for x in body.parameters]
            self.results = body(*self.parameters)
        self.seeds: dict[int, Node] = {}
        """By the number of a result: the parameter that is its gradient."""
        arriving: dict[Node, Node] = {}
        for i, (result, asked) in enumerate(zip(self.results, wanted, strict=True)):
            if not asked or not _floats(result):
                continue
            seed = self.seeds[i] = leaf(result.shape, result.dtype)
            if result.needs_grad:
                arriving[result] = arriving[result] + seed if result in arriving else seed
        with grad_mode(False):
            floats = [x for x in self.parameters if x.needs_grad]
            found = autodiff.grad(arriving, floats, retain=True) if arriving else {}
        self.gradients = [found.get(x) for x in self.parameters]
        self._order = toposort([*self.parameters, *self.results])

    def looked_at(self) -> list[Node]:
        """What the gradient looks at of the body, in order."""
        own = set(self._order)
        asked = [g for g in self.gradients if g is not None]
        found = {g for g in asked if g in own}
        for node in toposort(asked, lambda node: node not in own):
            found |= {x for x in node.inputs if x in own}
        return [node for node in self._order if node in found]


def _floats(x: Node) -> bool:
    return x.dtype.category >= 2


@functools.lru_cache(maxsize=256)
def with_kept(body: Subgraph, constants: int, carried: int) -> Subgraph:
    """The body of a loop, with rows of what its gradient looks at."""
    made = _Differentiated(body, [True] * len(body.results))
    handed_on = made.parameters[constants : constants + carried]
    there = {*made.parameters, *made.results[carried:]} - {*handed_on}
    keeper = _Keeper(there, set(handed_on))
    for node in made.looked_at():
        keeper.keep(node)
    return Subgraph(made.parameters, [*made.results, *keeper.kept])


@dataclass(slots=True)
class _Keeper:
    """Chooses what is kept, so that all that is needed can be had without much work."""

    there: set[Node]
    handed_on: set[Node]
    kept: list[Node] = field(default_factory=list[Node])

    def keep(self, node: Node) -> None:
        """See to it that `node` can be had."""
        while node.op.kind is Kind.VIEW and node not in self.there:
            node = node.inputs[0]
        lacking = self._lacking(node)
        for x in lacking if len(lacking) < 2 else [node]:
            self.kept.append(x)
            self.there.add(x)

    def _lacking(self, node: Node) -> list[Node]:
        """What would have to be kept to compute `node` again."""
        if node in self.there:
            return []
        if node in self.handed_on:
            return [node]
        cheap = node.op.kind is Kind.POINTWISE and not node.op.expensive
        if node.inputs and not cheap and node.op.kind not in (Kind.VIEW, Kind.ALIAS):
            return [node]
        found: dict[Node, None] = {}
        for x in node.inputs:
            found |= dict.fromkeys(self._lacking(x))
        return list(found)


def scan_vjp(scan: Scan, g: Any, y: Node, *args: Any) -> tuple[Node | None, ...]:
    """The gradients of the inputs of a scan: see the module's description."""
    body, constants, carried, length, reverse = args[-5:]
    wanted = tuple([i < carried or gx is not None for i, gx in enumerate(g)])
    back = _backward(body, wanted, constants, carried, length)
    return back.run(scan, g, outputs(y), args[:-5], reverse=reverse)


class _Backward:
    """The loop over the gradient of a body."""

    def __init__(
        self, body: Subgraph, wanted: Sequence[bool], constants: int, carried: int, length: int
    ) -> None:
        made = self._made = _Differentiated(body, wanted)
        self._length = length
        self._carried = carried
        self._constants = constants
        self._there = self._available()
        self._rows: dict[Node, None] = {}
        """Nodes of the body that become sequences."""
        self._added: dict[Node, None] = {}
        """Nodes of the body that are added up from round to round."""
        gradients = made.gradients
        self._behind = [None if x is None else self._summed(x) for x in gradients[:constants]]
        self._of_sequences = [
            None if x is None else self._row(x) for x in gradients[constants + carried :]
        ]
        self._handed_on = [k for k in range(carried) if k in made.seeds]
        self._taken: dict[Node, Node] = {}
        """Of what is there of the first loop, what the body takes, and as which parameter."""
        self.body = self._build()

    def _available(self) -> dict[Node, int]:
        """What is there of the first loop: inputs by their numbers, behind these its sequences."""
        made, first = self._made, self._constants + self._carried
        found: dict[Node, int] = {}
        for i, x in enumerate(made.parameters):
            if not self._constants <= i < first:
                found[x] = i
        for j, x in enumerate(made.results[self._carried :]):
            if x.inputs or x in made.parameters:
                found.setdefault(x, len(made.parameters) + j)
        return found

    def _build(self) -> Subgraph:
        made = self._made
        arrived = [made.gradients[self._constants + k] for k in self._handed_on]
        carried = [made.parameters[self._constants + k] for k in self._handed_on]
        handed = [_zero(x) if g is None else g for g, x in zip(arrived, carried, strict=True)]
        sums = [leaf(x.shape, x.dtype) for x in self._added]
        new = self._copied([*handed, *self._added, *self._rows])
        ends = len(handed), len(handed) + len(sums)
        added = [s + x for s, x in zip(sums, new[ends[0] : ends[1]], strict=True)]
        taken = sorted(self._taken, key=self._there.__getitem__)
        constants = [x for x in taken if self._there[x] < self._constants]
        sequences = [x for x in taken if self._there[x] >= self._constants]
        self._inputs = constants, sequences
        parameters = [
            *[self._taken[x] for x in constants],
            *[made.seeds[k] for k in self._handed_on],
            *sums,
            *[self._taken[x] for x in sequences],
            *[seed for i, seed in made.seeds.items() if i >= self._carried],
        ]
        return Subgraph(parameters, [*new[: ends[0]], *added, *new[ends[1] :]])

    def _copied(self, nodes: Sequence[Node]) -> list[Node]:
        """The nodes, computed of what is there."""
        new: dict[Node, Node] = {}
        for node in toposort(nodes, lambda node: node not in new):
            if node in self._there:
                continue
            for x in node.inputs:
                if x in self._there and x not in new:
                    new[x] = self._taken[x] = leaf(x.shape, x.dtype)
            inputs = [new[x] for x in node.inputs]
            new[node] = apply(node.op, *inputs, attrs=node.attrs) if inputs else node
        return [new[node] for node in nodes]

    # -- what a round adds to the gradient of a constant ----------------------------------------

    def _summed(self, x: Node) -> Later:
        """The sum of `x` over all rounds."""
        op = x.op
        if x in self._there:
            return self._sum_of_rows(x, ())
        if op is alias_p:
            return self._summed(x.inputs[0])
        if op is add_p and x.inputs[0].shape == x.inputs[1].shape:
            first, second = map(self._summed, x.inputs)
            return lambda rows: first(rows) + second(rows)
        if op is mv.sum_p and x.inputs[0].op is not matmul_p:
            return self._sum_of_rows(x.inputs[0], x.attrs[0])
        if op in (neg_p, mv.reshape_p, mv.permute_p, mv.sum_p):
            inner = self._summed(x.inputs[0])
            return lambda rows: apply(op, inner(rows), attrs=x.attrs)
        if op is matmul_p:
            return self._sum_of_products(x)
        return self._sum_of_rows(x, ())

    def _sum_of_rows(self, x: Node, axes: Shape) -> Later:
        """The sum over all rounds of `x`, summed along axes that stay with size 1."""
        if size(x.shape) * self._length > _MOST_ROWS:
            self._added[x] = None
            return lambda rows: mv.sum_(rows[x], axes)
        row = self._row(x)

        def later(rows: dict[Node, Node]) -> Node:
            total = mv.sum_(row(rows), (0, *[axis + 1 for axis in axes]))
            return mv.reshape(total, total.shape[1:])

        return later

    def _sum_of_products(self, x: Node) -> Later:
        """One product for all rounds: they are an axis more that is summed over."""
        first, second = x.inputs
        outer = x.ndim - 2
        inner = size(first.shape[outer + 1 :])
        if (size(first.shape) + size(second.shape)) * self._length > _MOST_ROWS:
            self._added[x] = None
            return lambda rows: rows[x]
        rows_of_a, rows_of_b = self._row(first), self._row(second)

        def later(rows: dict[Node, Node]) -> Node:
            a, b = rows_of_a(rows), rows_of_b(rows)
            a = mv.permute(a, (*range(1, outer + 2), 0, *range(outer + 2, a.ndim)))
            b = mv.permute(b, (*range(1, outer + 1), 0, *range(outer + 1, b.ndim)))
            terms = self._length * inner
            a = mv.reshape(a, (*first.shape[: outer + 1], terms))
            b = mv.reshape(b, (*second.shape[:outer], terms, second.shape[-1]))
            return matmul(a, b)

        return later

    def _row(self, x: Node) -> Later:
        """The sequence of what `x` is in all rounds."""
        if x in self._there:
            return lambda rows: rows[x]
        if x.op is mv.permute_p:
            inner = self._row(x.inputs[0])
            axes = (0, *[axis + 1 for axis in x.attrs[0]])
            return lambda rows: mv.permute(inner(rows), axes)
        self._rows[x] = None
        return lambda rows: rows[x]

    # -- the loop itself ------------------------------------------------------------------------

    def run(
        self, scan: Scan, g: Any, made: Sequence[Node], inputs: Sequence[Node], *, reverse: bool
    ) -> tuple[Node | None, ...]:
        """The gradients of the inputs.

        Args:
            g: gradients of the outputs.
            made: the outputs of the first loop.
            inputs: its inputs.
        """
        there = [*inputs, *made[self._carried :]]
        constants, sequences = self._inputs
        seeds = [g[i] for i in self._made.seeds if i >= self._carried]
        ends = [made[k] if g[k] is None else g[k] for k in self._handed_on]
        finals, found = scan(
            self.body,
            [there[self._there[x]] for x in constants],
            [
                *[
                    _zero(x) if g[k] is None else x
                    for k, x in zip(self._handed_on, ends, strict=True)
                ],
                *map(_zero, self._added),
            ],
            [*[there[self._there[x]] for x in sequences], *seeds],
            self._length,
            reverse=not reverse,
        )
        rows = {x: self._given(there[i], i) for x, i in self._there.items()}
        rows |= zip(self._added, finals[len(self._handed_on) :], strict=True)
        rows |= zip(self._rows, found, strict=True)
        carried = dict(zip(self._handed_on, finals, strict=False))
        return (
            *[None if later is None else later(rows) for later in self._behind],
            *[carried.get(k) for k in range(self._carried)],
            *[None if later is None else later(rows) for later in self._of_sequences],
        )

    def _given(self, x: Node, number: int) -> Node:
        """What is there of the first loop as a sequence."""
        return mv.expand(x, (self._length, *x.shape)) if number < self._constants else x


_backward = functools.lru_cache(maxsize=256)(_Backward)


def _zero(x: Node) -> Node:
    return mv.expand(const(0, x.dtype), x.shape)
