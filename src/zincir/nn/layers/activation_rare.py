"""The rarer activations as layers: no state, the same shape out as in."""

from __future__ import annotations

from zincir.nn import functional as F
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described(unless_default="inplace")
class CELU(Module):
    """x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere (https://arxiv.org/abs/1704.07483).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> CELU()(zincir.tensor([0.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)


@described(bare=1)
class Hardshrink(Module):
    """x where |x| > lambd, 0 elsewhere.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Hardshrink()(zincir.tensor([-1.0, 0.5, 2.0])).tolist()
        [-1.0, 0.0, 2.0]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.hardshrink(input, self.lambd)


@described(bare=1)
class Softshrink(Module):
    """x, nearer to 0 by `lambd`; 0 where |x| <= lambd.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Softshrink()(zincir.tensor([-1.0, 0.5, 2.0])).tolist()
        [-0.5, 0.0, 1.5]
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return F.softshrink(input, self.lambd)


class Tanhshrink(Module):
    """x - tanh(x).

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Tanhshrink()(zincir.tensor([0.0])).tolist()
        [0.0]
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.tanhshrink(input)


@described(unless_default="inplace")
class Threshold(Module):
    """x where x > threshold, `value` elsewhere.

    Shape: any, unchanged.

    Example:
        >>> import zincir
        >>> Threshold(1.0, 20.0)(zincir.tensor([0.0, 2.0])).tolist()
        [20.0, 2.0]
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)


@described(unless_default="inplace")
class RReLU(Module):
    """x where x > 0, a * x elsewhere, with an a drawn for each element.

    In evaluation a is the mean of `lower` and `upper`, between which it is drawn in training.

    Shape: any, unchanged. From https://arxiv.org/abs/1505.00853.

    Example:
        >>> import zincir
        >>> RReLU(0.25, 0.75).eval()(zincir.tensor([-4.0, 2.0])).tolist()
        [-2.0, 2.0]
    """

    def __init__(
        self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False
    ) -> None:
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)
