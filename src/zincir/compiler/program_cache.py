"""Programs ready to run: from disk, where the same computation was compiled before, or compiled.

A program on disk is found by the text of its computation's structure (`spelled`), the number of
threads, the precision, the donations, the machine and the state of the compiler's sources: all that
passes see. What is stored has no addresses in it, and names its machine code, which has files of
its own.
"""

from __future__ import annotations

import contextlib
import math
import pickle
from dataclasses import dataclass
from typing import Any, TypeAlias

from zincir import settings
from zincir.compiler import Compilation, compile_graph
from zincir.compiler.rewrite.precision import Terms, rewritten
from zincir.compiler.snapshot import Snapshot
from zincir.graph.node import Origin
from zincir.graph.primitive import Primitive
from zincir.runtime import disk, native
from zincir.runtime.program import Code, Program
from zincir.types import DType

_SMALLEST = 16
"""Computations of fewer nodes are compiled within a millisecond: they are not worth a file."""

Check: TypeAlias = tuple[int, str, Origin]
"""Indices that a kernel checks: how many rows there are, what they choose, the user's line."""


@dataclass(slots=True)
class Ready:
    """What is needed of a compilation to run it."""

    program: Program
    donated: dict[int, int]
    """Outputs (by number) that are written into the memory of inputs (by number)."""
    checks: list[Check]
    """By the number that the program reports for an index out of range."""


def prepare(
    taken: Snapshot,
    threads: int,
    donations: dict[int, int] | None = None,
    terms: Terms | None = None,
) -> Ready:
    """The program of a computation, from disk if possible.

    With `settings.verify` all passes run, since what is asked for then is that they be checked.

    Args:
        donations: for outputs (by number) the inputs (by number) whose memory they may take.
        terms: what products are computed of, if not of float32.

    Raises:
        CompileError: names the pass that failed.
    """
    name = None
    if len(taken.key[0]) >= _SMALLEST and not settings.current().verify:
        name = _name(taken, threads, donations or {}, terms)
    found = _stored(name, taken) if name else None
    if found is not None:
        return found
    graph = taken.graph() if terms is None else rewritten(taken.graph(), terms)
    compilation = compile_graph(graph, threads, donations)
    if name:
        _store(name, taken, compilation)
    return ready(compilation)


def ready(compilation: Compilation) -> Ready:
    """What a compilation leaves behind."""
    assert compilation.plan is not None
    assert compilation.program is not None
    checks = [(rows, what, node.origin) for node, rows, what in compilation.checks]
    return Ready(compilation.program, compilation.plan.donated, checks)


# --- on disk --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stored:
    code: Code
    donated: dict[int, int]
    checks: list[tuple[int, str, int]]
    """As in `Ready`, with the number of the node in the key: its line may be another one."""


def _stored(name: str, taken: Snapshot) -> Ready | None:
    content = disk.cache().read(name)
    if content is None:
        return None
    # Its owner wrote it and its checksum fits: it may be trusted as machine code is. If it cannot
    # be used, be it because machine code that it needs is gone, the program is compiled anew.
    with contextlib.suppress(Exception):
        found: _Stored = pickle.loads(content)
        checks = [(rows, what, taken.origin(number)) for rows, what, number in found.checks]
        return Ready(Program(found.code), found.donated, checks)
    disk.cache().remove(name)
    return None


def _store(name: str, taken: Snapshot, compilation: Compilation) -> None:
    assert compilation.plan is not None
    assert compilation.code is not None
    checks: list[tuple[int, str, int]] = []
    for node, rows, what in compilation.checks:
        number = taken.number_of(node)
        if number is None:
            return
        checks.append((rows, what, number))
    stored = _Stored(compilation.code, compilation.plan.donated, checks)
    disk.cache().write(name, pickle.dumps(stored, pickle.HIGHEST_PROTOCOL))


# --- names ----------------------------------------------------------------------------------


def _name(
    taken: Snapshot, threads: int, donations: dict[int, int], terms: Terms | None = None
) -> str | None:
    try:
        text = spelled(taken.key)
    except _NotPlain:
        return None
    code = settings.current().code
    return native.digest(f"program {threads} {code} {terms} {tuple(donations.items())}\n{text}")


class _NotPlain(Exception):
    """Something that means nothing to another process, such as a function."""


def spelled(key: tuple[Any, ...]) -> str:
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
    if kind is DType:
        return x.name
    raise _NotPlain


_LITERAL = (int, str, bool, type(None))
