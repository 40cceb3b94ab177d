"""An index that is out of range, noted by a kernel for the error raised after the run."""

from __future__ import annotations

from zincir.compiler.codegen.builder import I64, Builder, Value, index


def report(b: Builder, status: Value, number: Value, value: Value, position: Value) -> None:
    """Note an index that is out of range. Status is (set, number, value, position, ticket); the
    first to draw the ticket writes.
    """
    places = [b.offset(status, index(i), "i64") for i in range(5)]
    ticket = b.emit(f"atomicrmw xchg {places[4]}, i64 1 acq_rel", I64)
    with b.when(b.compare("eq", ticket, index(0))):
        for place, x in zip(places[1:4], (number, value, position), strict=True):
            b.store(x, place)
        b.store(index(1), places[0])
