"""Parts of a kernel's work, which threads take."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from zincir.compiler.codegen.builder import I64, Builder, Value, index

DEFAULTS = {"taken": 0, "epilogue": 0, "epilogue_args": 0}
"""Arguments that a kernel need not be given: nothing is taken yet, and nothing comes behind."""


@contextmanager
def claimed(
    b: Builder, parts: Value, tid: Value, threads: Value, taken: Value, own: Value
) -> Generator[Value]:
    """One part for each thread, its own; or, if there are more, whatever nobody has taken yet.

    Then who is done sooner takes more. Each thread asks as often as there are parts, and the last
    one to ask resets the count.

    Args:
        taken: where the threads count; 0 before and after.
        own: eight bytes of the thread's own memory.
    """
    few = b.compare("le", parts, threads)
    # With a part for each, nobody else need know: the count is in the thread's own memory.
    count = b.select(few, own, taken)
    rounds = b.select(few, index(1), parts)
    with b.loop(index(0), rounds):
        asked = b.emit(f"atomicrmw add {count}, i64 1 monotonic", I64)
        part = b.select(few, tid, asked)
        with b.when(b.compare("lt", part, parts)):
            yield part
        with b.when(b.compare("eq", asked, b.sub(b.mul(rounds, threads), index(1)))):
            b.store(index(0), taken)


def call_given(b: Builder, function: Value, *arguments: Value) -> None:
    """Call a function, unless its address is 0."""
    address = b.emit(f"ptrtoint {function} to i64", I64)
    with b.when(b.compare("ne", address, index(0))):
        b.statement(f"call void {function.text}({', '.join(map(str, arguments))})")
