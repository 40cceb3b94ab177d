"""groups -> launches: which kernel (or NumPy function) computes a group, with what arguments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zincir.compiler.access import Strided, strided
from zincir.compiler.derived import derive
from zincir.compiler.fuse.copy_elision import is_padding
from zincir.compiler.fuse.group import Group, GroupKind, Groups
from zincir.compiler.kernels.matmul.tiles import Gemm
from zincir.compiler.kernels.scatter import Scatter
from zincir.compiler.kernels.winograd.blocks import product_call, sums_call
from zincir.compiler.kernels.winograd.transforms import Transform
from zincir.compiler.loops.lower import NestCall, lower_nest, lower_region
from zincir.compiler.loops.nest import Apply, Reduce
from zincir.compiler.machine import (
    EXPENSIVE,
    HOST_CALL_NS,
    INSTRUCTION_NS,
    NEST_NS,
    OPERATIONS_PER_NS,
    ROW_NS,
    TRANSFORM_NS,
)
from zincir.compiler.options import Options
from zincir.compiler.rewrite.legalise import Legal
from zincir.compiler.schedule.launch import (
    HostCall,
    Launch,
    Launches,
    Looped,
    LoopNests,
    MatMul,
    ScatterRows,
    WinogradTiles,
)
from zincir.graph.node import Node
from zincir.graph.primitive import Kind
from zincir.loop.rounds import Rounds
from zincir.operations.compound import output_p, specs_of
from zincir.operations.movement import expand_p, reshape_p
from zincir.operations.winograd import winograd_p, winograd_sums_p, winograd_weight_p
from zincir.types import Shape, contiguous_strides, float32, pair, size


def lower(given: Groups, options: Options) -> Launches:
    """The launches of all groups, in order."""
    legal = given.legal.copy()
    wanted = {legal.views[root].base for root in legal.graph.outputs} | legal.alias_of.keys()
    for group in given.groups:
        for x in group.reads:
            if x not in group.members:
                wanted.add(x)
    c = _Context(legal, options.lanes, wanted)
    made = [x for group in given.groups for x in _lower_group(c, group)]
    return Launches(legal, made)


@dataclass(frozen=True, slots=True)
class _Context:
    """What is known while groups are lowered."""

    legal: Legal
    lanes: int
    wanted: set[Node]
    """Values that are stored, as somebody outside of their group reads them."""


def _lower_group(c: _Context, group: Group) -> Iterator[Launch]:
    node = group.members[-1]
    match group.kind:
        case GroupKind.NEST:
            stored = [n for n in group.members if n in c.wanted]
            if stored:
                yield _nests(lower_nest(c.legal, group, stored, c.lanes, frozenset()))
        case GroupKind.MATMUL if any(n.op is winograd_p for n in group.members):
            yield _winograd(c, group)
        case GroupKind.MATMUL:
            yield _matmul(c, group)
        case GroupKind.TRANSFORM:
            yield _transform(c, node)
        case GroupKind.ASSEMBLY:
            yield from _assembly(c, node)
        case GroupKind.SCATTER:
            yield from _scatter(c, node)
        case GroupKind.LOOP:
            yield from _loop(c, group)
        case GroupKind.HOST:
            bases = {c.legal.views[x].base for x in node.inputs}
            yield Launch(HostCall(node), bases, {node}, HOST_CALL_NS)


def _nests(*calls: NestCall) -> Launch:
    reads: set[Node] = set()
    writes: set[Node] = set()
    cost = 0.0
    for call in calls:
        out = {slot for slot, _ in call.nest.stores}
        for i, access in enumerate(call.accesses):
            if access.buffer is not None:
                (writes if i in out else reads).add(access.buffer)
        elements = call.row_count * size(call.inner_sizes) * call.vector_size
        values = sum(
            EXPENSIVE if isinstance(x, Apply | Reduce) and x.op.expensive else 1
            for x in call.nest.body
        )
        vectors = elements * values / max(1, call.nest.lanes)
        cost += NEST_NS + vectors * INSTRUCTION_NS
        cost += call.row_count * ROW_NS
    return Launch(LoopNests(list(calls)), reads, writes, cost)


def _matmul(c: _Context, group: Group) -> Launch:
    node = next(n for n in group.members if n.op.kind is Kind.CONTRACTION)
    a, b = (c.legal.views[x] for x in node.inputs)
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
    work = MatMul(node, problem, {"a": (a.base, a.offset), "b": (b.base, b.offset)})
    cost = 200 + 2.0 * m * n * k * problem.batch * problem.blocks / OPERATIONS_PER_NS
    return _with_epilogue(work, cost, c, group)


def _with_epilogue(work: MatMul | WinogradTiles, cost: float, c: _Context, group: Group) -> Launch:
    node = work.node
    stored = [x for x in group.members if x is not node and x in c.wanted]
    reads, writes = {operand for operand, _ in work.operands.values()}, {node}
    if stored:
        work.epilogue = lower_nest(c.legal, group, stored, c.lanes, frozenset([node]))
        behind = _nests(work.epilogue)
        reads |= behind.reads - {node}
        writes |= behind.writes
        cost += behind.cost
    return Launch(work, reads, writes, cost)


def _winograd(c: _Context, group: Group) -> Launch:
    node = next(n for n in group.members if n.op is winograd_p)
    x, u = (c.legal.views[n] for n in node.inputs)
    n, high, wide, m = node.shape
    channels = node.inputs[0].shape[-1]
    scalars, problem = product_call(n, high, wide, channels, m)
    scalars |= dict(zip(("x_image", "x_line", "x_place"), x.strides, strict=False))
    operands = {"x": (x.base, x.offset), "u": (u.base, u.offset)}
    work = WinogradTiles(node, Transform("winograd", c.lanes), operands, scalars, problem)
    cost = _tiles_cost(node.inputs[0].shape, m)
    return _with_epilogue(work, cost, c, group)


def _tiles_cost(shape: Shape, m: int) -> float:
    """Of each place, 8 operations with each pair of channels, and the transforms."""
    c = shape[-1]
    products = 8.0 * c * m / OPERATIONS_PER_NS
    return size(shape[:-1]) * (products + TRANSFORM_NS * (c + m))


def _transform(c: _Context, node: Node) -> Launch:
    make = (
        _sums if node.op is winograd_sums_p else _weight if node.op is winograd_weight_p else _taps
    )
    work, cost = make(node, [c.legal.views[x] for x in node.inputs], c.lanes)
    return Launch(work, {operand for operand, _ in work.operands.values()}, {node}, cost)


def _sums(node: Node, views: list[Strided], lanes: int) -> tuple[WinogradTiles, float]:
    x, g = node.inputs
    n, high, wide, m = g.shape
    sizes = n, high, wide, x.shape[-1], m
    pieces, rows = node.attrs
    scalars, problem = sums_call(*sizes, pieces=pieces, turned=rows == "g")
    for name, view in zip("xg", views, strict=True):
        strides = (f"{name}_image", f"{name}_line", f"{name}_place")
        scalars |= dict(zip(strides, view.strides, strict=False))
    operands = {name: (v.base, v.offset) for name, v in zip("xg", views, strict=True)}
    work = WinogradTiles(node, Transform("winograd_sums", lanes), operands, scalars, problem)
    return work, _tiles_cost(x.shape, m)


def _weight(node: Node, views: list[Strided], lanes: int) -> tuple[WinogradTiles, float]:
    (w,) = views
    rows, columns = node.shape[-2:]
    scalars = dict(zip(("w_line", "w_place", "w_row", "w_column"), w.strides, strict=True))
    scalars |= dict(rows=rows, columns=columns)
    kernel = Transform("winograd_weight", lanes, gathers=w.strides[-1] != 1)
    return WinogradTiles(
        node, kernel, {"w": (w.base, w.offset)}, scalars
    ), 50 * rows * columns / lanes


def _taps(node: Node, views: list[Strided], lanes: int) -> tuple[WinogradTiles, float]:
    (u,) = views
    pieces, _, _, rows, columns = node.inputs[0].shape
    y = contiguous_strides(node.shape)
    row, place = (2, 1) if node.attrs[0] == "x" else (1, 2)
    scalars = dict(y_line=y[0], y_place=y[place], y_row=y[row])
    scalars |= dict(pieces=pieces, rows=rows, columns=columns)
    work = WinogradTiles(
        node, Transform("winograd_taps", lanes), {"u": (u.base, u.offset)}, scalars
    )
    return work, 20 * pieces * rows * columns / lanes


def _assembly(c: _Context, node: Node) -> Iterator[Launch]:
    assert node.op.writes is not None
    there = {number for whole, number in c.legal.alias_of.values() if whole is node}
    regions: list[_Region] = [
        (node.inputs[i], starts, steps)
        for i, starts, steps, _ in node.op.writes(*node.inputs, *node.attrs)
        if i not in there and not (i == 0 and is_padding(node))
    ]
    if is_padding(node):
        regions = [*_border(node), *regions]
    calls = [
        lower_region(c.legal, node, x, starts, steps, c.lanes)
        for x, starts, steps in regions
        if size(x.shape)
    ]
    if sum(size(x.shape) for x, _, _ in regions) == size(node.shape):
        yield _nests(*calls)
    else:
        yield from (_nests(call) for call in calls)


_Region = tuple[Node, Shape, Shape]
"""What is written, from where on, and with which steps."""


def _border(node: Node) -> Iterator[_Region]:
    """The padding of a value in slabs around the middle, so that nothing is written twice."""
    base, middle = node.inputs
    low, high = [0] * node.ndim, list(node.shape)
    for axis, (start, n) in enumerate(zip(node.attrs[0], middle.shape, strict=True)):
        for begin, end in ((0, start), (start + n, node.shape[axis])):
            starts = (*low[:axis], begin, *low[axis + 1 :])
            ends = (*high[:axis], end, *high[axis + 1 :])
            shape = tuple(e - s for s, e in zip(starts, ends, strict=True))
            slab = derive(node, expand_p, base.inputs, (shape,))
            yield slab, starts, (1,) * node.ndim
        low[axis], high[axis] = start, start + n


def _loop(c: _Context, group: Group) -> Iterator[Launch]:
    node = group.node.inputs[0]
    rounds, made = Rounds(*node.attrs), {x.attrs[0]: x for x in group.members}
    first, then = rounds.constants, rounds.constants + rounds.carried
    for i, spec in enumerate(specs_of(node)):
        if i not in made:
            made[i] = derive(node, output_p, (node,), (i, *spec))
            c.legal.views[made[i]] = strided(made[i])
    outputs = [made[i] for i in range(len(made))]
    views = [c.legal.views[x] for x in (*node.inputs[:first], *node.inputs[then:])]
    carried = outputs[: rounds.carried]
    for k, x in enumerate(node.inputs[first:then]):
        if size(x.shape):
            start = derive(node, reshape_p, (x,), ((1, *x.shape),))
            starts = (rounds.place(k, 0), *[0] * x.ndim)
            yield _nests(
                lower_region(c.legal, outputs[k], start, starts, (1,) * start.ndim, c.lanes)
            )
    reads = {view.base for view in views} | set(carried)
    yield Launch(Looped(node, rounds, outputs, views), reads, set(outputs), 0.0)


def _scatter(c: _Context, node: Node) -> Iterator[Launch]:
    base, index, source = node.inputs
    whole = (0,) * base.ndim, (1,) * base.ndim
    yield _nests(lower_region(c.legal, node, base, *whole, c.lanes))
    mode = node.attrs[0]
    count, width = size(index.shape), size(base.shape[1:])
    kernel = Scatter(node.dtype, index.dtype, mode, c.lanes)
    work = ScatterRows(
        node,
        kernel,
        c.legal.views[index].base,
        c.legal.views[source].base,
        count,
        width,
        base.shape[0],
    )
    yield Launch(work, {work.index, work.source}, {node}, 50 + count * (3 + width / c.lanes))
