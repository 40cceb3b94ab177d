"""Copies operands of a product into panels: the lines of a tile side by side, k by k.

A line is a column of B or a row of A. A panel of `width` lines is stored as [r][k][width].
What stands for lines beyond the last is arbitrary: the sums made of it are never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import gcd

from zincir.compiler.codegen.builder import I64, PTR, Builder, Value, index, module, vector

_TRUE = Value("true", vector("i1", 1))


@dataclass(frozen=True, slots=True)
class Packer:
    """The structure of a packing kernel: panels as wide as some vectors and `tail` more lines."""

    kind: str
    lanes: int
    tail: int
    wide: bool = True
    """There are vectors besides the tail."""

    symbol = "pack"

    @property
    def key(self) -> str:
        """Names the kernel's code."""
        return f"pack {self.kind} {self.lanes} {self.tail} {'wide' if self.wide else 'tail'}"

    def build(self) -> str:
        """LLVM IR of `void pack(panels, source, line_stride, k_stride, blocks, lines, k, r,
        width, panel_size)`; `blocks` is the table of where each r begins.
        """
        b = Builder(self.symbol, (PTR, PTR, I64, I64, PTR, *[I64] * 5))
        return module([(b, _Pack(b, self).build())])


def panel_padding(kind: str, width: int) -> int:
    """By how many k two panels lie further apart than they are long.

    It keeps panels aligned and, as their lengths tend to be powers of 2, out of the same sets
    of the cache.
    """
    return 64 // gcd(64, width * (4 if kind == "float" else 8))


class _Pack:
    def __init__(self, b: Builder, form: Packer) -> None:
        self.b, self.kind, self.lanes = b, form.kind, form.lanes
        self.tail, self.wide = form.tail, form.wide
        itemsize = 4 if form.kind == "float" else 8
        self.piece, self.cache_line = 16 // itemsize, 64 // itemsize
        self.panels, self.source, self.line, self.step, self.blocks, *rest = b.arguments
        self.lines, self.k, self.reduced, self.width, self.panel_size = rest

    def build(self) -> str:
        b = self.b
        beside = b.compare("eq", self.line, index(1))
        whole = b.mul(b.div(self.lines, self.width), self.width)
        with b.when(beside):
            self._copy(index(0), whole, None)
        ragged = b.compare("lt", whole, self.lines)
        with b.when(b.mul(beside, ragged)):
            self._copy(whole, self.lines, b.sub(self.lines, whole))
        apart = b.bit_xor(beside, _TRUE)
        long = b.compare("ge", self.k, index(self.cache_line))
        along = b.mul(b.compare("eq", self.step, index(1)), long)
        with b.when(apart), b.loop(index(0), self.lines, self.width) as panel:
            left = b.sub(self.lines, panel.counter)
            start = self._to(self.panels, panel.counter, self.panel_size)
            lines = self._to(self.source, panel.counter, self.line)
            with b.loop(index(0), self.reduced) as r:
                target = self._to(start, b.mul(r.counter, self.k), self.width)
                source = b.offset(lines, self._block(r.counter), self.kind)
                with b.when(along):
                    self._units(partial(self._transpose, target, source, left))
                with b.when(b.bit_xor(along, _TRUE)):
                    self._units(partial(self._gather, target, source, left))
        return b.finish()

    def _to(self, pointer: Value, count: Value, stride: Value) -> Value:
        return self.b.offset(pointer, self.b.mul(count, stride), self.kind)

    def _block(self, r: Value) -> Value:
        return self.b.load(self.b.offset(self.blocks, r, "i64"), I64)

    def _at(self, pointer: Value, elements: int) -> Value:
        return self.b.offset(pointer, index(elements), self.kind)

    def _units(self, body: Callable[[Value, int, int], None]) -> None:
        """Cut a panel's width: call `body` with (first line, lanes, lanes in use)."""
        b = self.b
        whole = b.sub(self.width, index(self.tail))
        if self.wide:
            with b.loop(index(0), whole, self.lanes) as unit:
                body(unit.counter, self.lanes, self.lanes)
        if self.tail:
            lanes = max(self.piece, 1 << (self.tail - 1).bit_length())
            body(whole, lanes, self.tail)

    def _mask(self, lanes: int, limit: Value) -> Value:
        return self.b.compare("lt", self.b.lane_numbers(lanes), self.b.splat(limit, lanes))

    def _store(self, value: Value, pointer: Value, used: int) -> None:
        if used == value.type.lanes:
            self.b.store(value, pointer)
        else:
            mask = self._mask(value.type.lanes, index(used))
            self.b.masked_store(value, pointer, mask)

    def _copy(self, low: Value, high: Value, left: Value | None) -> None:
        """Lines are contiguous; `left` is None when all panels are full.

        Row by row of the source, since the panels' open cache lines are few.
        """
        b = self.b

        def copy(source: Value, target: Value, at: Value, lanes: int, used: int) -> None:
            place, type = b.offset(source, at, self.kind), vector(self.kind, lanes)
            if left is None and used == lanes:
                value = b.load(place, type)
            else:
                limit = index(used) if left is None else b.sub(left, at)
                value = b.masked_load(place, self._mask(lanes, limit), type)
            self._store(value, b.offset(target, at, self.kind), used)

        with b.loop(index(0), self.reduced) as r, b.loop(index(0), self.k) as k:
            block = b.offset(self.source, self._block(r.counter), self.kind)
            row = self._to(block, k.counter, self.step)
            number = b.add(b.mul(r.counter, self.k), k.counter)
            out = self._to(self.panels, number, self.width)
            with b.loop(low, high, self.width) as panel:
                source = b.offset(row, panel.counter, self.kind)
                target = self._to(out, panel.counter, self.panel_size)
                self._units(partial(copy, source, target))

    def _gather(
        self, target: Value, source: Value, left: Value, at: Value, lanes: int, used: int
    ) -> None:
        """Lines at any stride."""
        b, type = self.b, vector(self.kind, lanes)
        mask = self._mask(lanes, b.sub(left, at))
        lines = b.mul(b.lane_numbers(lanes), b.splat(self.line, lanes))
        source, target = self._to(source, at, self.line), b.offset(target, at, self.kind)
        with b.loop(index(0), self.k) as k:
            places = b.offset(self._to(source, k.counter, self.step), lines, self.kind)
            self._store(b.gather(places, mask, type), self._to(target, k.counter, self.width), used)

    def _transpose(
        self, target: Value, source: Value, left: Value, at: Value, lanes: int, used: int
    ) -> None:
        """Each line is contiguous along k, and at least a line of the cache long."""
        b, type, last = self.b, vector(self.kind, self.piece), self.b.sub(left, index(1))
        lines: list[Value] = []
        for i in range(lanes):
            # Lines beyond the last are read from the last.
            line = b.minimum(b.add(at, index(i)), last)
            lines.append(self._to(source, line, self.line))
        final = b.sub(self.k, index(self.cache_line))
        target = b.offset(target, at, self.kind)
        with b.loop(index(0), self.k, self.cache_line) as k:
            # The last cache line overlaps the one before it.
            first = b.minimum(k.counter, final)
            starts = [b.offset(line, first, self.kind) for line in lines]
            # All of a cache line at once: lines of the cache that share a set push each other out.
            pieces = range(0, self.cache_line, self.piece)
            loaded = [[b.load(self._at(start, at), type) for at in pieces] for start in starts]
            for piece, parts in zip(pieces, zip(*loaded, strict=True), strict=True):
                for i, x in enumerate(transposed(b, parts)):
                    row = b.add(first, index(piece + i))
                    self._store(x, self._to(target, row, self.width), used)


def transposed(b: Builder, pieces: Sequence[Value]) -> list[Value]:
    """From 16 bytes (2 or 4 elements) of each line, 2 or 4 vectors with an element of each line.

    Line i + size * j becomes part j of vector i, so that only neighbours in 16 bytes change
    places: the cheapest shuffles there are.
    """
    size = pieces[0].type.lanes
    v = [_joined(b, pieces[i::size]) for i in range(size)]
    if size == 2:
        return [_zip(b, v[0], v[1], 1, high) for high in (0, 1)]
    low, high = ([_zip(b, v[i], v[i + 1], 1, half) for i in (0, 2)] for half in (0, 1))
    return [_zip(b, x, y, 2, half) for x, y in (low, high) for half in (0, 1)]


def _joined(b: Builder, parts: Sequence[Value]) -> Value:
    """One vector of all lanes of `parts`, a power of 2 of them."""
    while len(parts) > 1:
        lanes = range(2 * parts[0].type.lanes)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        parts = [b.shuffle(x, y, lanes) for x, y in pairs]
    return parts[0]


def _zip(b: Builder, x: Value, y: Value, run: int, high: int) -> Value:
    """Alternate `run` elements of `x` and of `y`, of one half of each 16 bytes."""
    size, lanes = (2 if x.type.kind == "double" else 4), x.type.lanes
    order: list[int] = []
    for part in range(0, lanes, size):
        for at in range(part + high * size // 2, part + (high + 1) * size // 2, run):
            order += [*range(at, at + run), *range(lanes + at, lanes + at + run)]
    return b.shuffle(x, y, order)
