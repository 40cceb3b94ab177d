"""MobileNetV2: nets for small machines."""

from __future__ import annotations

from zincir import nn
from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.models.weights import start
from zincir.tensor import Tensor

# Expansion, channels, blocks and stride of each stage (table 2 of the paper).
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _divisible(channels: float) -> int:
    """The nearest multiple of 8 that takes away no more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def _layer(inp: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inp, out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    """More channels by 1x1, a 3x3 for each channel by itself, fewer by 1x1, and a shortcut.

    There is no activation behind the last convolution, and a shortcut only where shapes agree.

    Shape: (batch, inp, h, w) -> (batch, oup, h / stride, w / stride).

    Args:
        expand_ratio: how many times `inp` the channels in between are; 1 leaves the first 1x1 out.

    Example:
        >>> import zincir
        >>> InvertedResidual(4, 8, 2, 6)(zincir.zeros(2, 4, 6, 6)).shape
        (2, 8, 3, 3)
    """

    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int) -> None:
        super().__init__()
        hidden = inp * expand_ratio
        layers: list[nn.Module] = [_layer(inp, hidden, 1)] if expand_ratio != 1 else []
        self.conv = nn.Sequential(
            *layers,
            _layer(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, bias=False),
            nn.BatchNorm2d(oup),
        )
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inp, h, w) -> (batch, oup, h / stride, w / stride)."""
        y = self.conv(x)
        return x + y if self.use_res_connect else y


class MobileNetV2(nn.Module):
    """MobileNetV2 of Sandler et al. 2018 (https://arxiv.org/abs/1801.04381).

    Seventeen blocks of thin ends and wide middles. Names, and first values (He normal by fan_out;
    linear layer normal with std 0.01), are torchvision's: `features.N`, `classifier.1`.

    Parameters with the defaults: 3,504,872. Shape: (batch, 3, height, width), made for 224x224 ->
    (batch, num_classes).

    Args:
        width_mult: how many times the paper's channels each layer has, rounded to multiples of 8.
        dropout: how much of the last average is switched off in training.
        output_stride: how many times smaller than the image the last map is: 32, as in the paper;
            16 or 8 make the first one or two strides of 2 into 1. 8 suits images of 32x32.

    Example:
        >>> import zincir
        >>> model = MobileNetV2(num_classes=10, width_mult=0.1, output_stride=8)
        >>> model.eval()(zincir.zeros(1, 3, 16, 16)).shape
        (1, 10)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        dropout: float = 0.2,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise ArgumentError(
                explain(
                    "MobileNetV2: no such output_stride",
                    where=describe(here()),
                    expected="32, 16 or 8",
                    got=repr(output_stride),
                )
            )
        channels = _divisible(32 * width_mult)
        last = _divisible(1280 * max(1.0, width_mult))
        layers: list[nn.Module] = [_layer(3, channels, 3, 2 if output_stride == 32 else 1)]
        for stage, (expansion, planes, blocks, stride) in enumerate(_STAGES):
            out = _divisible(planes * width_mult)
            for block in range(blocks):
                step = 1 if block or (stage == 1 and output_stride == 8) else stride
                layers.append(InvertedResidual(channels, out, step, expansion))
                channels = out
        self.features = nn.Sequential(*layers, _layer(channels, last, 1))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        start(self, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width) -> (batch, num_classes)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def mobilenet_v2(
    num_classes: int = 1000, width_mult: float = 1.0, dropout: float = 0.2, output_stride: int = 32
) -> MobileNetV2:
    """`MobileNetV2` under torchvision's name: 3,504,872 parameters with the defaults.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> sum(p.numel() for p in mobilenet_v2().parameters())
    3504872
    """
    return MobileNetV2(num_classes, width_mult, dropout, output_stride)
