"""A compiled program: a table of kernels, their arguments, and how they are bound to memory."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zincir import settings
from zincir.runtime import native, team
from zincir.runtime.buffer import NAN_BYTE, allocate_memory

_lock = threading.RLock()
_arena = allocate_memory(1 << 16)
"""Memory for what lives within one run. Runs are serialised, so programs share it."""


def _grown(nbytes: int) -> int:
    """The arena's address, after making it at least `nbytes` long."""
    global _arena
    if _arena.nbytes < nbytes:
        _arena = allocate_memory(nbytes)
    return _arena.pointer


@dataclass(slots=True)
class View:
    """An array that a host function sees."""

    space: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(slots=True)
class HostFunction:
    """A NumPy function run between two stretches of native code."""

    function: Callable[..., Any]
    inputs: list[View]
    output: View


@dataclass(frozen=True, slots=True)
class Function:
    """A native function: what its module is known by, and its number among the symbols wanted."""

    key: str
    symbols: tuple[str, ...]
    number: int = 0

    @property
    def address(self) -> int:
        """Where it is in this process.

        Raises:
            MissingCode: its machine code is gone.
        """
        found = native.known(self.key, self.symbols)
        if found is None:
            raise MissingCode(self.key)
        return found[self.number]


class MissingCode(LookupError):
    """A program needs machine code that is neither in memory nor on disk."""


@dataclass(slots=True)
class Kernel:
    """One record of the table."""

    function: int
    """Its number in `Code.functions`."""
    arguments: int
    """Where its arguments begin in the block."""
    barrier: bool
    threads: int


@dataclass(slots=True)
class Code:
    """Everything a program consists of, without a single address: it can be kept on disk."""

    words: list[int] = field(default_factory=list[int])
    addresses: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """Words that hold an address in memory: (position, space, offset in bytes)."""
    inside: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Words that hold the address of another word of the block: (position, word)."""
    calls: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Words that hold the address of a function: (position, function)."""
    pointing: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Words that hold the address of a table: (position, table)."""
    status: list[int] = field(default_factory=list[int])
    """Words that hold the address of the status."""
    segments: list[list[Kernel] | HostFunction] = field(
        default_factory=list[list[Kernel] | HostFunction]
    )
    tables: list[np.ndarray[Any, Any]] = field(default_factory=list[np.ndarray[Any, Any]])
    """Arrays that words point to."""
    functions: list[Function] = field(default_factory=list[Function])
    arena_bytes: int = 0
    spaces: int = 0
    threads: int = 1


class Program:
    """Native code bound to an argument block; `run` gives it memory and starts it.

    Spaces are numbered: inputs, then outputs, then the arena.
    """

    def __init__(self, code: Code) -> None:
        self._block = np.array(code.words or [0], np.int64)
        self._status = np.zeros(8, np.int64)
        self._bound: list[int] = [0] * code.spaces
        functions = [f.address for f in code.functions]
        base = self._block.ctypes.data
        words = self._words = self._block.data
        for position, word in code.inside:
            words[position] = base + 8 * word
        for position, number in code.calls:
            words[position] = functions[number]
        for position, number in code.pointing:
            words[position] = code.tables[number].ctypes.data
        self._block[code.status] = self._status.ctypes.data
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(code.spaces)]
        for position, space, offset in code.addresses:
            self._places[space].append((position, offset))
            words[position] = offset
        self._tables = code.tables
        self._arena_bytes = code.arena_bytes
        self.spaces = code.spaces
        self.threads = code.threads
        self._segments = [self._segment(s, base, functions) for s in code.segments]

    def _segment(
        self, segment: list[Kernel] | HostFunction, base: int, functions: list[int]
    ) -> tuple[np.ndarray[Any, Any], int, int] | HostFunction:
        if isinstance(segment, HostFunction):
            return segment
        rows = [
            [functions[k.function], base + 8 * k.arguments, int(k.barrier), k.threads]
            for k in segment
        ]
        table = np.array(rows, np.int64)
        return table, table.ctypes.data, len(rows)

    def run(self, pointers: list[int]) -> tuple[int, int, int] | None:
        """Run on memory given as addresses of the inputs and outputs.

        Returns:
            None, or (number, value, position) of the first index that was out of range. What
            comes after the phase in which it was met has not run then.
        """
        with _lock:
            arena = _grown(self._arena_bytes)
            if settings.current().poison:
                ctypes.memset(arena, NAN_BYTE, self._arena_bytes)
            spaces = [*pointers, arena]
            if spaces != self._bound:
                self._bind(spaces)
            status = self._status.ctypes.data
            for segment in self._segments:
                if isinstance(segment, HostFunction):
                    self._call(segment, spaces)
                    continue
                _, table, count = segment
                team.run(table, count, status, self.threads)
                if self._status[0]:
                    _, number, value, position = self._status[:4].tolist()
                    self._status[:] = 0
                    return number, value, position
        return None

    def _bind(self, spaces: list[int]) -> None:
        words = self._words
        for new, old, places in zip(spaces, self._bound, self._places, strict=True):
            if new != old:
                for position, offset in places:
                    words[position] = new + offset
        self._bound = spaces

    def _call(self, host: HostFunction, spaces: Sequence[int]) -> None:
        inputs = [_array(view, spaces) for view in host.inputs]
        result = np.asarray(host.function(*inputs))
        _array(host.output, spaces)[...] = result


def _array(view: View, spaces: Sequence[int]) -> np.ndarray[Any, Any]:
    reach = [abs(s) * (n - 1) for s, n in zip(view.strides, view.shape, strict=True)]
    if 0 in view.shape:
        return np.empty(view.shape, view.dtype)
    # Negative strides reach backwards from the first element.
    back = sum(abs(s) * (n - 1) for s, n in zip(view.strides, view.shape, strict=True) if s < 0)
    size = view.dtype.itemsize
    memory = (ctypes.c_char * ((sum(reach) + 1) * size)).from_address(
        spaces[view.space] + view.offset - back * size
    )
    strides = tuple(s * size for s in view.strides)
    return np.ndarray(view.shape, view.dtype, memoryview(memory), back * size, strides)
