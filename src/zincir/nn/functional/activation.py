"""Activation functions, with PyTorch's names, defaults and gradients.

Where a formula has two branches, the argument of the branch not taken is replaced by a harmless
number, so that no gradient of infinity times zero can arise in it.
"""

from __future__ import annotations

import math
import warnings

from zincir.calling import takes_out
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import lower
from zincir.nn.module.user_line import at_user_line, floats, in_steps, node_of
from zincir.operations import composed
from zincir.operations.arithmetic import abs, bitwise, compare, refuse_bool, where
from zincir.operations.composed import logical_not
from zincir.operations.elementwise import erf, exp, expm1, log1p, sigmoid as _sigmoid, tanh as _tanh
from zincir.operations.movement import reshape, slice_
from zincir.operations.source import alias, bent, detach
from zincir.tensor import Tensor, wrap
from zincir.types import DType, uint8

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@at_user_line
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), element by element; the gradient at 0 is 0.

    >>> import zincir
    >>> relu(zincir.tensor([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return _out(composed.relu(node_of(input, "relu: input")), input, inplace)


@at_user_line
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Computes x where x > 0, negative_slope * x elsewhere (Maas et al. 2013).

    >>> import zincir
    >>> leaky_relu(zincir.tensor([-4.0, 2.0]), 0.25).tolist()
    [-1.0, 2.0]
    """
    x = _given(input, "leaky_relu", inplace)
    return _out(bent(where(compare("gt", x, 0.0), x, x * negative_slope), x), input, inplace)


@lower
@at_user_line
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Computes x where x > 0, weight * x elsewhere (He et al. 2015, https://arxiv.org/abs/1502.01852).

    `weight` has one element, or one for each channel: the second axis of `input`.

    >>> import zincir
    >>> prelu(zincir.tensor([[-4.0, -4.0]]), zincir.tensor([0.25, 0.5])).tolist()
    [[-1.0, -2.0]]
    """
    x, w = floats(input, "prelu: input"), floats(weight, "prelu: weight")
    channels = x.shape[1] if x.ndim > 1 else 1
    count = w.shape[0] if w.ndim == 1 else 1 if w.ndim == 0 else -1
    if count not in (1, channels):
        raise ShapeError(
            explain(
                "prelu: weight does not fit the channels",
                where=user_line(),
                expected=f"(1,) or ({channels},), one for each channel of input {x.shape}",
                got=str(w.shape),
                try_=f"PReLU(num_parameters={channels})",
            )
        )
    w = reshape(w, (channels,) + (1,) * (x.ndim - 2) if count > 1 else ())
    return wrap(bent(where(compare("gt", x, 0.0), x, x * w), x))


@at_user_line
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Computes x where x > 0, alpha * (exp(x) - 1) elsewhere (https://arxiv.org/abs/1511.07289).

    >>> import zincir
    >>> elu(zincir.tensor([0.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return _out(_elu(_given(input, "elu", inplace), alpha), input, inplace)


def _elu(x: Node, alpha: float) -> Node:
    low = compare("le", x, 0.0)
    return where(low, expm1(where(low, x, 0.0)) * alpha, x)


@at_user_line
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Computes scale * elu(x, alpha) with the constants of https://arxiv.org/abs/1706.02515.

    >>> import zincir
    >>> selu(zincir.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0507010221481323]
    """
    return _out(_elu(_given(input, "selu", inplace), SELU_ALPHA) * SELU_SCALE, input, inplace)


@takes_out
@at_user_line
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Computes x * Phi(x), Phi being the normal distribution (https://arxiv.org/abs/1606.08415).

    `approximate="tanh"`: 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))).

    >>> import zincir
    >>> gelu(zincir.tensor([0.0, 10.0])).tolist()
    [0.0, 10.0]
    """
    x = floats(input, "gelu: input")
    if approximate == "tanh":
        inner = (x * x * 0.044715 + 1.0) * x * math.sqrt(2.0 / math.pi)
        return wrap(x * 0.5 * (_tanh(inner) + 1.0))
    if approximate != "none":
        raise ArgumentError(
            explain(
                "gelu: unknown approximation", expected="'none' or 'tanh'", got=f"{approximate!r}"
            )
        )
    return wrap(x * 0.5 * (erf(x * math.sqrt(0.5)) + 1.0))


@at_user_line
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Computes x * sigmoid(x), also called swish (https://arxiv.org/abs/1702.03118).

    >>> import zincir
    >>> silu(zincir.tensor([0.0, 100.0])).tolist()
    [0.0, 100.0]
    """
    x = _given(input, "silu", inplace)
    return _out(x * _sigmoid(x), input, inplace)


@at_user_line
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Computes x * tanh(softplus(x)) (https://arxiv.org/abs/1908.08681).

    >>> import zincir
    >>> mish(zincir.tensor([0.0, 100.0])).tolist()
    [0.0, 100.0]
    """
    x = _given(input, "mish", inplace)
    return _out(x * _tanh(softplus_of(x)), input, inplace)


@at_user_line
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x)).

    >>> import zincir
    >>> sigmoid(zincir.tensor([0.0, 100.0])).tolist()
    [0.5, 1.0]
    """
    return wrap(_sigmoid(node_of(input, "sigmoid: input")))


@at_user_line
def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent.

    >>> import zincir
    >>> tanh(zincir.tensor([0.0, 100.0])).tolist()
    [0.0, 1.0]
    """
    return wrap(_tanh(node_of(input, "tanh: input")))


@takes_out
@at_user_line
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold.

    >>> import zincir
    >>> softplus(zincir.tensor([0.0, 100.0])).tolist()
    [0.6931471824645996, 100.0]
    """
    x = floats(input, "softplus: input")
    scaled = x if beta == 1.0 else x * beta
    y = softplus_of(scaled)
    return wrap(where(compare("gt", scaled, threshold), x, y if beta == 1.0 else y / beta))


def softplus_of(x: Node) -> Node:
    """log(1 + exp(x)), accurate everywhere: max(x, 0) + log1p(exp(-|x|)).

    Both branches are chosen by one condition, so that derivatives of any order hold at 0 too.
    """
    negative = compare("lt", x, 0.0)
    return where(negative, 0.0, x) + log1p(exp(where(negative, x, -x)))


@takes_out
@at_user_line
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), accurate for very negative x.

    >>> import zincir
    >>> logsigmoid(zincir.tensor([-100.0])).tolist()
    [-100.0]
    """
    return wrap(-softplus_of(-floats(input, "logsigmoid: input")))


@at_user_line
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Computes x * relu6(x + 3) / 6 (https://arxiv.org/abs/1905.02244).

    >>> import zincir
    >>> hardswish(zincir.tensor([-4.0, 0.0, 4.0])).tolist()
    [-0.0, 0.0, 4.0]
    """
    x = _given(input, "hardswish", inplace)
    low, high = compare("le", x, -3.0), compare("lt", x, 3.0)
    between = bitwise("and", high, logical_not(low))
    inner = where(between, x, 0.0)
    flat = detach(x) * 0.0  # NaN for -inf
    y = where(between, inner * (inner + 3.0) * (1.0 / 6.0), where(low, flat, x))
    return _out(y, input, inplace)


@at_user_line
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6.

    >>> import zincir
    >>> hardsigmoid(zincir.tensor([-4.0, 0.0, 4.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    x = _given(input, "hardsigmoid", inplace)
    inside = bitwise("and", compare("gt", x, -3.0), compare("lt", x, 3.0))
    ends = _between(detach(x) * (1.0 / 6.0) + 0.5, 0.0, 1.0)
    return _out(bent(where(inside, x * (1.0 / 6.0) + 0.5, ends), x), input, inplace)


@at_user_line
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x, cut off at min_val and max_val; the gradient at both ends is 0.

    >>> import zincir
    >>> hardtanh(zincir.tensor([-4.0, 0.5, 4.0])).tolist()
    [-1.0, 0.5, 1.0]
    """
    if min_val > max_val:
        raise ArgumentError(
            explain(
                "hardtanh: min_val is above max_val",
                where=user_line(),
                got=f"min_val={min_val}, max_val={max_val}",
            )
        )
    x = node_of(input, "hardtanh: input")
    return _out(_between(x, *_bounds(x, min_val, max_val)), input, inplace)


@at_user_line
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6).

    >>> import zincir
    >>> relu6(zincir.tensor([-4.0, 0.5, 40.0])).tolist()
    [0.0, 0.5, 6.0]
    """
    x = node_of(input, "relu6: input")
    return _out(_between(x, *_bounds(x, 0.0, 6.0)), input, inplace)


def _bounds(x: Node, low: float, high: float) -> tuple[float, float]:
    """Bounds as numbers of the type of `x`, which may be an integer one."""
    refuse_bool("hardtanh", x)
    if x.dtype is uint8 and low < 0:
        raise ArgumentError(
            explain(
                "hardtanh: cannot do hardtanh on an unsigned type with a negative limit",
                where=user_line(),
                got=f"min_val={low}",
            )
        )
    return (low, high) if x.dtype.category == 2 else (int(low), int(high))


def _between(x: Node, low: float, high: float) -> Node:
    cut = where(compare("ge", x, high), high, x)
    return bent(where(compare("le", x, low), low, cut), x)


@at_user_line
@in_steps
def softsign(input: Tensor) -> Tensor:
    """Computes x / (1 + |x|).

    >>> import zincir
    >>> softsign(zincir.tensor([-1.0, 3.0])).tolist()
    [-0.5, 0.75]
    """
    x = node_of(input, "softsign: input")
    return wrap(x / (abs(x) + 1))


@at_user_line
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Computes a * sigmoid(b), a and b being the halves of the input along `dim`.

    Shape: (..., 2 n, ...) -> (..., n, ...). From https://arxiv.org/abs/1612.08083.

    >>> import zincir
    >>> glu(zincir.tensor([3.0, 0.0])).tolist()
    [1.5]
    """
    x = floats(input, "glu: input")
    axis = composed.one_axis(dim, x.ndim)
    if x.ndim == 0 or x.shape[axis] % 2:
        raise ShapeError(
            explain(
                "glu: the halved dimension must have an even size",
                where=user_line(),
                got=f"{x.shape}, dim={dim}",
            )
        )
    half = x.shape[axis] // 2
    sizes = tuple(half if k == axis else n for k, n in enumerate(x.shape))
    start = tuple(half if k == axis else 0 for k in range(x.ndim))
    a = slice_(x, (0,) * x.ndim, (1,) * x.ndim, sizes)
    return wrap(a * _sigmoid(slice_(x, start, (1,) * x.ndim, sizes)))


@at_user_line
def softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`, which must be given.

    >>> import zincir
    >>> softmax(zincir.tensor([0.0, 0.0]), dim=0).tolist()
    [0.5, 0.5]
    """
    x = node_of(input, "softmax: input")
    return wrap(composed.softmax(x, _chosen(dim, x, "softmax"), dtype))


@at_user_line
def log_softmax(input: Tensor, dim: int | None = None, dtype: DType | None = None) -> Tensor:
    """log(softmax(x)) along `dim`, accurate where the softmax is near 0.

    >>> import zincir
    >>> log_softmax(zincir.tensor([0.0, 100.0]), dim=0).tolist()
    [-100.0, 0.0]
    """
    x = node_of(input, "log_softmax: input")
    return wrap(composed.log_softmax(x, _chosen(dim, x, "log_softmax"), dtype))


def _given(input: Tensor, what: str, inplace: bool) -> Node:
    """The node of a floating tensor; if that is to be changed, of what it was before."""
    x = floats(input, f"{what}: input")
    return alias(x) if inplace else x


def _chosen(dim: int | None, x: Node, what: str) -> int:
    """`dim`, or the one that PyTorch takes when it is not given, with a warning."""
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {what} has been deprecated. Change the call to include"
            " dim=X as an argument.",
            UserWarning,
            stacklevel=4,
        )
        return 0 if x.ndim in (0, 1, 3) else 1
    return dim


def _out(node: Node, input: Tensor, inplace: bool) -> Tensor:
    return input.copy_(wrap(node)) if inplace else wrap(node)
