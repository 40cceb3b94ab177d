"""The kernels of `operations.winograd`: tiles transformed, multiplied, put together.

A block is as many lines of tiles as the nearest caches hold in transformed shape. For each block
one of 16 transformed places of all tiles lies beside another, and the product's kernel (`gemm`)
is called on them, with a copy of its arguments that belongs to the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zincir.compiler.codegen.builder import (
    I64,
    PTR,
    Builder,
    Value,
    constant,
    index,
    module,
    vector,
)
from zincir.compiler.kernels.matmul.tiles import GEMM_ARGUMENTS
from zincir.compiler.kernels.parts import call_given, claimed
from zincir.compiler.kernels.winograd.lines import Line, lines_function

_POINTERS = frozenset(
    [
        *("x", "g", "y", "u", "w", "scratch", "call", "call_args"),
        *("epilogue", "epilogue_args"),
    ]
)

PRODUCT_ARGUMENTS = (
    *("x", "x_image", "x_line", "x_place", "y"),
    *("high", "wide", "lines", "tiles", "channels", "columns"),
    *("rows", "part_rows", "block_rows", "parts", "taken"),
    *("v_place", "z_place", "z_at", "copy_at", "room_at"),
    *("call", "call_args", "scratch", "scratch_stride", "epilogue", "epilogue_args"),
)
"""Of `winograd`: x[image, line, place, channel] with these strides, and y as it comes.

A result of `high` x `wide` places has `lines` lines of `tiles` tiles, of which the last ones may
reach over its edge; `rows` lines of tiles are there in all, `part_rows` in each part, and
`block_rows` are transformed at a time. In a thread's scratch transformed tiles come
first, a place `v_place` elements from the next; then products (`z_at`, all in bytes), the arguments
of the product, and its own scratch.
"""
SUMS_ARGUMENTS = (
    *("x", "x_image", "x_line", "x_place", "g", "g_image", "g_line", "g_place", "y"),
    *("high", "wide", "lines", "tiles", "channels", "columns"),
    *("rows", "part_rows", "block_rows", "parts", "taken"),
    *("slices", "x_slice", "g_slice", "y_slice", "piece"),
    *("v_place", "z_place", "z_at", "copy_at", "room_at", "turned"),
    *("call", "call_args", "scratch", "scratch_stride"),
)
"""Of `winograd_sums`: as above, with the gradient g.

A piece of the result has `piece` elements and sums `part_rows` lines of tiles. Its columns are cut
into `slices`, each a part; `channels` and `columns` are those of a part, and x_slice, g_slice and
y_slice how far one slice is from the next. `turned`: rows are of g, columns of x.
"""
WEIGHT_ARGUMENTS = ("w", "w_line", "w_place", "w_row", "w_column", "y", "rows", "columns")
TAPS_ARGUMENTS = ("u", "pieces", "y", "y_line", "y_place", "y_row", "rows", "columns")


@dataclass(frozen=True, slots=True)
class Transform:
    """The structure of one of the four kernels."""

    name: str
    """winograd, winograd_sums, winograd_weight or winograd_taps."""
    lanes: int
    gathers: bool = False
    """Columns of a weight lie apart."""

    @property
    def key(self) -> str:
        return f"{self.name} {self.lanes}{' gathers' if self.gathers else ''}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """The array of i64 behind `args`."""
        return _KERNELS[self.name][0]

    @property
    def has_parts(self) -> bool:
        """Whether there is a function for a part of the work as well."""
        return self.name == "winograd"

    def build(self) -> str:
        """LLVM IR of `void task(ptr args, i64 tid, i64 nthreads)`."""
        return _KERNELS[self.name][1](self)


class _Task:
    """The function `task` of a kernel, or one for a part of its work.

    The last argument of `task` is the number of threads, of `part` that of the part.
    """

    def __init__(self, names: Sequence[str], name: str = "task") -> None:
        self.b = Builder(name, (PTR, I64, I64))
        self.names = names
        self.args, self.tid, self.last = self.b.arguments

    def arg(self, name: str) -> Value:
        return self.b.load(self.place(name), PTR if name in _POINTERS else I64)

    def place(self, name: str) -> Value:
        """Where an argument is."""
        return self.b.offset(self.args, index(self.names.index(name)), "i64")

    def call(self, function: str, *arguments: Value) -> None:
        self.b.statement(f"call void {function}({', '.join(map(str, arguments))})")

    def scratch(self) -> Value:
        b = self.b
        return b.offset(self.arg("scratch"), b.mul(self.tid, self.arg("scratch_stride")), "i8")

    def product(self, scratch: Value, **operands: Value) -> Value:
        """A thread's own copy of the arguments of `gemm`, with some of its operands."""
        b = self.b
        own = b.offset(scratch, self.arg("copy_at"), "i8")
        given = self.arg("call_args")
        with b.loop(index(0), index(len(GEMM_ARGUMENTS))) as loop:
            word = b.load(b.offset(given, loop.counter, "i64"), I64)
            b.store(word, b.offset(own, loop.counter, "i64"))
        room = b.offset(scratch, self.arg("room_at"), "i8")
        for name, address in {**operands, "scratch": room}.items():
            self.set(own, name, address)
        return own

    def line(self, row: Value) -> tuple[Value, Value, Value]:
        """Of a line of tiles: its image, its first line of places, and how many are left there."""
        b, lines = self.b, self.arg("lines")
        image = b.div(row, lines)
        line = b.mul(b.sub(row, b.mul(image, lines)), index(2))
        return image, line, b.sub(self.arg("high"), line)

    def set(self, own: Value, name: str, value: Value) -> None:
        """Write an argument of `gemm`."""
        self.b.store(value, self.b.offset(own, index(GEMM_ARGUMENTS.index(name)), "i64"))


def _winograd(structure: Transform) -> str:
    t = _Task(PRODUCT_ARGUMENTS)
    with claimed(t.b, t.arg("parts"), t.tid, t.last, t.place("taken"), t.scratch()) as part:
        t.call("@part", t.args, t.tid, part)
    loops = [lines_function(name, structure.lanes) for name in ("windows", "places")]
    return module([*loops, _product_part(), (t.b, t.b.finish())])


def _product_part() -> tuple[Builder, str]:
    t = _Task(PRODUCT_ARGUMENTS, "part")
    b, arg = t.b, t.arg
    scratch = t.scratch()
    z = b.offset(scratch, arg("z_at"), "i8")
    own = t.product(scratch, a=scratch, c=z)
    begin = b.mul(t.last, arg("part_rows"))
    end = b.minimum(b.add(begin, arg("part_rows")), arg("rows"))
    with b.loop(begin, end, arg("block_rows")) as block:
        low, high = block.counter, b.minimum(b.add(block.counter, arg("block_rows")), end)
        _product_block(t, (low, high), scratch, z, own)
    return b, b.finish()


def _product_block(
    t: _Task, rows: tuple[Value, Value], scratch: Value, z: Value, own: Value
) -> None:
    b, arg = t.b, t.arg
    tiles, wide, columns = arg("tiles"), arg("wide"), arg("columns")
    _spread_rows(t, "x", arg("x"), "@windows", rows, scratch, arg("v_place"), arg("channels"))
    t.call(arg("call").text, own, index(0), index(1))
    step = b.mul(wide, columns)
    with b.loop(*rows) as row:
        ahead = b.mul(b.mul(b.sub(row.counter, rows[0]), tiles), columns)
        z_row = b.offset(z, ahead, "float")
        image, line, left = t.line(row.counter)
        first = b.add(b.mul(image, arg("high")), line)
        y = b.offset(arg("y"), b.mul(first, step), "float")
        sizes = left, wide, z_row, arg("z_place"), tiles, columns
        t.call("@places", y, step, columns, *sizes)
    results: list[Value] = []
    for row in rows:
        image, line, _ = t.line(row)
        results.append(b.mul(b.add(b.mul(image, arg("high")), line), wide))
    call_given(b, arg("epilogue"), arg("epilogue_args"), *results, index(0), columns)


def _sums(structure: Transform) -> str:
    t = _Task(SUMS_ARGUMENTS)
    b, arg = t.b, t.arg
    scratch = t.scratch()
    z = b.offset(scratch, arg("z_at"), "i8")
    turned = b.compare("ne", arg("turned"), index(0))
    first, second = b.select(turned, z, scratch), b.select(turned, scratch, z)
    own = t.product(scratch, a=first, b=second)
    with claimed(b, arg("parts"), t.tid, t.last, t.place("taken"), scratch) as part:
        piece = b.div(part, arg("slices"))
        slice_ = b.sub(part, b.mul(piece, arg("slices")))
        ahead = b.add(b.mul(piece, arg("piece")), b.mul(slice_, arg("y_slice")))
        t.set(own, "c", b.offset(arg("y"), ahead, "float"))
        begin = b.mul(piece, arg("part_rows"))
        end = b.minimum(b.add(begin, arg("part_rows")), arg("rows"))
        with b.loop(begin, end, arg("block_rows")) as block:
            rows = block.counter, b.minimum(b.add(block.counter, arg("block_rows")), end)
            for name, function, at, place, wide in (
                ("x", "@windows", scratch, "v_place", "channels"),
                ("g", "@gradients", z, "z_place", "columns"),
            ):
                image = b.offset(arg(name), b.mul(slice_, arg(name + "_slice")), "float")
                _spread_rows(t, name, image, function, rows, at, arg(place), arg(wide))
            t.set(own, "k", b.mul(b.sub(rows[1], rows[0]), arg("tiles")))
            t.set(own, "further", b.sub(block.counter, begin))
            t.call(arg("call").text, own, index(0), index(1))
    loops = [lines_function(name, structure.lanes) for name in ("windows", "gradients")]
    return module([*loops, (b, b.finish())])


def _spread_rows(
    t: _Task,
    name: str,
    x: Value,
    function: str,
    rows: tuple[Value, Value],
    to: Value,
    place: Value,
    channels: Value,
) -> None:
    """Transform lines of tiles of the images at `x`; the first line goes `to` scratch."""
    b, arg = t.b, t.arg
    step, tiles = arg(name + "_line"), arg("tiles")
    with b.loop(*rows) as row:
        image, line, left = t.line(row.counter)
        ahead = b.add(b.mul(image, arg(name + "_image")), b.mul(line, step))
        source = b.offset(x, ahead, "float")
        done = b.mul(b.mul(b.sub(row.counter, rows[0]), tiles), channels)
        target = b.offset(to, done, "float")
        sizes = left, arg("wide"), target, place, tiles, channels
        t.call(function, source, step, arg(name + "_place"), *sizes)


def _weight(structure: Transform) -> str:
    """U = G w G^T, for all rows and columns."""
    t = _Task(WEIGHT_ARGUMENTS)
    b, arg, type = t.b, t.arg, vector("float", structure.lanes)
    half = constant(0.5, type)

    def wider(w: Line) -> Line:
        ends, middle = b.mul(b.add(w[0], w[2]), half), b.mul(w[1], half)
        return [w[0], b.add(ends, middle), b.sub(ends, middle), w[2]]

    rows, wide = arg("rows"), arg("columns")
    apart = b.mul(b.lane_numbers(structure.lanes), b.splat(arg("w_column"), structure.lanes))
    every = constant(1, vector("i1", structure.lanes))
    # Down the columns: what lies between those that are gathered stays in the nearest cache.
    with b.loop(index(0), wide, structure.lanes) as c, _shared(t, rows) as row:
        at = b.add(b.mul(row, arg("w_row")), b.mul(c.counter, arg("w_column")))

        def tap(i: int, j: int) -> Value:
            further = b.add(b.mul(arg("w_line"), index(i)), b.mul(arg("w_place"), index(j)))
            place = b.offset(arg("w"), b.add(at, further), "float")
            if structure.gathers:
                return b.gather(b.offset(place, apart, "float"), every, type)
            return b.load(place, type)

        columns = [wider([tap(i, j) for i in range(3)]) for j in range(3)]
        to = b.offset(arg("y"), b.add(b.mul(row, wide), c.counter), "float")
        place = b.mul(rows, wide)
        for i in range(4):
            for j, x in enumerate(wider([columns[n][i] for n in range(3)])):
                b.store(x, b.offset(to, b.mul(place, index(4 * i + j)), "float"))
    return module([(b, b.finish())])


def _taps(structure: Transform) -> str:
    """W = G^T (the sum of all pieces of u) G."""
    t = _Task(TAPS_ARGUMENTS)
    b, arg, type = t.b, t.arg, vector("float", structure.lanes)
    half = constant(0.5, type)

    def narrower(u: Line) -> Line:
        both, other = b.mul(b.add(u[1], u[2]), half), b.mul(b.sub(u[1], u[2]), half)
        return [b.add(u[0], both), other, b.add(both, u[3])]

    rows, wide = arg("rows"), arg("columns")
    place = b.mul(rows, wide)
    with _shared(t, rows) as row, b.loop(index(0), wide, structure.lanes) as c:
        at = b.add(b.mul(row, wide), c.counter)
        zero = [constant(0.0, type)] * 16
        with b.loop(index(0), arg("pieces"), carried=zero) as piece:
            ahead = b.mul(piece.counter, b.mul(place, index(16)))
            u = b.offset(arg("u"), b.add(at, ahead), "float")
            found = [b.load(b.offset(u, b.mul(place, index(n)), "float"), type) for n in range(16)]
            piece.carry([b.add(x, y) for x, y in zip(piece.carried, found, strict=True)])
        sums = piece.carried
        columns = [narrower([sums[4 * a + n] for a in range(4)]) for n in range(4)]
        at = b.add(b.mul(row, arg("y_row")), c.counter)
        for i in range(3):
            for j, x in enumerate(narrower([columns[n][i] for n in range(4)])):
                tap = b.add(b.mul(arg("y_line"), index(i)), b.mul(arg("y_place"), index(j)))
                b.store(x, b.offset(arg("y"), b.add(at, tap), "float"))
    return module([(b, b.finish())])


@contextmanager
def _shared(t: _Task, rows: Value) -> Generator[Value]:
    """The rows that are the thread's."""
    b = t.b
    low = b.div(b.mul(rows, t.tid), t.last)
    high = b.div(b.mul(rows, b.add(t.tid, index(1))), t.last)
    with b.loop(low, high) as row:
        yield row.counter


_KERNELS: dict[str, tuple[tuple[str, ...], Callable[[Transform], str]]] = {
    "winograd": (PRODUCT_ARGUMENTS, _winograd),
    "winograd_sums": (SUMS_ARGUMENTS, _sums),
    "winograd_weight": (WEIGHT_ARGUMENTS, _weight),
    "winograd_taps": (TAPS_ARGUMENTS, _taps),
}
