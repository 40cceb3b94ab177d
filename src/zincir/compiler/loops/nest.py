"""The loop IR: one loop nest, as structure without sizes or addresses.

    for row in rows:                              (shared among threads)
        for each stage:                           (a stage ends with its reductions)
            for inner ... for lane in vector:     (or the vector loop outside, if it is not folded)
                values, accumulations, stores

Everything that may differ between two uses of the same code (extents, strides, addresses, row
counts) is an argument, so a kernel is compiled once for all batch sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from zincir.graph.primitive import Primitive
from zincir.types import DType


class Step(Enum):
    """Where the next lane of a vector finds its element."""

    SAME = "same"
    """Where the lane before it does: all share one."""
    NEXT = "next"
    """Beside it."""
    FAR = "far"
    """A stride further."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that is read or written, at `base + sum(stride * loop)`."""

    dtype: DType
    step: Step
    in_rows: bool
    in_inner: bool
    per_thread: bool = False
    streams: bool = False
    """Written in whole, aligned vectors past the caches: see `schedule.streaming_stores`."""

    def __str__(self) -> str:
        loops = "r" * self.in_rows + "i" * self.in_inner
        more = " per thread" * self.per_thread + " streams" * self.streams
        return f"{self.dtype.name}[{loops}]{self.step.value}{more}"


@dataclass(frozen=True, slots=True)
class Load:
    """The element of `slot` that belongs to this round of the loops."""

    slot: int


@dataclass(frozen=True, slots=True)
class Position:
    """The address of `slot` itself, as a number."""

    slot: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A number that the code knows."""

    value: float
    dtype: DType


@dataclass(frozen=True, slots=True)
class Apply:
    """A primitive's `lower` rule on values; `attrs` are its attributes that code depends on."""

    op: Primitive
    args: tuple[int, ...]
    attrs: tuple[DType, ...]


@dataclass(frozen=True, slots=True)
class Take:
    """The element of `slot` in the row that value `index` names.

    `position` is a slot whose position says which element of the index tensor it was.
    """

    slot: int
    index: int
    number: int
    position: int


@dataclass(frozen=True, slots=True)
class Reduce:
    """A value folded over the inner loops."""

    op: Primitive
    operand: int
    dtype: DType


Instruction = Load | Position | Constant | Apply | Take | Reduce


@dataclass(frozen=True)
class Nest:
    """One kernel: its loops, places, values in order, and stores (slot, value)."""

    rows: int
    inner: int
    vector_inside: bool
    """Whether the vector loop is the last inner loop; else it is the last of the rows."""
    lanes: int
    slots: tuple[Slot, ...]
    body: tuple[Instruction, ...]
    stores: tuple[tuple[int, int], ...]
    folds: bool
    """Whether anything is reduced."""
    keeps: tuple[tuple[int, int], ...] = ()
    """Values kept from stage to stage, as (slot, value); their slots belong to the thread."""

    @cached_property
    def key(self) -> str:
        """Text that determines the code."""
        return str(self)

    @property
    def copies(self) -> bool:
        """Whether it does nothing but copy what lies at one slot to another."""
        return isinstance(self.body[0], Load) and self.stores == ((1, 0),) and len(self.body) == 1

    def __str__(self) -> str:
        head = (
            f"nest rows={self.rows} inner={self.inner} lanes={self.lanes} "
            f"vector={'inside' if self.vector_inside else 'outside'} folds={self.folds}"
        )
        lines = [head, *(f"  @{i} {slot}" for i, slot in enumerate(self.slots))]
        lines += [f"  %{i} = {_text(x)}" for i, x in enumerate(self.body)]
        lines += [f"  @{slot} <- %{value}" for slot, value in self.stores]
        lines += [f"  @{slot} <- %{value} (kept)" for slot, value in self.keeps]
        return "\n".join(lines)


def _text(x: Instruction) -> str:
    match x:
        case Load(slot):
            return f"load @{slot}"
        case Position(slot):
            return f"position @{slot}"
        case Constant(value, dtype):
            return f"{dtype.name} {value!r}"
        case Apply(op, args, attrs):
            names = "".join(f" {a.name}" for a in attrs)
            return f"{op.name}{names} {' '.join(f'%{a}' for a in args)}"
        case Take(slot, at, number, position):
            return f"take @{slot} %{at} number {number} at @{position}"
        case Reduce(op, operand, dtype):
            return f"reduce {op.name} {dtype.name} %{operand}"


def operands(x: Instruction) -> tuple[int, ...]:
    """The values an instruction reads."""
    match x:
        case Apply(_, args, _):
            return args
        case Take(_, at, _, _):
            return (at,)
        case Reduce(_, operand, _):
            return (operand,)
        case _:
            return ()


def verify(nest: Nest) -> None:
    """Values come before their uses, and slots exist."""
    for i, x in enumerate(nest.body):
        slots = [x.slot] if isinstance(x, Load | Position | Take) else []
        bad_value = any(not 0 <= a < i for a in operands(x))
        if bad_value or any(not 0 <= s < len(nest.slots) for s in slots):
            raise ValueError(f"loop nest: instruction {i} is invalid\n{nest}")
    for slot, value in nest.stores:
        if slot >= len(nest.slots) or value >= len(nest.body):
            raise ValueError(f"loop nest: a store is invalid\n{nest}")
