"""First values of parameters. Every function fills a tensor in place and returns it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.autograd import no_grad
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.generator import Generator, default_generator
from zincir.graph.node import Node, describe, here
from zincir.half import converted
from zincir.operations import random
from zincir.tensor import Tensor, from_array, wrap
from zincir.types import size

Array = np.ndarray[Any, Any]

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d",
           "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid")  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity, as PyTorch has it.

    linear, convolutions and sigmoid: 1; tanh: 5/3; relu: sqrt(2); selu: 3/4;
    leaky_relu: sqrt(2 / (1 + param**2)), with param = 0.01 unless given.

    >>> calculate_gain("relu")
    1.4142135623730951
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    known = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    if nonlinearity not in known:
        raise ArgumentError(
            explain(
                "calculate_gain: unknown nonlinearity",
                expected=", ".join([*_LINEAR, "leaky_relu", *known]),
                got=repr(nonlinearity),
            )
        )
    return known[nonlinearity]


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with uniform numbers from a to b.

    >>> import zincir
    >>> x = uniform_(zincir.empty(1000), 2.0, 3.0)
    >>> bool((x >= 2).all() and (x < 3).all())
    True
    """
    return _filled(tensor, _uniform(tensor, generator) * (b - a) + a)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers.

    >>> import zincir
    >>> normal_(zincir.empty(3), mean=5.0, std=0.0).tolist()
    [5.0, 5.0, 5.0]
    """
    return _filled(tensor, _normal(tensor, generator) * std + mean)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number.

    >>> import zincir
    >>> constant_(zincir.empty(2), 0.5).tolist()
    [0.5, 0.5]
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    >>> import zincir
    >>> ones_(zincir.empty(2)).tolist()
    [1.0, 1.0]
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    >>> import zincir
    >>> zeros_(zincir.ones(2)).tolist()
    [0.0, 0.0]
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal and zeros elsewhere.

    >>> import zincir
    >>> eye_(zincir.empty(2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if tensor.ndim != 2:
        raise ShapeError(explain("eye_: needs a matrix", where=_here(), got=str(tensor.shape)))
    return _copied(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers, those outside of [a, b] drawn again.

    >>> import zincir
    >>> x = trunc_normal_(zincir.empty(1000), std=1.0, a=-0.5, b=0.5)
    >>> bool((x >= -0.5).all() and (x <= 0.5).all())
    True
    """
    if a >= b or std <= 0.0:
        raise ArgumentError(
            explain(
                "trunc_normal_: nothing to draw from",
                where=_here(),
                expected="a < b and std > 0",
                got=f"a={a}, b={b}, std={std}",
            )
        )
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "trunc_normal_: mean is more than 2 std from [a, b]; "
            "the distribution of values may be incorrect",
            stacklevel=2,
        )
    low, high = (_cumulative((end - mean) / std) for end in (a, b))
    # In the middle between two steps of float32: neither end of the distribution is ever drawn.
    uniform = np.asarray(wrap(_uniform(tensor, generator)).double().numpy()) + 2.0**-25
    values = _quantile(low + uniform * (high - low)) * std + mean
    return _copied(tensor, np.clip(values, a, b))


def _cumulative(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def _quantile(p: Array) -> Array:
    """The inverse of the normal distribution function to nine digits, after P. J. Acklam (2003)."""
    with np.errstate(all="ignore"):
        q, t = p - 0.5, np.sqrt(-2.0 * np.log(np.minimum(p, 1.0 - p)))
        middle = np.polyval(_MIDDLE[0], q * q) * q / np.polyval(_MIDDLE[1], q * q)
        tail = np.polyval(_TAIL[0], t) / np.polyval(_TAIL[1], t)
        tail = np.where(np.isinf(t), np.inf, -tail)
        return np.where(np.abs(q) < 0.47575, middle, np.sign(q) * tail)


_MIDDLE = (
    (-3.969683028665376e01, 2.209460984245205e02, -2.759285104469687e02,
     1.383577518672690e02, -3.066479806614716e01, 2.506628277459239e00),
    (-5.447609879822406e01, 1.615858368580409e02, -1.556989798598866e02,
     6.680131188771972e01, -1.328068155288572e01, 1.0),
)  # fmt: skip
_TAIL = (
    (-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e00,
     -2.549732539343734e00, 4.374664141464968e00, 2.938163982698783e00),
    (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00,
     3.754408661907416e00, 1.0),
)  # fmt: skip


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    >>> import zincir
    >>> bool((xavier_uniform_(zincir.empty(3, 3)).abs() <= 1).all())
    True
    """
    fan_in, fan_out = _fans(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    >>> import zincir
    >>> xavier_normal_(zincir.empty(3, 4)).shape
    (3, 4)
    """
    fan_in, fan_out = _fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in +-gain * sqrt(3 / fan) (He et al. 2015, https://arxiv.org/abs/1502.01852).

    Args:
        a: the slope of leaky_relu below 0.
        mode: "fan_in" keeps the variance of the forward pass, "fan_out" that of the backward pass.

    >>> import zincir
    >>> bool((kaiming_uniform_(zincir.empty(6, 6)).abs() <= 1).all())
    True
    """
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with std = gain / sqrt(fan) (He et al. 2015, https://arxiv.org/abs/1502.01852).

    >>> import zincir
    >>> kaiming_normal_(zincir.empty(3, 4), mode="fan_out", nonlinearity="relu").shape
    (3, 4)
    """
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix times gain (https://arxiv.org/abs/1312.6120).

    Axes after the first are taken together. Q of a QR decomposition, its signs made uniform
    (https://arxiv.org/abs/math-ph/0609050).

    >>> import zincir
    >>> w = orthogonal_(zincir.empty(3, 5))
    >>> bool(((w @ w.T - zincir.eye(3)).abs() < 1e-5).all())
    True
    """
    if tensor.ndim < 2:
        raise ShapeError(
            explain("orthogonal_: needs 2 or more axes", where=_here(), got=str(tensor.shape))
        )
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    flat = wrap(_normal(tensor, generator)).double().numpy().reshape(rows, -1)
    wide = rows < flat.shape[1]
    q, r = np.linalg.qr(flat.T if wide else flat)
    q = q * np.sign(np.diag(r))
    return _copied(tensor, gain * (q.T if wide else q).reshape(tensor.shape))


def _uniform(tensor: Tensor, generator: Generator | None) -> Node:
    state = (generator or default_generator).draw(tensor.numel())
    return random.uniform(state, tensor.shape, tensor.dtype)


def _normal(tensor: Tensor, generator: Generator | None) -> Node:
    source, count = generator or default_generator, size(tensor.shape)
    return random.normal(source.draw(count), source.draw(count), tensor.shape, tensor.dtype)


def _filled(tensor: Tensor, value: Node) -> Tensor:
    with no_grad():
        return tensor.copy_(wrap(value))


def _copied(tensor: Tensor, array: Array) -> Tensor:
    with no_grad():
        return tensor.copy_(from_array(np.ascontiguousarray(converted(array, tensor.dtype))))


def _fans(tensor: Tensor) -> tuple[int, int]:
    """How many numbers go into one output, and come out of one input, of a weight."""
    if tensor.ndim < 2:
        raise ShapeError(
            explain(
                "fan in and fan out need a tensor with 2 or more axes",
                where=_here(),
                got=str(tensor.shape),
                try_="zeros_ or uniform_ for biases",
            )
        )
    field = size(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Tensor, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(
            explain("unknown mode", expected="'fan_in' or 'fan_out'", got=repr(mode))
        )
    return _fans(tensor)[mode == "fan_out"]


def _here() -> str:
    return describe(here())


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that, with borders, it gives channels back unchanged.

    Of each group as many as there are on both sides.

    >>> import zincir
    >>> dirac_(zincir.empty(1, 1, 3)).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(
            explain(
                "dirac_: needs the weight of a convolution",
                where=_here(),
                expected="3, 4 or 5 axes",
                got=str(tensor.shape),
            )
        )
    outputs, channels = tensor.shape[:2]
    if outputs % groups:
        raise ArgumentError(
            explain("dirac_: groups do not divide the outputs", where=_here(), got=str(groups))
        )
    array = np.zeros(tensor.shape)
    centre = tuple(n // 2 for n in tensor.shape[2:])
    each = outputs // groups
    for group in range(groups):
        for d in range(min(each, channels)):
            array[(group * each + d, d, *centre)] = 1.0
    return _copied(tensor, array)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Normal numbers, of which a share of each column is 0 (Martens 2010).

    >>> import zincir
    >>> (sparse_(zincir.empty(10, 3), 0.5) == 0).sum(0).tolist()
    [5, 5, 5]
    """
    if tensor.ndim != 2:
        raise ShapeError(explain("sparse_: needs a matrix", where=_here(), got=str(tensor.shape)))
    zeros = math.ceil(sparsity * tensor.shape[0])
    normal_(tensor, 0.0, std, generator)
    with no_grad():
        # The order of uniform numbers is a random one.
        order = wrap(_uniform(tensor, generator)).argsort(0).argsort(0)
        return tensor.copy_(tensor.where(order >= zeros, 0.0))


def _older(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same function under the name that it had: without the last underscore."""
    new = function.__name__  # type: ignore[attr-defined]

    def older(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{new[:-1]}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    older.__name__ = older.__qualname__ = new[:-1]
    older.__doc__ = f"The older name of `{new}`; it warns."
    return older


uniform, normal, constant = _older(uniform_), _older(normal_), _older(constant_)
eye, dirac, sparse, orthogonal = _older(eye_), _older(dirac_), _older(sparse_), _older(orthogonal_)
xavier_uniform, xavier_normal = _older(xavier_uniform_), _older(xavier_normal_)
kaiming_uniform, kaiming_normal = _older(kaiming_uniform_), _older(kaiming_normal_)
