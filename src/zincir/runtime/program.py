"""A compiled program: a table of kernels, their arguments, and how they are bound to memory."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from sys import is_finalizing
from typing import Any

import numpy as np

from zincir import settings
from zincir.runtime import native, team
from zincir.runtime.buffer import NAN_BYTE
from zincir.runtime.memory import put_arena, take_arena

# One program runs at a time; other threads sleep until it is their turn. Who runs holds `_lock`.
# Who waits for it holds `_door`, before which all others wait, so that a thread which has just run
# cannot be the next one again while somebody waits. Both are reentrant: a finalizer or a signal
# handler may run a program while its thread is about to run one.
_lock: Any = threading.RLock()
_door: Any = threading.RLock()


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

    def address(self, target: native.Target | None = None) -> int:
        """Where it is in this process, of code for `target`; by default for this machine.

        Raises:
            MissingCode: its machine code is gone.
        """
        found = native.known(self.key, self.symbols, target)
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
    target: native.Target | None = None
    """The machine that the functions are for; None: this one."""


class Program:
    """Native code bound to an argument block; `run` gives it memory and starts it.

    Spaces are numbered: inputs, then outputs, then the arena.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        self._busy = False
        self._block = np.array(code.words or [0], np.int64)
        self._status = np.zeros(8, np.int64)
        self._bound: list[int] = [0] * code.spaces
        functions = [f.address(code.target) for f in code.functions]
        base = self._block.ctypes.data
        words = self._words = self._block.data
        for position, word in code.inside:
            words[position] = base + 8 * word
        for position, number in code.calls:
            words[position] = functions[number]
        for position, number in code.pointing:
            words[position] = code.tables[number].ctypes.data
        self._status_pointer = self._status.ctypes.data
        self._block[code.status] = self._status_pointer
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

    def words(self, at: int, count: int) -> list[int]:
        """Words of the block, as kernels left them."""
        return self._block[at : at + count].tolist()

    def run(self, pointers: list[int]) -> tuple[int, int, int] | None:
        """Run on memory given as addresses of the inputs and outputs.

        Returns:
            None, or (number, value, position) of the first index that was out of range. What
            comes after the phase in which it was met has not run then.
        """
        # The private method is the one by which threading.Condition asks. While the interpreter
        # ends, threads are stopped wherever they are, and leave locks behind.
        if _lock._is_owned() or is_finalizing():
            return self._run_within(pointers)
        lock = _lock
        try:
            with _door:
                lock.acquire()
            return self._run_here(pointers)
        finally:
            # Ctrl-C may come at any moment. Releasing is the first thing done here and is never
            # cut in two; if it came before the lock was taken, there is nothing to release.
            try:  # noqa: SIM105
                lock.release()
            except RuntimeError:
                pass

    def _run_within(self, pointers: list[int]) -> tuple[int, int, int] | None:
        """Run while this thread runs a program already, perhaps this one."""
        return (Program(self._code) if self._busy else self)._run_here(pointers)

    def _run_here(self, pointers: list[int]) -> tuple[int, int, int] | None:
        arena = take_arena(self._arena_bytes)
        try:
            self._busy = True
            if settings.current().poison:
                ctypes.memset(arena.pointer, NAN_BYTE, self._arena_bytes)
            return self._run_in([*pointers, arena.pointer])
        finally:
            self._busy = False
            put_arena(arena)

    def _run_in(self, spaces: list[int]) -> tuple[int, int, int] | None:
        if spaces != self._bound:
            self._bind(spaces)
        status = self._status_pointer
        try:
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
        except BaseException:
            self._status[:] = 0
            raise
        return None

    def _bind(self, spaces: list[int]) -> None:
        words = self._words
        before, self._bound = self._bound, [-1] * len(spaces)  # until all of it is done
        for new, old, places in zip(spaces, before, self._places, strict=True):
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


def _after_fork() -> None:
    """No thread that held a lock or waited for one lives on in a child, but the one that forked."""
    global _lock, _door
    if not _lock._is_owned():
        _lock = threading.RLock()
    _door = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
