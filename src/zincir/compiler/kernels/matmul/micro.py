"""The tiles of one block of a product: what runs while the block's operands are in cache.

What is left of the rows gets a lower tile. If that is ragged still, it is moved back to end with
the matrix (or its panel is padded) and goes through a buffer, from which only what belongs to it is
stored: the inner loops know no edges.
"""

from __future__ import annotations

from collections.abc import Callable

from zincir.compiler.codegen.builder import I64, PTR, Builder, Type, Value, constant, index, vector
from zincir.compiler.kernels.matmul.pack import panel_padding
from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS, Variant
from zincir.compiler.machine import PREFETCH_K

_POINTERS = {
    *("a", "b", "c", "scratch", "pack_a", "pack_b"),
    *("epilogue", "epilogue_args"),
    *("a_places", "b_places", "a_blocks", "b_blocks"),
}
_GROUP = 8
"""So many rows of A share a pointer: more multiples of a_row than for these fill all registers."""
_TRUE = Value("true", vector("i1", 1))


def argument(b: Builder, args: Value, name: str) -> Value:
    """Load an argument where it is needed, so that no register holds it for long."""
    place = index(GEMM_ARGUMENTS.index(name))
    return b.load(b.offset(args, place, "i64"), PTR if name in _POINTERS else I64)


TILES_ARGUMENTS: dict[str, Type] = {
    "args": PTR,
    "a": PTR,
    "b": PTR,
    "c": PTR,
    "buffer": PTR,
    "panels_a": PTR,
    "panels_b": PTR,
    "blocks_a": PTR,
    "blocks_b": PTR,
    "row": I64,
    "row_end": I64,
    "column": I64,
    "column_end": I64,
    "reduced": I64,
    "k": I64,
    "first": I64,
}
"""`a`, `b`: the matrices from the block's k on; `blocks_a`, `blocks_b`: tables from its r on;
`first`: nothing was summed yet."""


def multiples(variant: Variant) -> list[int]:
    """Which multiples of a_row, in bytes, `tiles` gets as further arguments.

    As arguments, since LLVM would turn what it can see through into a chain of additions, which
    takes longer than the multiply-adds.
    """
    rows = 1 if variant.unit_rows or variant.a_row else min(variant.rows, _GROUP)
    return sorted({_odd(r)[0] for r in range(1, rows)})


def tiles_function(variant: Variant) -> tuple[Builder, str]:
    """`void tiles(...)`: add a block of (r, k) to a block of rows and columns."""
    further = [I64] * len(multiples(variant))
    b = Builder("tiles", (*TILES_ARGUMENTS.values(), *further), linkage="internal")
    return b, _Tiles(b, variant).build()


class _Tiles:
    def __init__(self, b: Builder, variant: Variant) -> None:
        self.b, self.v = b, variant
        self.given = dict(zip(TILES_ARGUMENTS, b.arguments, strict=False))
        further = b.arguments[len(TILES_ARGUMENTS) :]
        self.multiples = dict(zip(multiples(variant), further, strict=True))
        self.type = vector(variant.kind, variant.lanes)
        self.first = b.compare("ne", self.given["first"], index(0))

    def arg(self, name: str) -> Value:
        return argument(self.b, self.given["args"], name)

    def _packs(self, operand: str) -> Value:
        address = self.b.emit(f"ptrtoint {self.arg('pack_' + operand)} to i64", I64)
        return self.b.compare("ne", address, index(0))

    def build(self) -> str:
        b, v, given = self.b, self.v, self.given
        size = self._panel_size(v.columns)
        with b.loop(given["column"], given["column_end"], v.columns) as j:
            ahead = b.mul(b.sub(j.counter, given["column"]), size)
            panel = b.offset(given["panels_b"], ahead, v.kind)
            left = b.minimum(j.counter, b.sub(self.arg("n"), index(v.columns)))
            packs = self._packs("b")
            left = b.select(packs, j.counter, left)
            panel = b.select(packs, panel, b.offset(given["b"], left, v.kind))
            with b.loop(given["row"], given["row_end"], v.rows) as i:
                self._tile(i.counter, j.counter, left, panel)
        return b.finish("nounwind noinline")

    def _tile(self, i: Value, j: Value, left: Value, panel: Value) -> None:
        b, v = self.b, self.v
        units = b.div(b.add(b.sub(self.given["row_end"], i), index(v.unit - 1)), index(v.unit))
        height = b.minimum(b.mul(units, index(v.unit)), index(v.rows))
        # Without padding, the last tile is moved back to end with the matrix.
        top = b.minimum(i, b.sub(self.arg("m"), height))
        if v.may_pack_a:
            top = b.select(self._packs("a"), i, top)
        rows = (b.sub(i, top), b.minimum(b.sub(self.arg("m"), top), height))
        columns = (b.sub(j, left), b.minimum(b.sub(self.arg("n"), left), index(v.columns)))
        count = b.add(b.sub(rows[1], rows[0]), b.sub(columns[1], columns[0]))
        full = b.compare("eq", count, b.add(height, index(v.columns)))
        full = b.mul(full, b.compare("eq", self.arg("c_col"), index(1)))
        step = self.arg("c_row")
        ahead = b.add(b.mul(top, step), b.mul(left, self.arg("c_col")))
        place = b.offset(self.given["c"], ahead, v.kind)
        out = b.select(full, place, self.given["buffer"])
        step = b.select(full, step, index(v.columns))
        partial = b.bit_xor(full, _TRUE)
        with b.when(b.mul(partial, b.bit_xor(self.first, _TRUE))):
            self._move(place, rows, columns, load=True)
        a = self._row_of_a(i, top)
        for lines in v.heights:
            with b.when(b.compare("eq", height, index(lines))):
                if lines == v.rows:
                    self._fetch_next(top, place)
                sums = self._sum(a, panel, self._start(out, step, lines))
                for r in range(lines):
                    line = b.offset(out, b.mul(step, index(r)), v.kind)
                    for c in range(v.vectors):
                        b.store(sums[r * v.vectors + c], b.offset(line, index(c * v.lanes), v.kind))
        beside = b.compare("eq", self.arg("c_col"), index(1))
        with b.when(b.mul(partial, beside)):
            self._store_rows(place, rows, columns)
        with b.when(b.mul(partial, b.bit_xor(beside, _TRUE))):
            self._move(place, rows, columns, load=False)

    def _fetch_next(self, top: Value, place: Value) -> None:
        """Fetch what the tile below begins with, while this one is summed."""
        b, v, below = self.b, self.v, index(self.v.rows)
        line = 64 // v.itemsize
        rows = [(place, self.arg("c_row"), v.columns, True)]
        if not v.unit_rows:
            step = self.arg("a_row")
            first = b.offset(self.given["a"], b.mul(top, step), v.kind)
            rows.append((first, step, 2 * line, False))
        for start, step, width, write in rows:
            for r in range(v.rows):
                ahead = b.mul(step, b.add(below, index(r)))
                for at in range(0, width, line):
                    b.prefetch(start, b.add(ahead, index(at)), v.kind, write=write)

    def _row_of_a(self, i: Value, top: Value) -> Value:
        b, v = self.b, self.v
        a = b.offset(self.given["a"], b.mul(top, self.arg("a_row")), v.kind)
        if not v.may_pack_a:
            return a
        size = self._panel_size(v.rows)
        ahead = b.mul(b.sub(i, self.given["row"]), size)
        return b.select(self._packs("a"), b.offset(self.given["panels_a"], ahead, v.kind), a)

    def _panel_size(self, width: int) -> Value:
        """From one panel to the next, in units of their width."""
        size = self.b.mul(self.given["k"], self.given["reduced"])
        return self.b.add(size, index(panel_padding(self.v.kind, width)))

    def _start(self, out: Value, step: Value, rows: int) -> list[Value]:
        """The sums so far: 0, or what the block of (r, k) before left in C."""
        b, v = self.b, self.v
        source = b.select(self.first, Value("@zeros", PTR), out)
        step, sums = b.select(self.first, index(0), step), list[Value]()
        for r in range(rows):
            line = b.offset(source, b.mul(step, index(r)), v.kind)
            for c in range(v.vectors):
                sums.append(b.load(b.offset(line, index(c * v.lanes), v.kind), self.type))
        return sums

    def _move(
        self, c: Value, rows: tuple[Value, Value], columns: tuple[Value, Value], *, load: bool
    ) -> None:
        """Copy the valid part of a tile between C and the buffer, one by one."""
        b, v = self.b, self.v
        with b.loop(*rows) as row, b.loop(*columns) as column:
            ahead = b.mul(row.counter, self.arg("c_row"))
            ahead = b.add(ahead, b.mul(column.counter, self.arg("c_col")))
            x = b.offset(c, ahead, v.kind)
            ahead = b.add(b.mul(row.counter, index(v.columns)), column.counter)
            y = b.offset(self.given["buffer"], ahead, v.kind)
            source, target = (x, y) if load else (y, x)
            b.store(b.load(source, vector(v.kind, 1)), target)

    def _store_rows(
        self, c: Value, rows: tuple[Value, Value], columns: tuple[Value, Value]
    ) -> None:
        """Copy the valid part of a tile from the buffer to C, whose columns are contiguous."""
        b, v = self.b, self.v
        low, high = (b.splat(x, v.lanes) for x in columns)
        masks: list[Value] = []
        for part in range(v.vectors):
            first = constant(part * v.lanes, vector("i64", v.lanes))
            lane = b.add(b.lane_numbers(v.lanes), first)
            masks.append(b.mul(b.compare("ge", lane, low), b.compare("lt", lane, high)))
        with b.loop(*rows) as row:
            line = b.offset(c, b.mul(row.counter, self.arg("c_row")), v.kind)
            ahead = b.mul(row.counter, index(v.columns))
            kept = b.offset(self.given["buffer"], ahead, v.kind)
            for part, mask in enumerate(masks):
                x = b.load(b.offset(kept, index(part * v.lanes), v.kind), self.type)
                b.masked_store(x, b.offset(line, index(part * v.lanes), v.kind), mask)

    def _strides(self, operand: str, width: int) -> tuple[Value, Callable[[Value], Value]]:
        """From k to k + 1, and where block r begins, in the matrix or its panels."""
        b, table = self.b, self.given["blocks_" + operand]
        k = self.arg(operand + "_k")

        def listed(r: Value) -> Value:
            return b.load(b.offset(table, r, "i64"), I64)

        if operand == "a" and not self.v.may_pack_a:
            return k, listed
        packs, size = self._packs(operand), b.mul(self.given["k"], index(width))
        step = b.select(packs, index(width), k)
        return step, lambda r: b.select(packs, b.mul(r, size), listed(r))

    def _sum(self, a: Value, p: Value, sums: list[Value]) -> list[Value]:
        b, v = self.b, self.v
        a_k, a_block = self._strides("a", v.rows)
        b_k, b_block = self._strides("b", v.columns)
        ahead = b.mul(b_k, index(PREFETCH_K))
        with b.loop(index(0), self.given["reduced"], carried=sums) as r:
            starts = (
                b.offset(a, a_block(r.counter), v.kind),
                b.offset(p, b_block(r.counter), v.kind),
            )
            lines = self._lines(starts[0], len(sums) // v.vectors)
            with b.loop(index(0), self.given["k"], carried=[starts[1], *lines, *r.carried]) as k:
                y, *rest = k.carried
                lines, now = rest[: len(lines)], rest[len(lines) :]
                now = self._multiply(lines, y, now, ahead)
                # LLVM would go back to one pointer, and to registers for the distances.
                lines = [b.opaque(b.offset(line, a_k, v.kind)) for line in lines]
                k.carry([b.offset(y, b_k, v.kind), *lines, *now])
            r.carry(k.carried[1 + len(lines) :])
        return list(r.carried)

    def _lines(self, a: Value, rows: int) -> list[Value]:
        """Pointers to every `_GROUP`-th row of A, from its first on."""
        if self.v.unit_rows or self.v.a_row:
            return [a]
        b, step = self.b, self.arg("a_row")
        firsts = range(0, rows, _GROUP)
        return [b.offset(a, b.mul(step, index(r)), self.v.kind) for r in firsts]

    def _multiply(
        self, lines: list[Value], p: Value, sums: list[Value], ahead: Value
    ) -> list[Value]:
        """One k: a column of A times a row of B, added to the tile."""
        b, v = self.b, self.v
        places = [b.offset(p, index(c * v.lanes), v.kind) for c in range(v.vectors)]
        row, result = [b.load(place, self.type) for place in places], list[Value]()
        for place in places if v.vectors > 1 else []:
            b.prefetch(place, ahead, v.kind)
        for r in range(len(sums) // v.vectors):
            x = b.splat(b.load(self._row(lines, r), vector(v.kind, 1)), v.lanes)
            for c in range(v.vectors):
                result.append(self._added(x, row[c], sums[r * v.vectors + c]))
        return result

    def _added(self, x: Value, y: Value, total: Value) -> Value:
        """`total` and the product of `x` and `y`; of pairs, both products."""
        b, v = self.b, self.v
        if not v.pairs:
            return b.fma(x, y, total)
        type = vector("bfloat", 2 * v.lanes)
        x, y = (b.emit(f"bitcast {value} to {type}", type) for value in (x, y))
        name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * v.lanes}"
        return b.intrinsic(name, self.type, total, x, y)

    def _row(self, lines: list[Value], r: int) -> Value:
        """Where row `r` of the tile is: an odd multiple of a_row, doubled by the address."""
        if self.v.unit_rows or self.v.a_row:
            return self.b.offset(lines[0], index(r * (self.v.a_row or 1)), self.v.kind)
        line, r = lines[r // _GROUP], r % _GROUP
        if r == 0:
            return line
        odd, twos = _odd(r)
        return self.b.offset(line, self.multiples[odd], ("i8", "i16", "i32", "i64")[twos])


def _odd(r: int) -> tuple[int, int]:
    """`r` as (n, twos) with r == n << twos, and at most the 3 twos that an address can have."""
    twos = min((r & -r).bit_length() - 1, 3)
    return r >> twos, twos
