"""groups -> steps: what each kernel (or NumPy function) reads, writes and costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from zincir.compiler.access import Strided
from zincir.compiler.fuse.copy_elision import is_frame
from zincir.compiler.fuse.groups import Group
from zincir.compiler.kernels.matmul.tiles import Gemm
from zincir.compiler.kernels.scatter import Scatter
from zincir.compiler.kernels.winograd.blocks import product_call, sums_call
from zincir.compiler.kernels.winograd.transforms import Transform
from zincir.compiler.loops.lower import NestCall, lower_nest, lower_region
from zincir.compiler.loops.nest import Apply, Reduce
from zincir.compiler.rewrite.legalise import GroupKind, Legal
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.ops.movement import expand_p
from zincir.ops.winograd import winograd_p, winograd_sums_p, winograd_weight_p
from zincir.types import Shape, contiguous_strides, float32, pair, size


@dataclass(eq=False, slots=True)
class Step:
    """One piece of work that runs without a barrier inside."""

    work: Work
    reads: set[Node]
    writes: set[Node]
    cost: float
    """A guess, in nanoseconds on one thread."""


Operand = tuple[Node, int]
"""A buffer, and the offset of the first element that is read or written."""


@dataclass(eq=False, slots=True)
class Product:
    """A matrix product, and the nest that runs behind it block by block."""

    node: Node
    problem: Gemm
    operands: dict[str, Operand]
    """a and b."""
    epilogue: NestCall | None = None


@dataclass(eq=False, slots=True)
class Tiles:
    """A kernel on transformed tiles, and the nest that runs behind it block by block."""

    node: Node
    kernel: Transform
    operands: dict[str, Operand]
    """By the names of the kernel's arguments."""
    numbers: dict[str, int]
    """Other arguments of the kernel."""
    problem: Gemm | None = None
    """The product that the kernel calls."""
    epilogue: NestCall | None = None

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Of a convolution: images, lines and places of the result, channels before and after."""
        n, high, wide, m = self.node.shape
        return n, high, wide, self.numbers["channels"], m


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


@dataclass(eq=False, slots=True)
class Chain:
    """Steps that go over the batch in equal pieces, one behind another: see `chain`."""

    links: list[Step]
    pieces: int


Work = Nests | Product | Tiles | ScatterRows | HostCall | Chain


def links(step: Step) -> list[Step]:
    """The steps of a chain, or the step itself."""
    return step.work.links if isinstance(step.work, Chain) else [step]


def lower(legal: Legal, groups: list[Group], lanes: int) -> list[Step]:
    """The steps of all groups, in order."""
    wanted = {legal.views[root].base for root in legal.graph.outputs} | legal.inside.keys()
    for group in groups:
        for x in group.reads:
            if x not in group.members:
                wanted.add(x)
    return [step for group in groups for step in _lower_group(legal, group, wanted, lanes)]


def _lower_group(legal: Legal, group: Group, wanted: set[Node], lanes: int) -> Iterator[Step]:
    node = group.members[-1]
    match group.kind:
        case GroupKind.NEST:
            stored = [n for n in group.members if n in wanted]
            if stored:
                yield _nest_step(lower_nest(legal, group, stored, lanes, frozenset()))
        case GroupKind.PRODUCT if any(n.op is winograd_p for n in group.members):
            yield _tiles(legal, group, wanted, lanes)
        case GroupKind.PRODUCT:
            yield _product(legal, group, wanted, lanes)
        case GroupKind.TRANSFORM:
            yield _transform(legal, node, lanes)
        case GroupKind.ASSEMBLY:
            yield from _assembly(legal, node, lanes)
        case GroupKind.SCATTER:
            yield from _scatter(legal, node, lanes)
        case GroupKind.HOST:
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
    work = Product(node, problem, {"a": (a.base, a.offset), "b": (b.base, b.offset)})
    cost = 200 + 2.0 * m * n * k * problem.batch * problem.blocks / 80
    return _with_epilogue(work, cost, legal, group, wanted, lanes)


def _with_epilogue(
    work: Product | Tiles, cost: float, legal: Legal, group: Group, wanted: set[Node], lanes: int
) -> Step:
    node = work.node
    stored = [x for x in group.members if x is not node and x in wanted]
    reads, writes = {operand for operand, _ in work.operands.values()}, {node}
    if stored:
        work.epilogue = lower_nest(legal, group, stored, lanes, frozenset([node]))
        behind = _nest_step(work.epilogue)
        reads |= behind.reads - {node}
        writes |= behind.writes
        cost += behind.cost
    return Step(work, reads, writes, cost)


def _tiles(legal: Legal, group: Group, wanted: set[Node], lanes: int) -> Step:
    node = next(n for n in group.members if n.op is winograd_p)
    x, u = (legal.views[n] for n in node.inputs)
    n, high, wide, m = node.shape
    c = node.inputs[0].shape[-1]
    numbers, problem = product_call(n, high, wide, c, m)
    numbers |= dict(zip(("x_image", "x_line", "x_place"), x.strides, strict=False))
    operands = {"x": (x.base, x.offset), "u": (u.base, u.offset)}
    work = Tiles(node, Transform("winograd", lanes), operands, numbers, problem)
    cost = _tiles_cost(node.inputs[0].shape, m)
    return _with_epilogue(work, cost, legal, group, wanted, lanes)


def _tiles_cost(shape: Shape, m: int) -> float:
    """Of each place, 8 operations with each pair of channels, and the transforms."""
    c = shape[-1]
    return size(shape[:-1]) * (8.0 * c * m / 80 + 0.5 * (c + m))


def _transform(legal: Legal, node: Node, lanes: int) -> Step:
    make = (
        _sums if node.op is winograd_sums_p else _weight if node.op is winograd_weight_p else _taps
    )
    work, cost = make(node, [legal.views[x] for x in node.inputs], lanes)
    return Step(work, {operand for operand, _ in work.operands.values()}, {node}, cost)


def _sums(node: Node, views: list[Strided], lanes: int) -> tuple[Tiles, float]:
    x, g = node.inputs
    n, high, wide, m = g.shape
    sizes = n, high, wide, x.shape[-1], m
    pieces, rows = node.attrs
    numbers, problem = sums_call(*sizes, pieces=pieces, turned=rows == "g")
    for name, view in zip("xg", views, strict=True):
        strides = (f"{name}_image", f"{name}_line", f"{name}_place")
        numbers |= dict(zip(strides, view.strides, strict=False))
    operands = {name: (v.base, v.offset) for name, v in zip("xg", views, strict=True)}
    work = Tiles(node, Transform("winograd_sums", lanes), operands, numbers, problem)
    return work, _tiles_cost(x.shape, m)


def _weight(node: Node, views: list[Strided], lanes: int) -> tuple[Tiles, float]:
    (w,) = views
    rows, columns = node.shape[-2:]
    numbers = dict(zip(("w_line", "w_place", "w_row", "w_column"), w.strides, strict=True))
    numbers |= dict(rows=rows, columns=columns)
    kernel = Transform("winograd_weight", lanes, gathers=w.strides[-1] != 1)
    return Tiles(node, kernel, {"w": (w.base, w.offset)}, numbers), 50 * rows * columns / lanes


def _taps(node: Node, views: list[Strided], lanes: int) -> tuple[Tiles, float]:
    (u,) = views
    pieces, _, _, rows, columns = node.inputs[0].shape
    y = contiguous_strides(node.shape)
    row, place = (2, 1) if node.attrs[0] == "x" else (1, 2)
    numbers = dict(y_line=y[0], y_place=y[place], y_row=y[row])
    numbers |= dict(pieces=pieces, rows=rows, columns=columns)
    work = Tiles(node, Transform("winograd_taps", lanes), {"u": (u.base, u.offset)}, numbers)
    return work, 20 * pieces * rows * columns / lanes


def _assembly(legal: Legal, node: Node, lanes: int) -> Iterator[Step]:
    assert node.op.writes is not None
    there = {number for whole, number in legal.inside.values() if whole is node}
    regions: list[_Region] = [
        (node.inputs[i], starts, steps)
        for i, starts, steps, _ in node.op.writes(*node.inputs, *node.attrs)
        if i not in there and not (i == 0 and is_frame(node))
    ]
    if is_frame(node):
        regions = [*_border(node), *regions]
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
