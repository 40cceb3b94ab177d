"""The kernels of `ops.winograd`: tiles of images are transformed, multiplied, and put together.

A block is as many lines of tiles as the nearest caches hold in transformed shape. For each block
one of 16 transformed places of all tiles lies beside another, and the product's kernel (`gemm`)
is called on them, with a copy of its arguments that belongs to the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zincir.compiler.builder import (
    I64,
    PTR,
    Builder,
    Loop,
    Type,
    Value,
    constant,
    index,
    module,
    vector,
)
from zincir.compiler.kernels.parts import call_given, claimed
from zincir.compiler.kernels.tiles import GEMM_ARGUMENTS, Gemm

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

_CACHED = 640 << 10
"""Bytes of a block in transformed shape: they stay in a cache that is the core's own."""
_APART = 16
"""Elements between transformed places, so that they are not in the same sets of a cache."""
_COLUMNS = 64
"""Parts of a gradient's sums have at least so many columns."""
_PARTS, _FEWEST = 8, 24
"""So many parts, if they have so many tiles."""


def product_call(
    n: int, high: int, wide: int, c: int, m: int, *, parts: int = 0
) -> tuple[dict[str, int], Gemm]:
    """Numbers for `winograd` of `n` images, and the product of a block.

    Args:
        parts: if not 0, the images are cut into so many equal parts.
    """
    lines, tiles = -(-high // 2), -(-wide // 2)
    rows = n * lines
    part = block = _block(rows, tiles, c + m)
    if parts:
        part = rows // parts
        block = _block(part, tiles, c + m, parts=1)
    count = block * tiles
    v, z = count * c + _APART, count * m + _APART
    outer = ((16, v, c * m),)
    problem = Gemm("float", count, m, c, c, 1, m, 1, m, outer, c_outer=z)
    numbers = {
        **dict(high=high, wide=wide, lines=lines, tiles=tiles, channels=c, columns=m),
        **dict(rows=rows, part_rows=part, block_rows=block, parts=-(-rows // part)),
        **_places(v, z),
    }
    return numbers, problem


def fitting_parts(n: int, high: int, wide: int, c: int, m: int, *, pieces: int) -> int:
    """How many parts of whole pieces (8 or more) `winograd` has at most: each fills a block."""
    lines, tiles = -(-high // 2), -(-wide // 2)
    block = _block(n * lines, tiles, c + m)
    counts = [p for p in range(_PARTS, pieces + 1) if pieces % p == 0]
    return max(p for p in counts if p == counts[0] or n * lines // p >= block)


def sums_call(
    n: int, high: int, wide: int, c: int, m: int, *, pieces: int, turned: bool
) -> tuple[dict[str, int], Gemm]:
    """Numbers for `winograd_sums` of `n` images, and the product of a block."""
    lines, tiles = -(-high // 2), -(-wide // 2)
    rows, columns = (m, c) if turned else (c, m)
    slices = _slices(columns, -(-_PARTS // pieces))
    mine = columns // slices
    lines_of_piece = -(-n // pieces) * lines
    block = _block(lines_of_piece, tiles, rows + mine, parts=1)
    count = block * tiles
    a, b = count * rows + _APART, count * mine + _APART
    outer = ((16, a, b),)
    problem = Gemm("float", rows, mine, count, 1, rows, mine, 1, columns, outer, c_outer=c * m)
    numbers = {
        **dict(high=high, wide=wide, lines=lines, tiles=tiles),
        **dict(rows=n * lines, part_rows=lines_of_piece, block_rows=block),
        **dict(parts=pieces * slices, slices=slices, y_slice=mine),
        **dict(piece=16 * c * m, turned=int(turned)),
    }
    if turned:
        return numbers | _places(b, a) | dict(channels=mine, x_slice=mine, columns=m), problem
    return numbers | _places(a, b) | dict(channels=c, columns=mine, g_slice=mine), problem


def _slices(columns: int, wanted: int) -> int:
    """Into how many parts of whole vectors columns are cut."""
    fits = [s for s in range(1, wanted + 1) if columns % (16 * s) == 0]
    return max(s for s in fits if s == 1 or columns // s >= _COLUMNS)


def _block(rows: int, tiles: int, channels: int, parts: int = _PARTS) -> int:
    """How many lines of tiles are transformed at a time, if `parts` are worth having."""
    most = max(1, _CACHED // (64 * channels * tiles))
    enough = max(rows // parts, -(-_FEWEST // tiles))
    return -(-rows // -(-rows // min(most, enough)))


def _places(v: int, z: int) -> dict[str, int]:
    """Where what is in the thread's scratch."""
    copy_at = 64 * (v + z)
    room_at = copy_at + -(-8 * len(GEMM_ARGUMENTS) // 64) * 64
    return dict(v_place=v, z_place=z, z_at=64 * v, copy_at=copy_at, room_at=room_at)


Line = list[Value]


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
    loops = _lines("windows", structure.lanes, _window), _lines("places", structure.lanes, _result)
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
    lanes = structure.lanes
    loops = _lines("windows", lanes, _window), _lines("gradients", lanes, _gradient)
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


_ARGUMENTS: tuple[Type, ...] = (PTR, I64, I64, I64, I64, PTR, I64, I64, I64)


@dataclass(slots=True)
class _Line:
    """A line of tiles, of some channels; the last tile may reach over the edge, as may the line."""

    b: Builder
    type: Type
    image: Value
    step: Value
    """From one line of the image to the next."""
    beside: Value
    """From one place of a line to the next."""
    left: Value
    """Lines of the result that are left; 1: tiles reach over its edge."""
    wide: Value
    """Places of the result."""
    places: Value
    """Where the line's transformed places begin."""
    place: Value
    """From one transformed place to the next."""
    tiles: Value
    channels: Value

    @contextmanager
    def each(self) -> Generator[_Tile]:
        """Each tile in turn."""
        b = self.b
        with b.loop(index(0), self.tiles) as loop:
            yield self.tile(loop)

    def tile(self, loop: Loop) -> _Tile:
        """The tile of a round of a loop."""
        b = self.b
        first = b.mul(loop.counter, index(2))
        image = b.offset(self.image, b.mul(first, self.beside), "float")
        places = b.offset(self.places, b.mul(loop.counter, self.channels), "float")
        return _Tile(self, image, places, b.compare("lt", b.sub(self.wide, first), index(2)))

    @property
    def short(self) -> Value:
        """Whether tiles reach over the edge below."""
        return self.b.compare("lt", self.left, index(2))


@dataclass(slots=True)
class _Tile:
    line: _Line
    image: Value
    places: Value
    narrow: Value
    """Whether it reaches over the edge beside it."""

    def at(self, i: int, j: int, last: int) -> Value:
        """A place of the image; beyond the edge, where `last` ones are, the place before."""
        line, b = self.line, self.line.b
        down, along = b.mul(line.step, index(i)), b.mul(line.beside, index(j))
        if i == last:
            down = b.select(line.short, b.mul(line.step, index(i - 1)), down)
        if j == last:
            along = b.select(self.narrow, b.mul(line.beside, index(j - 1)), along)
        return b.offset(self.image, b.add(down, along), "float")

    def transformed(self, a: int, c: int) -> Value:
        """A transformed place."""
        b = self.line.b
        return b.offset(self.places, b.mul(self.line.place, index(4 * a + c)), "float")


def _lines(name: str, lanes: int, body: Callable[[_Line], None]) -> tuple[Builder, str]:
    """`void name(image, line, place, left, wide, transformed, place, tiles, channels)`."""
    b = Builder(name, _ARGUMENTS, linkage="internal")
    image, step, beside, left, wide, places, place, tiles, channels = b.arguments
    with b.loop(index(0), channels, lanes) as c:
        first, to = (b.offset(p, c.counter, "float") for p in (image, places))
        sizes = left, wide, to, place, tiles, channels
        body(_Line(b, vector("float", lanes), first, step, beside, *sizes))
    return b, b.finish("nounwind noinline")


def _window(line: _Line) -> None:
    """B^T x B; two columns of a tile are the last ones of the tile before.

    What lies over the edge has a part in nothing that is kept, whatever is read there.
    """
    b = line.b

    def columns(tile: _Tile, which: tuple[int, int]) -> list[Value]:
        found: list[Value] = []
        for j in which:
            found += _spread(b, [b.load(tile.at(i, j, 3), line.type) for i in range(4)])
        return found

    start = columns(_Tile(line, line.image, line.places, line.short), (0, 1))
    with b.loop(index(0), line.tiles, carried=start) as loop:
        tile = line.tile(loop)
        new = columns(tile, (2, 3))
        every = [*loop.carried, *new]
        for a in range(4):
            for c, x in enumerate(_spread(b, [every[4 * i + a] for i in range(4)])):
                b.store(x, tile.transformed(a, c))
        loop.carry(new)


def _spread(b: Builder, x: Line) -> Line:
    """B^T x."""
    return [b.sub(x[0], x[2]), b.add(x[1], x[2]), b.sub(x[2], x[1]), b.sub(x[3], x[1])]


def _gradient(line: _Line) -> None:
    """A g A^T, with 0 over the edge."""
    b, zero = line.b, constant(0.0, line.type)
    with line.each() as tile:
        columns: list[Line] = []
        for j in range(2):
            found = [b.load(tile.at(i, j, 1), line.type) for i in range(2)]
            found[1] = b.select(line.short, zero, found[1])
            if j == 1:
                found = [b.select(tile.narrow, zero, x) for x in found]
            columns.append(_doubled(b, found))
        for a in range(4):
            for c, x in enumerate(_doubled(b, [columns[0][a], columns[1][a]])):
                b.store(x, tile.transformed(a, c))


def _doubled(b: Builder, x: Line) -> Line:
    """A x."""
    return [x[0], b.add(x[0], x[1]), b.sub(x[0], x[1]), x[1]]


def _result(line: _Line) -> None:
    """A^T z A; what lies over the edge is written first, and over."""
    b = line.b
    with line.each() as tile:
        columns = [
            _halved(b, [b.load(tile.transformed(a, c), line.type) for a in range(4)])
            for c in range(4)
        ]
        rows = [_halved(b, [columns[c][i] for c in range(4)]) for i in range(2)]
        for i in (1, 0):
            for j in (1, 0):
                b.store(rows[i][j], tile.at(i, j, 1))


def _halved(b: Builder, z: Line) -> Line:
    """A^T z."""
    low, high = b.add(z[1], z[2]), b.sub(z[1], z[2])
    return [b.add(z[0], low), b.add(high, z[3])]


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
