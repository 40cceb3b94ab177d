"""Nets to measure a machine with, written for whatever library has PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Library = Any
"""`zincir` or `torch`."""


@dataclass(frozen=True)
class Workload:
    """A net, its batches, and how it is trained."""

    name: str
    what: str
    make: Callable[[Library], Any]
    inputs: Callable[[np.random.Generator], np.ndarray[Any, Any]]
    classes: int
    optimizer: str = "AdamW"

    def batch(self, library: Library) -> tuple[Any, Any]:
        """Inputs and labels, the same in each library."""
        draws = np.random.default_rng(0)
        x = self.inputs(draws)
        y = draws.integers(0, self.classes, len(x))
        return library.tensor(x), library.tensor(y)


def _pictures(count: int, *shape: int) -> Callable[[np.random.Generator], np.ndarray[Any, Any]]:
    return lambda draws: draws.standard_normal((count, *shape), dtype=np.float32)


def _words(
    count: int, length: int, kinds: int
) -> Callable[[np.random.Generator], np.ndarray[Any, Any]]:
    def draw(draws: np.random.Generator) -> np.ndarray[Any, Any]:
        return draws.integers(0, kinds, (count, length))

    return draw


def _mlp(library: Library) -> Any:
    nn = library.nn
    return nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )


def _cnn(library: Library) -> Any:
    nn, layers, before = library.nn, list[Any](), 3
    for channels in (32, 64, 128):
        layers += [nn.Conv2d(before, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 16, 10))


def _lstm(library: Library) -> Any:
    nn = library.nn
    base: Any = nn.Module

    class Net(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.words = nn.Embedding(1000, 64)
            self.lstm = nn.LSTM(64, 128, batch_first=True)
            self.head = nn.Linear(128, 4)

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(self.words(x))[0][:, -1])

    return Net()


def _transformer(library: Library) -> Any:
    nn = library.nn
    base: Any = nn.Module

    class Net(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.words = nn.Embedding(1000, 128)
            layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, "gelu", batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.head = nn.Linear(128, 4)

        def forward(self, x: Any) -> Any:
            return self.head(self.layers(self.words(x)).mean(1))

    return Net()


WORKLOADS = {
    w.name: w
    for w in (
        Workload("mlp", "784-512-512-10", _mlp, _pictures(128, 784), 10),
        Workload("cnn", "3 convolutions, 32 x 32", _cnn, _pictures(64, 3, 32, 32), 10, "SGD"),
        Workload("lstm", "128 units, 32 words", _lstm, _words(64, 32, 1000), 4),
        Workload("transformer", "2 layers of 128, 64 words", _transformer, _words(32, 64, 1000), 4),
    )
}
"""By name."""
