"""Kernels that run part by part, one behind another: see `schedule.batch_tiling`."""

from __future__ import annotations

from zincir.compiler.codegen.builder import I64, PTR, Builder, Value, index, module
from zincir.compiler.kernels.parts import claimed

ARGUMENTS = ("parts", "taken", "scratch", "scratch_stride", "kernels")
"""Of the kernel: `parts` are taken by threads, and `kernels` run on each; those follow."""
KERNEL_ARGUMENTS = ("call", "call_args", "rows", "columns")
"""Of each of those. `void call(ptr call_args, i64 tid, i64 part)` does a part of its work; a loop
nest, which has `columns` in each part, is given its rows and columns: `call(call_args, low, high,
low, high)`. It has `rows` in each part, and all columns; or, if that is 0, one row, and so many
columns.
"""
KEY = "sequence"


def sequence_module() -> str:
    """LLVM IR of `void task(ptr args, i64 tid, i64 nthreads)`."""
    b = Builder("task", (PTR, I64, I64))
    args, tid, threads = b.arguments

    def word(at: Value, pointer: bool = False) -> Value:
        return b.load(b.offset(args, at, "i64"), PTR if pointer else I64)

    def argument(name: str, pointer: bool = False) -> Value:
        return word(index(ARGUMENTS.index(name)), pointer)

    own = b.offset(argument("scratch", True), b.mul(tid, argument("scratch_stride")), "i8")
    taken = b.offset(args, index(ARGUMENTS.index("taken")), "i64")
    with (
        claimed(b, argument("parts"), tid, threads, taken, own) as part,
        b.loop(index(0), argument("kernels")) as kernel,
    ):
        first = b.add(b.mul(kernel.counter, index(len(KERNEL_ARGUMENTS))), index(len(ARGUMENTS)))
        places = [b.add(first, index(i)) for i in range(len(KERNEL_ARGUMENTS))]
        call, given, rows, columns = (word(at, i < 2) for i, at in enumerate(places))
        with b.when(b.compare("ne", columns, index(0))):
            by_rows = b.compare("ne", rows, index(0))
            low = [b.mul(part, b.select(by_rows, rows, index(0)))]
            low.append(b.select(by_rows, index(0), b.mul(part, columns)))
            high = b.add(low[0], b.maximum(rows, index(1))), b.add(low[1], columns)
            numbers = low[0], high[0], low[1], high[1]
            b.statement(f"call void {call.text}({', '.join(map(str, (given, *numbers)))})")
        with b.when(b.compare("eq", columns, index(0))):
            b.statement(f"call void {call.text}({given}, {tid}, {part})")
    return module([(b, b.finish())])
