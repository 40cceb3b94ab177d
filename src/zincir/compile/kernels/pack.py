"""Copies operands of a product into panels: the lines of a tile side by side, k by k.

A line is a column of B or a row of A. A panel of `width` lines is stored as [r][k][width].
What stands for lines beyond the last is arbitrary: the sums made of it are never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from zincir.compile.builder import I64, PTR, Builder, Value, index, module, vector

_TRUE = Value("true", vector("i1", 1))


@dataclass(frozen=True, slots=True)
class Packer:
    """The structure of a packing kernel: panels of `width` lines, on vectors of `lanes`."""

    kind: str
    lanes: int
    width: int

    symbol = "pack"

    @property
    def key(self) -> str:
        """Names the kernel's code."""
        return f"pack {self.kind} {self.lanes} {self.width}"

    def build(self) -> str:
        """LLVM IR of `void pack(panels, source, line_stride, k_stride, r_stride, lines, k, r)`."""
        b = Builder(self.symbol, (PTR, PTR, I64, I64, I64, I64, I64, I64))
        return module([(b, _Pack(b, self).build())])


def panel_padding(form: Packer) -> int:
    """By how many k two panels lie further apart than they are long.

    It keeps panels aligned and, as their lengths tend to be powers of 2, out of the same sets
    of the cache.
    """
    return 64 // gcd(64, form.width * (4 if form.kind == "float" else 8))


class _Pack:
    def __init__(self, b: Builder, form: Packer) -> None:
        self.b, self.kind, self.lanes, self.width = b, form.kind, form.lanes, form.width
        itemsize = 4 if form.kind == "float" else 8
        self.piece, self.cache_line = 16 // itemsize, 64 // itemsize
        self.panels, self.source, self.line, self.step, self.r_step, *rest = b.arguments
        self.lines, self.k, self.reduced = rest
        self.panel_size = b.add(b.mul(self.reduced, self.k), index(panel_padding(form)))
        """In units of a panel's width."""

    def build(self) -> str:
        b = self.b
        beside = b.compare("eq", self.line, index(1))
        whole = b.mul(b.div(self.lines, index(self.width)), index(self.width))
        with b.when(beside):
            self._copy(index(0), whole, None)
        apart = b.bit_xor(beside, _TRUE)
        ragged = b.compare("lt", whole, self.lines)
        with b.when(b.mul(beside, ragged)):
            self._copy(whole, self.lines, b.sub(self.lines, whole))
        long = b.compare("ge", self.k, index(self.cache_line))
        along = b.mul(b.compare("eq", self.step, index(1)), long)
        with b.when(apart), b.loop(index(0), self.lines, self.width) as panel:
            left = b.sub(self.lines, panel.counter)
            start = b.offset(self.panels, b.mul(panel.counter, self.panel_size), self.kind)
            lines = b.offset(self.source, b.mul(panel.counter, self.line), self.kind)
            with b.loop(index(0), self.reduced) as r:
                size = b.mul(self.k, index(self.width))
                target = b.offset(start, b.mul(r.counter, size), self.kind)
                source = b.offset(lines, b.mul(r.counter, self.r_step), self.kind)
                with b.when(along):
                    self._transpose(target, source, left)
                with b.when(b.bit_xor(along, _TRUE)):
                    self._gather(target, source, left)
        return b.finish()

    def _units(self) -> list[tuple[int, int, int]]:
        """Cuts the width into (first line, lanes, lanes in use)."""
        units = [(at, self.lanes, self.lanes) for at in range(0, self.width, self.lanes)]
        rest = self.width % self.lanes
        if rest:
            units[-1] = (units[-1][0], max(self.piece, 1 << (rest - 1).bit_length()), rest)
        return units

    def _mask(self, at: int, lanes: int, limit: Value) -> Value:
        b = self.b
        first = b.splat(b.sub(limit, index(at)), lanes)
        return b.compare("lt", b.lane_numbers(lanes), first)

    def _store(self, value: Value, pointer: Value, used: int) -> None:
        lanes = value.type.lanes
        if used == lanes:
            self.b.store(value, pointer)
            return
        bits = ", ".join(f"i1 {'true' if i < used else 'false'}" for i in range(lanes))
        self.b.masked_store(value, pointer, Value(f"<{bits}>", vector("i1", lanes)))

    def _copy(self, low: Value, high: Value, left: Value | None) -> None:
        """Lines are contiguous; `left` is None when all panels are full.

        Row by row of the source, since the panels' open cache lines are few.
        """
        b = self.b
        units = self._units()
        masks: dict[int, Value] = {}
        for at, lanes, used in units:
            if left is not None or used < lanes:
                masks[at] = self._mask(at, lanes, left or index(self.width))
        with b.loop(index(0), self.reduced) as r, b.loop(index(0), self.k) as k:
            ahead = b.add(b.mul(r.counter, self.r_step), b.mul(k.counter, self.step))
            row = b.offset(self.source, ahead, self.kind)
            ahead = b.mul(b.add(b.mul(r.counter, self.k), k.counter), index(self.width))
            out = b.offset(self.panels, ahead, self.kind)
            with b.loop(low, high, self.width) as panel:
                source = b.offset(row, panel.counter, self.kind)
                target = b.offset(out, b.mul(panel.counter, self.panel_size), self.kind)
                for at, lanes, used in units:
                    type, place = vector(self.kind, lanes), b.offset(source, index(at), self.kind)
                    if at in masks:
                        value = b.masked_load(place, masks[at], type)
                    else:
                        value = b.load(place, type)
                    self._store(value, b.offset(target, index(at), self.kind), used)

    def _gather(self, target: Value, source: Value, left: Value) -> None:
        """Lines at any stride."""
        b = self.b
        for at, lanes, used in self._units():
            mask, type = self._mask(at, lanes, left), vector(self.kind, lanes)
            first = b.offset(source, b.mul(self.line, index(at)), self.kind)
            lines = b.mul(b.lane_numbers(lanes), b.splat(self.line, lanes))
            with b.loop(index(0), self.k) as k:
                row = b.offset(first, b.mul(k.counter, self.step), self.kind)
                value = b.gather(b.offset(row, lines, self.kind), mask, type)
                out = b.add(b.mul(k.counter, index(self.width)), index(at))
                self._store(value, b.offset(target, out, self.kind), used)

    def _transpose(self, target: Value, source: Value, left: Value) -> None:
        """Each line is contiguous along k, and at least a line of the cache long."""
        b = self.b
        units = self._units()
        whole = sum(used == self.lanes for _, _, used in units)
        if whole:
            with b.loop(index(0), index(whole * self.lanes), self.lanes) as unit:
                shape = (self.lanes, self.lanes)
                self._transpose_unit(target, source, left, unit.counter, shape)
        for at, *shape in units[whole:]:
            self._transpose_unit(target, source, left, index(at), shape)

    def _transpose_unit(
        self, target: Value, source: Value, left: Value, at: Value, shape: Sequence[int]
    ) -> None:
        b, (count, used) = self.b, shape
        type, last = vector(self.kind, self.piece), b.sub(left, index(1))
        lines: list[Value] = []
        for i in range(count):
            # Lines beyond the last are read from the last.
            line = b.minimum(b.add(at, index(i)), last)
            lines.append(b.offset(source, b.mul(line, self.line), self.kind))
        final = b.sub(self.k, index(self.cache_line))
        with b.loop(index(0), self.k, self.cache_line) as k:
            # The last cache line overlaps the one before it.
            first = b.minimum(k.counter, final)
            starts = [b.offset(line, first, self.kind) for line in lines]
            ahead = b.add(b.mul(first, index(self.width)), at)
            out = b.offset(target, ahead, self.kind)
            # All of a cache line at once: lines of the cache that share a set push each other out.
            pieces = range(0, self.cache_line, self.piece)
            loaded = [
                [b.load(b.offset(start, index(at), self.kind), type) for at in pieces]
                for start in starts
            ]
            for piece, parts in zip(pieces, zip(*loaded, strict=True), strict=True):
                for i, x in enumerate(transposed(b, parts)):
                    place = b.offset(out, index((piece + i) * self.width), self.kind)
                    self._store(x, place, used)


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
