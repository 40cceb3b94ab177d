"""Convolutions and their transposes, with PyTorch's names, shapes and defaults.

Inside, channels come last: one permutation where a value comes in and one where it goes out, so
that in a row of layers the permutations between two of them meet, and cancel.
"""

from __future__ import annotations

from zincir.graph.node import Node
from zincir.lower_precision import lower
from zincir.nn.functional.convolution_checks import (
    check_bias,
    check_channels,
    check_fits,
    operands,
    padding_of,
    transposed_size,
)
from zincir.nn.functional.windows import Sizes, sizes
from zincir.nn.module.user_line import at_user_line
from zincir.operations.convolution import convolution, gradient_of_input
from zincir.operations.movement import expand, permute, reshape, sum_
from zincir.operations.source import with_gradient_of
from zincir.tensor import Tensor, wrap


@lower
@at_user_line
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Weighted sums over a window that slides along a series; see `conv2d`.

    Shape: input (batch, in, length) or (in, length), weight (out, in / groups, kernel), bias (out,)
    -> (batch, out, places) or (out, places).

    >>> import zincir
    >>> x, w = zincir.tensor([[[1.0, 2.0, 4.0, 7.0]]]), zincir.tensor([[[-1.0, 1.0]]])
    >>> conv1d(x, w).tolist()
    [[[1.0, 2.0, 3.0]]]
    """
    return _convolved(1, input, weight, bias, stride, padding, dilation, groups)


@lower
@at_user_line
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Weighted sums over a window that slides over images (as nets have it: a correlation).

    y[n, o, i, j] = bias[o] + sum over c, k, l of
    x[n, c, i * stride + k * dilation - padding, j * stride + l * dilation - padding]
    * weight[o, c, k, l], x being 0 outside.

    Shape: input (batch, in, height, width) or (in, height, width), weight (out, in / groups, k, l),
    bias (out,) -> (batch, out, places, places) or (out, places, places), with places =
    (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1.

    Args:
        stride: how far the window moves; like the next two, a number or one for each axis.
        padding: zeros on both sides; "valid" is 0, "same" as many as keep the size (stride 1).
        dilation: how far the elements of the window lie apart.
        groups: channels are cut into so many parts, which do not see one another; with groups = in,
            each channel has kernels of its own.

    >>> import zincir
    >>> conv2d(zincir.ones(8, 3, 28, 28), zincir.ones(16, 3, 5, 5), padding=2).shape
    (8, 16, 28, 28)
    """
    return _convolved(2, input, weight, bias, stride, padding, dilation, groups)


@lower
@at_user_line
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Weighted sums over a window that slides through volumes; see `conv2d`.

    Shape: input (batch, in, depth, height, width) or the same without a batch, weight
    (out, in / groups, k, l, m), bias (out,) -> (batch, out, places, places, places).

    >>> import zincir
    >>> conv3d(zincir.ones(1, 2, 5, 6, 7), zincir.ones(4, 2, 3, 3, 3), stride=2).shape
    (1, 4, 2, 2, 3)
    """
    return _convolved(3, input, weight, bias, stride, padding, dilation, groups)


@lower
@at_user_line
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Each element laid down as a weighted kernel, along a series; see `conv_transpose2d`.

    Shape: input (batch, in, length) or (in, length), weight (in, out / groups, kernel), bias (out,)
    -> (batch, out, longer) or (out, longer).

    >>> import zincir
    >>> x, w = zincir.tensor([[[1.0, 2.0]]]), zincir.tensor([[[1.0, 10.0]]])
    >>> conv_transpose1d(x, w, stride=2).tolist()
    [[[1.0, 10.0, 2.0, 20.0]]]
    """
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@lower
@at_user_line
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The gradient of `conv2d` as a function of its own: images become larger.

    Each element of the input lays down the kernel times itself, `stride` apart, and what overlaps
    is added. Shape: input (batch, in, height, width) or (in, height, width), weight
    (in, out / groups, k, l), bias (out,) -> (batch, out, larger, larger), with larger =
    (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1.

    Args:
        padding: how much is cut off on both sides (as a convolution with this padding would add).
        output_padding: how much longer the output is at its end: of the sizes that a convolution
            with this stride makes the same, the one that is wanted.

    >>> import zincir
    >>> x, w = zincir.ones(8, 16, 7, 7), zincir.ones(16, 3, 3, 3)
    >>> conv_transpose2d(x, w, stride=2, padding=1, output_padding=1).shape
    (8, 3, 14, 14)
    """
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@lower
@at_user_line
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """The gradient of `conv3d` as a function of its own; see `conv_transpose2d`.

    Shape: input (batch, in, depth, height, width) or the same without a batch, weight
    (in, out / groups, k, l, m), bias (out,) -> (batch, out, larger, larger, larger).

    >>> import zincir
    >>> conv_transpose3d(zincir.ones(1, 2, 3, 3, 3), zincir.ones(2, 4, 2, 2, 2), stride=2).shape
    (1, 4, 6, 6, 6)
    """
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolved(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    what = f"conv{rank}d"
    x, w, b = operands(what, rank, input, weight, bias)
    stride, dilation = sizes(what, "stride", stride, rank), sizes(what, "dilation", dilation, rank)
    before, after = padding_of(what, w.shape[2:], stride, padding, dilation)
    (groups,) = sizes(what, "groups", groups, 1)
    check_channels(what, x, w, w.shape[1] * groups, groups)
    check_bias(what, w, b, w.shape[0])
    check_fits(what, x, w, before, after, dilation)
    y = _channels_last(x, rank, groups)
    y = convolution(y, _kernel(w, groups), stride, dilation, before, after)
    return wrap(_channels_second(y, b, x.ndim == rank + 1))


def _transposed(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    what = f"conv_transpose{rank}d"
    x, w, b = operands(what, rank, input, weight, bias)
    stride, dilation = sizes(what, "stride", stride, rank), sizes(what, "dilation", dilation, rank)
    padding = sizes(what, "padding", padding, rank, 0)
    output_padding = sizes(what, "output_padding", output_padding, rank, 0)
    (groups,) = sizes(what, "groups", groups, 1)
    check_channels(what, x, w, w.shape[0], groups)
    check_bias(what, w, b, w.shape[1] * groups)
    _, kept = transposed_size(what, x, w, stride, padding, output_padding, dilation)
    y = _channels_last(x, rank, groups)
    shape = (y.shape[0], *kept, groups, w.shape[1])
    added = None if b is None else reshape(b, shape[-2:])
    y = gradient_of_input(y, shape, _kernel(w, groups), stride, dilation, padding, added)
    return wrap(_untouched(_channels_second(y, None, x.ndim == rank + 1), x, w))


def _untouched(y: Node, *xs: Node) -> Node:
    """`y`, which has gradients of zeros for what it turned out not to depend on."""
    if y.needs_grad or not any(x.needs_grad for x in xs):
        return y
    nothing = [sum_(x * 0.0, tuple(range(x.ndim))) for x in xs]
    stem = reshape(nothing[0], ()) + reshape(nothing[1], ())
    return with_gradient_of(y, expand(stem, y.shape))


def _channels_last(x: Node, rank: int, groups: int) -> Node:
    """(batch, channels, size...) or (channels, size...) -> (batch, size..., groups, channels)."""
    if x.ndim == rank + 1:
        x = reshape(x, (1, *x.shape))
    x = permute(x, (0, *range(2, x.ndim), 1))
    return reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups))


def _kernel(w: Node, groups: int) -> Node:
    """(groups * m, c, size...) -> (size..., groups, c, m)."""
    w = reshape(w, (groups, w.shape[0] // groups, *w.shape[1:]))
    return permute(w, (*range(3, w.ndim), 0, 2, 1))


def _channels_second(y: Node, b: Node | None, single: bool) -> Node:
    """(batch, size..., groups, channels), and a bias -> (batch, channels, size...)."""
    if b is not None:
        y = y + reshape(b, y.shape[-2:])
    y = reshape(y, (*y.shape[:-2], y.shape[-2] * y.shape[-1]))
    y = permute(y, (0, y.ndim - 1, *range(1, y.ndim - 1)))
    return reshape(y, y.shape[1:]) if single else y
