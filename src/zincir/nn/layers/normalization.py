"""Layers that give activations mean 0 and variance 1, over the last axes or groups of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.creation import empty
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F, init
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType, Shape


class Affine(Module):
    """A norm that may scale and shift what it has normalised: y = x * weight + bias."""

    weight: Parameter | None
    bias: Parameter | None

    def _hold_affine(self, shape: Shape, weight: bool, bias: bool, dtype: DType | None) -> None:
        for name, there in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, Parameter(empty(shape, dtype=dtype)) if there else None)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


@described(bare=1)
class LayerNorm(Affine):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and var over the last axes.

    Shape: (..., *normalized_shape), unchanged; weight and bias have normalized_shape. The variance
    is the mean square (not corrected). From https://arxiv.org/abs/1607.06450.

    Example:
        >>> import zincir
        >>> y = LayerNorm(4)(zincir.tensor([[1.0, 2.0, 3.0, 4.0]]))
        >>> abs(y.mean().item()) < 1e-6, round(y.std(correction=0).item(), 4)
        (True, 1.0)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_device("LayerNorm", device)
        self.normalized_shape = _last_axes("LayerNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape, affine = self.normalized_shape, elementwise_affine
        self._hold_affine(shape, affine, affine and bias, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


@described(bare=1)
class RMSNorm(Module):
    """y = x / sqrt(mean(x * x) + eps) * weight, the mean being over the last axes.

    Shape: (..., *normalized_shape), unchanged; weight has normalized_shape.
    From https://arxiv.org/abs/1910.07467.

    Args:
        eps: None stands for the distance from 1 to the next number of the input's type.

    Example:
        >>> import zincir
        >>> RMSNorm(2, eps=0.0)(zincir.tensor([[3.0, -3.0]])).tolist()
        [[1.0, -1.0]]
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_device("RMSNorm", device)
        self.normalized_shape = _last_axes("RMSNorm", normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        value = Parameter(empty(self.normalized_shape, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", value)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


@described(bare=2)
class GroupNorm(Affine):
    """y = (x - mean) / sqrt(var + eps) * weight + bias for each group of channels of each example.

    Shape: (batch, num_channels, ...), unchanged; weight and bias have one number for each channel.
    From https://arxiv.org/abs/1803.08494.

    Args:
        num_groups: into how many groups of neighbours the channels are cut; it divides them.

    Example:
        >>> import zincir
        >>> GroupNorm(2, 4, eps=0.0)(zincir.tensor([[1.0, 3.0, 5.0, 9.0]])).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        check_device("GroupNorm", device)
        check_size("GroupNorm", num_groups=num_groups, num_channels=num_channels)
        if num_groups == 0 or num_channels % num_groups:
            raise ArgumentError(
                explain(
                    f"GroupNorm: {num_channels} channels cannot be cut into {num_groups} groups",
                    where=user_line(),
                    expected="num_groups, 1 or more, that divides num_channels",
                    got=f"num_groups={num_groups}, num_channels={num_channels}",
                )
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._hold_affine((num_channels,), affine, affine and bias, dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


@described(bare=1)
class LocalResponseNorm(Module):
    """y = x / (k + alpha * mean of x * x)**beta, the mean being over `size` channels around.

    Shape: (batch, channels, length, ...), unchanged. From section 3.3 of Krizhevsky et al. 2012,
    where alpha is 1 / size of the one here.

    Example:
        >>> import zincir
        >>> layer = LocalResponseNorm(2, alpha=2.0, beta=1.0, k=0.0)
        >>> layer(zincir.tensor([[[2.0], [0.0], [0.0]]])).tolist()[0][0]
        [0.5]
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        check_size("LocalResponseNorm", size=size)
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


def _last_axes(layer: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
    for n in shape:
        check_size(layer, normalized_shape=n)
    return tuple(shape)
