"""What a loop nest reads and writes: addresses from where its loops stand, loads and stores."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.compiler.codegen.builder import I64, PTR, Value, constant, index, vector
from zincir.compiler.codegen.expression import ExpressionBuilder
from zincir.compiler.codegen.report import report
from zincir.compiler.codegen.storage import in_memory, loaded, to_store
from zincir.compiler.loops.nest import Nest, Position, Step, Take

STATUS, NUMBER, ROWS, COLUMNS, FIRST = range(5)
"""Positions in `args`; row sizes, inner sizes, slots and takes follow, from FIRST on."""


def slot_at(nest: Nest, slot: int) -> int:
    """Where in `args` a slot begins: its address, then strides of rows, inner loops, vector."""
    return FIRST + nest.rows + nest.inner + slot * (2 + nest.rows + nest.inner)


def take_at(nest: Nest, number: int) -> int:
    """Where in `args` a take begins: the stride of a row, and the number of rows."""
    return slot_at(nest, len(nest.slots)) + 2 * number


class Arguments:
    """The array of i64 that the code of a nest is given."""

    def __init__(self, b: ExpressionBuilder, nest: Nest) -> None:
        self.b, self.nest = b, nest
        self._array, *_, self.tid = b.arguments

    def load(self, at: int, *, pointer: bool = False) -> Value:
        """The one at a position."""
        place = self.b.offset(self._array, index(at), "i64")
        return self.b.load(place, PTR if pointer else I64)


class Slots:
    """The slots of a nest, and where its loops stand: that is set as they are entered."""

    def __init__(self, arguments: Arguments) -> None:
        self.b, self.nest = arguments.b, arguments.nest
        self._given = arguments
        self.arguments = [SlotArguments(arguments, i) for i in range(len(self.nest.slots))]
        self.row_base: list[Value | None] = [None] * len(self.nest.slots)
        self.inner_base: list[Value | None] = [None] * len(self.nest.slots)
        self.column = index(0)
        self.mask: Value | None = None

    def _base(self, slot: int) -> Value:
        """The part of a slot's address that is the same for all lanes."""
        b = self.b
        parts = [self.row_base[slot], self.inner_base[slot]]
        s = self.arguments[slot]
        if s.step is Step.NEXT:
            parts.append(self.column)
        elif s.step is Step.FAR:
            parts.append(b.mul(self.column, s.vector_stride))
        known = [p for p in parts if p is not None]
        total = known[0] if known else index(0)
        for p in known[1:]:
            total = b.add(total, p)
        return total

    def _lane_offsets(self, slot: int) -> Value:
        """How far each lane of a slot is from the first."""
        b, lanes = self.b, self.nest.lanes
        numbers = b.lane_numbers(lanes)
        if self.arguments[slot].step is Step.NEXT:
            return numbers
        return b.mul(numbers, b.splat(self.arguments[slot].vector_stride, lanes))

    def _is_wide(self, slot: int) -> bool:
        return self.nest.lanes > 1 and self.arguments[slot].step is not Step.SAME

    def address(self, slot: int) -> Value:
        total = self.b.add(self.arguments[slot].start, self._base(slot))
        if not self._is_wide(slot):
            return total
        return self.b.add(self.b.splat(total, self.nest.lanes), self._lane_offsets(slot))

    def _pointer(self, slot: int) -> Value:
        kind = in_memory(self.nest.slots[slot].dtype)
        return self.b.offset(self.arguments[slot].pointer, self._base(slot), kind)

    def load(self, slot: int) -> Value:
        return self._load_from(slot, self._pointer(slot))

    def _load_from(self, slot: int, pointer: Value) -> Value:
        b, s = self.b, self.nest.slots[slot]
        kind = in_memory(s.dtype)
        if not self._is_wide(slot):
            raw = b.load(pointer, vector(kind, 1))
        elif s.step is Step.NEXT:
            type = vector(kind, self.nest.lanes)
            raw = (
                b.load(pointer, type)
                if self.mask is None
                else b.masked_load(pointer, self.mask, type)
            )
        else:
            raw = self._gather(b.offset(pointer, self._lane_offsets(slot), kind), kind)
        return loaded(b, raw, s.dtype)

    def _gather(self, pointers: Value, kind: str) -> Value:
        b, lanes = self.b, self.nest.lanes
        mask = self.mask or constant(1, vector("i1", lanes))
        return b.gather(pointers, mask, vector(kind, lanes))

    def store(self, slot: int, value: Value) -> None:
        b, s = self.b, self.nest.slots[slot]
        value = to_store(b, value, s.dtype)
        pointer = self._pointer(slot)
        if not self._is_wide(slot):
            b.store(value, pointer)
            return
        value = b.splat(value, self.nest.lanes)
        if s.step is Step.FAR:
            kind = in_memory(s.dtype)
            pointers = b.offset(pointer, self._lane_offsets(slot), kind)
            b.scatter(value, pointers, self.mask or constant(1, vector("i1", self.nest.lanes)))
        elif s.streams:
            b.stream(value, pointer)
        elif self.mask is not None:
            b.masked_store(value, pointer, self.mask)
        else:
            b.store(value, pointer)

    # -- takes ------------------------------------------------------------------------------

    def take(self, x: Take, row: Value) -> Value:
        b, nest = self.b, self.nest
        at = take_at(nest, x.number)
        stride, rows = self._given.load(at), self._given.load(at + 1)
        chosen = b.convert(row, "i64")
        lanes = chosen.type.lanes
        # As unsigned numbers, negative ones are too large as well.
        valid = b.emit(f"icmp ult {chosen}, {b.splat(rows, lanes).text}", chosen.type.of("i1"))
        self._report(x, chosen, valid)
        safe = b.select(valid, chosen, constant(0, chosen.type))
        offset = b.mul(safe, b.splat(stride, lanes))
        pointer = self._pointer(x.slot)
        kind = in_memory(nest.slots[x.slot].dtype)
        if lanes == 1:
            return self._load_from(x.slot, b.offset(pointer, offset, kind))
        if self._is_wide(x.slot):
            offset = b.add(offset, self._lane_offsets(x.slot))
        raw = self._gather(b.offset(pointer, offset, kind), kind)
        return loaded(b, raw, nest.slots[x.slot].dtype)

    def _report(self, x: Take, chosen: Value, valid: Value) -> None:
        """Note the first index that is out of range, for the error raised after the run."""
        b, lanes = self.b, chosen.type.lanes
        wrong = b.bit_xor(valid, constant(1, valid.type))
        if lanes > 1 and self.mask is not None:
            wrong = b.bit_and(wrong, self.mask)
        any_wrong = wrong
        if lanes > 1:
            any_wrong = b.intrinsic(
                f"llvm.vector.reduce.or.{wrong.type.suffix}", vector("i1", 1), wrong
            )
        with b.when(any_wrong):
            lane, value = index(0), chosen
            if lanes > 1:
                bits = b.emit(f"bitcast {wrong} to i{lanes}", vector(f"i{lanes}", 1))
                first = b.intrinsic(
                    f"llvm.cttz.i{lanes}", bits.type, bits, constant(0, vector("i1", 1))
                )
                lane = b.emit(f"zext {first} to i64", I64) if lanes < 64 else first
                value = b.emit(f"extractelement {chosen}, {lane}", I64)
            position = self.address(x.position)
            if position.type.lanes > 1:
                position = b.emit(f"extractelement {position}, {lane}", I64)
            number = b.add(self._given.load(NUMBER), index(x.number))
            report(b, self._given.load(STATUS, pointer=True), number, value, position)


class SlotArguments:
    """A slot's run-time arguments, read once at the start of a rectangle."""

    def __init__(self, given: Arguments, number: int) -> None:
        nest, slot = given.nest, given.nest.slots[number]
        at = slot_at(nest, number)
        self.step, self.in_rows, self.in_inner = slot.step, slot.in_rows, slot.in_inner
        self._b = given.b
        if _is_position(nest, number):
            self.start = given.load(at)
        else:
            self.pointer = given.load(at, pointer=True)
            if slot.per_thread:
                share = given.b.mul(given.tid, given.load(at + 1 + nest.rows + nest.inner))
                self.pointer = given.b.offset(self.pointer, share, in_memory(slot.dtype))
        self.row_strides = [given.load(at + 1 + i) for i in range(nest.rows)]
        first = at + 1 + nest.rows
        self.inner_strides = [given.load(first + i) for i in range(nest.inner)]
        if slot.step is Step.FAR:
            self.vector_stride = given.load(first + nest.inner)

    def weighted(self, strides: Sequence[Value], indices: Sequence[Value]) -> Value | None:
        total: Value | None = None
        for stride, i in zip(strides, indices, strict=True):
            term = self._b.mul(stride, i)
            total = term if total is None else self._b.add(total, term)
        return total


def _is_position(nest: Nest, slot: int) -> bool:
    return any(
        (isinstance(x, Position) and x.slot == slot) or (isinstance(x, Take) and x.position == slot)
        for x in nest.body
    )
