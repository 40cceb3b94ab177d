"""Copies operands of a product into panels: all the lines of a tile side by side, k by k.

A line is a column of B or a row of A. A panel of `width` lines is stored as [r][k][width];
lines beyond the last hold anything finite or not, since what they yield is never stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from zincir.compile.builder import I64, PTR, Builder, Value, index, vector


def panels_function(name: str, kind: str, lanes: int, width: int) -> tuple[Builder, str]:
    """`void name(panels, source, line_stride, k_stride, r_stride, lines, k, r)`."""
    b = Builder(name, (PTR, PTR, I64, I64, I64, I64, I64, I64), linkage="internal")
    return b, _Packer(b, kind, lanes, width).build()


class _Packer:
    def __init__(self, b: Builder, kind: str, lanes: int, width: int) -> None:
        self.b, self.kind, self.lanes, self.width = b, kind, lanes, width
        self.panels, self.source, self.line, self.step, self.r_step, *rest = b.arguments
        self.lines, self.k, self.reduced = rest

    def build(self) -> str:
        b, lanes = self.b, index(self.lanes)
        side_by_side = b.compare("eq", self.line, index(1))
        along = b.compare("eq", self.step, index(1))
        long = b.mul(along, b.compare("ge", self.k, lanes))
        turned = b.mul(long, b.bit_xor(side_by_side, Value("true", long.type)))
        neither = b.bit_xor(b.bit_or(side_by_side, turned), Value("true", long.type))
        panel_size = b.mul(self.reduced, self.k)
        with b.loop(index(0), self.lines, self.width) as panel:
            left = b.sub(self.lines, panel.counter)
            start = b.offset(self.panels, b.mul(panel.counter, panel_size), self.kind)
            lines = b.offset(self.source, b.mul(panel.counter, self.line), self.kind)
            with b.loop(index(0), self.reduced) as r:
                size = b.mul(self.k, index(self.width))
                target = b.offset(start, b.mul(r.counter, size), self.kind)
                source = b.offset(lines, b.mul(r.counter, self.r_step), self.kind)
                full = b.compare("ge", left, index(self.width))
                with b.when(b.mul(side_by_side, full)):
                    self._copy(target, source, None)
                ragged = b.bit_xor(full, Value("true", full.type))
                with b.when(b.mul(side_by_side, ragged)):
                    self._copy(target, source, left)
                with b.when(turned):
                    self._transpose(target, source, left)
                with b.when(neither):
                    self._gather(target, source, left)
        return b.finish()

    def _units(self) -> list[tuple[int, int, int]]:
        """Cuts the width into (first line, lanes, lanes in use)."""
        units = [(at, self.lanes, self.lanes) for at in range(0, self.width, self.lanes)]
        rest = self.width % self.lanes
        if rest:
            units[-1] = (units[-1][0], 1 << (rest - 1).bit_length(), rest)
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

    def _copy(self, target: Value, source: Value, left: Value | None) -> None:
        """Lines are contiguous; `left` is None when there are enough of them."""
        b = self.b
        units = self._units()
        masks: dict[int, Value] = {}
        for at, lanes, used in units:
            if left is not None or used < lanes:
                masks[at] = self._mask(at, lanes, left or index(self.width))
        with b.loop(index(0), self.k) as k:
            row = b.offset(source, b.mul(k.counter, self.step), self.kind)
            out = b.offset(target, b.mul(k.counter, index(self.width)), self.kind)
            for at, lanes, used in units:
                type, place = vector(self.kind, lanes), b.offset(row, index(at), self.kind)
                if at in masks:
                    value = b.masked_load(place, masks[at], type)
                else:
                    value = b.load(place, type)
                self._store(value, b.offset(out, index(at), self.kind), used)

    def _gather(self, target: Value, source: Value, left: Value) -> None:
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
        """Each line is contiguous along k, and at least one vector long."""
        b = self.b
        units = self._units()
        whole = [unit for unit in units if unit[1:] == (self.lanes, self.lanes)]
        if whole:
            with b.loop(index(0), index(len(whole) * self.lanes), self.lanes) as unit:
                self._transpose_unit(target, source, left, unit.counter, whole[0][1:])
        for at, *shape in units[len(whole) :]:
            self._transpose_unit(target, source, left, index(at), shape)

    def _transpose_unit(
        self, target: Value, source: Value, left: Value, at: Value, shape: Sequence[int]
    ) -> None:
        b, (count, used) = self.b, shape
        type, last = vector(self.kind, self.lanes), b.sub(left, index(1))
        lines: list[Value] = []
        for i in range(count):
            # Lines beyond the last are read from the last.
            line = b.minimum(b.add(at, index(i)), last)
            lines.append(b.offset(source, b.mul(line, self.line), self.kind))
        final = b.sub(self.k, index(self.lanes))
        with b.loop(index(0), self.k, self.lanes) as k:
            # The last vector overlaps the one before it.
            first = b.minimum(k.counter, final)
            vectors = [b.load(b.offset(line, first, self.kind), type) for line in lines]
            turned = transposed(b, vectors)
            start = b.add(b.mul(first, index(self.width)), at)
            out = b.offset(target, start, self.kind)
            for group in range(0, self.lanes, count):
                for i, x in enumerate(turned):
                    if count < self.lanes:
                        x = b.shuffle(x, x, range(group, group + count))
                    place = b.offset(out, index((group + i) * self.width), self.kind)
                    self._store(x, place, used)


def transposed(b: Builder, vectors: Sequence[Value]) -> list[Value]:
    """Transpose each n x n block of n = len(vectors) (a power of 2) vectors of >= n lanes."""
    v, lanes, step = list(vectors), vectors[0].type.lanes, 1
    while step < len(v):
        low = [i if not i & step else lanes + i - step for i in range(lanes)]
        high = [i + step if not i & step else lanes + i for i in range(lanes)]
        for i in range(len(v)):
            if not i & step:
                x, y = v[i], v[i + step]
                v[i], v[i + step] = b.shuffle(x, y, low), b.shuffle(x, y, high)
        step *= 2
    return v
