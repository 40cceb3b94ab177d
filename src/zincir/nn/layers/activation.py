"""Activation functions as layers: no state, the same shape out as in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from zincir.creation import empty
from zincir.nn import functional as F, init
from zincir.nn.module.checks import check_device, check_size
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.nn.module.parameter import Parameter
from zincir.tensor import Tensor
from zincir.types import DType


@described()
class _InPlace(Module):
    """An activation without numbers of its own.

    Args:
        inplace: write the result into the input.
    """

    _function: ClassVar[Callable[..., Tensor]]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return type(self)._function(input, self.inplace)


class ReLU(_InPlace):
    """max(x, 0); the gradient at 0 is 0.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> ReLU()(zincir.tensor([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    _function = F.relu


class ReLU6(_InPlace):
    """min(max(x, 0), 6).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> ReLU6()(zincir.tensor([-1.0, 2.0, 9.0])).tolist()
        [0.0, 2.0, 6.0]
    """

    _function = F.relu6


class SELU(_InPlace):
    """scale * elu(x, alpha), with the constants of https://arxiv.org/abs/1706.02515.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> SELU()(zincir.tensor([0.0])).tolist()
        [0.0]
    """

    _function = F.selu


class SiLU(_InPlace):
    """x * sigmoid(x), also called swish (https://arxiv.org/abs/1702.03118).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> SiLU()(zincir.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """

    _function = F.silu


class Mish(_InPlace):
    """x * tanh(softplus(x)) (https://arxiv.org/abs/1908.08681).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Mish()(zincir.tensor([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """

    _function = F.mish


class Hardswish(_InPlace):
    """x * relu6(x + 3) / 6 (https://arxiv.org/abs/1905.02244).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Hardswish()(zincir.tensor([-4.0, 0.0, 4.0])).tolist()
        [-0.0, 0.0, 4.0]
    """

    _function = F.hardswish


class Hardsigmoid(_InPlace):
    """relu6(x + 3) / 6.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Hardsigmoid()(zincir.tensor([-4.0, 0.0, 4.0])).tolist()
        [0.0, 0.5, 1.0]
    """

    _function = F.hardsigmoid


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Sigmoid()(zincir.tensor([0.0, 100.0])).tolist()
        [0.5, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Tanh()(zincir.tensor([0.0, 100.0])).tolist()
        [0.0, 1.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanh(input)


class LogSigmoid(Module):
    """log(sigmoid(x)), accurate for very negative x.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> LogSigmoid()(zincir.tensor([-100.0])).tolist()
        [-100.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Softsign()(zincir.tensor([-1.0, 3.0])).tolist()
        [-0.5, 0.75]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.softsign(input)


@described()
class LeakyReLU(Module):
    """x where x > 0, negative_slope * x elsewhere (Maas et al. 2013).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> LeakyReLU(0.25)(zincir.tensor([-4.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)


@described()
class ELU(Module):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (https://arxiv.org/abs/1511.07289).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> ELU()(zincir.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)


@described()
class GELU(Module):
    """x * Phi(x), Phi being the normal distribution (https://arxiv.org/abs/1606.08415).

    Shape: any, unchanged. `approximate="tanh"` computes
    0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))).

    Example:
        >>> import zincir
        >>> GELU()(zincir.tensor([0.0, 10.0])).tolist()
        [0.0, 10.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, self.approximate)


@described()
class Hardtanh(Module):
    """x, cut off at min_val and max_val.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Hardtanh()(zincir.tensor([-4.0, 0.5, 4.0])).tolist()
        [-1.0, 0.5, 1.0]
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


@described()
class Softplus(Module):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Softplus()(zincir.tensor([0.0, 100.0])).tolist()
        [0.6931471824645996, 100.0]
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)


@described()
class Softmax(Module):
    """exp(x) / sum(exp(x)) along `dim`.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Softmax(dim=0)(zincir.tensor([0.0, 0.0])).tolist()
        [0.5, 0.5]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.softmax(input, self.dim)


@described()
class LogSoftmax(Module):
    """log(softmax(x)) along `dim`, accurate where the softmax is near 0.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> LogSoftmax(dim=0)(zincir.tensor([0.0, 100.0])).tolist()
        [-100.0, 0.0]
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.log_softmax(input, self.dim)


@described()
class GLU(Module):
    """a * sigmoid(b), a and b being the halves of the input along `dim`.

    Shape: (..., 2 n, ...) -> (..., n, ...). From https://arxiv.org/abs/1612.08083.

    Example:
        >>> import zincir
        >>> GLU()(zincir.tensor([3.0, 0.0])).tolist()
        [1.5]
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)


@described(hidden="init")
class PReLU(Module):
    """x where x > 0, weight * x elsewhere, with a trained weight.

    Shape: any, unchanged. From https://arxiv.org/abs/1502.01852.

    Args:
        num_parameters: 1, or the number of channels (the second axis).
        init: the first value of the weight.

    Example:
        >>> import zincir
        >>> PReLU()(zincir.tensor([-4.0, 2.0])).tolist()
        [-1.0, 2.0]
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        check_size("PReLU", num_parameters=num_parameters)
        self.num_parameters = num_parameters
        self.init = init
        check_device("PReLU", device)
        self.weight = Parameter(empty(num_parameters, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The first value again."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)
