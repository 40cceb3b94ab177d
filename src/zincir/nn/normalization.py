"""Layers that give activations a mean and a spread of their own."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.creation import empty
from zincir.nn import functional as F, init
from zincir.nn.checks import check_size
from zincir.nn.module import Module
from zincir.nn.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and var over the last axes.

    Shape: (..., *normalized_shape), unchanged; weight and bias have normalized_shape. The variance
    is the mean square (not corrected). From https://arxiv.org/abs/1607.06450.

    Example:
        >>> import zincir
        >>> y = LayerNorm(4)(zincir.tensor([[1.0, 2.0, 3.0, 4.0]]))
        >>> abs(y.mean().item()) < 1e-6, round(y.std(correction=0).item(), 4)
        (True, 1.0)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        for n in shape:
            check_size("LayerNorm", normalized_shape=n)
        self.normalized_shape = tuple(shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, there in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            value = Parameter(empty(self.normalized_shape, dtype=dtype)) if there else None
            self.register_parameter(name, value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The shape of x."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )
