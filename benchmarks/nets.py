"""The convolutional nets of the benchmark, written once.

`torch` is PyTorch, Zincir or `benchmarks.nets_jax`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Net:
    """A net, what it is fed, and how it is trained."""

    build: Callable[[ModuleType], Any]
    inputs: tuple[int, ...]
    """Channels and sizes of one input."""
    batch: int
    optimizer: str
    classes: int = 10
    dense: bool = False
    """Whether every place has a label, rather than every image."""


def cnn(torch: ModuleType) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 10),
    )


def vgg(torch: ModuleType) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * 8 * 8, 10),
    )


def series(torch: ModuleType) -> Any:
    nn = torch.nn
    layers: list[Any] = []
    for k in range(6):
        layers += [nn.Conv1d(64 if k else 8, 64, 5, padding=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 10))


def residual(torch: ModuleType, widths: tuple[int, ...], blocks: int, pool: bool) -> Any:
    """ResNet with two 3x3 convolutions in a block and 1x1 convolutions where the shape changes."""
    nn, relu = torch.nn, torch.nn.functional.relu

    class Block(nn.Module):
        def __init__(self, before: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.shortcut = None
            if stride != 1 or before != width:
                down = nn.Conv2d(before, width, 1, stride, bias=False)
                self.shortcut = nn.Sequential(down, nn.BatchNorm2d(width))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
            return relu(y + (x if self.shortcut is None else self.shortcut(x)))

    layers: list[Any] = [
        nn.Conv2d(3, widths[0], 7 if pool else 3, 2 if pool else 1, 3 if pool else 1, bias=False),
        nn.BatchNorm2d(widths[0]),
        nn.ReLU(),
        *([nn.MaxPool2d(3, 2, 1)] if pool else []),
    ]
    before = widths[0]
    for stage, width in enumerate(widths):
        for k in range(blocks):
            layers.append(Block(before, width, 2 if stage and not k else 1))
            before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))


def resnet20(torch: ModuleType) -> Any:
    return residual(torch, (16, 32, 64), 3, pool=False)


def resnet18(torch: ModuleType) -> Any:
    return residual(torch, (64, 128, 256, 512), 2, pool=True)


def mobile(torch: ModuleType) -> Any:
    nn = torch.nn
    layers: list[Any] = [nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    before = 32
    for width, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        layers += [
            nn.Conv2d(before, before, 3, stride, 1, groups=before, bias=False),
            nn.BatchNorm2d(before),
            nn.ReLU(),
            nn.Conv2d(before, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def unet(torch: ModuleType) -> Any:
    nn = torch.nn

    def double(before: int, width: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList([double(3, 16), double(16, 32), double(32, 64)])
            self.bottom = double(64, 128)
            pairs = ((128, 64), (64, 32), (32, 16))
            self.grow = nn.ModuleList([nn.ConvTranspose2d(n, m, 2, 2) for n, m in pairs])
            self.up = nn.ModuleList([double(n, m) for n, m in pairs])
            self.last = nn.Conv2d(16, 4, 1)

        def forward(self, x: Any) -> Any:
            kept = []
            for block in self.down:
                kept.append(block(x))
                x = nn.functional.max_pool2d(kept[-1], 2)
            x = self.bottom(x)
            for grow, block in zip(self.grow, self.up, strict=True):
                x = block(torch.cat([kept.pop(), grow(x)], 1))
            return self.last(x)

    return UNet()


NETS = {
    "CNN 1-32-64, 28x28": Net(cnn, (1, 28, 28), 64, "Adam"),
    "ResNet-20, 32x32": Net(resnet20, (3, 32, 32), 128, "SGD"),
    "ResNet-18, 64x64": Net(resnet18, (3, 64, 64), 32, "SGD"),
    "VGG 64-64-128-128, 32x32": Net(vgg, (3, 32, 32), 32, "SGD"),
    "MobileNet, 32x32": Net(mobile, (3, 32, 32), 64, "SGD"),
    "U-Net, 64x64, base 16": Net(unet, (3, 64, 64), 16, "SGD", 4, dense=True),
    "1-d, 6 x 64, length 512": Net(series, (8, 512), 64, "SGD"),
}
