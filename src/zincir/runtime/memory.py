"""Bytes for values and for what lives within one run: recycled, bounded, and given back.

Nothing here takes a lock. A buffer may die in any thread at any moment, also while its own thread
is in the middle of an allocation, and would then wait for itself. What several threads share are
deques, dictionaries and a counter, used by operations that CPython does not divide.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from sys import getrefcount
from typing import Any

import numpy as np

from zincir import settings
from zincir.errors import OutOfMemoryError, explain

ALIGNMENT = 64
_SMALLEST = 64
_OVERHEAD = 512
"""What a piece takes besides its bytes: two objects, and what the system adds."""
_PER_SIZE = 1024
_HUGE = 1 << 28
"""From this size on it is asked whether the machine has so much: it promises more than it has."""
_MOST = 1 << 62
_PATIENCE = 256
"""Runs that needed a small arena after which a large one is given back."""


@dataclass(slots=True, eq=False)
class Memory:
    """Bytes that are aligned from `offset` on."""

    whole: np.ndarray[Any, Any]
    offset: int
    pointer: int
    nbytes: int
    age: int = 0
    """When it was put back: the lower, the longer ago."""


# --- the pool ---------------------------------------------------------------------------------

_pool: dict[int, deque[Memory]] = {}
"""What nobody uses, by size; in each deque what was put back last is on the right."""
_clock = itertools.count()
_room = 0
"""What may be put back until the pool is counted: what was taken from it does not make room."""
_alone = 0
"""References to the bytes of a piece, as `give_back` counts them, that nobody else holds."""


def allocate_memory(nbytes: int) -> Memory:
    """At least `nbytes` uninitialised bytes, aligned to a cache line.

    Raises:
        OutOfMemoryError: there is not so much, even after the pool was emptied.
    """
    nbytes = max(_SMALLEST, -(-nbytes // ALIGNMENT) * ALIGNMENT)
    shelf = _pool.get(nbytes)
    if shelf:
        try:
            return shelf.pop()
        except IndexError:  # Another thread was quicker.
            pass
    return _new(nbytes)


def give_back(memory: Memory) -> int:
    """Keep the bytes for others, unless a NumPy array still looks at them.

    Returns:
        The references to the bytes that were counted.
    """
    global _room
    count = getrefcount(memory.whole)
    if count <= _alone:
        nbytes = memory.nbytes
        shelf = _pool.get(nbytes)
        if shelf is None:
            shelf = _pool.setdefault(nbytes, deque(maxlen=_PER_SIZE))
        memory.age = next(_clock)
        shelf.append(memory)
        _room -= nbytes + _OVERHEAD
        if _room < 0:
            _trim(settings.current().memory_bytes)
    return count


def pooled_bytes() -> int:
    """What the pool holds, in bytes."""
    return sum([(n + _OVERHEAD) * len(shelf) for n, shelf in _pool.copy().items()])


def _trim(bound: int) -> None:
    """Give up what was unused for longest, if there is more than the bound or nearly so much."""
    global _room
    _room = bound // 8  # A finalizer that runs in here need not come here again.
    held = pooled_bytes()
    most = bound - bound // 8
    if held > most:
        pieces = sorted([(m.age, n) for n, shelf in _pool.copy().items() for m in shelf.copy()])
        for _, nbytes in pieces:
            shelf = _pool.get(nbytes)
            if shelf:
                with contextlib.suppress(IndexError):
                    shelf.popleft()
                    held -= nbytes + _OVERHEAD
            if held <= most:
                break
        for nbytes, shelf in _pool.copy().items():
            if not shelf:
                _pool.pop(nbytes, None)
    _room = bound - held


def empty_cache() -> None:
    """Give unused memory back to the system.

    Memory of tensors that are gone is kept for others, up to `ZINCIR_MEMORY_BYTES`, since new
    memory is slow at first touch; so is what a compiled function needed while it ran. Nothing has
    to be emptied for the library's own sake: it does so before it runs out of memory. It helps
    other programs, and other libraries in the same process.

    >>> import zincir
    >>> zincir.empty_cache()
    """
    global _room
    _pool.clear()
    _arenas.clear()
    _room = 0
    with contextlib.suppress(AttributeError, OSError, TypeError):  # There is none but in glibc.
        ctypes.CDLL(None).malloc_trim(0)


# --- new memory, and none left ----------------------------------------------------------------


def _new(nbytes: int) -> Memory:
    try:
        return _asked(nbytes)
    except MemoryError:
        empty_cache()
        gc.collect()
    try:
        return _asked(nbytes)
    except MemoryError:
        pass
    raise OutOfMemoryError(_report(nbytes))


def _asked(nbytes: int) -> Memory:
    if nbytes >= _HUGE and nbytes > _available():
        raise MemoryError
    whole = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = whole.ctypes.data
    offset = -start % ALIGNMENT
    return Memory(whole, offset, start + offset, nbytes)


def require(nbytes: int, what: str) -> None:
    """See that code which cannot fail in good order will find this much memory.

    Raises:
        OutOfMemoryError: there is not so much, even after the pool was emptied.
    """
    try:
        np.empty(nbytes, np.uint8)
        return
    except MemoryError:
        empty_cache()
        gc.collect()
    try:
        np.empty(nbytes, np.uint8)
        return
    except MemoryError:
        pass
    raise OutOfMemoryError(_report(nbytes, what))


def _available() -> int:
    """Bytes that the machine can give without killing somebody, if it tells."""
    found = 0
    for line in _lines("/proc/meminfo"):
        name, _, rest = line.partition(":")
        if name in ("MemAvailable", "SwapFree"):
            found += int(rest.split()[0]) << 10
    return found or _MOST


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _report(nbytes: int, what: str = "") -> str:
    sizes = sorted((m.nbytes for m in gc.get_objects() if type(m) is Memory), reverse=True)
    got = f"tensors hold {_mega(sum(sizes))} in {len(sizes)} pieces"
    if sizes:
        got += f", the largest {', '.join(_mega(n) for n in sizes[:3])}"
    pages = (_lines("/proc/self/statm") or [""])[0].split()[:2]
    if len(pages) == 2:
        of, resident = (int(n) * os.sysconf("SC_PAGE_SIZE") for n in pages)
        got += f"\nthe process has {_mega(resident)} in memory, of {_mega(of)} of addresses"
    left = _available()
    if left < _MOST:
        got += f"\nthe machine has {_mega(left)} left"
    return explain(
        f"out of memory: {_mega(nbytes)} asked for{what and ' ' + what}",
        got=got,
        try_="a smaller batch, `del` for tensors that are not needed, losses kept as `loss.item()`,"
        "\n`with no_grad()` where no gradient is wanted, a higher limit (ulimit -v)",
        note="memory kept for reuse was given back first (as by zincir.empty_cache())",
    )


def _mega(nbytes: int) -> str:
    return f"{nbytes / 1e6:,.1f} MB"


# --- the arena --------------------------------------------------------------------------------

_arenas: deque[Memory] = deque(maxlen=1)
"""Memory for what lives within one run: whoever runs a program takes it and puts it back. A run
within a run finds none here, and has one of its own."""
_small_runs = 0


def take_arena(nbytes: int) -> Memory:
    """At least `nbytes` for the time of a run; to be put back after it.

    Raises:
        OutOfMemoryError: there is not so much.
    """
    global _small_runs
    try:
        memory = _arenas.pop()
    except IndexError:
        return _new(max(nbytes, _SMALLEST))
    if memory.nbytes >= nbytes:
        if memory.nbytes <= _KEPT or memory.nbytes <= 2 * nbytes:
            _small_runs = 0
            return memory
        _small_runs += 1
        if _small_runs < _PATIENCE:
            return memory
    _small_runs = 0
    del memory  # What it holds may be what is missing.
    return _new(max(nbytes, _SMALLEST))


_KEPT = 1 << 26
"""An arena up to this size is kept for good."""


def put_arena(memory: Memory) -> None:
    """Leave memory of a run for the next one."""
    _arenas.append(memory)


# --- counting ---------------------------------------------------------------------------------


def _measured() -> int:
    """References that `give_back` counts when nobody else holds the bytes.

    How many the interpreter itself holds is its own affair and changes between versions, so it is
    asked, on the very path on which it matters. If the count does not tell a holder from none,
    nothing is ever recycled.
    """
    alone = min([give_back(_asked(_SMALLEST)) for _ in range(64)])
    other = _asked(_SMALLEST)
    holder = np.ndarray((4,), np.float32, other.whole, other.offset)
    held = min([give_back(other) for _ in range(64)])
    return alone if held > alone and holder.size else 0


_alone = _measured()
