"""Values that are computed together, and the groups that a program is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from zincir.compiler.access import Map, identity
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.types import Shape


class GroupKind(Enum):
    """What computes a group of values."""

    NEST = "nest"
    MATMUL = "matmul"
    """A product, and what is done to it in place."""
    TRANSFORM = "transform"
    ASSEMBLY = "assembly"
    SCATTER = "scatter"
    LOOP = "loop"
    HOST = "host"


@dataclass(eq=False, slots=True)
class Group:
    """Values computed together."""

    kind: GroupKind
    dims: Shape
    inner: frozenset[int]
    members: list[Node] = field(default_factory=list[Node])
    reads: set[Node] = field(default_factory=set[Node])
    span: tuple[int, int] = (1 << 62, -1)
    """The first and the last place of a member in the order of the graph."""

    @property
    def node(self) -> Node:
        """The one it is known by in messages."""
        return self.members[-1]

    @property
    def all_loops(self) -> tuple[int, ...]:
        return tuple(range(len(self.dims)))

    @property
    def row_loops(self) -> tuple[int, ...]:
        return tuple(k for k in self.all_loops if k not in self.inner)

    def map_of(self, node: Node) -> Map | None:
        """The coordinates at which the group computes `node`; of its operand, for a reduction."""
        if node.op.kind is Kind.REDUCTION and self.kind is GroupKind.NEST:
            x = node.inputs[0]
            folded = {k for k, n in enumerate(x.shape) if n != 1 and k in node.attrs[0]}
            longer = [k for k, n in enumerate(x.shape) if n != 1]
            if frozenset(longer.index(k) for k in folded) != self.inner:
                return None
            return identity(x.shape, self.all_loops, self.dims)
        full = identity(node.shape, self.all_loops, self.dims)
        if full is None and self.inner:
            return identity(node.shape, self.row_loops, self.dims)
        return full

    def loops_of(self, node: Node) -> tuple[int, ...]:
        """The loops over which `node` itself has elements."""
        reduced = node.op.kind is Kind.REDUCTION and self.kind is GroupKind.NEST
        if reduced or identity(node.shape, self.all_loops, self.dims) is None:
            return self.row_loops
        return self.all_loops

    def __str__(self) -> str:
        names = " ".join(map(title, self.members))
        loops = " ".join(f"{n}{'*' if k in self.inner else ''}" for k, n in enumerate(self.dims))
        return f"{self.kind.value} [{loops}] {names}"


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups in an order in which they can run."""

    legal: Legal
    groups: tuple[Group, ...]

    @property
    def graph(self) -> Graph:
        return self.legal.graph

    def show(self) -> str:
        """A line for each group; then one for each value that is computed inside another one."""
        lines = [str(group) for group in self.groups]
        for node, (whole, number) in self.legal.alias_of.items():
            lines.append(f"{title(node)} is computed inside {title(whole)}, as operand {number}")
        return "\n".join(lines)


def title(node: Node) -> str:
    """How texts of stages name a value."""
    return f"{node.op.name}{list(node.shape)}"
