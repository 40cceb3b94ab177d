"""How much boxes have in common: IoU and what was made of it, for pairs and as losses.

GIoU: Rezatofighi et al. 2019 (https://arxiv.org/abs/1902.09630); DIoU and CIoU: Zheng et al. 2019
(https://arxiv.org/abs/1911.08287).
"""

from __future__ import annotations

import math

from zincir.errors import ShapeError, explain
from zincir.functional import where
from zincir.graph.node import user_line
from zincir.nn.functional.loss.reduction import reduced
from zincir.ops.boxes import TO_CORNERS, Corners, box_area, check_format, checked_boxes, upcast
from zincir.tensor import Tensor
from zincir.types import float32


def _pairs(
    owner: str, boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy"
) -> tuple[Corners, Corners]:
    """Corners of all pairs: (..., N, 1) and (..., 1, M)."""
    check_format(owner, fmt)
    first = TO_CORNERS[fmt](*checked_boxes(owner, boxes1).unbind(-1))
    second = TO_CORNERS[fmt](*checked_boxes(owner, boxes2).unbind(-1))
    a, b, c, d = (x.unsqueeze(-1) for x in first)
    e, f, g, h = (x.unsqueeze(-2) for x in second)
    return (a, b, c, d), (e, f, g, h)


def _shared(a: Corners, b: Corners) -> Tensor:
    width = upcast(a[2].minimum(b[2]) - a[0].maximum(b[0])).clamp(min=0)
    height = upcast(a[3].minimum(b[3]) - a[1].maximum(b[1])).clamp(min=0)
    return width * height


def _around(a: Corners, b: Corners) -> tuple[Tensor, Tensor]:
    """Width and height of the smallest box around both."""
    width = upcast(a[2].maximum(b[2]) - a[0].minimum(b[0]))
    height = upcast(a[3].maximum(b[3]) - a[1].minimum(b[1]))
    return width, height


def _far(a: Corners, b: Corners, width: Tensor, height: Tensor, eps: float) -> Tensor:
    """The squared distance of centers, as a share of the squared diagonal around both."""
    across = upcast((a[0] + a[2]) / 2 - (b[0] + b[2]) / 2)
    down = upcast((a[1] + a[3]) / 2 - (b[1] + b[3]) / 2)
    return (across**2 + down**2) / (width**2 + height**2 + eps)


def _shape_term(a: Corners, b: Corners, iou: Tensor, eps: float) -> Tensor:
    """What CIoU takes off for another ratio of width to height; its weight has no gradient."""
    turned = ((b[2] - b[0]) / (b[3] - b[1])).atan() - ((a[2] - a[0]) / (a[3] - a[1])).atan()
    v = (4 / math.pi**2) * turned**2
    return (v / (1 - iou + v + eps)).detach() * v


def _union(boxes1: Tensor, boxes2: Tensor, shared: Tensor, fmt: str = "xyxy") -> Tensor:
    return box_area(boxes1, fmt).unsqueeze(-1) + box_area(boxes2, fmt).unsqueeze(-2) - shared


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of all pairs.

    Args:
        boxes1: (..., N, 4).
        boxes2: (..., M, 4).
        fmt: "xyxy", "xywh" or "cxcywh": see `box_convert`.

    Returns:
        (..., N, M); NaN for two boxes that have no area.

    Example:
        >>> import zincir
        >>> box_iou(zincir.tensor([[0.0, 0.0, 2.0, 2.0]]), zincir.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.3333]])
    """
    shared = _shared(*_pairs("box_iou", boxes1, boxes2, fmt))
    return shared / _union(boxes1, boxes2, shared, fmt)


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """IoU minus the share of the box around both that neither fills, of all pairs: -1 to 1.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0, 1.0, 1.0]]), zincir.tensor([[3.0, 0.0, 4.0, 1.0]])
        >>> generalized_box_iou(a, b)
        tensor([[-0.5000]])
    """
    a, b = _pairs("generalized_box_iou", boxes1, boxes2)
    shared = _shared(a, b)
    union = _union(boxes1, boxes2, shared)
    width, height = _around(a, b)
    area = width.clamp(min=0) * height.clamp(min=0)
    return shared / union - (area - union) / area


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """IoU minus the squared distance of centers, as a share of the diagonal around both.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0, 1.0, 1.0]]), zincir.tensor([[2.0, 0.0, 3.0, 1.0]])
        >>> distance_box_iou(a, b)
        tensor([[-0.4000]])
    """
    return _distance("distance_box_iou", upcast(boxes1), upcast(boxes2), eps)[0]


def _distance(owner: str, boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    a, b = _pairs(owner, boxes1, boxes2)
    iou = box_iou(boxes1, boxes2)
    width, height = _around(a, b)
    return iou - _far(a, b, width.clamp(min=0), height.clamp(min=0), eps), iou


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """DIoU minus a term for another ratio of width to height, of all pairs.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0, 2.0, 1.0]]), zincir.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> complete_box_iou(a, b)
        tensor([[0.4655]])
    """
    boxes1, boxes2 = upcast(boxes1), upcast(boxes2)
    distance, iou = _distance("complete_box_iou", boxes1, boxes2, eps)
    return distance - _shape_term(*_pairs("complete_box_iou", boxes1, boxes2), iou, eps)


# Losses -------------------------------------------------------------------------------------------


def _matched(owner: str, boxes1: Tensor, boxes2: Tensor) -> tuple[Corners, Corners]:
    """Corners of boxes that belong together."""
    first, second = checked_boxes(owner, boxes1), checked_boxes(owner, boxes2)
    if first.shape != second.shape:
        raise ShapeError(
            explain(
                f"{owner}: a box for each box",
                where=user_line(),
                expected="the same shape",
                got=f"{tuple(first.shape)} and {tuple(second.shape)}",
                try_="box_iou and its like for all pairs",
            )
        )
    wide = [
        x if x.is_floating_point() and not x.dtype.half else x.to(float32) for x in (first, second)
    ]
    (a, b, c, d), (e, f, g, h) = (x.unbind(-1) for x in wide)
    return (a, b, c, d), (e, f, g, h)


def _areas(a: Corners, b: Corners) -> tuple[Tensor, Tensor]:
    """What both have in common, and what at least one of them covers."""
    left, top = a[0].maximum(b[0]), a[1].maximum(b[1])
    right, bottom = a[2].minimum(b[2]), a[3].minimum(b[3])
    shared = where((right > left) & (bottom > top), (right - left) * (bottom - top), 0.0)
    first, second = ((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return shared, first + second - shared


def _mean_of(loss: Tensor, reduction: str) -> Tensor:
    """Reduced; the mean of nothing is 0, with gradients."""
    if reduction == "mean" and not loss.numel():
        return 0.0 * loss.sum()
    return loss if reduction == "none" else reduced(loss._node, reduction)


def generalized_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - GIoU of boxes that belong together; see `generalized_box_iou`.

    Shape: (..., 4), both (x1, y1, x2, y2).

    Args:
        reduction: "none", "mean" (0 of nothing) or "sum".

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0, 1.0, 1.0]]), zincir.tensor([[3.0, 0.0, 4.0, 1.0]])
        >>> generalized_box_iou_loss(a, b)
        tensor([1.5000])
    """
    a, b = _matched("generalized_box_iou_loss", boxes1, boxes2)
    shared, union = _areas(a, b)
    width, height = _around(a, b)
    area = width * height
    giou = shared / (union + eps) - (area - union) / (area + eps)
    return _mean_of(1 - giou, reduction)


def _distance_loss(a: Corners, b: Corners, eps: float) -> tuple[Tensor, Tensor]:
    shared, union = _areas(a, b)
    iou = shared / (union + eps)
    return 1 - iou + _far(a, b, *_around(a, b), eps), iou


def distance_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - DIoU of boxes that belong together; see `distance_box_iou`.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0, 1.0, 1.0]]), zincir.tensor([[2.0, 0.0, 3.0, 1.0]])
        >>> distance_box_iou_loss(a, b, reduction="mean")
        tensor(1.4000)
    """
    loss, _ = _distance_loss(*_matched("distance_box_iou_loss", boxes1, boxes2), eps)
    return _mean_of(loss, reduction)


def complete_box_iou_loss(
    boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7
) -> Tensor:
    """1 - CIoU of boxes that belong together; see `complete_box_iou`.

    Example:
        >>> import zincir
        >>> a, b = zincir.tensor([[0.0, 0.0, 2.0, 1.0]]), zincir.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> complete_box_iou_loss(a, b, reduction="sum")
        tensor(0.5345)
    """
    a, b = _matched("complete_box_iou_loss", boxes1, boxes2)
    loss, iou = _distance_loss(a, b, 1e-7)  # torchvision's `eps` is that of the last term alone
    return _mean_of(loss + _shape_term(a, b, iou, eps), reduction)
