"""loop IR -> LLVM IR: explicit vector code for one loop nest.

Functions of the module: `task(args, tid, nthreads)` takes its share of the rows (or, where there
are fewer rows than threads, of the columns); `block(args, rows from, to, columns from, to)` is one
rectangle, for use behind a matrix product.

`args` is an array of i64: see `slots`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from zincir.compiler.codegen.builder import I64, PTR, STORED, Value, constant, index, module
from zincir.compiler.codegen.expression import ExpressionBuilder
from zincir.compiler.codegen.slots import COLUMNS, FIRST, ROWS, Arguments, Slots
from zincir.compiler.codegen.storage import in_register
from zincir.compiler.loops.nest import (
    Apply,
    Constant,
    Instruction,
    Load,
    Nest,
    Position,
    Reduce,
    Take,
)
from zincir.compiler.loops.staging import Stage, levels, stages, stored_inside
from zincir.compiler.machine import FREE_MASK_LANES, ROW_VALUES, ROW_VECTORS
from zincir.graph.primitive import ON_COMPLEX, Primitive
from zincir.operations.halves import moves
from zincir.types import DType

Body = Callable[[Sequence[Value]], Sequence[Value]]
"""The inside of a loop: from the sums so far to the sums after it."""


def emit(nest: Nest, converts_halves: bool = False) -> str:
    """The module of a nest.

    Args:
        converts_halves: see `Target`.
    """
    block = ExpressionBuilder("rectangle", [PTR, I64, I64, I64, I64, I64], linkage="internal")
    block.converts_halves = converts_halves
    Emitter(block, nest).emit()
    text = block.finish("alwaysinline nounwind")
    return module([(block, text), _task(nest), _block()])


def _block() -> tuple[ExpressionBuilder, str]:
    b = ExpressionBuilder("block", [PTR, I64, I64, I64, I64])
    _call(b, *b.arguments, index(0))
    return b, b.finish()


def _call(b: ExpressionBuilder, *args: Value) -> None:
    b.statement(f"call void @rectangle({', '.join(map(str, args))})")


def _task(nest: Nest) -> tuple[ExpressionBuilder, str]:
    b = ExpressionBuilder("task", [PTR, I64, I64])
    args, tid, threads = b.arguments
    rows, columns = (b.load(b.offset(args, index(i), "i64"), I64) for i in (ROWS, COLUMNS))
    zero, one = index(0), index(1)

    def share(count: Value, who: Value) -> Value:
        return b.div(b.mul(count, who), threads)

    if nest.folds and nest.vector_inside:
        _call(b, args, share(rows, tid), share(rows, b.add(tid, one)), zero, columns, tid)
        return b, b.finish()
    lanes = index(nest.lanes)
    units = b.div(b.add(columns, index(nest.lanes - 1)), lanes)
    low, high = (b.mul(share(units, t), lanes) for t in (tid, b.add(tid, one)))
    high = b.select(b.compare("lt", high, columns), high, columns)
    few = b.compare("lt", rows, threads)
    pick = [
        b.select(few, x, y)
        for x, y in (
            (zero, share(rows, tid)),
            (rows, share(rows, b.add(tid, one))),
            (low, zero),
            (high, columns),
        )
    ]
    _call(b, args, *pick, tid)
    return b, b.finish()


class _Column:
    """Where the vector loop of a nest stands when it lies outside, and what is known there."""

    def __init__(self, start: Value, mask: Value | None) -> None:
        self.start, self.mask = start, mask
        self.known: dict[int, Value] = {}


class Emitter:
    """Writes one rectangle of a nest."""

    def __init__(self, b: ExpressionBuilder, nest: Nest) -> None:
        self.b, self.nest = b, nest
        _, self.row_from, self.row_to, self.col_from, self.col_to, _ = b.arguments
        self.arguments = Arguments(b, nest)
        self.levels = levels(nest)
        self.stages = stages(nest)
        self.row_sizes = [self.arguments.load(FIRST + i) for i in range(nest.rows)]
        self.inner_sizes = [self.arguments.load(FIRST + nest.rows + i) for i in range(nest.inner)]
        self.columns = self.arguments.load(COLUMNS)
        self.slots = Slots(self.arguments)
        self.known: list[dict[int, Value]] = [{}]

    # -- loops ------------------------------------------------------------------------------

    def emit(self) -> None:
        self._values([i for i, v in enumerate(self.levels) if v.is_entry])
        self._rows()
        if any(slot.streams for slot in self.nest.slots):
            self.b.fence()

    def _rows(self) -> None:
        b, nest = self.b, self.nest
        if nest.rows < 2:
            with b.loop(self.row_from, self.row_to) as row:
                self._row(row.counter, [None] * len(self.nest.slots))
            return
        # Line by line: within one, a row's place needs no division.
        length = b.maximum(self.row_sizes[-1], index(1))
        end = b.div(b.add(self.row_to, b.sub(length, index(1))), length)
        with b.loop(b.div(self.row_from, length), end) as line:
            starts = self._line(line.counter)
            first = b.mul(line.counter, length)
            low = b.maximum(b.sub(self.row_from, first), index(0))
            high = b.minimum(b.sub(self.row_to, first), length)
            with b.loop(low, high) as place:
                self._row(place.counter, starts)

    def _row(self, place: Value, starts: Sequence[Value | None]) -> None:
        """One row, given where its line begins for each slot."""
        for i, slot in enumerate(self.slots.arguments):
            self.slots.row_base[i] = None
            if slot.in_rows:
                step = self.b.mul(place, slot.row_strides[-1])
                start = starts[i]
                self.slots.row_base[i] = step if start is None else self.b.add(start, step)
        self.known.append({})
        if self.nest.vector_inside:
            self._stages([None])
        else:
            self._column_loops()
        self.known.pop()

    def _column_loops(self) -> None:
        """Several vectors of rows side by side, then what is left one by one.

        Side by side they read whole stretches of memory, and their sums do not wait for one
        another.
        """
        b, lanes = self.b, self.nest.lanes
        end = self.col_from
        counts = ROW_VECTORS if lanes > 1 and len(self.nest.body) <= ROW_VALUES else ()
        if 1 < lanes < FREE_MASK_LANES:
            counts = (*counts, 1)
        for together in counts:
            width = index(lanes * together)
            whole = b.mul(b.div(b.sub(self.col_to, end), width), width)
            begin, end = end, b.add(end, whole)
            with b.loop(begin, end, lanes * together) as loop:
                at = [b.add(loop.counter, index(i * lanes)) for i in range(together)]
                self._stages([_Column(column, None) for column in at])
        with b.loop(end, self.col_to, lanes) as rest:
            mask = self._mask(b.sub(self.col_to, rest.counter)) if lanes > 1 else None
            self._stages([_Column(rest.counter, mask)])

    @contextmanager
    def _at(self, column: _Column | None) -> Generator[None]:
        """Compute in a column of a nest whose vector loop lies outside."""
        if column is None:
            yield
            return
        self.slots.column, self.slots.mask = column.start, column.mask
        self.known.append(column.known)
        yield
        self.known.pop()
        self.slots.mask = None

    def _line(self, line: Value) -> list[Value | None]:
        """Where a line of rows begins for each slot: its index along each but the last row loop."""
        b, left = self.b, line
        indices: list[Value] = []
        for i, n in reversed(list(enumerate(self.row_sizes[:-1]))):
            if i == 0:
                indices.append(left)
            else:
                above = b.div(left, n)
                indices.append(b.sub(left, b.mul(above, n)))
                left = above
        indices.reverse()
        return [
            s.weighted(s.row_strides[:-1], indices) if s.in_rows else None
            for s in self.slots.arguments
        ]

    def _stages(self, columns: Sequence[_Column | None]) -> None:
        """The stages of one row, or of some vectors of rows."""
        nest = self.nest
        for stage in self.stages:
            for column in columns:
                with self._at(column):
                    self._values(stage.before)
            if stage.reductions or stage.stores:
                self._stage(stage, columns)
        for column in columns:
            with self._at(column):
                for slot, value in nest.stores:
                    if not stored_inside(nest, slot):
                        self.slots.store(slot, self._get(value))

    def _stage(self, stage: Stage, columns: Sequence[_Column | None]) -> None:
        reductions = stage.reductions
        starts = [self._identity(i) for _ in columns for i in reductions]

        def body(sums: Sequence[Value]) -> list[Value]:
            new: list[Value] = []
            left = iter(sums)
            for column in columns:
                with self._at(column):
                    self.known.append({v: self.slots.load(slot) for slot, v in stage.reloads})
                    self._values(stage.values)
                    for slot, value in stage.stores:
                        self.slots.store(slot, self._get(value))
                    new += [self._combine(i, next(left)) for i in reductions]
                    self.known.pop()
            return new

        totals = iter(self._inner_loops(0, starts, body))
        for column in columns:
            with self._at(column):
                for i in reductions:
                    self.known[-1][i] = self._folded(i, next(totals))

    def _inner_loops(self, depth: int, sums: Sequence[Value], body: Body) -> Sequence[Value]:
        if depth == self.nest.inner:
            if self.nest.vector_inside:
                return self._vector_loop(sums, body)
            return body(sums)
        with self.b.loop(index(0), self.inner_sizes[depth], carried=sums) as loop:
            before = list(self.slots.inner_base)
            for i, slot in enumerate(self.slots.arguments):
                if slot.in_inner:
                    step = self.b.mul(loop.counter, slot.inner_strides[depth])
                    base = before[i]
                    self.slots.inner_base[i] = step if base is None else self.b.add(base, step)
            loop.carry(self._inner_loops(depth + 1, loop.carried, body))
            self.slots.inner_base = before
        return loop.carried

    def _vector_loop(self, sums: Sequence[Value], body: Body) -> Sequence[Value]:
        """Whole vectors, then what is left under a mask.

        Where masks are free (AVX-512), one loop under a mask is half the code.
        """
        b, lanes = self.b, self.nest.lanes
        end = self.col_from
        if lanes < FREE_MASK_LANES:
            whole = b.sub(self.col_to, self.col_from)
            if lanes > 1:
                whole = b.mul(b.div(whole, index(lanes)), index(lanes))
            end = b.add(self.col_from, whole)
            with b.loop(self.col_from, end, lanes, carried=sums) as loop:
                self.slots.column = loop.counter
                loop.carry(self._scoped(body, loop.carried))
            sums = loop.carried
        if lanes > 1:
            with b.loop(end, self.col_to, lanes, carried=sums) as rest:
                self.slots.column = rest.counter
                self.slots.mask = self._mask(b.sub(self.col_to, rest.counter))
                rest.carry(self._scoped(body, rest.carried))
                self.slots.mask = None
            sums = rest.carried
        return sums

    def _mask(self, left: Value) -> Value:
        """The lanes that are below `left`."""
        b, lanes = self.b, self.nest.lanes
        left = b.select(b.compare("lt", left, index(lanes)), left, index(lanes))
        numbers = b.convert(b.lane_numbers(lanes), "i32")
        return b.compare("lt", numbers, b.splat(b.convert(left, "i32"), lanes))

    def _scoped(self, body: Body, sums: Sequence[Value]) -> Sequence[Value]:
        self.known.append({})
        out = body(sums)
        self.known.pop()
        return out

    # -- reductions -------------------------------------------------------------------------

    def _identity(self, i: int) -> Value:
        x = _reduce(self.nest, i)
        wide = self.nest.vector_inside or self.levels[x.operand].wide
        type = in_register(x.dtype, self.nest.lanes if wide else 1)
        return constant(x.op.neutral(x.dtype), type)

    def _combine(self, i: int, total: Value) -> Value:
        x, b = _reduce(self.nest, i), self.b
        value = self._get(x.operand)
        if value.type.lanes < total.type.lanes:
            value = b.splat(value, total.type.lanes)
        assert x.op.lower is not None
        new = x.op.lower(b, total, value)
        if self.slots.mask is not None and self.nest.vector_inside:
            return b.select(self.slots.mask, new, total)
        return new

    def _folded(self, i: int, total: Value) -> Value:
        """The lanes of a total folded together, by halves."""
        x, b = _reduce(self.nest, i), self.b
        if not self.nest.vector_inside:
            return total
        lower = x.op.lower
        assert lower is not None
        while total.type.lanes > 2:
            half = total.type.lanes // 2
            low, high = (b.shuffle(total, total, range(at, at + half)) for at in (0, half))
            total = lower(b, low, high)
        if total.type.lanes == 2:
            total = lower(b, b.extract(total, 0), b.extract(total, 1))
        return total

    # -- values -----------------------------------------------------------------------------

    def _values(self, wanted: Sequence[int]) -> None:
        for i in wanted:
            self.known[-1][i] = self._value(self.nest.body[i])

    def _get(self, i: int) -> Value:
        for scope in reversed(self.known):
            if i in scope:
                return scope[i]
        raise KeyError(i)

    def _value(self, x: Instruction) -> Value:
        b = self.b
        match x:
            case Load(slot):
                return self.slots.load(slot)
            case Position(slot):
                return self.slots.address(slot)
            case Constant(value, dtype):
                return constant(value, in_register(dtype))
            case Take():
                return self.slots.take(x, self._get(x.index))
            case Apply(op, args, attrs):
                values = [self._get(a) for a in args]
                lanes = max((v.type.lanes for v in values), default=1)
                assert op.lower is not None
                if any([v.type.kind in STORED for v in values]) and not _takes_stored(op, attrs):
                    raise TypeError(f"{op.name} of {values[0].type}: it is not computed with")
                return op.lower(b, *[b.splat(v, lanes) for v in values], *attrs)
            case Reduce():
                raise AssertionError("reductions are folded by their stage")


def _takes_stored(op: Primitive, attrs: tuple[DType, ...]) -> bool:
    """Whether an operation moves numbers that are only stored, or converts or parts them."""
    return moves(op, attrs) or ON_COMPLEX.get(op, moves) is None


def _reduce(nest: Nest, i: int) -> Reduce:
    x = nest.body[i]
    assert isinstance(x, Reduce)
    return x
