"""Residual nets for photographs, with torchvision's names."""

from __future__ import annotations

from zincir import nn
from zincir.models.weights import start
from zincir.tensor import Tensor


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).

    Shape: (batch, inplanes, h, w) -> (batch, planes, h / stride, w / stride).

    Args:
        downsample: what brings x to the shape of the sum; without it x is added as it is.

    Example:
        >>> import zincir
        >>> BasicBlock(4, 4)(zincir.zeros(2, 4, 6, 6)).shape
        (2, 4, 6, 6)
    """

    expansion = 1
    downsample: nn.Module | None

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inplanes, h, w) -> (batch, planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Convolutions of 1x1, 3x3 and 1x1 and a shortcut; four times as many channels go out.

    The 3x3 has the stride, as in torchvision ("v1.5"), not the first 1x1 of the paper.

    Shape: (batch, inplanes, h, w) -> (batch, 4 * planes, h / stride, w / stride).

    Args:
        downsample: what brings x to the shape of the sum; without it x is added as it is.

    Example:
        >>> import zincir
        >>> Bottleneck(8, 2)(zincir.zeros(2, 8, 6, 6)).shape
        (2, 8, 6, 6)
    """

    expansion = 4
    downsample: nn.Module | None

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inplanes, h, w) -> (batch, 4 * planes, h / stride, w / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """ResNet of He et al. 2015 (https://arxiv.org/abs/1512.03385) with torchvision's names.

    A 7x7 convolution and pooling, four stages of blocks, an average, a linear layer. Convolutions
    start He normal by fan_out, the linear layer as PyTorch has it.

    Shape: (batch, in_channels, height, width), made for 224x224 -> (batch, num_classes).

    Args:
        block: `BasicBlock` or `Bottleneck`.
        layers: how many of them in each stage.
        zero_init_residual: begin with blocks that give their shortcut
            (https://arxiv.org/abs/1706.02677).
        width: channels of the first stage before expansion; 64 in the paper.

    Example:
        >>> import zincir
        >>> model = ResNet(BasicBlock, (1, 1, 1, 1), num_classes=5, width=4)
        >>> model(zincir.zeros(2, 3, 40, 40)).shape
        (2, 5)
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: tuple[int, int, int, int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        width: int = 64,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        self._channels = width
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = self._stage(block, width, layers[0], 1)
        self.layer2 = self._stage(block, 2 * width, layers[1], 2)
        self.layer3 = self._stage(block, 4 * width, layers[2], 2)
        self.layer4 = self._stage(block, 8 * width, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width * block.expansion, num_classes)
        start(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    assert last.weight is not None
                    nn.init.zeros_(last.weight)

    def _stage(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, count: int, stride: int
    ) -> nn.Sequential:
        """`count` blocks, the first of which brings its input to the new shape."""
        out = planes * block.expansion
        downsample = None
        if stride != 1 or self._channels != out:
            downsample = nn.Sequential(
                nn.Conv2d(self._channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        blocks = [block(self._channels, planes, stride, downsample)]
        self._channels = out
        return nn.Sequential(*blocks, *[block(out, planes) for _ in range(1, count)])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) -> (batch, num_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """ResNet-18 (https://arxiv.org/abs/1512.03385, table 1): 11,689,512 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet18().parameters())
    11689512
    """
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, zero_init_residual)


def resnet34(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """ResNet-34 (https://arxiv.org/abs/1512.03385, table 1): 21,797,672 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet34().parameters())
    21797672
    """
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, zero_init_residual)


def resnet50(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """ResNet-50 (https://arxiv.org/abs/1512.03385, table 1): 25,557,032 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet50().parameters())
    25557032
    """
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, zero_init_residual)


def resnet101(num_classes: int = 1000, zero_init_residual: bool = False) -> ResNet:
    """ResNet-101 (https://arxiv.org/abs/1512.03385, table 1): 44,549,160 parameters.

    Shape: (batch, 3, 224, 224) -> (batch, num_classes).

    >>> sum(p.numel() for p in resnet101().parameters())
    44549160
    """
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, zero_init_residual)
