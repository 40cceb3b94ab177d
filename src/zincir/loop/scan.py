"""A loop that hands values on from round to round, as one node.

In round t, the body is given the constants, which are the same in every round, what is carried, and
row t of each sequence. It makes what is carried on, and rows, which become sequences again:

    for t in range(length):
        carried, row = body(constants, carried, [x[t] for x in sequences])
        rows.append(row)

The outputs of the node are what is carried after the last round, then the sequences of rows.
`reverse` begins with the last rows; those that are made in round t are row t all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.graph.node import MODE, Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.graph.subgraph import Subgraph
from zincir.interpret import interpret
from zincir.loop.gradient import scan_vjp, with_kept
from zincir.operations import movement as mv
from zincir.operations.compound import outputs
from zincir.operations.layout import stack
from zincir.operations.source import const
from zincir.types import float32


@dataclass(frozen=True, slots=True)
class Loop:
    """The attributes of a scan, and what is told by them."""

    body: Subgraph
    constants: int
    carried: int
    """How many values are handed on."""
    length: int
    reverse: bool

    def parts(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """Inputs, or parameters of the body: constants, what is carried, sequences."""
        first, then = self.constants, self.constants + self.carried
        return values[:first], values[first:then], values[then:]

    @property
    def rounds(self) -> range:
        """The numbers of the rows, round by round."""
        return range(self.length)[:: -1 if self.reverse else 1]


def _spec(*args: Any) -> tuple[Spec, ...]:
    loop = Loop(*args[-5:])
    made = [(x.shape, x.dtype) for x in loop.body.results]
    rows = [((loop.length, *shape), dtype) for shape, dtype in made[loop.carried :]]
    return (*made[: loop.carried], *rows)


def _numpy(*args: Any) -> tuple[Any, ...]:
    loop = Loop(*args[-5:])
    constants, carried, sequences = loop.parts(args[:-5])
    # Asked to compute in float64, the interpreter gives such arrays to a body of other types.
    meant = {
        p.dtype
        for x, p in zip((*constants, *carried, *sequences), loop.body.parameters, strict=True)
        if x.dtype == np.float64
    }
    halves = any(dtype.half for dtype in meant)
    double = halves or float32 in meant
    rows: list[list[Any]] = [[] for _ in loop.body.results[loop.carried :]]
    for t in loop.rounds:
        values = (*constants, *carried, *[x[t] for x in sequences])
        given = dict(zip(loop.body.parameters, values, strict=True))
        made = interpret(loop.body.results, given, double=double, halves=halves)
        carried = made[: loop.carried]
        for row, x in zip(rows, made[loop.carried :], strict=True):
            row.append(x)
    if loop.reverse:
        rows = [row[::-1] for row in rows]
    empty = [((0, *x.shape), x.dtype.memory) for x in loop.body.results[loop.carried :]]
    stacked = [np.stack(row) if row else np.zeros(*e) for row, e in zip(rows, empty, strict=True)]
    return (*carried, *stacked)


def _expand(*args: Any) -> Sequence[Node]:
    """All rounds, one behind another."""
    loop = Loop(*args[-5:])
    constants, carried, sequences = loop.parts(args[:-5])
    rows: list[list[Node]] = [[] for _ in loop.body.results[loop.carried :]]
    for t in loop.rounds:
        made = loop.body(*constants, *carried, *[row_of(x, t) for x in sequences])
        carried = made[: loop.carried]
        for row, x in zip(rows, made[loop.carried :], strict=True):
            row.append(x)
    if loop.reverse:
        rows = [row[::-1] for row in rows]
    return (*carried, *[stack(row, 0) for row in rows])


def _vjp(g: Any, y: Node, *args: Any) -> tuple[Node | None, ...]:
    return scan_vjp(scan, g, y, *args)


def row_of(x: Node, t: int) -> Node:
    """Row `t` of a sequence."""
    starts, sizes = (t, *(0,) * (x.ndim - 1)), (1, *x.shape[1:])
    return mv.reshape(mv.slice_(x, starts, (1,) * x.ndim, sizes), x.shape[1:])


scan_p = register(
    Primitive(
        "scan",
        Kind.COMPOUND,
        doc="A loop over a graph, which hands values on from round to round.",
        infer=_spec,
        numpy=_numpy,
        vjp=_vjp,
        expand=_expand,
        attrs=("body", "constants", "carried", "length", "reverse"),
    )
)


def scan(
    body: Subgraph,
    constants: Sequence[Node],
    carried: Sequence[Node],
    sequences: Sequence[Node],
    length: int,
    *,
    reverse: bool = False,
) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The loop: what is carried after its last round, and the sequences of rows."""
    if not length:
        rows = [((0, *x.shape), x.dtype) for x in body.results[len(carried) :]]
        return tuple(carried), tuple([mv.expand(const(0, d), s) for s, d in rows])
    inputs = (*constants, *carried, *sequences)
    wanted = len(body.results)
    if MODE.grad and any(x.needs_grad for x in inputs):
        body = with_kept(body, len(constants), len(carried))
    attrs = (body, len(constants), len(carried), length, reverse)
    made = outputs(apply(scan_p, *inputs, attrs=attrs))
    return made[: len(carried)], made[len(carried) : wanted]
