"""How values of each type lie in memory, and how they are computed with in registers.

Code reads and writes the one and computes with the other: a bool takes a byte in memory and a bit
of a mask in a register. A type that is stored with fewer bits than it is computed with needs a row
here, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass

from zincir.compiler.codegen.builder import Builder, Type, Value, vector
from zincir.types import (
    DType,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    pair,
    uint8,
)


@dataclass(frozen=True, slots=True)
class Storage:
    """LLVM's names of both."""

    memory: str
    register: str


STORAGE: dict[DType, Storage] = {
    bool_: Storage("i8", "i1"),
    uint8: Storage("i8", "u8"),
    int8: Storage("i8", "i8"),
    int16: Storage("i16", "i16"),
    int32: Storage("i32", "i32"),
    int64: Storage("i64", "i64"),
    float16: Storage("half", "half"),
    bfloat16: Storage("bfloat", "bfloat"),
    float32: Storage("float", "float"),
    float64: Storage("double", "double"),
    complex64: Storage("c64", "c64"),
    complex128: Storage("c128", "c128"),
    pair: Storage("i32", "i32"),
}


def in_memory(dtype: DType) -> str:
    """What an element takes up, and what pointers to it count in."""
    return STORAGE[dtype].memory


def in_register(dtype: DType, lanes: int = 1) -> Type:
    """What code computes with."""
    return vector(STORAGE[dtype].register, lanes)


def loaded(b: Builder, raw: Value, dtype: DType) -> Value:
    """What was read from memory, for a register."""
    return b.convert(raw, STORAGE[dtype].register)


def to_store(b: Builder, value: Value, dtype: DType) -> Value:
    """What was computed, for memory."""
    return b.convert(value, STORAGE[dtype].memory)
