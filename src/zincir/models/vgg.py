"""VGG nets: convolutions of 3x3, one after the other."""

from __future__ import annotations

from zincir import nn
from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.models.weights import start
from zincir.tensor import Tensor

# How many convolutions stand before each of the five poolings (table 1 of the paper).
_STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def _features(depth: int, in_channels: int, width: int, norm: bool) -> nn.Sequential:
    """The convolutions, under torchvision's numbers."""
    if depth not in _STAGES:
        raise ArgumentError(
            explain(
                "VGG: no such depth",
                where=describe(here()),
                expected="11, 13, 16 or 19",
                got=repr(depth),
            )
        )
    layers: list[nn.Module] = []
    for stage, count in enumerate(_STAGES[depth]):
        channels = width * min(2**stage, 8)
        for _ in range(count):
            layers.append(nn.Conv2d(in_channels, channels, 3, padding=1))
            layers += [nn.BatchNorm2d(channels)] if norm else []
            layers.append(nn.ReLU())
            in_channels = channels
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """VGG of Simonyan and Zisserman 2014 (https://arxiv.org/abs/1409.1556), torchvision's form.

    Stages of 3x3 convolutions, each with ReLU, halve the image five times; three linear layers
    follow. Names, and first values (He normal by fan_out; linear layers normal with std 0.01), are
    torchvision's: `features.N`, `classifier.N`.

    Shape: (batch, in_channels, height, width), from 32x32, made for 224x224 ->
    (batch, num_classes).

    Args:
        depth: layers with weights: 11, 13, 16 or 19.
        norm: batch norm behind every convolution.
        dropout: how much of the linear layers is switched off in training.

    Example:
        >>> from zincir.models import summary
        >>> summary(VGG(11), (1, 3, 224, 224)).parameters
        132863336
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 1000,
        norm: bool = False,
        dropout: float = 0.5,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.features = _features(depth, in_channels, 64, norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        start(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) -> (batch, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class SmallVGG(nn.Module):
    """VGG for small images: the same stages, narrower if wanted, and one linear layer.

    The stages are those of https://arxiv.org/abs/1409.1556; what is left of the image is averaged.
    First values are those of `VGG`. Parameters with the defaults: 9,231,114.

    Shape: (batch, in_channels, height, width), from 32x32 -> (batch, num_classes).

    Args:
        depth: layers with weights in the big net: 11, 13, 16 or 19.
        width: channels of the first stage; the last has eight times as many.
        norm: batch norm behind every convolution. The deeper ones hardly train without.

    Example:
        >>> import zincir
        >>> SmallVGG(width=4)(zincir.zeros(2, 3, 32, 32)).shape
        (2, 10)
    """

    def __init__(
        self,
        depth: int = 11,
        num_classes: int = 10,
        width: int = 64,
        norm: bool = True,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self.features = _features(depth, in_channels, width, norm)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(8 * width, num_classes)
        start(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) -> (batch, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def vgg11(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-11 (https://arxiv.org/abs/1409.1556, column A): 132,863,336 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg11().features)
    21
    """
    return VGG(11, num_classes, False, dropout)


def vgg11_bn(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-11 with batch norm: 132,868,840 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg11_bn().features)
    29
    """
    return VGG(11, num_classes, True, dropout)


def vgg13(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-13 (https://arxiv.org/abs/1409.1556, column B): 133,047,848 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg13().features)
    25
    """
    return VGG(13, num_classes, False, dropout)


def vgg13_bn(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-13 with batch norm: 133,053,736 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg13_bn().features)
    35
    """
    return VGG(13, num_classes, True, dropout)


def vgg16(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-16 (https://arxiv.org/abs/1409.1556, column D): 138,357,544 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg16().features)
    31
    """
    return VGG(16, num_classes, False, dropout)


def vgg16_bn(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-16 with batch norm: 138,365,992 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg16_bn().features)
    44
    """
    return VGG(16, num_classes, True, dropout)


def vgg19(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-19 (https://arxiv.org/abs/1409.1556, column E): 143,667,240 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg19().features)
    37
    """
    return VGG(19, num_classes, False, dropout)


def vgg19_bn(num_classes: int = 1000, dropout: float = 0.5) -> VGG:
    """VGG-19 with batch norm: 143,678,248 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> len(vgg19_bn().features)
    53
    """
    return VGG(19, num_classes, True, dropout)
