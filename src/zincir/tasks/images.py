"""Images: which class an image belongs to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from zincir import nn
from zincir.creation import tensor
from zincir.data import (
    FASHION_MNIST_CLASSES,
    ImageFolder,
    augment,
    load_digits,
    load_fashion_mnist,
    stratified_split,
)
from zincir.data.decoding import IMAGE_EXTENSIONS, read_image
from zincir.errors import DataError, DataNotFound, explain
from zincir.generator import Generator
from zincir.models import MobileNetV2, SmallResNet, resnet18
from zincir.tasks import pictures
from zincir.tasks.options import Options
from zincir.tasks.task import Asked, Models, Split, Task, check_parts
from zincir.tensor import Tensor
from zincir.types import float32

SIZE = 32
"""Of images in files, if nothing else is said."""
TRAIN, VALIDATION = ("train",), ("validation", "valid", "val", "test")
"""Folders in which parts of the data may lie."""


class Images(Task):
    """A folder of images for each class, all in one folder or in `train` and `validation`; or the
    name of a data set: digits, fashion-mnist.
    """

    name = "image"

    def __init__(
        self, names: Sequence[str], shape: Sequence[int], mean: Sequence[float],
        spread: Sequence[float],
    ) -> None:  # fmt: skip
        self._classes = list(names)
        self.shape = tuple(shape)
        """Channels, height and width."""
        self.mean, self.spread = list(mean), list(spread)

    @classmethod
    def begin(cls, data: str, options: Options) -> tuple[Task, Split]:
        names, train, validation = _parts(data, options, options.size or SIZE)
        x = train[0]
        if len(names) < 2:
            raise DataError(
                explain("image: there is one class only", got=", ".join(names) or "none")
            )
        mean = (x.mean((0, 2, 3)) / 255).tolist()
        spread = (np.maximum(x.std((0, 2, 3)) / 255, 1e-3)).tolist()
        return cls(names, x.shape[1:], mean, spread), Split(train, validation)

    def changes(self, options: Options) -> Any:
        if not options.augment:
            return None
        size = self.shape[1]
        chain = [augment.RandomCrop(size, padding=size // 8), augment.RandomHorizontalFlip()]
        return augment.Compose(chain, seed=options.seed)

    def load(self, data: str) -> tuple[Any, Any]:
        if data in _KNOWN:
            names, _, (x, y) = _KNOWN[data]()
            if x.shape[1:] != self.shape:
                raise DataError(
                    explain("image: images of another size or with other colours",
                            expected=str(self.shape), got=str(x.shape[1:]))
                )  # fmt: skip
            return x, self.labels_of(names)[y]
        folder = ImageFolder(_inside(Path(data), VALIDATION) or data, size=self.shape[1],
                             mode=self._mode)  # fmt: skip
        labels = self.labels_of(folder.classes)
        x, y = _arrays(folder, range(len(folder)))
        return x, labels[y]

    @property
    def _mode(self) -> str:
        return "L" if self.shape[0] == 1 else "RGB"

    def inputs(self, items: Sequence[str]) -> Asked:
        files = image_files(items)
        images = [read_image(file, mode=self._mode, size=self.shape[1]) for file in files]
        return Asked(files, np.stack(images))

    def pictures(self, inputs: Any, targets: Any, outputs: Any, folder: str) -> None:
        super().pictures(inputs, targets, outputs, folder)
        shares = nn.functional.softmax(outputs, 1).numpy()
        figure = pictures.mistakes(inputs, shares, np.asarray(targets), self._classes)
        pictures.save(figure, folder, "mistakes.png")

    def state_dict(self) -> dict[str, Any]:
        return {
            "classes": self._classes,
            "shape": list(self.shape),
            "mean": self.mean,
            "spread": self.spread,
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Images:
        return cls(state["classes"], state["shape"], state["mean"], state["spread"])

    @property
    def classes(self) -> list[str] | None:
        return self._classes

    models: ClassVar[Models] = {
        "resnet8": lambda task: _small(task, 8),
        "resnet14": lambda task: _small(task, 14),
        "resnet20": lambda task: _small(task, 20),
        "resnet18": lambda task: _large(task, resnet18),
        "mobilenet": lambda task: _large(task, MobileNetV2),
        "mlp": lambda task: nn.Sequential(
            Pixels(task.mean, task.spread), nn.Flatten(),
            nn.Linear(math.prod(task.shape), 256), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(256, len(task.classes)),
        ),
    }  # fmt: skip


class Pixels(nn.Module):
    """Bytes as numbers around 0: (x / 255 - mean) / spread, for each channel.

    Shape: (batch, channels, height, width), unchanged.

    Example:
        >>> import zincir
        >>> Pixels([0.5], [0.5])(zincir.full((1, 1, 1, 1), 255, dtype=zincir.uint8)).item()
        1.0
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, mean: Sequence[float], spread: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", tensor(list(mean))[:, None, None])
        self.register_buffer("spread", tensor(list(spread))[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return (x.to(float32) / 255 - self.mean) / self.spread


def _small(task: Images, depth: int) -> nn.Module:
    net = SmallResNet(depth, num_classes=len(task.classes or ()), in_channels=task.shape[0])
    return nn.Sequential(Pixels(task.mean, task.spread), net)


def _large(task: Images, make: Callable[..., nn.Module]) -> nn.Module:
    net = make(num_classes=len(task.classes or ()))
    if task.shape[0] == 1:
        return nn.Sequential(Pixels(task.mean, task.spread), Grey(), net)
    return nn.Sequential(Pixels(task.mean, task.spread), net)


class Grey(nn.Module):
    """One channel as three equal ones.

    Example:
        >>> import zincir
        >>> Grey()(zincir.ones(1, 1, 2, 2)).shape
        (1, 3, 2, 2)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, height, width) -> (batch, 3, height, width)."""
        return x.expand(-1, 3, -1, -1)


def image_files(items: Sequence[str]) -> list[str]:
    """Files that are named, and the images in folders that are.

    Raises:
        DataNotFound: there are none.
    """
    files: list[str] = []
    for item in items:
        path = Path(item)
        found = [p for p in path.rglob("*") if p.suffix.lower() in IMAGE_EXTENSIONS]
        files += sorted(map(str, found)) if path.is_dir() else [item]
    if not files:
        raise DataNotFound(explain(f"there are no images in {', '.join(items)}"))
    return files


Parts = tuple[list[str], tuple[Any, Any], tuple[Any, Any]]


def _digits() -> Parts:
    digits = load_digits()
    scale = 255 / max(1.0, float(digits.train_images.max()))
    parts = (digits.train_images, digits.test_images)
    train, test = ((x.reshape(-1, 1, 8, 8) * scale).astype(np.uint8) for x in parts)
    names = [str(k) for k in range(10)]
    return names, (train, digits.train_labels), (test, digits.test_labels)


def _clothes() -> Parts:
    clothes = load_fashion_mnist()
    return (
        list(FASHION_MNIST_CLASSES),
        (clothes.train_images.reshape(-1, 1, 28, 28), clothes.train_labels),
        (clothes.test_images.reshape(-1, 1, 28, 28), clothes.test_labels),
    )


_KNOWN: dict[str, Callable[[], Parts]] = {"digits": _digits, "fashion-mnist": _clothes}


def _inside(root: Path, names: Sequence[str]) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _parts(data: str, options: Options, size: int) -> Parts:
    if data in _KNOWN:
        return _KNOWN[data]()
    root = Path(data)
    if not root.is_dir():
        raise DataNotFound(
            explain(
                f"image: there is no folder {data}",
                expected=f"a folder of folders, or one of {', '.join(_KNOWN)}",
            )
        )
    train, validation = _inside(root, TRAIN), _inside(root, VALIDATION)
    if train is not None and validation is not None:
        one, two = (ImageFolder(part, size=size) for part in (train, validation))
        if one.classes != two.classes:
            raise DataError(
                explain(
                    "image: the parts have different classes",
                    expected=", ".join(one.classes),
                    got=", ".join(two.classes),
                )
            )
        return one.classes, _arrays(one, range(len(one))), _arrays(two, range(len(two)))
    whole = ImageFolder(data, size=size)
    generator = Generator().manual_seed(options.seed)
    shares = [1 - options.validation, options.validation]
    parts = stratified_split(whole, shares, generator)
    check_parts("image", [len(part) for part in parts])
    return whole.classes, _arrays(whole, parts[0].indices), _arrays(whole, parts[1].indices)


def _arrays(folder: ImageFolder, numbers: Any) -> tuple[Any, Any]:
    """Images as bytes (N, C, H, W), and labels."""
    pairs = [folder[int(i)] for i in numbers]
    images = np.stack([image for image, _ in pairs])
    return images, np.array([label for _, label in pairs], np.int64)
