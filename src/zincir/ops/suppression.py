"""Non-maximum suppression, in native code."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from zincir.compiler.codegen import builder as ir
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.ops.boxes import checked_boxes
from zincir.runtime import native
from zincir.tensor import Tensor, from_array
from zincir.types import float32, float64

Array: TypeAlias = np.ndarray[Any, Any]
_LANES = 8


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The numbers of boxes that stay, from the highest score down.

    A box goes if its IoU with one that stays and has a higher score is above the threshold. Of
    equal scores the first comes first.

    Args:
        boxes: (N, 4), each (x1, y1, x2, y2).
        scores: (N,).

    Raises:
        ShapeError: the shapes don't fit.
        ArgumentError: a score is NaN.

    Example:
        >>> import zincir
        >>> boxes = zincir.tensor([[0, 0, 9, 9], [0, 0, 9, 8], [20, 0, 30, 9]])
        >>> nms(boxes, zincir.tensor([0.8, 0.9, 0.7]), 0.5)
        tensor([1, 2])
    """
    corners, found = _given("nms", boxes, scores)
    return from_array(_kept(corners, found, iou_threshold))


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """As `nms`, where only boxes of the same class can make each other go.

    Args:
        idxs: (N,), the class of each box.

    Example:
        >>> import zincir
        >>> boxes = zincir.tensor([[0, 0, 9, 9], [0, 0, 9, 8], [20, 0, 30, 9]])
        >>> batched_nms(boxes, zincir.tensor([0.8, 0.9, 0.7]), zincir.tensor([0, 1, 0]), 0.5)
        tensor([1, 0, 2])
    """
    corners, found = _given("batched_nms", boxes, scores)
    classes: Array = idxs.numpy()
    if classes.shape != found.shape:
        raise _misfit("batched_nms: a class for each box", found.shape, classes.shape)
    order = np.argsort(classes, kind="stable")
    starts = np.flatnonzero(np.diff(classes[order], prepend=np.nan))
    stays = [
        mine[_kept(corners[mine], found[mine], iou_threshold)]
        for mine in np.split(order, starts[1:])
    ]
    together = np.sort(np.concatenate(stays)) if len(order) else order
    return from_array(together[np.argsort(-found[together], kind="stable")])


def _given(owner: str, boxes: Tensor, scores: Tensor) -> tuple[Array, Array]:
    corners = checked_boxes(owner, boxes, ndim=2).detach()
    corners = corners if corners.dtype in (float32, float64) else corners.to(float32)
    found: Array = scores.detach().numpy()
    if found.shape != corners.shape[:1]:
        raise _misfit(f"{owner}: a score for each box", corners.shape[:1], found.shape)
    found = found.astype(np.float64)
    if np.isnan(found).any():
        raise ArgumentError(
            explain(
                f"{owner}: scores that are NaN have no order",
                where=user_line(),
                got=f"scores[{int(np.flatnonzero(np.isnan(found))[0])}] is NaN",
            )
        )
    return corners.numpy(), found


def _misfit(what: str, expected: Any, got: Any) -> ShapeError:
    text = explain(what, where=user_line(), expected=str(tuple(expected)), got=str(tuple(got)))
    return ShapeError(text)


def _kept(corners: Array, scores: Array, threshold: float) -> Array:
    order = np.argsort(-scores, kind="stable")
    count, kind = len(order), corners.dtype
    columns = np.zeros((5, count + _LANES), kind)  # what is read beyond the end is written nowhere
    columns[:4, :count] = corners[order].T
    x1, y1, x2, y2, area = columns
    np.multiply(x2 - x1, y2 - y1, out=area)
    # IoUs are compared with the largest number of their type that is not above the threshold.
    limit = kind.type(threshold)
    if limit > np.float64(threshold):
        limit = np.nextafter(limit, kind.type(-np.inf))
    gone = np.zeros(count + _LANES, np.uint8)
    _kernel("float" if kind == np.float32 else "double")(
        columns.ctypes.data, columns.strides[0], gone.ctypes.data, count, float(limit)
    )
    return order[gone[:count] == 0]


@cache
def _kernel(kind: str) -> Callable[[int, int, int, int, float], None]:
    text = _code(kind)
    (address,) = native.load(text, lambda: text, ("zincir_nms",))
    pointer, word = ctypes.c_void_p, ctypes.c_int64
    return ctypes.CFUNCTYPE(None, pointer, word, pointer, word, ctypes.c_double)(address)


def _code(kind: str) -> str:
    """For each box that stays, all behind it are looked at, some at a time."""
    b = ir.Builder("zincir_nms", [ir.PTR, ir.I64, ir.PTR, ir.I64, ir.F64])
    columns, stride, gone, count, limit = b.arguments
    one, wide = ir.vector(kind, 1), ir.vector(kind, _LANES)
    rows = [b.offset(columns, b.mul(stride, ir.index(i)), "i8") for i in range(5)]
    limit = b.splat(b.convert(limit, kind), _LANES)
    zero = ir.constant(0, wide)
    with b.loop(ir.index(0), count) as boxes:
        i = boxes.counter
        flag = b.load(b.offset(gone, i, "i8"), ir.I8)
        with b.when(b.compare("eq", flag, ir.constant(0, ir.I8))):
            mine = [b.splat(b.load(b.offset(row, i, kind), one), _LANES) for row in rows]
            with b.loop(b.add(i, ir.index(1)), count, _LANES) as others:
                j = others.counter
                x1, y1, x2, y2, area = (b.load(b.offset(row, j, kind), wide) for row in rows)
                width = b.sub(_smaller(b, mine[2], x2), _larger(b, mine[0], x1))
                height = b.sub(_smaller(b, mine[3], y2), _larger(b, mine[1], y1))
                shared = b.mul(_larger(b, zero, width), _larger(b, zero, height))
                union = b.sub(b.add(mine[4], area), shared)
                above = b.compare("gt", b.div(shared, union), limit)
                place = b.offset(gone, j, "i8")
                flags = b.load(place, ir.vector("i8", _LANES))
                b.store(b.bit_or(flags, b.convert(above, "i8")), place)
    return ir.module([(b, b.finish())])


def _larger(b: ir.Builder, x: ir.Value, y: ir.Value) -> ir.Value:
    """The second if it is larger than the first, which it is not if either is NaN."""
    return b.select(b.compare("lt", x, y), y, x)


def _smaller(b: ir.Builder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.select(b.compare("lt", y, x), y, x)
