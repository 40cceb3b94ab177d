"""One sample made of two, and labels to match."""

from __future__ import annotations

import numpy as np

from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, clipped, covered, visible_share
from zincir.data.augment.checks import bad, whole_number
from zincir.data.augment.draws import Draws, beta
from zincir.data.augment.regions import paste
from zincir.data.augment.transform import Mixing, Numbers, Size
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line


class MixUp(Mixing):
    """Each image blended with the one before it in the batch; labels in the same proportion.

    `share * x + (1 - share) * x_before`, with a share of its own for each sample, of
    Beta(alpha, alpha). The partner is the one thing that depends on the batch.
    From Zhang et al., "mixup: beyond empirical risk minimization", https://arxiv.org/abs/1710.09412.

    With boxes, an image has those of both afterwards, its own first; labels may be left out then
    (as in Zhang et al., "Bag of freebies for training object detection neural networks",
    https://arxiv.org/abs/1902.04103).

    Args:
        alpha: the larger, the nearer the shares are to one half.
        num_classes: needed for labels (N,); labels (N, classes) are shares already.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images, labels = np.zeros((2, 1, 8, 8), np.float32), np.array([0, 2])
        >>> _, soft = Compose([MixUp(num_classes=3)])(images, labels, epoch=0, index=[0, 1])
        >>> soft.shape, soft.sum(1).tolist(), soft[:, 1].tolist()
        ((2, 3), [1.0, 1.0], [0.0, 0.0])
    """

    def __init__(self, alpha: float = 1.0, num_classes: int | None = None) -> None:
        self.alpha = alpha
        self.num_classes = num_classes
        _check("MixUp", self.alpha, self.num_classes)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 1): the share of the sample itself."""
        return beta(draws, "share", self.alpha)[:, None].astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        share = ar.each(numbers[:, 0])
        before = ar.real(ar.roll(images))
        return ar.typed(before + share * (ar.real(images) - before), images)

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """(N, 2K): those of both images."""
        return _together(boxes, _before(boxes))

    def apply_labels(self, labels: Array, numbers: Array) -> Array:
        """(N, classes)."""
        return _shared(_soft(labels, "MixUp", self.num_classes), numbers[:, 0:1])


class CutMix(Mixing):
    """A box of each image replaced by the same box of the one before it in the batch.

    The box has the share 1 - s of the area, with s of Beta(alpha, alpha), and its middle anywhere;
    labels are shared as the areas are in the end.
    From Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable
    features", https://arxiv.org/abs/1905.04899.

    With boxes, an image has its own, less what is covered of them, and of those of the other image
    what is inside; `Compose(min_visible=...)` drops small rests. Labels may be left out then.

    Args:
        alpha: the larger, the nearer the areas are to one half.
        num_classes: needed for labels (N,); labels (N, classes) are shares already.

    Example:
        >>> from zincir.data.augment import Compose
        >>> images = np.stack([np.zeros((1, 8, 8), np.float32), np.ones((1, 8, 8), np.float32)])
        >>> out, soft = Compose([CutMix(num_classes=2)])(images, np.array([0, 1]), epoch=0,
        ...     index=[0, 1])
        >>> bool(out[0].mean() == soft[0, 1])
        True
    """

    def __init__(self, alpha: float = 1.0, num_classes: int | None = None) -> None:
        self.alpha = alpha
        self.num_classes = num_classes
        _check("CutMix", self.alpha, self.num_classes)

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """(N, 5): top, left, bottom, right of the box, and the share of what is outside of it."""
        sides = np.array(size[1:])
        middle = draws.integers("middle", sides, 2)
        half = (0.5 * np.sqrt(1 - beta(draws, "share", self.alpha))[:, None] * sides).astype(int)
        box = np.concatenate(
            [np.clip(middle - half, 0, sides), np.clip(middle + half, 0, sides)], 1
        )
        area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
        share = 1 - area / max(size[1] * size[2], 1)
        return np.concatenate([box, share[:, None]], axis=1).astype(np.float32)

    def apply(self, images: Array, numbers: Array) -> Array:
        """The shape of `images`."""
        return paste(images, numbers[:, :4], ar.roll(images))

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """(N, 2K): what is left of the image's own, and what the piece shows of the others."""
        top, left, bottom, right = (numbers[:, k] for k in range(4))
        piece = left, top, right, bottom
        return _together(covered(boxes, piece), clipped(_before(boxes), piece))

    def apply_masks(self, masks: Array, numbers: Array, fill: int) -> Array:
        """Those of the other image inside of the piece."""
        return self.apply(masks, numbers)

    def apply_labels(self, labels: Array, numbers: Array) -> Array:
        """(N, classes)."""
        return _shared(_soft(labels, "CutMix", self.num_classes), numbers[:, 4:5])


def _before(boxes: Boxes) -> Boxes:
    """The boxes of the image before each in the batch."""
    return Boxes(*(None if part is None else ar.roll(part) for part in boxes))


def _together(one: Boxes, other: Boxes) -> Boxes:
    """(N, 2K): the boxes of both."""
    parts = [b._replace(visible=visible_share(b)) for b in (one, other)]
    return Boxes(*(ar.join([first, second], 1) for first, second in zip(*parts, strict=True)))


def _check(what: str, alpha: float, classes: int | None) -> None:
    if not 0 < alpha < np.inf:
        raise bad(f"{what}: alpha is not positive", "a number above 0", alpha)
    if classes is not None:
        whole_number(f"{what}: num_classes", classes, 1)


def _shared(soft: Array, share: Array) -> Array:
    """Labels of both images, by the share of the first, (N, 1)."""
    return soft * share + ar.roll(soft) * (1 - share)


def _soft(labels: Array, what: str, classes: int | None) -> Array:
    """Labels as shares (N, classes), float32."""
    if labels.ndim == 2:
        return ar.real(labels)
    if labels.ndim != 1 or classes is None:
        raise ShapeError(
            explain(
                f"{what}: labels cannot be mixed",
                where=user_line(),
                expected="(N,) classes and num_classes, or (N, classes) shares",
                got=f"{tuple(labels.shape)}, num_classes={classes}",
                try_=f"{what}(num_classes=10)",
            )
        )
    return ar.real(ar.real(labels[:, None]) == ar.steps(classes, labels))
