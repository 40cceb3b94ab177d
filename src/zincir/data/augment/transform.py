"""What a transform is, and a chain of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zincir.creation import from_numpy
from zincir.data.augment.arrays import Array
from zincir.data.augment.checks import bad, whole_number
from zincir.data.augment.draws import Draws
from zincir.errors import DTypeError, ShapeError, TraceError, explain
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

    def size_after(self, size: Size) -> Size:
        """Channels, height and width afterwards, from those before.

        Raises:
            ShapeError: images of that size cannot be transformed.
        """
        return size

    def draw(self, draws: Draws, size: Size) -> Numbers:
        """What will happen to each sample: (N, ...) float32, whatever `apply` understands."""
        return np.zeros((len(draws), 0), np.float32)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({arguments})"

    @abstractmethod
    def apply(self, images: Array, numbers: Array) -> Array:
        """Images (N, C, H, W) transformed: a function of its arguments, without chance."""


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

    Example:
        >>> from zincir.data import augment
        >>> chain = augment.Compose([augment.RandomCrop(8, padding=1), augment.Normalize(0.5, 0.5)])
        >>> images = np.zeros((2, 1, 8, 8), np.uint8)
        >>> chain(images, epoch=0, index=[40, 41]).shape
        (2, 1, 8, 8)
    """

    def __init__(self, transforms: Sequence[Transform], seed: int = 0) -> None:
        self.transforms = tuple(transforms)
        self.seed = whole_number("Compose: seed", seed)
        _check_order(self.transforms)
        kinds = [type(t).__name__ for t in self.transforms]
        self._names = [f"{kind} {kinds[:i].count(kind)}" for i, kind in enumerate(kinds)]

    def __repr__(self) -> str:
        inside = "".join(f"    {t!r},\n" for t in self.transforms)
        return f"Compose([\n{inside}], seed={self.seed})"

    def __call__(self, images: Array, labels: Array = None, *, epoch: int, index: Any) -> Any:
        """Transform a batch: `draw`, then `apply`.

        Args:
            images: (N, C, H, W), bytes or fractions from 0 to 1 as float32; an array or a tensor.
            labels: (N,) classes, or (N, classes) shares; needed for MixUp and CutMix.
            epoch: how often the data was gone through, from 0.
            index: (N,) the samples' numbers in the data set.

        Returns:
            The images, of the kind and type that came in (float32 after Normalize); with `labels`,
            both.

        Raises:
            TraceError: inside `zincir.compile`, where the numbers would be the same for ever.
        """
        if CURRENT.recording is not None:
            raise _drawn_for_ever()
        _check_images(images)
        return self.apply(images, self.draw(images.shape, epoch=epoch, index=index), labels)

    def draw(self, shape: Sequence[int], *, epoch: int, index: Any) -> tuple[Numbers, ...]:
        """The numbers for a batch of images of that shape, (N, C, H, W): an array each transform.

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
        for name, transform in zip(self._names, self.transforms, strict=True):
            after = transform.size_after(now)
            numbers.append(transform.draw(draws.of(name), now).astype(np.float32))
            now = after
        return tuple(numbers)

    def apply(self, images: Array, numbers: Sequence[Array], labels: Array = None) -> Any:
        """What the numbers say, done to images (and labels): without chance, in operations.

        On tensors it may be part of a step under `zincir.compile`, with the numbers as arguments.
        """
        _check_images(images)
        if labels is None and any(isinstance(t, Mixing) for t in self.transforms):
            raise bad("Compose: MixUp and CutMix need labels", "augment(images, labels, ...)", None)
        out: Any = images
        for transform, drawn in zip(self.transforms, self._fitting(numbers, images), strict=True):
            out = transform.apply(out, drawn)
            if isinstance(transform, Mixing):
                labels = transform.apply_labels(labels, drawn)
        if isinstance(out, Tensor):
            out = out.clone() if out is images else out
        elif np.may_share_memory(out, images):
            out = out.copy()
        return out if labels is None else (out, labels)

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
