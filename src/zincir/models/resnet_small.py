"""Residual nets for images of 32x32, and their twins without shortcuts."""

from __future__ import annotations

from zincir import nn
from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.models.weights import start
from zincir.tensor import Tensor


class SmallBlock(nn.Module):
    """Two 3x3 convolutions, and a shortcut unless told otherwise.

    y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)). Where shapes differ, shortcut "A" keeps
    every `stride`-th pixel and adds channels of zeros, half of them before and half behind; "B" is
    a convolution of 1x1 with batch norm.

    Shape: (batch, inplanes, h, w) -> (batch, planes, h / stride, w / stride).

    Args:
        residual: whether there is a shortcut.
        norm: whether there is batch norm; without it convolutions have biases.

    Example:
        >>> import zincir
        >>> SmallBlock(4, 8, stride=2)(zincir.zeros(2, 4, 6, 6)).shape
        (2, 8, 3, 3)
    """

    downsample: nn.Module | None

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        shortcut: str = "A",
        residual: bool = True,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=not norm)
        self.bn1 = nn.BatchNorm2d(planes) if norm else nn.Identity()
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=not norm)
        self.bn2 = nn.BatchNorm2d(planes) if norm else nn.Identity()
        self.residual = residual
        self.stride = stride
        self.new_channels = planes - inplanes
        self.downsample = None
        if residual and shortcut == "B" and (stride != 1 or inplanes != planes):
            convolution = nn.Conv2d(inplanes, planes, 1, stride, bias=not norm)
            layers = [convolution, nn.BatchNorm2d(planes)] if norm else [convolution]
            self.downsample = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inplanes, h, w) -> (batch, planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + self._shortcut(x) if self.residual else y)

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.downsample is not None:
            return self.downsample(x)
        if self.stride != 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.new_channels:
            before = self.new_channels // 2
            x = nn.functional.pad(x, (0, 0, 0, 0, before, self.new_channels - before))
        return x


class SmallResNet(nn.Module):
    """The ResNets of He et al. 2015 for CIFAR (https://arxiv.org/abs/1512.03385, section 4.2).

    A 3x3 convolution, three stages of n blocks with 16, 32 and 64 channels, an average and a linear
    layer: 6n + 2 layers with weights. Names are those of torchvision's ResNets. Weights start He
    normal by fan_in, as the paper does.

    Shape: (batch, in_channels, height, width), made for 32x32 -> (batch, num_classes).

    Args:
        depth: 6n + 2: 20, 32, 44, 56 and 110 in the paper.
        shortcut: "A", the paper's, has no parameters; "B" a 1x1 convolution where shapes differ.
        residual: False leaves shortcuts out: the "plain" net of the same depth.
        norm: False leaves batch norm out.
        width: channels of the first stage.

    Example:
        >>> import zincir
        >>> model = SmallResNet(8, width=4)
        >>> model(zincir.zeros(2, 3, 32, 32)).shape
        (2, 10)
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        shortcut: str = "A",
        residual: bool = True,
        norm: bool = True,
        width: int = 16,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        _check(depth, shortcut)
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=not norm)
        self.bn1 = nn.BatchNorm2d(width) if norm else nn.Identity()
        self.relu = nn.ReLU()

        def stage(inplanes: int, planes: int, stride: int) -> nn.Sequential:
            first = SmallBlock(inplanes, planes, stride, shortcut, residual, norm)
            count = (depth - 2) // 6
            rest = [
                SmallBlock(planes, planes, 1, shortcut, residual, norm) for _ in range(1, count)
            ]
            return nn.Sequential(first, *rest)

        self.layer1 = stage(width, width, 1)
        self.layer2 = stage(width, 2 * width, 2)
        self.layer3 = stage(2 * width, 4 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(4 * width, num_classes)
        start(self, mode="fan_in", linear_std=(2 / (4 * width)) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) -> (batch, num_classes)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def _check(depth: int, shortcut: str) -> None:
    if depth < 8 or depth % 6 != 2:
        below = max(8, (depth - 2) // 6 * 6 + 2)
        raise ArgumentError(
            explain(
                "SmallResNet: no such depth",
                where=describe(here()),
                expected="6n + 2, from 8: 20, 32, 44, 56, 110",
                got=repr(depth),
                try_=f"depth={below}",
            )
        )
    if shortcut not in ("A", "B"):
        raise ArgumentError(
            explain(
                "SmallResNet: no such shortcut",
                where=describe(here()),
                expected="'A' (zeros, no parameters) or 'B' (a 1x1 convolution)",
                got=repr(shortcut),
                try_="residual=False, if none is wanted" if shortcut is None else "",
            )
        )


def resnet20(
    num_classes: int = 10,
    shortcut: str = "A",
    residual: bool = True,
    norm: bool = True,
    in_channels: int = 3,
) -> SmallResNet:
    """ResNet-20 for 32x32 images: 269,722 parameters (shortcut "B": 272,474).

    See `SmallResNet` for the arguments.
    Shape: (batch, in_channels, 32, 32) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet20().parameters())
    269722
    """
    return SmallResNet(20, num_classes, shortcut, residual, norm, in_channels=in_channels)


def resnet32(
    num_classes: int = 10,
    shortcut: str = "A",
    residual: bool = True,
    norm: bool = True,
    in_channels: int = 3,
) -> SmallResNet:
    """ResNet-32 for 32x32 images: 464,154 parameters.

    See `SmallResNet` for the arguments.
    Shape: (batch, in_channels, 32, 32) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet32().parameters())
    464154
    """
    return SmallResNet(32, num_classes, shortcut, residual, norm, in_channels=in_channels)


def resnet44(
    num_classes: int = 10,
    shortcut: str = "A",
    residual: bool = True,
    norm: bool = True,
    in_channels: int = 3,
) -> SmallResNet:
    """ResNet-44 for 32x32 images: 658,586 parameters.

    See `SmallResNet` for the arguments.
    Shape: (batch, in_channels, 32, 32) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet44().parameters())
    658586
    """
    return SmallResNet(44, num_classes, shortcut, residual, norm, in_channels=in_channels)


def resnet56(
    num_classes: int = 10,
    shortcut: str = "A",
    residual: bool = True,
    norm: bool = True,
    in_channels: int = 3,
) -> SmallResNet:
    """ResNet-56 for 32x32 images: 853,018 parameters.

    See `SmallResNet` for the arguments.
    Shape: (batch, in_channels, 32, 32) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet56().parameters())
    853018
    """
    return SmallResNet(56, num_classes, shortcut, residual, norm, in_channels=in_channels)


def resnet110(
    num_classes: int = 10,
    shortcut: str = "A",
    residual: bool = True,
    norm: bool = True,
    in_channels: int = 3,
) -> SmallResNet:
    """ResNet-110 for 32x32 images: 1,727,962 parameters.

    See `SmallResNet` for the arguments.
    Shape: (batch, in_channels, 32, 32) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet110().parameters())
    1727962
    """
    return SmallResNet(110, num_classes, shortcut, residual, norm, in_channels=in_channels)
