"""Max pooling undone, as layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from zincir.nn import functional as F
from zincir.nn.functional.windows import Sizes
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described()
class _MaxUnpool(Module):
    """What the way back from maximum pooling is made with."""

    _function: ClassVar[Callable[..., Any]]

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        window = (self.kernel_size, self.stride, self.padding)
        return type(self)._function(input, indices, *window, output_size)


class MaxUnpool1d(_MaxUnpool):
    """Each element back where it stood, zeros elsewhere.

    Shape: (batch, channels, n) or (channels, n) -> the same with
    (n - 1) * stride - 2 * padding + kernel_size for n.

    Example:
        >>> import zincir
        >>> pool, unpool = zincir.nn.MaxPool1d(2, return_indices=True), MaxUnpool1d(2)
        >>> unpool(*pool(zincir.tensor([[1.0, 4.0, 3.0, 2.0]]))).tolist()
        [[0.0, 4.0, 3.0, 0.0]]
    """

    _function = F.max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """Each element back where it stood, zeros elsewhere.

    Shape: (batch, channels, height, width) or without the batch -> the same with
    (n - 1) * stride - 2 * padding + kernel_size for each size n; called with what `MaxPool2d` with
    `return_indices` returned, and `output_size` where several sizes are pooled to the same.

    Example:
        >>> import zincir
        >>> pool, unpool = zincir.nn.MaxPool2d(2, return_indices=True), MaxUnpool2d(2)
        >>> unpool(*pool(zincir.arange(4.0).reshape(1, 2, 2))).tolist()
        [[[0.0, 0.0], [0.0, 3.0]]]
    """

    _function = F.max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """Each element back where it stood, zeros elsewhere.

    Shape: (batch, channels, depth, height, width) or without the batch; else as `MaxUnpool2d`.

    Example:
        >>> import zincir
        >>> pool, unpool = zincir.nn.MaxPool3d(2, return_indices=True), MaxUnpool3d(2)
        >>> unpool(*pool(zincir.ones(1, 2, 4, 6)), output_size=(2, 4, 7)).shape
        (1, 2, 4, 7)
    """

    _function = F.max_unpool3d
