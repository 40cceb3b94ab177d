"""The rarer activations: CELU, RReLU, a threshold, and those that shrink small numbers."""

from __future__ import annotations

from zincir.calling import takes_out
from zincir.errors import ArgumentError, explain
from zincir.generator import default_generator
from zincir.graph.node import Node, user_line
from zincir.nn.functional.activation import leaky_relu
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import abs, compare, where
from zincir.operations.elementwise import expm1, tanh
from zincir.operations.random import uniform
from zincir.operations.source import alias, bent, detach
from zincir.tensor import Tensor, wrap
from zincir.types import size


@at_user_line
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Computes x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere.

    From https://arxiv.org/abs/1704.07483.

    >>> import zincir
    >>> celu(zincir.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    if alpha == 0:
        raise ArgumentError(explain("celu: alpha is 0", where=user_line()))
    x = _given(input, "celu", inplace)
    low = compare("le", x, 0.0)
    y = where(low, expm1(where(low, x, 0.0) / alpha) * alpha, x)
    return _out(y, input, inplace)


@takes_out
@at_user_line
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Computes x where |x| > lambd, 0 elsewhere.

    >>> import zincir
    >>> hardshrink(zincir.tensor([-1.0, 0.5, 2.0])).tolist()
    [-1.0, 0.0, 2.0]
    """
    x = floats(input, "hardshrink: input")
    return wrap(bent(where(compare("le", abs(x), lambd), 0.0, x), x))


@takes_out
@at_user_line
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Computes x, nearer to 0 by `lambd`; 0 where |x| <= lambd.

    >>> import zincir
    >>> softshrink(zincir.tensor([-1.0, 0.5, 2.0])).tolist()
    [-0.5, 0.0, 1.5]
    """
    if lambd < 0:
        raise ArgumentError(
            explain("softshrink: lambd is negative", where=user_line(), got=str(lambd))
        )
    x = floats(input, "softshrink: input")
    flat = detach(x) * 0.0  # NaN stays
    low = where(compare("lt", x, -lambd), x + lambd, flat)
    return wrap(bent(where(compare("gt", x, lambd), x - lambd, low), x))


@at_user_line
def tanhshrink(input: Tensor) -> Tensor:
    """Computes x - tanh(x).

    >>> import zincir
    >>> tanhshrink(zincir.tensor([0.0])).tolist()
    [0.0]
    """
    x = node_of(input, "tanhshrink: input")
    return wrap(x - tanh(x))


@at_user_line
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Computes x where x > threshold, `value` elsewhere; NaN stays.

    >>> import zincir
    >>> threshold(zincir.tensor([0.0, 2.0]), 1.0, 20.0).tolist()
    [20.0, 2.0]
    """
    x = node_of(input, "threshold: input")
    x = alias(x) if inplace else x
    return _out(bent(where(compare("le", x, threshold), value, x, x.dtype), x), input, inplace)


@at_user_line
def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Computes x where x > 0, a * x elsewhere, with an a drawn for each element.

    From https://arxiv.org/abs/1505.00853.

    In evaluation a is the mean of `lower` and `upper`, between which it is drawn in training.

    >>> import zincir
    >>> rrelu(zincir.tensor([-4.0, 2.0]), 0.25, 0.75).tolist()
    [-2.0, 2.0]
    """
    if lower > upper:
        raise ArgumentError(
            explain("rrelu: lower is above upper", where=user_line(), got=f"{lower}, {upper}")
        )
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    x = _given(input, "rrelu", inplace)
    drawn = uniform(default_generator.draw(size(x.shape)), x.shape, x.dtype)
    y = where(compare("le", x, 0.0), x * (drawn * (upper - lower) + lower), x)
    return _out(bent(y, x), input, inplace)


def _given(input: Tensor, what: str, inplace: bool) -> Node:
    """The node of a floating tensor; if that is to be changed, of what it was before."""
    x = floats(input, f"{what}: input")
    return alias(x) if inplace else x


def _out(node: Node, input: Tensor, inplace: bool) -> Tensor:
    return input.copy_(wrap(node)) if inplace else wrap(node)
