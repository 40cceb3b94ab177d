"""Normalisation as functions: over the last axes, groups of channels, neighbours, or one axis."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.calling import takes_out
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import MODE, Node, grad_mode, user_line
from zincir.nn.functional.normalization_checks import (
    need_axes,
    of_channels,
    one_value,
    over_last,
    takes_float32_beside_halves,
)
from zincir.nn.module.user_line import at_user_line, floats, in_steps
from zincir.operations.arithmetic import maximum
from zincir.operations.composed import norm as vector_norm, root
from zincir.operations.dims import one_axis
from zincir.operations.elementwise import sqrt
from zincir.operations.halves import once
from zincir.operations.movement import pad, reshape, sum_, windows
from zincir.operations.powers import power
from zincir.operations.source import custom
from zincir.tensor import Tensor, wrap
from zincir.types import Shape, float64, size


@takes_float32_beside_halves
@at_user_line
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var for each group of channels.

    Channels are cut into `num_groups` groups of neighbours; every example has its own mean and
    variance for each. With one group all channels share them, with as many groups as channels it
    is `instance_norm`.

    Shape: input (batch, channels, ...), unchanged; weight and bias (channels,).
    From https://arxiv.org/abs/1803.08494.

    >>> import zincir
    >>> group_norm(zincir.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    x = floats(input, "group_norm: input")
    need_axes("group_norm", x, 2)
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(
            explain(
                f"group_norm: {channels} channels cannot be cut into {num_groups} groups",
                where=user_line(),
                expected="num_groups, 1 or more, that divides the number of channels",
                got=f"input {x.shape}, num_groups={num_groups}",
            )
        )
    given = of_channels("group_norm", x, None, None, weight, bias)
    groups = (num_groups, channels // num_groups)
    if x.shape[0] * groups[1] * size(x.shape[2:]) == 1:
        raise one_value("group_norm", "value per channel", x)
    # Only an axis is cut in two, which is free even if x is not contiguous.
    cut = reshape(x, (x.shape[0], *groups, *x.shape[2:]))
    y, _, _ = standardised(cut, tuple(range(2, cut.ndim)), eps)
    y = scaled(y, *channelwise(given, (1, *groups) + (1,) * (x.ndim - 2)))
    return wrap(reshape(y, x.shape))


@takes_float32_beside_halves
@at_user_line
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Shape: input (..., *normalized_shape), unchanged; weight and bias normalized_shape.
    From https://arxiv.org/abs/1607.06450.

    >>> import zincir
    >>> layer_norm(zincir.tensor([[-1.0, 1.0]]), (2,), eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    x = floats(input, "layer_norm: input")
    given, axes = over_last("layer_norm", "LayerNorm", x, normalized_shape, weight, bias)
    y, _, _ = standardised(x, axes, eps)
    return wrap(scaled(y, given.get("weight"), given.get("bias")))


@takes_float32_beside_halves
@at_user_line
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Computes x / sqrt(mean(x * x) + eps) * weight, the mean being over the last axes.

    `eps=None` stands for the distance from 1 to the next number of the input's type.

    Shape: input (..., *normalized_shape), unchanged; weight normalized_shape.
    From https://arxiv.org/abs/1910.07467.

    >>> import zincir
    >>> rms_norm(zincir.tensor([[3.0, -3.0]]), (2,), eps=0.0).tolist()
    [[1.0, -1.0]]
    """
    x = floats(input, "rms_norm: input")
    given, axes = over_last("rms_norm", "RMSNorm", x, normalized_shape, weight, None)
    if eps is None:
        eps = 2.0**-52 if x.dtype is float64 else 2.0**-23
    count = float(max(size(tuple(x.shape[a] for a in axes)), 1))
    y = x * (1.0 / sqrt(sum_(x * x, axes) / count + eps))
    return wrap(scaled(y, given.get("weight"), None))


@at_user_line
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Computes x / (k + alpha * mean of x * x)**beta, the mean being over `size` channels around.

    Of the `size` channels, size // 2 stand before; those beyond the first and last count as 0.

    Shape: (batch, channels, length, ...), unchanged. From section 3.3 of Krizhevsky et al. 2012,
    where alpha is 1 / size of the one here.

    >>> import zincir
    >>> x = zincir.tensor([[[2.0], [0.0], [0.0]]])
    >>> local_response_norm(x, 2, alpha=2.0, beta=1.0, k=0.0).tolist()[0][0]
    [0.5]
    """
    x = floats(input, "local_response_norm: input")
    need_axes("local_response_norm", x, 3)
    if size < 1:
        raise ArgumentError(
            explain(
                "local_response_norm: size is not a number of channels",
                where=user_line(),
                expected="1 or more",
                got=str(size),
            )
        )
    if not all(x.shape):
        return input
    around = _sum_around(x * x, size // 2, (size - 1) // 2)
    return wrap(x * power(around * (alpha / size) + k, -beta))


class _SumAround:
    """The gradient of `_sum_around`: the same sum, with before and after changed round.

    The gradient of a view of windows would be laid out whole: `size` times as large as x.
    """

    def __init__(self, before: int, after: int) -> None:
        self._ends = before, after

    def backward(self, g: Node, y: Node, inputs: Sequence[Node]) -> list[Node]:
        before, after = self._ends
        return [_sum_around(g, after, before)]


def _sum_around(x: Node, before: int, after: int) -> Node:
    """For each channel the sum of it, so many before it, and so many after it."""
    others = (0,) * (x.ndim - 2)
    with grad_mode(False):
        padded = pad(x, (0, before, *others), (0, after, *others))
        ones = (1,) * x.ndim
        parts = windows(padded, (1, before + 1 + after, *ones[2:]), ones, ones)
        total = reshape(sum_(parts, (x.ndim + 1,)), x.shape)
    if not (MODE.grad and x.needs_grad):
        return total
    return custom(total, (x,), _SumAround(before, after))


def standardised(x: Node, axes: tuple[int, ...], eps: float) -> tuple[Node, Node, Node]:
    """What has mean 0 and variance 1 over `axes`, and the mean and variance of x."""
    count = float(max(size(tuple(x.shape[a] for a in axes)), 1))
    mean = sum_(x, axes) / count
    centred = x - mean
    var = sum_(centred * centred, axes) / count
    return centred * (1.0 / sqrt(var + eps)), mean, var


def scaled(y: Node, weight: Node | None, bias: Node | None) -> Node:
    """Computes y * weight + bias, without what is None."""
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def channelwise(given: dict[str, Node], shape: Shape) -> tuple[Node | None, Node | None]:
    """Weight and bias as they are multiplied with and added to."""
    weight, bias = given.get("weight"), given.get("bias")
    return (
        None if weight is None else reshape(weight, shape),
        None if bias is None else reshape(bias, shape),
    )


# Checks ------------------------------------------------------------------------------------------


@at_user_line
@in_steps
@takes_out
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Computes x / max(norm of x along dim, eps), the norm being (sum |x|**p) ** (1 / p).

    >>> import zincir
    >>> normalize(zincir.tensor([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    x = floats(input, "normalize: input")
    axes = (one_axis(dim, x.ndim),) if x.ndim else ()
    norm = euclidean_norm(x, axes) if p == 2.0 else vector_norm(x, p, axes, keepdim=True)
    return wrap(x / maximum(norm, eps))


@once
def euclidean_norm(x: Node, axes: tuple[int, ...]) -> Node:
    """The Euclidean norm; its gradient at 0 is 0."""
    return root(sum_(x * x, axes))
