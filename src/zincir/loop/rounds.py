"""A loop as it is computed: what is carried has its place in memory, round by round.

Programs know no other loops. What is carried has a place for each round and one more, if rows of
it are read: round t reads place t and writes place t + 1 (of a loop from the end, it reads place
t + 1 and writes place t). Otherwise there are two places, which take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.graph.subgraph import Subgraph
from zincir.interpret import interpret


@dataclass(frozen=True, slots=True)
class Rounds:
    """The attributes of the primitive, and what is told by them."""

    body: Subgraph
    constants: int
    carried: int
    length: int
    reverse: bool
    kept: tuple[bool, ...]
    """Whether all rounds have a place, for each value that is carried."""

    def places(self, k: int) -> int:
        """How many places a value that is carried has."""
        return self.length + 1 if self.kept[k] else 2

    def place(self, k: int, number: int) -> int:
        """Where the value is that has been carried through so many rounds."""
        if not self.kept[k]:
            return number % 2
        return self.length - number if self.reverse else number

    def row(self, number: int) -> int:
        """Which row a round reads and writes."""
        return self.length - 1 - number if self.reverse else number


def _spec(*args: Any) -> tuple[Spec, ...]:
    rounds = Rounds(*args[-6:])
    made = [(x.shape, x.dtype) for x in rounds.body.results]
    places = [rounds.places(k) for k in range(rounds.carried)]
    counts = [*places, *[rounds.length] * (len(made) - rounds.carried)]
    return tuple([((n, *shape), dtype) for n, (shape, dtype) in zip(counts, made, strict=True)])


def _numpy(*args: Any) -> tuple[Any, ...]:
    rounds, inputs = Rounds(*args[-6:]), args[:-6]
    specs = _spec(*[None] * len(inputs), *args[-6:])
    made = [np.zeros(shape, dtype.numpy) for shape, dtype in specs]
    constants, first = inputs[: rounds.constants], rounds.constants + rounds.carried
    for k, x in enumerate(inputs[rounds.constants : first]):
        made[k][rounds.place(k, 0)] = x
    for number in range(rounds.length):
        t = rounds.row(number)
        carried = [made[k][rounds.place(k, number)] for k in range(rounds.carried)]
        values = (*constants, *carried, *[x[t] for x in inputs[first:]])
        found = interpret(
            rounds.body.results, dict(zip(rounds.body.parameters, values, strict=True))
        )
        for k, x in enumerate(found):
            made[k][rounds.place(k, number + 1) if k < rounds.carried else t] = x
    return tuple(made)


rounds_p = register(
    Primitive(
        "rounds",
        Kind.LOOP,
        doc="A loop over a graph, with the places of what is carried, and rows.",
        infer=_spec,
        numpy=_numpy,
        attrs=("body", "constants", "carried", "length", "reverse", "kept"),
    )
)
