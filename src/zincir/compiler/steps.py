"""groups -> steps: what each kernel (or NumPy function) reads, writes and costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zincir.compiler.frames import is_frame
from zincir.compiler.fuse import Group
from zincir.compiler.kernels.scatter import Scatter
from zincir.compiler.kernels.tiles import Gemm
from zincir.compiler.legalise import Legal
from zincir.compiler.lower import NestCall, lower_nest, lower_region
from zincir.compiler.nest import Apply, Reduce
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.ops.movement import expand_p
from zincir.types import Shape, float32, pair, size


@dataclass(eq=False, slots=True)
class Step:
    """One piece of work that runs without a barrier inside."""

    work: Work
    reads: set[Node]
    writes: set[Node]
    cost: float
    """A guess, in nanoseconds on one thread."""


@dataclass(eq=False, slots=True)
class Product:
    """A matrix product, and the nest that runs behind it block by block."""

    node: Node
    problem: Gemm
    a: tuple[Node, int]
    """The buffer of the left operand, and the offset of its first element."""
    b: tuple[Node, int]
    epilogue: NestCall | None


@dataclass(eq=False, slots=True)
class ScatterRows:
    """Rows of `source` written into the buffer of `node`, or added to it."""

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

    node: Node


@dataclass(eq=False, slots=True)
class Nests:
    """Loop nests that write disjoint parts of one buffer, or just one nest."""

    calls: list[NestCall] = field(default_factory=list[NestCall])


Work = Nests | Product | ScatterRows | HostCall


def lower(legal: Legal, groups: list[Group], lanes: int) -> list[Step]:
    """The steps of all groups, in order."""
    wanted = {legal.views[root].base for root in legal.graph.outputs} | {*legal.framed.values()}
    for group in groups:
        for x in group.reads:
            if x not in group.members:
                wanted.add(x)
    return [step for group in groups for step in _lower_group(legal, group, wanted, lanes)]


def _lower_group(legal: Legal, group: Group, wanted: set[Node], lanes: int) -> Iterator[Step]:
    node = group.members[-1]
    match group.kind:
        case "nest":
            stored = [n for n in group.members if n in wanted]
            if stored:
                yield _nest_step(lower_nest(legal, group, stored, lanes, frozenset()))
        case "matmul":
            yield _product(legal, group, wanted, lanes)
        case "assembly":
            yield from _assembly(legal, node, lanes)
        case "scatter":
            yield from _scatter(legal, node, lanes)
        case _:
            bases = {legal.views[x].base for x in node.inputs}
            yield Step(HostCall(node), bases, {node}, 1e6)


def _nest_step(*calls: NestCall) -> Step:
    reads: set[Node] = set()
    writes: set[Node] = set()
    cost = 0.0
    for call in calls:
        out = {slot for slot, _ in call.nest.stores}
        for i, place in enumerate(call.places):
            if place.buffer is not None:
                (writes if i in out else reads).add(place.buffer)
        elements = call.row_count * size(call.inner_sizes) * call.vector_size
        work = sum(
            12 if isinstance(x, Apply | Reduce) and x.op.expensive else 1 for x in call.nest.body
        )
        cost += 20 + elements * work / max(1, call.nest.lanes) * 0.5 + call.row_count * 5
    return Step(Nests(list(calls)), reads, writes, cost)


def _product(legal: Legal, group: Group, wanted: set[Node], lanes: int) -> Step:
    node = next(n for n in group.members if n.op.kind is Kind.CONTRACTION)
    a, b = (legal.views[x] for x in node.inputs)
    (reduced,) = node.attrs
    shape, m, n = node.inputs[0].shape, node.shape[-2], node.shape[-1]
    outer, k = node.ndim - 2, shape[-1]
    rows = list(zip(shape, a.strides, strict=True))
    del rows[outer]
    columns = list(zip(node.inputs[1].shape, b.strides, strict=True))
    levels = [(count, x, y) for (count, x), (_, y) in zip(rows, columns, strict=False)]
    problem = Gemm(
        kind="float" if node.dtype is float32 else "double",
        m=m,
        n=n,
        k=k,
        a_row=a.strides[outer],
        a_k=a.strides[-1],
        b_k=b.strides[-2],
        b_col=b.strides[-1],
        c_row=n,
        c_outer=m * n,
        outer=tuple(levels[:outer]),
        pairs=node.inputs[0].dtype is pair,
        reduced=tuple(levels[outer : outer + reduced]),
    )
    stored = [x for x in group.members if x is not node and x in wanted]
    epilogue = lower_nest(legal, group, stored, lanes, frozenset([node])) if stored else None
    reads, writes = {a.base, b.base}, {node}
    cost = 200 + 2.0 * m * n * k * problem.batch * problem.blocks / 80
    if epilogue is not None:
        behind = _nest_step(epilogue)
        reads |= behind.reads - {node}
        writes |= behind.writes
        cost += behind.cost
    work = Product(node, problem, (a.base, a.offset), (b.base, b.offset), epilogue)
    return Step(work, reads, writes, cost)


def _assembly(legal: Legal, node: Node, lanes: int) -> Iterator[Step]:
    assert node.op.writes is not None
    regions: list[_Region] = [
        (node.inputs[i], starts, steps)
        for i, starts, steps, _ in node.op.writes(*node.inputs, *node.attrs)
    ]
    if is_frame(node):
        regions = [*_border(node), *([] if node in legal.framed else regions[1:])]
    calls = [
        lower_region(legal, node, x, starts, steps, lanes)
        for x, starts, steps in regions
        if size(x.shape)
    ]
    if sum(size(x.shape) for x, _, _ in regions) == size(node.shape):
        yield _nest_step(*calls)
    else:
        yield from (_nest_step(call) for call in calls)


_Region = tuple[Node, Shape, Shape]
"""What is written, from where on, and with which steps."""


def _border(node: Node) -> Iterator[_Region]:
    """A frame of a constant in slabs around the middle, so that nothing is written twice."""
    base, middle = node.inputs
    low, high = [0] * node.ndim, list(node.shape)
    for axis, (start, n) in enumerate(zip(node.attrs[0], middle.shape, strict=True)):
        for begin, end in ((0, start), (start + n, node.shape[axis])):
            starts = (*low[:axis], begin, *low[axis + 1 :])
            ends = (*high[:axis], end, *high[axis + 1 :])
            shape = tuple(e - s for s, e in zip(starts, ends, strict=True))
            slab = Node(expand_p, base.inputs, (shape,), (shape, node.dtype), False, node.origin)
            yield slab, starts, (1,) * node.ndim
        low[axis], high[axis] = start, start + n


def _scatter(legal: Legal, node: Node, lanes: int) -> Iterator[Step]:
    base, index, source = node.inputs
    whole = (0,) * base.ndim, (1,) * base.ndim
    yield _nest_step(lower_region(legal, node, base, *whole, lanes))
    mode = node.attrs[0]
    count, width = size(index.shape), size(base.shape[1:])
    kernel = Scatter(node.dtype, index.dtype, mode, lanes)
    work = ScatterRows(
        node,
        kernel,
        legal.views[index].base,
        legal.views[source].base,
        count,
        width,
        base.shape[0],
    )
    yield Step(work, {work.index, work.source}, {node}, 50 + count * (3 + width / lanes))
