"""Programs ready to run: from disk, where the same computation was compiled before, or compiled.

A program on disk is found by the text of its computation's structure (`canonical_text`), by what
it is compiled for (`Options.key`) and by the state of the compiler's sources: all that passes see.
What is stored has no addresses in it, and names its machine code, which has files of its own.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

from zincir import settings
from zincir.compiler import compile_graph
from zincir.compiler.derived import entry_of
from zincir.compiler.executable import Executable
from zincir.compiler.options import Options
from zincir.compiler.snapshot import Snapshot
from zincir.graph.node import Origin
from zincir.graph.primitive import Primitive
from zincir.graph.subgraph import Subgraph
from zincir.runtime import disk, native
from zincir.runtime.program import Code, Program
from zincir.types import DType

_SMALLEST = 16
"""Computations of fewer nodes are compiled within a millisecond: they are not worth a file."""

Check: TypeAlias = tuple[int, str, Origin]
"""Indices that a kernel checks: how many rows there are, what they choose, the user's line."""


@dataclass(slots=True)
class CachedProgram:
    """What is needed of a compilation to run it."""

    program: Program
    donated: dict[int, int]
    """Outputs (by number) that are written into the memory of inputs (by number)."""
    checks: list[Check]
    """By the number that the program reports for an index out of range."""


class _Instead(threading.local):
    """Who makes the programs that this thread looks for, in the place of what is kept."""

    make: Callable[[Snapshot, Options], CachedProgram] | None = None


INSTEAD = _Instead()


@contextlib.contextmanager
def programs_made_by(make: Callable[[Snapshot, Options], CachedProgram]) -> Generator[None]:
    """In this thread, programs are not looked for but made by `make` meanwhile."""
    before, INSTEAD.make = INSTEAD.make, make
    try:
        yield
    finally:
        INSTEAD.make = before


def find_program(taken: Snapshot, options: Options) -> CachedProgram:
    """The program of a computation, from disk if possible.

    With `settings.verify` all passes run, since what is asked for then is that they be checked.

    Raises:
        CompileError: names the pass that failed, the node it was at, and the user's line.
    """
    if INSTEAD.make is not None:
        return INSTEAD.make(taken, options)
    name = None
    if len(taken.key[0]) >= _SMALLEST and not settings.current().verify:
        name = _name(taken, options)
    found = _stored(name, taken) if name else None
    if found is not None:
        return found
    made = compile_graph(taken.graph(), options)
    if name:
        _store(name, made)
    return runnable(made)


def runnable(made: Executable) -> CachedProgram:
    """What a compilation leaves behind."""
    checks = [(rows, what, node.origin) for node, rows, what in made.assembly.checks]
    return CachedProgram(made.program, made.plan.donated, checks)


# --- on disk --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stored:
    code: Code
    donated: dict[int, int]
    checks: list[tuple[int, str, int]]
    """As in `CachedProgram`, with the node's entry in the key: its line may be another one."""


def _stored(name: str, taken: Snapshot) -> CachedProgram | None:
    content = disk.cache().read(name)
    if content is None:
        return None
    # Its owner wrote it and its checksum fits: it may be trusted as machine code is. If it cannot
    # be used, be it because machine code that it needs is gone, the program is compiled anew.
    with contextlib.suppress(Exception):
        found: _Stored = pickle.loads(content)
        checks = [(rows, what, taken.origin(number)) for rows, what, number in found.checks]
        return CachedProgram(Program(found.code), found.donated, checks)
    disk.cache().remove(name)
    return None


def _store(name: str, made: Executable) -> None:
    checks: list[tuple[int, str, int]] = []
    for node, rows, what in made.assembly.checks:
        number = entry_of(node)
        if number is None:
            return
        checks.append((rows, what, number))
    stored = _Stored(made.assembly.code, made.plan.donated, checks)
    disk.cache().write(name, pickle.dumps(stored, pickle.HIGHEST_PROTOCOL))


# --- names ----------------------------------------------------------------------------------


def _name(taken: Snapshot, options: Options) -> str | None:
    try:
        text = canonical_text(taken.key)
    except _NotPlain:
        return None
    return native.digest(f"program {options.key}\n{text}", options.target)


class _NotPlain(Exception):
    """Something that means nothing to another process, such as a function."""


def canonical_text(key: tuple[Any, ...]) -> str:
    """The key of a snapshot as text: equal for equal computations, in any process.

    Raises:
        _NotPlain: it holds something else than numbers, texts, types and operations.
    """
    entries, outputs = key
    return "\n".join([*map(_entry, entries), f"return {outputs}"])


def _entry(entry: tuple[Any, ...]) -> str:
    head = entry[0]
    if isinstance(head, Primitive):
        # The places of inputs are whole numbers; most attributes are few and simple.
        return f"{head.name} {_plain(entry[1])} {entry[2:]}"
    return _plain(entry)


def _plain(x: Any) -> str:
    kind = x.__class__
    if kind is tuple:
        return "(" + ",".join([_plain(item) for item in x]) + ")"
    if kind in _LITERAL:
        return repr(x)
    if kind is float and not math.isnan(x):
        return float.hex(x)
    if kind is DType or kind is Primitive:
        return x.name
    if kind is Subgraph:
        return _plain(x.key)
    if isinstance(x, tuple):  # the shape of a tensor, as users get it
        return _plain(tuple(x))  # type: ignore[reportUnknownArgumentType]
    raise _NotPlain


_LITERAL = (int, str, bool, type(None))
