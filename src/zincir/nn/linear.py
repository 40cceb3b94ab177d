"""Layers that are linear in their input."""

from __future__ import annotations

import math
from typing import Any

from zincir.creation import empty
from zincir.nn import functional as F, init
from zincir.nn.checks import check_device, check_size
from zincir.nn.module import Module
from zincir.nn.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


class Identity(Module):
    """Gives back what it gets; takes, and ignores, any arguments.

    Example:
        >>> import zincir
        >>> Identity()(zincir.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Computes x."""
        return x


class Linear(Module):
    """y = x @ weight.T + bias.

    Shape: (..., in_features) -> (..., out_features); weight is (out_features, in_features).
    Both start uniform in +-1 / sqrt(in_features), as PyTorch has it.

    Example:
        >>> import zincir
        >>> layer = Linear(20, 30)
        >>> layer(zincir.ones(128, 20)).shape
        (128, 30)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_size("Linear", in_features=in_features, out_features=out_features)
        check_device("Linear", device)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_features, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first values again."""
        bound = 1.0 / math.sqrt(self.in_features) if self.in_features else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Flatten(Module):
    """Axes start_dim to end_dim made one.

    Shape: (N, A, B, C) -> (N, A * B * C) with the defaults.

    Example:
        >>> import zincir
        >>> Flatten()(zincir.ones(8, 1, 28, 28)).shape
        (8, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Fewer axes, the same elements."""
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
