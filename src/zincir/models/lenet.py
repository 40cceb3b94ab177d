"""LeNet-5, for digits."""

from __future__ import annotations

from zincir import nn
from zincir.errors import ArgumentError, explain
from zincir.graph.node import describe, here
from zincir.tensor import Tensor


class LeNet5(nn.Module):
    """LeNet-5 of LeCun et al. 1998 (https://doi.org/10.1109/5.726791), as it is built today.

    Two convolutions of 5x5 with pooling behind each, and three linear layers. Where it differs from
    the paper: pooling has no weights, the second convolution sees all six maps, and the outputs are
    logits. Weights start as PyTorch's layers do (the paper's rule belongs to its scaled tanh).

    Parameters: 61,706. Shape: (batch, in_channels, size, size) -> (batch, num_classes).

    Args:
        size: 32, as in the paper, or 28 (MNIST), which the first convolution pads.
        modern: ReLU and max pooling in place of tanh and average pooling.

    Example:
        >>> import zincir
        >>> model = LeNet5()
        >>> model(zincir.zeros(2, 1, 28, 28)).shape
        (2, 10)
        >>> sum(p.numel() for p in model.parameters())
        61706
    """

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, size: int = 28, modern: bool = False
    ) -> None:
        super().__init__()
        if size not in (28, 32):
            raise ArgumentError(
                explain(
                    "LeNet5: no such size",
                    where=describe(here()),
                    expected="28 or 32",
                    got=repr(size),
                    try_="nn.functional.pad, or interpolate, to 32x32",
                )
            )
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=2 if size == 28 else 0)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)
        self.pool = nn.MaxPool2d(2) if modern else nn.AvgPool2d(2)
        self.act = nn.ReLU() if modern else nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, size, size) -> (batch, num_classes)."""
        x = self.pool(self.act(self.conv1(x)))
        x = self.pool(self.act(self.conv2(x)))
        x = self.act(self.fc1(x.flatten(1)))
        return self.fc3(self.act(self.fc2(x)))
