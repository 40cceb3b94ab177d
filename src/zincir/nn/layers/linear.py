"""Layers that are linear in their input."""

from __future__ import annotations

import math
from typing import Any

from zincir.creation import empty
from zincir.nn import functional as F, init
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.described import described
from zincir.nn.module.lazy import Lazy
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.nn.module.uninitialized import is_lazy
from zincir.tensor import Tensor
from zincir.types import DType, Shape


class Identity(Module):
    """Gives back what it gets; takes, and ignores, any arguments.

    Example:
        >>> import zincir
        >>> Identity()(zincir.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


@described()
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

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)


class LazyLinear(Lazy, Linear):
    """`Linear` whose in_features are the size of the last axis of its first input.

    Before the first call, weight and bias are `UninitializedParameter`s without a shape, and an
    optimizer does not take them: call the net once on a batch, then make the optimizer. The first
    call makes the layer a `Linear`. All lazy layers do so.

    Shape: (..., any) -> (..., out_features).

    Example:
        >>> import zincir
        >>> layer = LazyLinear(30)
        >>> layer
        LazyLinear(in_features=0, out_features=30, bias=True)
        >>> layer(zincir.ones(128, 20)).shape
        (128, 30)
        >>> layer
        Linear(in_features=20, out_features=30, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(0, out_features, bias, device, dtype)

    def _channels_of(self, x: Shape) -> int:
        if not x:
            self._refuse(x, "(..., any number of features)")
        return x[-1] if is_lazy(self.weight) else self.weight.shape[1]

    def _ordinary(self, channels: int, dtype: DType) -> Module:
        return Linear(channels, self.out_features, self.bias is not None, dtype=dtype)

    def _learn(self, channels: int) -> None:
        self.in_features = channels
