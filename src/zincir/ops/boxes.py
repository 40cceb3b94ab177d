"""Boxes: converted, measured, cut off, found around masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.functional import stack, where
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.types import float32, int32, int64

Corners = tuple[Tensor, Tensor, Tensor, Tensor]


def checked_boxes(owner: str, boxes: Any, *, ndim: int | None = None) -> Tensor:
    """Boxes, of which the last axis has four numbers.

    Raises:
        ShapeError: it has not.
        ArgumentError: they are no tensor.
    """
    if not isinstance(boxes, Tensor):
        what = f"{owner}: boxes are no tensor"
        raise ArgumentError(explain(what, where=user_line(), got=type(boxes).__name__))
    if not boxes.ndim or boxes.shape[-1] != 4 or (ndim is not None and boxes.ndim != ndim):
        raise ShapeError(
            explain(
                f"{owner}: boxes have four numbers each",
                where=user_line(),
                expected="(N, 4)" if ndim == 2 else "(..., 4)",
                got=str(tuple(boxes.shape)),
            )
        )
    return boxes


def upcast(x: Tensor) -> Tensor:
    """In a type in which products don't overflow: halves as float32, small integers as int32."""
    if x.is_floating_point():
        return x.to(float32) if x.dtype.half else x
    return x if x.dtype in (int32, int64) else x.to(int32)


def _from_sizes(a: Tensor, b: Tensor, w: Tensor, h: Tensor) -> Corners:
    return a, b, a + w, b + h


def _from_centers(cx: Tensor, cy: Tensor, w: Tensor, h: Tensor) -> Corners:
    return cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h


def _to_sizes(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor) -> Corners:
    return x1, y1, x2 - x1, y2 - y1


def _to_centers(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor) -> Corners:
    return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1


def _corners(x1: Tensor, y1: Tensor, x2: Tensor, y2: Tensor) -> Corners:
    return x1, y1, x2, y2


_Change = Callable[[Tensor, Tensor, Tensor, Tensor], Corners]
TO_CORNERS: Mapping[str, _Change] = {
    "xyxy": _corners,
    "xywh": _from_sizes,
    "cxcywh": _from_centers,
}
_FROM_CORNERS: Mapping[str, _Change] = {
    "xyxy": _corners,
    "xywh": _to_sizes,
    "cxcywh": _to_centers,
}


def check_format(owner: str, *formats: str) -> None:
    """Raise if there is no such format.

    Raises:
        ArgumentError: says which there are.
    """
    for name in formats:
        if name not in TO_CORNERS:
            raise ArgumentError(
                explain(
                    f"{owner}: there is no format {name!r}",
                    where=user_line(),
                    expected=", ".join(TO_CORNERS),
                    note="boxes that are turned are not supported",
                )
            )


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes in another format.

    Args:
        boxes: (..., 4).
        in_fmt, out_fmt: "xyxy": two corners; "xywh": a corner, width and height; "cxcywh": the
            center, width and height.

    Raises:
        ArgumentError: there is no such format.

    Example:
        >>> import zincir
        >>> box_convert(zincir.tensor([[10.0, 20.0, 30.0, 60.0]]), "xyxy", "cxcywh")
        tensor([[20., 40., 20., 40.]])
    """
    boxes = checked_boxes("box_convert", boxes)
    check_format("box_convert", in_fmt, out_fmt)
    if in_fmt == out_fmt:
        return boxes.clone()
    return stack(_FROM_CORNERS[out_fmt](*TO_CORNERS[in_fmt](*boxes.unbind(-1))), -1)


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Width times height of each box.

    Example:
        >>> import zincir
        >>> box_area(zincir.tensor([[10.0, 20.0, 30.0, 60.0]]))
        tensor([800.])
    """
    check_format("box_area", fmt)
    a, b, c, d = upcast(checked_boxes("box_area", boxes)).unbind(-1)
    return (c - a) * (d - b) if fmt == "xyxy" else c * d


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The parts of boxes (x1, y1, x2, y2) that lie inside an image.

    Args:
        boxes: (..., 4).
        size: height and width.

    Example:
        >>> import zincir
        >>> clip_boxes_to_image(zincir.tensor([[-5.0, 2.0, 20.0, 30.0]]), (24, 16))
        tensor([[ 0.,  2., 16., 24.]])
    """
    height, width = size
    x1, y1, x2, y2 = checked_boxes("clip_boxes_to_image", boxes).unbind(-1)
    ends = ((x1, width), (y1, height), (x2, width), (y2, height))
    return stack([x.clamp(min=0, max=end) for x, end in ends], -1)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The numbers of boxes of which no side is shorter than `min_size`.

    Example:
        >>> import zincir
        >>> remove_small_boxes(zincir.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 1.0]]), 2.0)
        tensor([0])
    """
    x1, y1, x2, y2 = checked_boxes("remove_small_boxes", boxes).unbind(-1)
    return (((x2 - x1) >= min_size) & ((y2 - y1) >= min_size)).nonzero()[:, 0]


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The boxes (x1, y1, x2, y2) around masks: first and last column and row that are not 0.

    An empty mask has the box (0, 0, 0, 0).

    Args:
        masks: (N, H, W).

    Raises:
        ShapeError: they have another number of axes.

    Example:
        >>> import zincir
        >>> mask = zincir.zeros(1, 5, 6)
        >>> mask[0, 1:3, 2:5] = 1
        >>> masks_to_boxes(mask)
        tensor([[2., 1., 4., 2.]])
    """
    if not masks.numel():
        return masks.new_zeros((0, 4), dtype=float32)
    if masks.ndim != 3:
        raise ShapeError(
            explain(
                "masks_to_boxes: a mask for each box",
                where=user_line(),
                expected="(N, H, W)",
                got=str(tuple(masks.shape)),
            )
        )
    there = masks != 0
    ends: list[Tensor] = []
    for axis in (1, 2):  # over rows, which leaves columns; over columns
        line = there.any(axis).to(float32)
        last = line.shape[1] - 1 - line.flip(1).argmax(1)
        ends += [line.argmax(1), last]
    x1, x2, y1, y2 = ends
    found = stack([x1, y1, x2, y2], 1).to(float32)
    return where(there.any(1).any(1).unsqueeze(1), found, 0.0)
