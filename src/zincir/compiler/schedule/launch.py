"""Kernel launches: what a kernel computes, reads, writes and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeAlias

from zincir.compiler.access import Strided
from zincir.compiler.fuse.group import title
from zincir.compiler.kernels.matmul.tiles import Gemm
from zincir.compiler.kernels.scatter import Scatter
from zincir.compiler.kernels.winograd.transforms import Transform
from zincir.compiler.loops.lower import NestCall
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.snapshot import Graph
from zincir.graph.node import Node
from zincir.loop.rounds import Rounds


class Plan(Protocol):
    """What is known here of a plan (`schedule.plan`) of the launches of a round."""

    @property
    def phases(self) -> Sequence[Sequence[Launch]]: ...

    @property
    def arena_bytes(self) -> int: ...

    def show(self) -> str: ...


@dataclass(eq=False, slots=True)
class Launch:
    """One piece of work that runs without a barrier inside."""

    work: Work
    reads: set[Node]
    writes: set[Node]
    cost: float
    """A guess, in nanoseconds on one thread."""

    @property
    def node(self) -> Node:
        """The one it is known by in messages: of what it writes, what was made last."""
        return max(self.writes, key=lambda n: n.serial)

    def title(self) -> str:
        """The kind of kernel, and what it writes."""
        written = sorted(self.writes, key=lambda n: n.serial)
        return f"{self.work.name} -> {', '.join(map(title, written))}"

    def __str__(self) -> str:
        return "\n".join([self.title(), *_lines(self.work)])


def _lines(work: Work) -> list[str]:
    if isinstance(work, BatchTiled):
        return [str(launch) for launch in work.launches]
    if isinstance(work, Looped) and work.body is not None:
        return [f"  {line}" for line in work.body.show().splitlines()]
    lines: list[str] = []
    for call in nest_calls(work):
        sizes = f"rows {call.row_sizes} inner {call.inner_sizes} vector {call.vector_size}"
        lines += [f"  {sizes}", *(f"  {line}" for line in str(call.nest).splitlines())]
    return lines


Element: TypeAlias = tuple[Node, int]
"""A buffer, and the offset of the first element that is read or written."""


@dataclass(eq=False, slots=True)
class MatMul:
    """A matrix product, and the nest that runs behind it block by block."""

    name: ClassVar = "matmul"
    node: Node
    problem: Gemm
    operands: dict[str, Element]
    """a and b."""
    epilogue: NestCall | None = None


@dataclass(eq=False, slots=True)
class WinogradTiles:
    """A kernel on transformed tiles, and the nest that runs behind it block by block."""

    name: ClassVar = "winograd tiles"
    node: Node
    kernel: Transform
    operands: dict[str, Element]
    """By the names of the kernel's arguments."""
    scalars: dict[str, int]
    """Other arguments of the kernel."""
    problem: Gemm | None = None
    """The product that the kernel calls."""
    epilogue: NestCall | None = None

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Of a convolution: images, lines and places of the result, channels before and after."""
        n, high, wide, m = self.node.shape
        return n, high, wide, self.scalars["channels"], m


@dataclass(eq=False, slots=True)
class ScatterRows:
    """Rows of `source` written into the buffer of `node`, or added to it."""

    name: ClassVar = "scatter"
    node: Node
    kernel: Scatter
    index: Node
    source: Node
    count: int
    width: int
    rows: int


@dataclass(eq=False, slots=True)
class HostCall:
    """The NumPy twin of a node, run between two stretches of native code."""

    name: ClassVar = "host call"
    node: Node


@dataclass(eq=False, slots=True)
class Looped:
    """Kernels that run in every round of a loop."""

    name: ClassVar = "loop"
    node: Node
    rounds: Rounds
    outputs: list[Node]
    """Places of what is carried, then rows."""
    inputs: list[Strided]
    """Constants, then sequences."""
    body: Plan | None = None
    """What runs in a round, once it is planned."""
    room: Node | None = None
    """Memory for what is only there for a round."""


@dataclass(eq=False, slots=True)
class LoopNests:
    """Loop nests that write disjoint parts of one buffer, or just one nest."""

    name: ClassVar = "loop nests"
    calls: list[NestCall] = field(default_factory=list[NestCall])


@dataclass(eq=False, slots=True)
class BatchTiled:
    """Launches that go over the batch in equal tiles, one behind another: see `batch_tiling`."""

    name: ClassVar = "batch tiling"
    launches: list[Launch]
    tiles: int
    parts: int
    """Of whole tiles, equally many in each, which threads take."""
    kept: set[Node]
    """What they write, of which each tile reads and writes its own tile alone."""


Work: TypeAlias = LoopNests | MatMul | WinogradTiles | ScatterRows | Looped | HostCall | BatchTiled


def kernels_of(launch: Launch) -> list[Launch]:
    """The launches that are tiled together, or the launch itself."""
    return launch.work.launches if isinstance(launch.work, BatchTiled) else [launch]


def nest_calls(work: Work) -> list[NestCall]:
    """The loop nests among a work that is not a batch tiling."""
    if isinstance(work, LoopNests):
        return work.calls
    if isinstance(work, MatMul | WinogradTiles) and work.epilogue is not None:
        return [work.epilogue]
    return []


@dataclass(frozen=True, slots=True)
class Launches:
    """Launches in an order in which they can run."""

    legal: Legal
    launches: Sequence[Launch]

    @property
    def graph(self) -> Graph:
        return self.legal.graph

    def show(self) -> str:
        return "\n".join(map(str, self.launches))
