"""A layer that is linear in each of two inputs."""

from __future__ import annotations

import math
from typing import Any

from zincir.creation import empty
from zincir.nn import functional as F, init
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


@described()
class Bilinear(Module):
    """y[k] = input1 @ weight[k] @ input2 + bias[k].

    Shape: (..., in1_features), (..., in2_features) -> (..., out_features); weight is
    (out_features, in1_features, in2_features). Both start uniform in +-1 / sqrt(in1_features).

    Example:
        >>> import zincir
        >>> Bilinear(20, 30, 40)(zincir.ones(8, 20), zincir.ones(8, 30)).shape
        (8, 40)
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_size("Bilinear", in1_features=in1_features, in2_features=in2_features)
        check_size("Bilinear", out_features=out_features)
        check_device("Bilinear", device)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, dtype=dtype))
        made = Parameter(empty(out_features, dtype=dtype)) if bias else None
        self.register_parameter("bias", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw first values again."""
        bound = 1.0 / math.sqrt(max(self.in1_features, 1))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)
