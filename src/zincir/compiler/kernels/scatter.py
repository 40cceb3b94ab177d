"""Rows added to, or set in, a buffer at places that an integer tensor names.

Each part of the work owns a range of target rows and walks over all indices in order, so the
result does not depend on the number of threads, and the last of several writers wins.
"""

from __future__ import annotations

from dataclasses import dataclass

from zincir.compiler.codegen.builder import I64, PTR, Builder, Value, index, module, vector
from zincir.compiler.codegen.report import report
from zincir.compiler.codegen.storage import in_memory, loaded, to_store
from zincir.types import DType

ARGUMENTS = ("status", "number", "index", "source", "target", "count", "width", "rows")
"""The array of i64 behind `args`; `width` is the number of elements in a row."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """The structure of the kernel."""

    dtype: DType
    index: DType
    mode: str
    lanes: int

    @property
    def key(self) -> str:
        return f"scatter {self.mode} {self.dtype.name} {self.index.name} {self.lanes}"

    def build(self) -> str:
        """LLVM IR of `void task(ptr args, i64 tid, i64 nthreads)`."""
        b = Builder("task", [PTR, I64, I64])
        args, tid, threads = b.arguments

        def argument(name: str, type_: str = "i64") -> Value:
            place = b.offset(args, index(ARGUMENTS.index(name)), "i64")
            return b.load(place, vector(type_, 1))

        rows, width = argument("rows"), argument("width")
        low = b.div(b.mul(rows, tid), threads)
        high = b.div(b.mul(rows, b.add(tid, index(1))), threads)
        indices, source, target = (argument(n, "ptr") for n in ("index", "source", "target"))
        with b.loop(index(0), argument("count")) as loop:
            kind = in_memory(self.index)
            chosen = b.convert(
                b.load(b.offset(indices, loop.counter, kind), vector(kind, 1)), "i64"
            )
            outside = b.emit(f"icmp uge {chosen}, {rows.text}", vector("i1", 1))
            with b.when(outside):
                report(b, argument("status", "ptr"), argument("number"), chosen, loop.counter)
            mine = b.bit_and(b.compare("ge", chosen, low), b.compare("lt", chosen, high))
            with b.when(mine):
                kind = in_memory(self.dtype)
                to = b.offset(target, b.mul(chosen, width), kind)
                origin = b.offset(source, b.mul(loop.counter, width), kind)
                self._row(b, to, origin, width, kind)
        return module([(b, b.finish())])

    def _row(self, b: Builder, to: Value, origin: Value, width: Value, kind: str) -> None:
        type = vector(kind, self.lanes)
        whole = b.mul(b.div(width, index(self.lanes)), index(self.lanes))
        with b.loop(index(0), whole, self.lanes) as loop:
            place = b.offset(to, loop.counter, kind)
            new = b.load(b.offset(origin, loop.counter, kind), type)
            b.store(self._new(b, b.load(place, type), new), place)
        with b.loop(whole, width) as loop:
            place = b.offset(to, loop.counter, kind)
            new = b.load(b.offset(origin, loop.counter, kind), vector(kind, 1))
            b.store(self._new(b, b.load(place, vector(kind, 1)), new), place)

    def _new(self, b: Builder, old: Value, new: Value) -> Value:
        if self.mode != "add":
            return new
        total = b.add(loaded(b, old, self.dtype), loaded(b, new, self.dtype))
        return to_store(b, total, self.dtype)
