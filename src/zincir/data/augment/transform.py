"""What a transform is, and a chain of them."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zincir.creation import from_numpy
from zincir.data.augment import arrays as ar
from zincir.data.augment.arrays import Array
from zincir.data.augment.boxes import Boxes, clipped, without_small_rests
from zincir.data.augment.checks import bad, whole_number
from zincir.data.augment.draws import Draws
from zincir.errors import ArgumentError, DTypeError, ShapeError, TraceError, explain
from zincir.graph.node import user_line
from zincir.recording import CURRENT
from zincir.tensor import Tensor
from zincir.types import float32, uint8

Numbers: TypeAlias = npt.NDArray[np.float32]
Size: TypeAlias = tuple[int, int, int]
"""Channels, height and width of an image."""


_ARRAY: type[Any] = np.ndarray  # a name that checks without narrowing


class Transform(ABC):
    """Something that happens to images: `draw` says what, for each sample, and `apply` does it.

    Example:
        >>> class Fade(Transform):
        ...     def draw(self, draws, size):
        ...         return draws.uniform("share", 0.5, 1.0)
        ...     def apply(self, images, numbers):
        ...         return images * numbers[:, None, None, None]
        >>> x = Compose([Fade()])(np.ones((2, 1, 4, 4), np.float32), epoch=0, index=[0, 1])
        >>> bool(0.5 <= x.min() < x.max() <= 1.0)
        True
    """

    needs_colours = False
    """Whether pixels must still be bytes, or fractions from 0 to 1."""
    keeps_places = False
    """Whether all that is in an image stays where it is: then boxes and masks do, too."""
    looks_at_boxes = False
    """Whether `draw_at` is asked for numbers, which depend on boxes, and not `draw`."""
    _read_whole = True
    """A recording that reaches one compares all that it holds: the methods read it."""

    def size_after(self, size: Size) -> Size:
        """Channels, height and width afterwards, from those before.

        Raises:
            ShapeError: images of that size cannot be transformed.
        """
        return size

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """What will happen to each sample: (N, ...) float32, whatever `apply` understands."""
        return np.zeros((len(draws), 0), np.float32)

    def draw_at(self, draws: Draws, size: Size, boxes: Boxes) -> Numbers:
        """The same for a transform that looks at boxes: arrays, where they are by then."""
        return self.draw(draws, size)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"

    @abstractmethod
    def apply(self, images: Array, numbers: Array) -> Array:
        """Images (N, C, H, W) transformed: a function of its arguments, without chance."""

    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Where the boxes of images of that size are afterwards; not yet cut at the border.

        Raises:
            ArgumentError: the transform does not know.
        """
        if self.keeps_places:
            return boxes
        raise self._unknown("boxes", "apply_boxes")

    def apply_masks(self, masks: Array, numbers: Array, fill: int) -> Array:
        """Masks (N, M, H, W), float32 whole numbers, transformed as the images are.

        Args:
            masks: what each pixel is.
            numbers: as in `apply`.
            fill: what comes in from outside.

        Raises:
            ArgumentError: the transform does not know.
        """
        if self.keeps_places:
            return masks
        raise self._unknown("masks", "apply_masks")

    def _unknown(self, what: str, method: str) -> ArgumentError:
        return bad(
            f"{type(self).__name__} does not know what happens to {what}",
            "flips, crops, Pad, Resize, Letterbox, RandomAffine, Mosaic, changes of colour, "
            "CutMix, GaussianBlur, erasing; of boxes MixUp too",
            self,
            f"a chain without it; or give it a method {method} (or keeps_places = True)",
        )


class Geometric(Transform):
    """A transform that moves what is in an image: boxes and masks follow."""

    @abstractmethod
    def apply_boxes(self, boxes: Boxes, numbers: Array, size: Size) -> Boxes:
        """Where the boxes are afterwards; not yet cut at the border."""

    def apply_masks(self, masks: Array, numbers: Array, fill: int) -> Array:
        """As images, but each pixel is the nearest one."""
        return self._nearest(fill).apply(masks, numbers)

    def _nearest(self, fill: int) -> Transform:
        """The same transform without interpolation."""
        twin = copy.copy(self)
        for name, value in (("interpolation", "nearest"), ("fill", fill)):
            if hasattr(twin, name):
                setattr(twin, name, value)
        return twin


class Mixing(Transform):
    """A transform that makes one sample of two: the labels follow."""

    @abstractmethod
    def apply_labels(self, labels: Array, numbers: Array) -> Array:
        """Soft labels (N, classes), float32, for the images that `apply` returns."""


class Compose:
    """Transforms, one after the other, with numbers that belong to seed, epoch and sample.

    Args:
        transforms: what happens, in this order. Each draws numbers of its own, which stay the same
            when transforms of other kinds are added or taken away.
        seed: a whole number; another seed, other numbers.
        min_visible: boxes of which a smaller share of the area is left inside the image are
            dropped.
        mask_fill: what masks are where an image shows nothing of itself: in padding, beyond its
            border.

    Example:
        >>> from zincir.data import augment
        >>> chain = augment.Compose([augment.RandomCrop(8, padding=1), augment.Normalize(0.5, 0.5)])
        >>> images = np.zeros((2, 1, 8, 8), np.uint8)
        >>> chain(images, epoch=0, index=[40, 41]).shape
        (2, 1, 8, 8)
    """

    _read_whole = True
    """A recording that reaches one compares all that it holds: the methods read it."""

    def __init__(
        self,
        transforms: Sequence[Transform],
        seed: int = 0,
        *,
        min_visible: float = 0.1,
        mask_fill: int = 0,
    ) -> None:
        self.transforms = tuple(transforms)
        self.min_visible, self.mask_fill = min_visible, mask_fill
        if not 0 <= min_visible <= 1:
            raise bad("Compose: min_visible is not a share", "0 <= min_visible <= 1", min_visible)
        self.seed = whole_number("Compose: seed", seed)
        _check_order(self.transforms)
        kinds = [type(t).__name__ for t in self.transforms]
        self._names = [f"{kind} {kinds[:i].count(kind)}" for i, kind in enumerate(kinds)]

    def __repr__(self) -> str:
        inside = "".join(f"    {t!r},\n" for t in self.transforms)
        return f"Compose([\n{inside}], seed={self.seed})"

    def __call__(
        self,
        images: Array,
        labels: Array = None,
        *,
        epoch: int,
        index: Any,
        boxes: Boxes | None = None,
        masks: Array = None,
    ) -> Any:
        """Transform a batch: `draw`, then `apply`.

        Args:
            images: (N, C, H, W), bytes or fractions from 0 to 1 as float32; an array or a tensor.
            labels: (N,) classes, or (N, classes) shares; needed for MixUp and CutMix, unless MixUp
                has boxes.
            epoch: how often the data was gone through, from 0.
            index: (N,) the samples' numbers in the data set.
            boxes: of each image (`pad_boxes`); they are cut at the border, and dropped (their label
                becomes -1) where less than `min_visible` of them is left.
            masks: (N, H, W) or (N, M, H, W) whole numbers: what each pixel is. They follow without
                interpolation.

        Returns:
            The images, of the kind and type that came in (float32 after Normalize); with `labels`,
            `boxes` or `masks`, a tuple of the images and these, in this order.

        Raises:
            TraceError: inside `zincir.compile`, where the numbers would be the same for ever.
        """
        if CURRENT.recording is not None:
            raise _drawn_for_ever()
        _check_images(images)
        numbers = self.draw(images.shape, epoch=epoch, index=index, boxes=boxes)
        return self.apply(images, numbers, labels, boxes=boxes, masks=masks)

    def draw(
        self, shape: Sequence[int], *, epoch: int, index: Any, boxes: Boxes | None = None
    ) -> tuple[Numbers, ...]:
        """The numbers for a batch of images of that shape, (N, C, H, W): an array each transform.

        Args:
            shape: of the batch.
            epoch: how often the data was gone through, from 0.
            index: (N,) the samples' numbers in the data set.
            boxes: of each image, if a transform looks at them (RandomIoUCrop).

        Raises:
            ShapeError: one of the transforms has no use for such images.
        """
        _check_batch(tuple(shape))
        samples, *size = map(int, shape)
        draws = Draws(
            self.seed, whole_number("Compose: epoch", epoch), _checked_index(index, samples)
        )
        now: Size = (size[0], size[1], size[2])
        numbers: list[Numbers] = []
        looking = [i for i, t in enumerate(self.transforms) if t.looks_at_boxes]
        held = _arrays_of(boxes) if looking and boxes is not None else None
        for i, (name, transform) in enumerate(zip(self._names, self.transforms, strict=True)):
            after = transform.size_after(now)
            own = draws.of(name)
            if held is not None and transform.looks_at_boxes:
                drawn = transform.draw_at(own, now, held)
            else:
                drawn = transform.draw(own, now)
            numbers.append(drawn.astype(np.float32))
            if held is not None and i < looking[-1]:
                held = _followed(transform, held, numbers[-1], now, after)
            now = after
        return tuple(numbers)

    def apply(
        self,
        images: Array,
        numbers: Sequence[Array],
        labels: Array = None,
        *,
        boxes: Boxes | None = None,
        masks: Array = None,
    ) -> Any:
        """What the numbers say, done to images (and labels, boxes and masks): without chance, in
        operations.

        On tensors it may be part of a step under `zincir.compile`, with the numbers as arguments.
        """
        _check_images(images)
        mixes = any(isinstance(t, Mixing) for t in self.transforms)
        if labels is None and boxes is None and mixes:
            raise bad("Compose: MixUp and CutMix need labels", "augment(images, labels, ...)", None)
        out: Any = images
        fitting = self._fitting(numbers, images)
        for transform, drawn in zip(self.transforms, fitting, strict=True):
            out = transform.apply(out, drawn)
            if isinstance(transform, Mixing) and labels is not None:
                labels = transform.apply_labels(labels, drawn)
        if isinstance(out, Tensor):
            out = out.clone() if out is images else out
        elif np.may_share_memory(out, images):
            out = out.copy()
        results = [out] if labels is None else [out, labels]
        if boxes is not None:
            results.append(self._boxes(boxes, images, fitting))
        if masks is not None:
            results.append(self._masks(masks, images, fitting))
        return out if len(results) == 1 else tuple(results)

    def _boxes(self, boxes: Boxes, images: Array, numbers: Sequence[Array]) -> Boxes:
        """The boxes, where their images' contents are in the end."""
        _check_boxes(boxes, images)
        now: Size = (images.shape[1], images.shape[2], images.shape[3])
        for transform, drawn in zip(self.transforms, numbers, strict=True):
            after = transform.size_after(now)
            boxes = _followed(transform, boxes, drawn, now, after)
            now = after
        return without_small_rests(boxes, self.min_visible)

    def _masks(self, masks: Array, images: Array, numbers: Sequence[Array]) -> Array:
        """The masks of the images as they are in the end, of their own type."""
        _check_masks(masks, images)
        flat = masks.ndim == 3
        out = ar.real(masks[:, None] if flat else masks)
        for transform, drawn in zip(self.transforms, numbers, strict=True):
            out = transform.apply_masks(out, drawn, self.mask_fill)
        out = out[:, 0] if flat else out
        return out.to(masks.dtype) if isinstance(out, Tensor) else out.astype(masks.dtype)

    def _fitting(self, numbers: Sequence[Array], images: Array) -> Sequence[Array]:
        """`numbers`, of the kind of the images: arrays or tensors.

        Raises:
            ShapeError: they are not of this chain, or of a batch of this size.
            TraceError: they are constants of a step that is being recorded.
        """
        counts = [n.shape[0] for n in numbers]
        if counts != [images.shape[0]] * len(self.transforms):
            raise ShapeError(
                explain(
                    "Compose: the numbers are not those of this chain and batch",
                    where=user_line(),
                    expected=f"{len(self.transforms)} arrays for {images.shape[0]} samples",
                    got=f"{len(counts)} arrays for {sorted(set(counts))}",
                    try_="numbers = augment.draw(images.shape, epoch=e, index=i)",
                )
            )
        arrays = [n for n in numbers if not isinstance(n, Tensor)]
        if arrays and CURRENT.recording is not None:
            raise _drawn_for_ever()
        if isinstance(images, Tensor):
            return [n if isinstance(n, Tensor) else from_numpy(n) for n in numbers]
        return [np.asarray(n) for n in numbers]


def _check_order(transforms: tuple[Transform, ...]) -> None:
    normal = ""
    for transform in transforms:
        name = type(transform).__name__
        if not isinstance(transform, Transform):
            raise bad("Compose: not a transform", "instances, as in RandomCrop(32)", transform)
        if normal and transform.needs_colours:
            raise bad(
                f"Compose: {name} after Normalize, which leaves no colours",
                f"{name} first, then Normalize",
                [type(t).__name__ for t in transforms],
            )
        normal = normal or (name if name == "Normalize" else "")


def _followed(transform: Transform, boxes: Boxes, numbers: Array, size: Size, after: Size) -> Boxes:
    """Boxes behind a transform of images of that size, cut at the border of those after it."""
    if transform.keeps_places:
        return boxes
    return clipped(transform.apply_boxes(boxes, numbers, size), (0, 0, after[2], after[1]))


def _arrays_of(boxes: Boxes) -> Boxes:
    """Boxes as NumPy arrays."""
    parts = [p.detach().numpy() if isinstance(p, Tensor) else p for p in boxes]
    return Boxes(*parts)


def _drawn_for_ever() -> TraceError:
    return TraceError(
        explain(
            "Compose: inside zincir.compile, the numbers would be drawn once and for ever",
            where=user_line(),
            expected="images and numbers that come in as arguments",
            try_="numbers = augment.draw(x.shape, epoch=e, index=i) before the call, "
            "and augment.apply(x, numbers) inside",
        )
    )


def _check_batch(shape: tuple[int, ...]) -> None:
    if len(shape) != 4 or 0 in shape[1:]:
        raise ShapeError(
            explain(
                "augment: images are not a batch",
                where=user_line(),
                expected="(N, C, H, W), with at least one channel and pixel",
                got=str(shape),
                try_="images[:, None] adds the one channel of grey images, images[None] a batch",
            )
        )


def _check_images(images: Any) -> None:
    known = isinstance(images, (Tensor, _ARRAY))
    if known:
        _check_batch(tuple(images.shape))
    if not known or images.dtype not in (np.uint8, np.float32, uint8, float32):
        raise DTypeError(
            explain(
                "augment: not images",
                where=user_line(),
                expected="a NumPy array or a tensor of uint8, or of float32 from 0 to 1",
                got=f"{type(images).__name__} {getattr(images, 'dtype', '')}".strip(),
                try_="images.astype(numpy.float32)" if known else "",
            )
        )


def _check_boxes(boxes: Boxes, images: Array) -> None:
    shape = tuple(boxes.places.shape)
    good = len(shape) == 3 and (shape[0], shape[2]) == (images.shape[0], 4)
    alike = isinstance(boxes.places, Tensor) == isinstance(images, Tensor)
    if good and alike and tuple(boxes.labels.shape) == shape[:2]:
        return
    raise ShapeError(
        explain(
            "augment: boxes do not belong to these images",
            where=user_line(),
            expected=f"Boxes of places ({images.shape[0]}, K, 4) and labels ({images.shape[0]}, K)"
            f", {'tensors' if isinstance(images, Tensor) else 'arrays'} as the images are",
            got=f"places {shape}, labels {tuple(boxes.labels.shape)}, "
            f"{type(boxes.places).__name__}",
            try_="pad_boxes(targets)",
        )
    )


def _check_masks(masks: Any, images: Array) -> None:
    shape = tuple(masks.shape)
    fits = len(shape) in (3, 4) and (shape[0], *shape[-2:]) == (
        images.shape[0],
        images.shape[2],
        images.shape[3],
    )
    if not fits or isinstance(masks, Tensor) != isinstance(images, Tensor):
        raise ShapeError(
            explain(
                "augment: masks do not belong to these images",
                where=user_line(),
                expected=f"(N, H, W) or (N, M, H, W) of images {tuple(images.shape)}, arrays or "
                "tensors as these are",
                got=f"{type(masks).__name__} {shape}",
            )
        )


def _checked_index(index: Any, samples: int) -> npt.NDArray[np.int64]:
    numbers = np.asarray(index)
    if numbers.shape != (samples,):
        raise ShapeError(
            explain(
                "augment: index does not say which samples these are",
                where=user_line(),
                expected=f"({samples},): for each image, its number in the data set",
                got=str(numbers.shape),
            )
        )
    if samples and (numbers.dtype.kind not in "iu" or numbers.min() < 0):
        raise bad("augment: index has something else than numbers of samples", "ints from 0", index)
    return numbers.astype(np.int64)
