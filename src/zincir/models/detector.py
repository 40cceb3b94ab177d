"""A small detector: one stage, no anchors, a box from each place of a grid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from zincir import nn
from zincir.autograd import no_grad
from zincir.creation import tensor
from zincir.errors import ArgumentError, explain
from zincir.functional import cat, where
from zincir.graph.node import user_line
from zincir.ops import (
    batched_nms,
    complete_box_iou_loss,
    distance_box_iou_loss,
    generalized_box_iou_loss,
)
from zincir.tensor import Tensor, from_array
from zincir.types import float32

STRIDE = 8
"""Pixels between two places of the grid."""
RADIUS = 1.5
"""A place answers for boxes whose centre is so many strides away at most, in either direction."""
BETA = 2.0
"""The power of the error by which the loss of scores is weighted."""
BOX_WEIGHT = 2.0
PRIOR = 0.01
"""What the score of a class is before anything was learnt."""


class Found(NamedTuple):
    """What a detector says of each place of its grid."""

    scores: Tensor
    """(batch, places, classes), before the sigmoid."""
    boxes: Tensor
    """(batch, places, 4): left, top, right, bottom in pixels."""
    places: Tensor
    """(places, 2): x and y of the grid's places in pixels."""


class Detector(nn.Module):
    """Class scores and a box at each place of a grid of 8 pixels, after FCOS.

    Five stages of convolutions halve the image down to 32 pixels for each place; a way back up adds
    what is known of the surroundings to the grid of 8. Of each place come scores of the classes and
    the distances to the four sides of a box (Tian et al. 2019, "FCOS: fully convolutional one-stage
    object detection"). It is trained with `detection_loss`, and `detections` picks boxes.

    Shape: bytes or numbers (batch, in_channels, height, width), both multiples of 32 ->
    `Found`: (batch, height * width / 64, classes) and (..., 4).

    Args:
        num_classes: how many kinds of objects there are.
        width: channels of the first stage; the others have 2, 4, 6 and 8 times as many.

    Example:
        >>> import zincir
        >>> found = Detector(3, width=8)(zincir.zeros(2, 3, 64, 96))
        >>> found.scores.shape, found.boxes.shape
        ((2, 96, 3), (2, 96, 4))
    """

    def __init__(self, num_classes: int = 10, width: int = 16, in_channels: int = 3) -> None:
        super().__init__()
        w1, w2, w3, w4, w5 = (width * k for k in (1, 2, 4, 6, 8))
        self.stem = _block(in_channels, w1, 2)
        self.stage2 = nn.Sequential(_block(w1, w2, 2), _block(w2, w2))
        self.stage3 = nn.Sequential(_block(w2, w3, 2), _block(w3, w3))
        self.stage4 = nn.Sequential(_block(w3, w4, 2), _block(w4, w4))
        self.stage5 = nn.Sequential(_block(w4, w5, 2), _block(w5, w5))
        self.across3, self.across4 = nn.Conv2d(w3, w3, 1), nn.Conv2d(w4, w3, 1)
        self.across5 = nn.Conv2d(w5, w3, 1)
        self.up = nn.Upsample(scale_factor=2)
        self.classes = nn.Sequential(_block(w3, w3), _block(w3, w3))
        self.sides = nn.Sequential(_block(w3, w3), _block(w3, w3))
        self.score = nn.Conv2d(w3, num_classes, 3, padding=1)
        self.side = nn.Conv2d(w3, 4, 3, padding=1)
        assert self.score.bias is not None
        with no_grad():
            self.score.bias.fill_(float(np.log(PRIOR / (1 - PRIOR))))
            self.score.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Found:
        """(batch, channels, height, width) -> scores and boxes of all places."""
        if not x.is_floating_point():
            x = (x.to(float32) - 127.5) / 64
        height, width = x.shape[2] // STRIDE, x.shape[3] // STRIDE
        x3 = self.stage3(self.stage2(self.stem(x)))
        x4 = self.stage4(x3)
        x5 = self.stage5(x4)
        y = self.across4(x4) + self.up(self.across5(x5))
        y = self.across3(x3) + self.up(y)
        scores = self.score(self.classes(y)).flatten(2).transpose(1, 2)
        sides = nn.functional.softplus(self.side(self.sides(y))).flatten(2).transpose(1, 2)
        centres = tensor(places_of(height, width))
        sides = sides * (2 * STRIDE)
        near, far = centres - sides[..., :2], centres + sides[..., 2:]
        return Found(scores, cat([near, far], -1), centres)


def places_of(height: int, width: int) -> Any:
    """The middles of the grid's places in pixels, (height * width, 2) as x and y."""
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return ((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE).astype(np.float32)


def _block(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.SiLU())


BOX_LOSSES = {
    "giou": generalized_box_iou_loss,
    "diou": distance_box_iou_loss,
    "ciou": complete_box_iou_loss,
}
"""How far boxes are from those that they are to be."""


def detection_loss(found: Found, targets: Any, box_loss: str = "giou") -> Tensor:
    """The loss of scores and boxes against what is in the images, per object.

    Each place near the middle of an object answers for the smallest such one; its score is to be
    the IoU of its box, those of all others 0, by the quality focal loss |y - p|^2 BCE(p, y), where
    p is the score after the sigmoid (Li et al. 2020, "Generalized focal loss"). Boxes are drawn to
    the objects by 1 - GIoU (or what `box_loss` says), weighted by y.

    Args:
        found: what a `Detector` gives.
        targets: boxes (batch, most, 4) in pixels and labels (batch, most), -1 where there is none:
            `zincir.data.augment.Boxes`, or a pair.
        box_loss: "giou", "diou" or "ciou".

    Raises:
        ArgumentError: there is no such loss of boxes.

    Example:
        >>> import zincir
        >>> box = zincir.tensor([[[0.0, 0.0, 8.0, 8.0]]])
        >>> found = Found(zincir.zeros(1, 1, 2), box, zincir.tensor([[4.0, 4.0]]))
        >>> round(detection_loss(found, (box, zincir.tensor([[1]]))).item(), 4)
        0.3466
    """
    if box_loss not in BOX_LOSSES:
        text = explain(f"detection_loss: there is no box_loss={box_loss!r}", where=user_line(),
                       expected=", ".join(BOX_LOSSES))  # fmt: skip
        raise ArgumentError(text)
    boxes, labels = targets[0], targets[1]
    matched, kinds, answers = assigned(found.places, boxes, labels)
    quality = _iou(found.boxes.detach(), matched) * answers
    loss = BOX_LOSSES[box_loss](found.boxes, matched) * quality
    wanted = nn.functional.one_hot(kinds, found.scores.shape[2]).to(float32)
    wanted = wanted * quality.unsqueeze(2)
    error = (wanted - found.scores.sigmoid()).abs() ** BETA
    cross = nn.functional.binary_cross_entropy_with_logits(found.scores, wanted, reduction="none")
    count = quality.sum().clamp(min=1.0)
    return (error.detach() * cross).sum() / count + BOX_WEIGHT * loss.sum() / count


def assigned(places: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The box (batch, places, 4) and the label that each place answers for, and 1 where it does.

    Of several boxes that a place may answer for it is the smallest. Where it is none, the box is
    one that all losses of boxes have finite gradients for.
    """
    x, y = places[:, 0:1], places[:, 1:2]
    left, top, right, bottom = (boxes[:, None, :, k] for k in range(4))
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    reach = RADIUS * STRIDE
    near = ((x - (left + right) / 2).abs() < reach) & ((y - (top + bottom) / 2).abs() < reach)
    may = inside & near & (labels[:, None, :] >= 0)
    area = (right - left) * (bottom - top)
    cost = where(may, area, float("inf"))
    smallest, which = cost.min(2)
    answers = smallest < float("inf")
    picked = boxes.gather(1, which.unsqueeze(2).expand(-1, -1, 4))
    picked = where(answers.unsqueeze(2), picked, tensor([0.0, 0.0, 1.0, 1.0]))
    kinds = where(answers, labels.gather(1, which), 0)
    return picked, kinds, answers.to(float32)


def _iou(a: Tensor, b: Tensor) -> Tensor:
    """Of boxes that belong together."""
    width = a[..., 2].minimum(b[..., 2]) - a[..., 0].maximum(b[..., 0])
    height = a[..., 3].minimum(b[..., 3]) - a[..., 1].maximum(b[..., 1])
    shared = width.clamp(min=0) * height.clamp(min=0)
    one, two = ((t[..., 2] - t[..., 0]) * (t[..., 3] - t[..., 1]) for t in (a, b))
    return shared / (one + two - shared).clamp(min=1e-6)


def detections(
    found: Found,
    *,
    threshold: float = 0.05,
    iou_threshold: float = 0.6,
    most: int = 100,
    agnostic: bool = False,
) -> list[dict[str, Tensor]]:
    """Boxes that are worth showing, best first: "boxes", "scores" and "labels" for each image.

    Args:
        threshold: of scores.
        iou_threshold: a box that overlaps a better one of its class by more is left out.
        most: so many of an image at most.
        agnostic: whether boxes of other classes count as well: then each object has one class.

    Example:
        >>> import zincir
        >>> box = zincir.tensor([[[0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 8.0, 7.0]]])
        >>> scores = zincir.tensor([[[-9.0, 2.0], [-9.0, 1.0]]])
        >>> detections(Found(scores, box, zincir.zeros(2, 2)))[0]["labels"]
        tensor([1])
    """
    scores = found.scores.detach().sigmoid().numpy()
    places = found.boxes.detach().numpy()
    results: list[dict[str, Tensor]] = []
    for score, boxes in zip(scores, places, strict=True):
        at, label = np.nonzero(score > threshold)
        value = score[at, label]
        order = np.argsort(-value, kind="stable")[:_CANDIDATES]
        at, label, value = at[order], label[order], value[order]
        one, two, three = (from_array(np.ascontiguousarray(x)) for x in (boxes[at], value, label))
        kinds = three * 0 if agnostic else three
        kept = batched_nms(one, two, kinds, iou_threshold)[:most]
        results.append({"boxes": one[kept], "scores": two[kept], "labels": three[kept]})
    return results


_CANDIDATES = 1000
