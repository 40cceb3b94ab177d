"""Which detections are right: matched to true boxes as the COCO benchmark does it, in native code.

For each image and class, area range and IoU threshold, detections take true boxes in order of
their scores, each the one it overlaps most; of equal overlaps the last. True boxes that are ignored
(crowds, and those outside of the area range) are taken only if no other can be; crowds any number
of times.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from zincir.compiler.codegen import builder as ir
from zincir.runtime import native

Array: TypeAlias = np.ndarray[Any, Any]


class Boxes(NamedTuple):
    """True boxes, or detections: in the order of files, images and classes as numbers from 0."""

    corners: Array
    """(n, 4) float64: x, y, width, height."""
    areas: Array
    image: Array
    kind: Array
    """The number of the class."""
    extra: Array
    """Of true boxes: 1 for a crowd, 2 for the id 0 (a match with it does not count), or both. Of
    detections: the score."""


class Matches(NamedTuple):
    """Detections by class, then image, then score; and what became of them."""

    kind: Array
    scores: Array
    rank: Array
    """Within the image and class, from 0."""
    right: Array
    """(areas, thresholds, detections), bool."""
    ignored: Array
    """(areas, thresholds, detections), bool: they count neither as right nor as wrong."""
    positives: Array
    """(areas, classes), how many true boxes count."""


def matched(
    true: Boxes, found: Boxes, classes: int, areas: Array, thresholds: Array, most: int
) -> Matches:
    """Match the `most` best detections of each image and class.

    Args:
        true: the true boxes.
        found: the detections.
        classes: how many there are.
        areas: (A, 2), ranges with both ends.
        thresholds: of IoU.
        most: so many detections of an image and class are looked at.
    """
    true = _sorted(true, np.lexsort((true.image, true.kind)))
    found = _sorted(found, np.lexsort((-found.extra, found.image, found.kind)))
    starts = _starts(found)
    rank = np.arange(len(found.image)) - np.repeat(starts[:-1], np.diff(starts))
    found = _sorted(found, np.flatnonzero(rank < most))
    rank = rank[rank < most]
    starts = _starts(found)
    first = starts[:-1]
    span = int(true.image.max(initial=0)) + int(found.image.max(initial=0)) + 2
    keys = true.kind * span + true.image
    wanted = found.kind[first] * span + found.image[first]
    ends = np.searchsorted(keys, wanted, "left"), np.searchsorted(keys, wanted, "right")
    outside = _outside(true.areas, areas) | ((true.extra & 1) != 0)
    far = _outside(found.areas, areas)
    right, ignored = _run(true, found, (starts, *ends), (outside, far), thresholds)
    positives = np.stack([np.bincount(true.kind[~out], minlength=classes) for out in outside])
    return Matches(found.kind, found.extra, rank, right, ignored, positives)


def _sorted(boxes: Boxes, order: Array) -> Boxes:
    return Boxes(*(np.ascontiguousarray(x[order]) for x in boxes))


def _starts(boxes: Boxes) -> Array:
    """Where images and classes begin, and the end."""
    if not len(boxes.image):
        return np.zeros(1, np.int64)
    changes = (np.diff(boxes.image) != 0) | (np.diff(boxes.kind) != 0)
    return np.concatenate([[0], np.flatnonzero(changes) + 1, [len(boxes.image)]])


def _outside(areas: Array, ranges: Array) -> Array:
    return (areas < ranges[:, :1]) | (areas > ranges[:, 1:])


def _run(
    true: Boxes,
    found: Boxes,
    groups: Sequence[Array],
    flags: tuple[Array, Array],
    thresholds: Array,
) -> tuple[Array, Array]:
    starts, begin, end = (np.ascontiguousarray(x, np.int64) for x in groups)
    outside, far = (np.ascontiguousarray(x, np.uint8) for x in flags)
    # An IoU must be at least this.
    limits = np.minimum(thresholds, 1 - 1e-10).astype(np.float64)
    shape = len(outside), len(limits), len(found.image)
    right, ignored = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    pairs = np.diff(starts) * (end - begin)
    overlaps = np.zeros(int(pairs.max(initial=0)))
    taken = np.zeros(int((end - begin).max(initial=0)), np.uint8)
    extra = np.ascontiguousarray(true.extra, np.uint8)
    arrays = (
        true.corners,
        extra,
        found.corners,
        starts,
        begin,
        end,
        outside,
        far,
        limits,
        overlaps,
    )
    table = np.array([x.ctypes.data for x in (*arrays, taken, right, ignored)], np.int64)
    counts = len(starts) - 1, len(outside), len(limits), len(true.image), len(found.image)
    _kernel()(table.ctypes.data, *counts)
    return right.view(bool), ignored.view(bool)


@cache
def _kernel() -> Callable[..., None]:
    text = _code()
    (address,) = native.load(text, lambda: text, ("zincir_coco_match",))
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_int64] * 5)(address)


def _code() -> str:
    b = ir.Builder("zincir_coco_match", [ir.PTR, *[ir.I64] * 5])
    table, groups, areas, limits, true_count, found_count = b.arguments
    names = "true crowd found starts begin end outside far limits overlaps taken right ignored"
    at = {
        name: b.load(b.offset(table, ir.index(i), "ptr"), ir.PTR)
        for i, name in enumerate(names.split())
    }
    with b.loop(ir.index(0), groups) as each:
        g = each.counter
        first, last = (_read(b, at["starts"], b.add(g, ir.index(i)), ir.I64) for i in (0, 1))
        begin, end = (_read(b, at[name], g, ir.I64) for name in ("begin", "end"))
        _fill_overlaps(b, at, (first, last), (begin, end))
        with b.loop(ir.index(0), areas) as ranges:
            outside = b.offset(at["outside"], b.mul(ranges.counter, true_count), "i8")
            far = b.offset(at["far"], b.mul(ranges.counter, found_count), "i8")
            with b.loop(ir.index(0), limits) as steps:
                row = b.add(b.mul(ranges.counter, limits), steps.counter)
                row = b.mul(row, found_count)
                out = [b.offset(at[name], row, "i8") for name in ("right", "ignored")]
                limit = _read(b, at["limits"], steps.counter, ir.F64)
                with b.loop(ir.index(0), b.sub(end, begin)) as boxes:
                    b.store(ir.constant(0, ir.I8), b.offset(at["taken"], boxes.counter, "i8"))
                with b.loop(first, last) as detections:
                    d = detections.counter
                    line = b.mul(b.sub(d, first), b.sub(end, begin))
                    line = b.offset(at["overlaps"], line, "double")
                    match = _match(b, at, line, (outside, begin, end), limit)
                    _note(b, at, d, match, (outside, far, begin), out)
    return ir.module([(b, b.finish())])


def _read(b: ir.Builder, pointer: ir.Value, place: ir.Value, type: ir.Type) -> ir.Value:
    return b.load(b.offset(pointer, place, type.kind), type)


def _fill_overlaps(
    b: ir.Builder,
    at: dict[str, ir.Value],
    found: tuple[ir.Value, ir.Value],
    true: tuple[ir.Value, ir.Value],
) -> None:
    """The IoU of each detection with each true box; with a crowd, the share of the detection."""
    zero, four = ir.constant(0, ir.F64), ir.index(4)
    with b.loop(*found) as detections:
        d = detections.counter
        mine = [_read(b, at["found"], b.add(b.mul(d, four), ir.index(i)), ir.F64) for i in range(4)]
        area = b.mul(mine[2], mine[3])
        line = b.mul(b.sub(d, found[0]), b.sub(true[1], true[0]))
        with b.loop(*true) as boxes:
            j = boxes.counter
            other = [
                _read(b, at["true"], b.add(b.mul(j, four), ir.index(i)), ir.F64) for i in range(4)
            ]
            sides = [
                b.sub(
                    b.minimum(b.add(mine[2 + i], mine[i]), b.add(other[2 + i], other[i])),
                    b.maximum(mine[i], other[i]),
                )
                for i in (0, 1)
            ]
            shared = b.mul(*sides)
            union = b.sub(b.add(area, b.mul(other[2], other[3])), shared)
            crowd = b.bit_and(_read(b, at["crowd"], j, ir.I8), ir.constant(1, ir.I8))
            union = b.select(b.compare("ne", crowd, ir.constant(0, ir.I8)), area, union)
            apart = b.add(*(b.compare("le", side, zero) for side in sides))
            value = b.select(apart, zero, b.div(shared, union))
            place = b.add(line, b.sub(j, true[0]))
            b.store(value, b.offset(at["overlaps"], place, "double"))


def _match(
    b: ir.Builder,
    at: dict[str, ir.Value],
    line: ir.Value,
    boxes: tuple[ir.Value, ir.Value, ir.Value],
    limit: ir.Value,
) -> ir.Value:
    """The number of the true box that a detection takes, within its image and class, or -1."""
    outside, begin, end = boxes
    match = ir.index(-1)
    for ignored in (0, 1):
        # Those that are ignored are looked at if no other was found: else the loop has no rounds.
        count = b.sub(end, begin)
        count = b.select(b.compare("lt", match, ir.index(0)), count, ir.index(0))
        with b.loop(ir.index(0), count, carried=(limit, match)) as loop:
            best, chosen = loop.carried
            j = loop.counter
            flag = _read(b, outside, b.add(begin, j), ir.I8)
            taken = _read(b, at["taken"], j, ir.I8)
            overlap = _read(b, line, j, ir.F64)
            fits = b.compare("eq", flag, ir.constant(ignored, ir.I8))
            free = b.compare("eq", taken, ir.constant(0, ir.I8))
            better = b.mul(b.mul(fits, free), b.compare("ge", overlap, best))
            loop.carry((b.select(better, overlap, best), b.select(better, j, chosen)))
        match = loop.carried[1]
    return match


def _note(
    b: ir.Builder,
    at: dict[str, ir.Value],
    d: ir.Value,
    match: ir.Value,
    flags: tuple[ir.Value, ir.Value, ir.Value],
    out: Sequence[ir.Value],
) -> None:
    """Write down whether a detection is right, and whether it is ignored."""
    outside, far, begin = flags
    right, ignored = (b.offset(x, d, "i8") for x in out)
    b.store(_read(b, far, d, ir.I8), ignored)
    with b.when(b.compare("ge", match, ir.index(0))):
        box = b.add(begin, match)
        extra = _read(b, at["crowd"], box, ir.I8)
        one, two, zero = (ir.constant(i, ir.I8) for i in (1, 2, 0))
        # A crowd can be taken again.
        b.store(b.bit_xor(b.bit_and(extra, one), one), b.offset(at["taken"], match, "i8"))
        # pycocotools sees no match in one with the id 0: then the detection's own area counts.
        nameless = b.compare("ne", b.bit_and(extra, two), zero)
        b.store(b.select(nameless, zero, one), right)
        flag = _read(b, outside, box, ir.I8)
        too = b.select(nameless, b.bit_or(flag, _read(b, far, d, ir.I8)), flag)
        b.store(too, ignored)
