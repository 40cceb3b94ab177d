"""The kernel of matrix products: strided, batched, reduced over blocks, tiled in registers.

    C[o,m,n] = sum over r, k of A[o,r,m,k] * B[o,r,k,n]

Every element of C is one chain of fused multiply-adds over (r, k) in order, starting from 0, so
its bits do not depend on tiles, packing, vector width or threads. All extents and strides are
run-time arguments (`tiles.GemmCall`), but for the distance of rows that a `Variant` may know.

Loops, from the outside: part (threads take them) > block of columns > block of (r, k) > o > block
of rows; then, in `micro`, panel of columns > tile of rows > r > k. Where each o and r begins is
read from tables, so that they may stand for any number of axes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from zincir.compiler.codegen.builder import I64, PTR, Builder, Value, index, module, vector
from zincir.compiler.kernels.matmul.micro import (
    TILES_ARGUMENTS,
    argument,
    multiples,
    tiles_function,
)
from zincir.compiler.kernels.matmul.pack import panel_padding
from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS, Variant
from zincir.compiler.kernels.parts import claimed

_Range = tuple[Value, Value]
_TRUE = Value("true", vector("i1", 1))


def gemm_module(variant: Variant) -> str:
    """LLVM IR of `void gemm(ptr args, i64 tid, i64 nthreads)` and `part(args, tid, i64 part)`."""
    v = variant
    b = Builder("part", (PTR, I64, I64))
    functions = [tiles_function(v), (b, _Blocks(b, v).build()), _gemm()]
    zeros = f"@zeros = internal constant [{v.columns} x {v.kind}] zeroinitializer, align 64"
    return module(functions, zeros)


def _gemm() -> tuple[Builder, str]:
    b = Builder("gemm", (PTR, I64, I64))
    args, tid, threads = b.arguments
    parts = argument(b, args, "batch_parts")
    for more in ("row_parts", "column_parts"):
        parts = b.mul(parts, argument(b, args, more))
    taken = b.offset(args, index(GEMM_ARGUMENTS.index("taken")), "i64")
    with claimed(b, parts, tid, threads, taken, _scratch(b, args, tid)) as part:
        b.statement(f"call void @part({args}, {tid}, {part})")
    return b, b.finish()


def _scratch(b: Builder, args: Value, tid: Value) -> Value:
    """The thread's own."""
    start = b.mul(tid, argument(b, args, "scratch_stride"))
    return b.offset(argument(b, args, "scratch"), start, "i8")


class _Blocks:
    def __init__(self, b: Builder, variant: Variant) -> None:
        self.b, self.v = b, variant
        self.args, tid, self.part = b.arguments
        scratch = _scratch(b, self.args, tid)
        self.block = {
            "args": self.args,
            "buffer": scratch,
            "panels_a": b.offset(scratch, index(variant.buffer_bytes), "i8"),
            "panels_b": b.offset(scratch, self.arg("scratch_b"), "i8"),
        }
        """Arguments of `tiles` known so far."""

    def arg(self, name: str) -> Value:
        return argument(self.b, self.args, name)

    def build(self) -> str:
        b, arg, part = self.b, self.arg, self.part
        grid = b.mul(arg("row_parts"), arg("column_parts"))
        outer = b.div(part, grid)
        rest = b.sub(part, b.mul(outer, grid))
        row = b.div(rest, arg("column_parts"))
        column = b.sub(rest, b.mul(row, arg("column_parts")))
        rows = self._share("m", row, "row_parts", self.v.rows)
        columns = self._share("n", column, "column_parts", self.v.columns)
        low, high = self._share("batch", outer, "batch_parts", 1)
        with self._cut(*columns, "block_columns") as block:
            self._column_block((low, high), rows, block)
        return b.finish()

    def _operand(self, name: str, o: Value, k: Value) -> Value:
        """Matrix `name` of product `o`, from `k` on."""
        b = self.b
        place = b.load(b.offset(self.arg(name + "_places"), o, "i64"), I64)
        at = b.add(place, b.mul(k, self.arg(name + "_k")))
        return b.offset(self.arg(name), at, self.v.kind)

    def _share(self, extent: str, part: Value, parts: str, unit: int) -> _Range:
        """The range that part number `part` gets, cut at multiples of `unit`."""
        b = self.b
        units = b.div(b.add(self.arg(extent), index(unit - 1)), index(unit))
        low = b.div(b.mul(units, part), self.arg(parts))
        high = b.div(b.mul(units, b.add(part, index(1))), self.arg(parts))
        high = b.minimum(b.mul(high, index(unit)), self.arg(extent))
        return b.mul(low, index(unit)), high

    @contextmanager
    def _cut(self, low: Value, high: Value, step: str) -> Generator[_Range]:
        with self.b.loop(low, high, self.arg(step)) as loop:
            end = self.b.add(loop.counter, self.arg(step))
            yield loop.counter, self.b.minimum(end, high)

    def _column_block(self, products: _Range, rows: _Range, columns: _Range) -> None:
        b, arg, s = self.b, self.arg, self.block
        # One round even if there is nothing to sum: then C is 0.
        depth = b.maximum(arg("k"), index(1))
        reduced = arg("reduced")
        with (
            self._cut(index(0), reduced, "block_reduced") as (r, r_end),
            self._cut(index(0), depth, "block_k") as (k, k_end),
        ):
            s["reduced"] = b.sub(r_end, r)
            s["k"] = b.sub(b.minimum(k_end, arg("k")), k)
            first = b.compare("eq", b.add(b.add(r, k), arg("further")), index(0))
            s["first"] = b.convert(first, "i64")
            for name in ("a", "b"):
                s["blocks_" + name] = b.offset(arg(name + "_blocks"), r, "i64")
            last = b.mul(b.compare("ge", r_end, reduced), b.compare("ge", k_end, depth))
            shared = b.compare("ne", arg("shares_b"), index(0))
            filled = b.compare("lt", *products)
            s["b"] = self._operand("b", b.select(filled, products[0], index(0)), k)
            self._pack("b", columns, b.mul(shared, filled))
            with b.loop(*products) as o:
                s["a"] = self._operand("a", o.counter, k)
                s["b"] = self._operand("b", o.counter, k)
                s["c"] = b.offset(arg("c"), b.mul(o.counter, arg("c_outer")), self.v.kind)
                self._pack("b", columns, b.bit_xor(shared, _TRUE))
                with self._cut(*rows, "block_rows") as block:
                    self._row_block(o.counter, block, columns, last)

    def _row_block(self, o: Value, rows: _Range, columns: _Range, last: Value) -> None:
        b, s = self.b, self.block
        if self.v.may_pack_a:
            self._pack("a", rows, _TRUE)
        s["row"], s["row_end"] = rows
        s["column"], s["column_end"] = columns
        step = b.mul(self.arg("a_row"), index(self.v.itemsize))
        further = [b.mul(step, index(n)) for n in multiples(self.v)]
        self._call("@tiles", [*(s[name] for name in TILES_ARGUMENTS), *further])
        epilogue = self.arg("epilogue")
        with b.when(b.mul(last, self._given(epilogue))):
            swapped = b.compare("ne", self.arg("swapped"), index(0))
            first = b.mul(o, b.select(swapped, self.arg("n"), self.arg("m")))
            mine = [b.select(swapped, y, x) for x, y in zip(rows, columns, strict=True)]
            others = [b.select(swapped, x, y) for x, y in zip(rows, columns, strict=True)]
            mine = [b.add(first, x) for x in mine]
            self._call(epilogue.text, [self.arg("epilogue_args"), *mine, *others])

    def _pack(self, operand: str, lines: _Range, wanted: Value) -> None:
        b, s = self.b, self.block
        function = self.arg("pack_" + operand)
        with b.when(b.mul(self._given(function), wanted)):
            low, high = lines
            line = self.arg({"a": "a_row", "b": "b_col"}[operand])
            start = b.offset(s[operand], b.mul(low, line), self.v.kind)
            values = [line, self.arg(operand + "_k"), s["blocks_" + operand]]
            width = self.v.rows if operand == "a" else self.v.columns
            size = b.mul(s["k"], s["reduced"])
            size = b.add(size, index(panel_padding(self.v.kind, width)))
            sizes = [b.sub(high, low), s["k"], s["reduced"], index(width), size]
            self._call(function.text, [s["panels_" + operand], start, *values, *sizes])

    def _given(self, function: Value) -> Value:
        address = self.b.emit(f"ptrtoint {function} to i64", I64)
        return self.b.compare("ne", address, index(0))

    def _call(self, function: str, arguments: Sequence[Value]) -> None:
        self.b.statement(f"call void {function}({', '.join(map(str, arguments))})")
