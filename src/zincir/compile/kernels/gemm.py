"""The kernel of matrix products: strided, batched, reduced over blocks, tiled in registers.

    C[o,m,n] = sum over r, k of A[o,r,m,k] * B[o,r,k,n]

Every element of C is one chain of fused multiply-adds over (r, k) in order, starting from 0, so
its bits do not depend on tiles, packing, vector width or threads. All extents and strides are
run-time arguments (`tiles.GemmCall`).

Loops, from the outside: part (one per thread) > o > block of columns > block of (r, k) > block
of rows > panel of columns > tile of rows > r > k. A ragged last tile is moved back to end with
the matrix (or its panel is padded) and goes through a buffer, from which only what belongs to it
is stored: so the inner loop knows no edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zincir.compile.builder import (
    I1,
    I64,
    PTR,
    Builder,
    Value,
    constant,
    index,
    module,
    vector,
)
from zincir.compile.kernels.pack import panels_function
from zincir.compile.kernels.tiles import GEMM_ARGUMENTS, Variant

_POINTERS = {"a", "b", "c", "scratch", "epilogue", "epilogue_args"}
_TRUE = Value("true", I1)


def gemm_module(variant: Variant) -> str:
    """LLVM IR of `void gemm(ptr args, i64 tid, i64 nthreads)`."""
    v = variant
    functions = [panels_function("pack_b", v.kind, v.lanes, v.columns)]
    if v.may_pack_a:
        functions.append(panels_function("pack_a", v.kind, v.lanes, v.rows))
    b = Builder("gemm", (PTR, I64, I64))
    functions.append((b, _Kernel(b, v).build()))
    zeros = f"@zeros = internal constant [{v.columns} x {v.kind}] zeroinitializer, align 64"
    return module(functions, zeros)


class _Block:
    """What the loops around a tile know: pointers and strides of the block they are in."""

    a: Value
    b: Value
    c: Value
    a_tiles: Value
    b_panels: Value
    reduced: Value
    k: Value
    first: Value
    last: Value


class _Kernel:
    def __init__(self, b: Builder, variant: Variant) -> None:
        self.b, self.v = b, variant
        args, self.tid, self.threads = b.arguments
        self.arg: dict[str, Value] = {}
        for place, name in enumerate(GEMM_ARGUMENTS):
            type = PTR if name in _POINTERS else I64
            self.arg[name] = b.load(b.offset(args, index(place), "i64"), type)
        scratch = b.offset(self.arg["scratch"], b.mul(self.tid, self.arg["scratch_stride"]), "i8")
        self.tile_buffer = scratch
        size = -(-variant.rows * variant.columns * variant.itemsize // 64) * 64
        self.packed_a = b.offset(scratch, index(size), "i8")
        self.packed_b = b.offset(scratch, self.arg["scratch_b"], "i8")
        self.packs_a = b.compare("ne", self.arg["pack_a"], index(0))
        self.packs_b = b.compare("ne", self.arg["pack_b"], index(0))

    # -- arithmetic of addresses --------------------------------------------------------------

    def _at(self, pointer: Value, *terms: tuple[Value, str]) -> Value:
        """`pointer` plus each index times the stride named with it."""
        for count, stride in terms:
            pointer = self.b.offset(pointer, self.b.mul(count, self.arg[stride]), self.v.kind)
        return pointer

    def _share(self, total: Value, part: Value, parts: str, unit: int) -> tuple[Value, Value]:
        """The range of `total` that part number `part` gets, cut at multiples of `unit`."""
        b = self.b
        units = b.div(b.add(total, index(unit - 1)), index(unit))
        low = b.div(b.mul(units, part), self.arg[parts])
        high = b.div(b.mul(units, b.add(part, index(1))), self.arg[parts])
        low, high = b.mul(low, index(unit)), b.mul(high, index(unit))
        return low, b.minimum(high, total)

    @contextmanager
    def _blocks(self, low: Value, high: Value, step: str) -> Iterator[tuple[Value, Value]]:
        with self.b.loop(low, high, self.arg[step]) as loop:
            end = self.b.add(loop.counter, self.arg[step])
            yield loop.counter, self.b.minimum(end, high)

    # -- loops --------------------------------------------------------------------------------

    def build(self) -> str:
        b, arg = self.b, self.arg
        grid = b.mul(arg["row_parts"], arg["column_parts"])
        with b.loop(self.tid, b.mul(arg["batch_parts"], grid), self.threads) as part:
            outer = b.div(part.counter, grid)
            rest = b.sub(part.counter, b.mul(outer, grid))
            row = b.div(rest, arg["column_parts"])
            column = b.sub(rest, b.mul(row, arg["column_parts"]))
            rows = self._share(arg["m"], row, "row_parts", self.v.rows)
            columns = self._share(arg["n"], column, "column_parts", self.v.columns)
            low, high = self._share(arg["batch"], outer, "batch_parts", 1)
            with b.loop(low, high) as o, self._blocks(*columns, "block_columns") as block:
                self._column_block(o.counter, rows, block)
        return b.finish()

    def _column_block(
        self, o: Value, rows: tuple[Value, Value], columns: tuple[Value, Value]
    ) -> None:
        b, arg = self.b, self.arg
        # One round even if there is nothing to sum: then C is 0.
        depth = b.maximum(arg["k"], index(1))
        s = _Block()
        s.c = self._at(arg["c"], (o, "c_outer"))
        with (
            self._blocks(index(0), arg["reduced"], "block_reduced") as (r, r_end),
            self._blocks(index(0), depth, "block_k") as (k, k_end),
        ):
            s.reduced = b.sub(r_end, r)
            s.k = b.sub(b.minimum(k_end, arg["k"]), k)
            s.first = b.compare("eq", b.add(r, k), index(0))
            done = b.compare("ge", k_end, depth)
            s.last = b.mul(b.compare("ge", r_end, arg["reduced"]), done)
            s.a = self._at(arg["a"], (o, "a_outer"), (r, "a_reduce"), (k, "a_k"))
            s.b = self._at(arg["b"], (o, "b_outer"), (r, "b_reduce"), (k, "b_k"))
            with b.when(self.packs_b):
                lines = ("b_col", "b_k", "b_reduce")
                self._pack("pack_b", self.packed_b, s.b, lines, columns, s)
            with self._blocks(*rows, "block_rows") as block:
                self._row_block(s, o, block, columns)

    def _pack(
        self,
        function: str,
        target: Value,
        source: Value,
        strides: tuple[str, str, str],
        lines: tuple[Value, Value],
        s: _Block,
    ) -> None:
        b, (low, high) = self.b, lines
        start = self._at(source, (low, strides[0]))
        values = [self.arg[name] for name in strides]
        arguments = [target, start, *values, b.sub(high, low), s.k, s.reduced]
        b.statement(f"call void @{function}({', '.join(map(str, arguments))})")

    def _row_block(
        self, s: _Block, o: Value, rows: tuple[Value, Value], columns: tuple[Value, Value]
    ) -> None:
        b, arg, v = self.b, self.arg, self.v
        if v.may_pack_a:
            with b.when(self.packs_a):
                lines = ("a_row", "a_k", "a_reduce")
                self._pack("pack_a", self.packed_a, s.a, lines, rows, s)
        size = b.mul(s.k, s.reduced)
        with b.loop(*columns, v.columns) as j:
            ahead = b.mul(b.sub(j.counter, columns[0]), size)
            s.b_panels = b.offset(self.packed_b, ahead, v.kind)
            with b.loop(*rows, v.rows) as i:
                ahead = b.mul(b.sub(i.counter, rows[0]), size)
                s.a_tiles = b.offset(self.packed_a, ahead, v.kind)
                self._tile(s, i.counter, j.counter)
        wanted = b.compare("ne", b.emit(f"ptrtoint {arg['epilogue']} to i64", I64), index(0))
        with b.when(b.mul(s.last, wanted)):
            self._epilogue(o, rows, columns)

    def _epilogue(self, o: Value, rows: tuple[Value, Value], columns: tuple[Value, Value]) -> None:
        b, arg = self.b, self.arg
        swapped = b.compare("ne", arg["swapped"], index(0))
        first = b.mul(o, b.select(swapped, arg["n"], arg["m"]))
        ranges = [b.select(swapped, y, x) for x, y in zip(rows, columns, strict=True)]
        others = [b.select(swapped, x, y) for x, y in zip(rows, columns, strict=True)]
        ranges = [b.add(first, x) for x in ranges]
        values = ", ".join(map(str, [arg["epilogue_args"], *ranges, *others]))
        b.statement(f"call void {arg['epilogue'].text}({values})")

    # -- one tile -----------------------------------------------------------------------------

    def _tile(self, s: _Block, i: Value, j: Value) -> None:
        b, arg, v = self.b, self.arg, self.v
        # Without padding, the last tile is moved back to end with the matrix.
        back = b.minimum(i, b.sub(arg["m"], index(v.rows)))
        top = b.select(self.packs_a, i, back) if v.may_pack_a else back
        left = b.select(self.packs_b, j, b.minimum(j, b.sub(arg["n"], index(v.columns))))
        rows = (b.sub(i, top), b.minimum(b.sub(arg["m"], top), index(v.rows)))
        columns = (b.sub(j, left), b.minimum(b.sub(arg["n"], left), index(v.columns)))
        count = b.add(b.sub(rows[1], rows[0]), b.sub(columns[1], columns[0]))
        full = b.compare("eq", count, index(v.rows + v.columns))
        place = b.offset(self._at(s.c, (top, "c_row")), left, v.kind)
        out = b.select(full, place, self.tile_buffer)
        step = b.select(full, arg["c_row"], index(v.columns))
        partial = b.bit_xor(full, _TRUE)
        with b.when(b.mul(partial, b.bit_xor(s.first, _TRUE))):
            self._move(place, self.tile_buffer, rows, columns, load=True)
        sums = self._start(b.select(s.first, Value("@zeros", PTR), out), s, step)
        sums = self._sum(s, top, left, sums)
        for r in range(v.rows):
            line = b.offset(out, b.mul(step, index(r)), v.kind)
            for c in range(v.vectors):
                b.store(sums[r * v.vectors + c], b.offset(line, index(c * v.lanes), v.kind))
        with b.when(partial):
            self._move(place, self.tile_buffer, rows, columns, load=False)

    def _start(self, source: Value, s: _Block, step: Value) -> list[Value]:
        """The sums so far: 0, or what the block of (r, k) before left in C."""
        b, v = self.b, self.v
        step = b.select(s.first, index(0), step)
        type, sums = vector(v.kind, v.lanes), list[Value]()
        for r in range(v.rows):
            line = b.offset(source, b.mul(step, index(r)), v.kind)
            for c in range(v.vectors):
                sums.append(b.load(b.offset(line, index(c * v.lanes), v.kind), type))
        return sums

    def _move(
        self,
        c: Value,
        buffer: Value,
        rows: tuple[Value, Value],
        columns: tuple[Value, Value],
        *,
        load: bool,
    ) -> None:
        """Copy the valid part of a tile between C and the buffer."""
        b, v = self.b, self.v
        type = vector(v.kind, v.lanes)
        low, high = (b.splat(x, v.lanes) for x in columns)
        masks: list[Value] = []
        for part in range(v.vectors):
            first = constant(part * v.lanes, vector("i64", v.lanes))
            lane = b.add(b.lane_numbers(v.lanes), first)
            masks.append(b.mul(b.compare("ge", lane, low), b.compare("lt", lane, high)))
        with b.loop(*rows) as row:
            line = self._at(c, (row.counter, "c_row"))
            kept = b.offset(buffer, b.mul(row.counter, index(v.columns)), v.kind)
            for part, mask in enumerate(masks):
                x = b.offset(line, index(part * v.lanes), v.kind)
                y = b.offset(kept, index(part * v.lanes), v.kind)
                if load:
                    b.store(b.masked_load(x, mask, type), y)
                else:
                    b.masked_store(b.load(y, type), x, mask)

    def _sum(self, s: _Block, top: Value, left: Value, sums: list[Value]) -> list[Value]:
        b, arg, v = self.b, self.arg, self.v
        a, a_k, a_reduce = self._at(s.a, (top, "a_row")), arg["a_k"], arg["a_reduce"]
        if v.may_pack_a:
            a = b.select(self.packs_a, s.a_tiles, a)
            a_k = b.select(self.packs_a, index(v.rows), a_k)
            a_reduce = b.select(self.packs_a, b.mul(s.k, index(v.rows)), a_reduce)
        p = b.select(self.packs_b, s.b_panels, b.offset(s.b, left, v.kind))
        b_k = b.select(self.packs_b, index(v.columns), arg["b_k"])
        b_reduce = b.select(self.packs_b, b.mul(s.k, index(v.columns)), arg["b_reduce"])
        multiples = self._multiples()
        with b.loop(index(0), s.reduced, carried=[a, p, *sums]) as r:
            a, p, *sums = r.carried
            with b.loop(index(0), s.k, carried=r.carried) as k:
                x, y, *now = k.carried
                now = self._multiply(x, y, now, multiples)
                x, y = b.offset(x, a_k, v.kind), b.offset(y, b_k, v.kind)
                k.carry([x, y, *now])
            a, p = b.offset(a, a_reduce, v.kind), b.offset(p, b_reduce, v.kind)
            r.carry([a, p, *k.carried[2:]])
        return list(r.carried[2:])

    def _multiples(self) -> dict[int, Value]:
        """a_row in bytes times the odd numbers that `_row` needs."""
        if self.v.unit_rows:
            return {}
        step = self.b.mul(self.arg["a_row"], index(self.v.itemsize))
        odd = {_odd(r)[0] for r in range(1, self.v.rows)}
        return {n: self.b.mul(step, index(n)) for n in sorted(odd)}

    def _multiply(
        self, a: Value, p: Value, sums: list[Value], multiples: dict[int, Value]
    ) -> list[Value]:
        """One k: a column of A times a row of B, added to the tile."""
        b, v = self.b, self.v
        type, result = vector(v.kind, v.lanes), list[Value]()
        row = [b.load(b.offset(p, index(c * v.lanes), v.kind), type) for c in range(v.vectors)]
        for r in range(v.rows):
            x = b.splat(b.load(self._row(a, r, multiples), vector(v.kind, 1)), v.lanes)
            for c in range(v.vectors):
                result.append(b.fma(x, row[c], sums[r * v.vectors + c]))
        return result

    def _row(self, a: Value, r: int, multiples: dict[int, Value]) -> Value:
        """Where row `r` of the tile is: an odd multiple of a_row, doubled by the address."""
        if self.v.unit_rows or r == 0:
            return self.b.offset(a, index(r), self.v.kind)
        odd, twos = _odd(r)
        return self.b.offset(a, multiples[odd], ("i8", "i16", "i32", "i64")[twos])


def _odd(r: int) -> tuple[int, int]:
    """`r` as (n, twos) with r == n << twos, and at most the 3 twos that an address can have."""
    twos = min((r & -r).bit_length() - 1, 3)
    return r >> twos, twos
