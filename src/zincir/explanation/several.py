"""Operations with several outputs, and functions of users: seen output by output.

In the graph, outputs lead into one node, the core, which holds no value. People ask how an output
depends on what the operation was called with, and that is how it is shown.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zincir.autograd.function import FunctionCtx, function_output
from zincir.graph.node import Node
from zincir.operations.compound import output_p
from zincir.operations.source import custom_p


@dataclass(frozen=True, eq=False)
class Part:
    """One output of an operation that has a core.

    Attributes:
        name: of the operation, or of the user's class.
        core: where all outputs lead to.
        ways: the nodes by which a gradient leaves the operation, each with where it goes.
        index: the number of the output.
        own: whether it is a function of the user's.
    """

    name: str
    core: Node
    ways: tuple[tuple[Node, Node], ...]
    index: int
    own: bool

    @property
    def operands(self) -> tuple[Node, ...]:
        """What it was computed from: of a user's function what needs a gradient."""
        return tuple(source for _, source in self.ways)

    @property
    def rule(self) -> str:
        """What makes gradients of the operands, in words."""
        return f"{self.name}.backward" if self.own else f"the rule of {self.name}"


def part_of(node: Node) -> Part | None:
    """What a node is to an operation with a core; None if it is no output of such a one."""
    if node.op is output_p:
        core = node.inputs[0]
        ways = tuple((core, x) for x in core.inputs)
        return Part(core.op.name, core, ways, node.attrs[0], False)
    found = function_output(node)
    if found is None:
        return None
    ways = tuple((name, name.inputs[1]) for name in found.names)
    return Part(found.function.__name__, found.core, ways, found.index, True)


def again(node: Node, instead: Mapping[Node, Node]) -> Node:
    """The same operation with other operands."""

    def of(x: Node, inputs: tuple[Node, ...]) -> Node:
        return Node(x.op, inputs, x.attrs, (x.shape, x.dtype), True, x.origin)

    def changed(x: Node) -> tuple[Node, ...]:
        return tuple(instead.get(i, i) for i in x.inputs)

    part = part_of(node)
    if part is None:
        return of(node, changed(node))
    if not part.own:
        return of(node, (of(part.core, changed(part.core)),))
    names = tuple(of(name, changed(name)) for name, _ in part.ways)
    core = of(part.core, (part.core.inputs[0], *names))
    return of(node, (node.inputs[0], core))


def contexts(order: Iterable[Node]) -> list[FunctionCtx]:
    """What forward passes of users' functions left for their backward passes."""
    calls = (found for node in order if (found := function_output(node)) is not None)
    return list({id(call.context): call.context for call in calls}.values())


@contextmanager
def kept(contexts: Sequence[FunctionCtx]) -> Generator[None]:
    """What a backward pass changes in its context is put back: it may be run again."""
    before = [dict(vars(context)) for context in contexts]
    try:
        yield
    finally:
        for context, fields in zip(contexts, before, strict=True):
            vars(context).clear()
            vars(context).update(fields)


def inner(order: Iterable[Node]) -> set[Node]:
    """Cores, and what leads into them: nobody looks at their values."""
    found: set[Node] = set()
    for node in order:
        part = part_of(node)
        if part is not None:
            found.add(part.core)
            found.update(way for way, _ in part.ways if way.op is custom_p)
    return found
