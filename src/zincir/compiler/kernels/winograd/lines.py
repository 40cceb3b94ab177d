"""Lines of tiles transformed and put together again: the arithmetic of `operations.winograd`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from zincir.compiler.codegen.builder import (
    I64,
    PTR,
    Builder,
    Loop,
    Type,
    Value,
    constant,
    index,
    vector,
)

Line = list[Value]

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


def lines_function(name: str, lanes: int) -> tuple[Builder, str]:
    """`void name(image, line, place, left, wide, transformed, place, tiles, channels)`.

    Args:
        name: `windows` transforms those of an image, `gradients` those of a result's gradient;
            `places` puts a result together.
    """
    b = Builder(name, _ARGUMENTS, linkage="internal")
    image, step, beside, left, wide, places, place, tiles, channels = b.arguments
    with b.loop(index(0), channels, lanes) as c:
        first, to = (b.offset(p, c.counter, "float") for p in (image, places))
        sizes = left, wide, to, place, tiles, channels
        _BODIES[name](_Line(b, vector("float", lanes), first, step, beside, *sizes))
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


_BODIES: dict[str, Callable[[_Line], None]] = {
    "windows": _window,
    "gradients": _gradient,
    "places": _result,
}
