"""Pooling by maxima of windows, as functions.

The gradient of a maximum goes to one element of each window: the first of equals, as in PyTorch.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from zincir.errors import DTypeError, explain
from zincir.graph.node import MODE, Node, apply, user_line
from zincir.lower_precision import full_when
from zincir.nn.functional.windows import (
    Sizes,
    Window,
    along,
    counted,
    from_windows,
    inside_axes,
    padded,
    planes,
    taps,
    window_of,
    windows,
    with_gradient,
)
from zincir.nn.module.user_line import at_user_line, node_of
from zincir.operations import movement as mv, reduction
from zincir.operations.arithmetic import cast, compare, div_p, maximum, where
from zincir.operations.indexing import scatter, take
from zincir.operations.source import bent, const, detach
from zincir.tensor import Tensor, wrap
from zincir.types import Scalar, contiguous_strides, int32, int64, size, uint8


@at_user_line
def max_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest of each window along the last axis, as in `max_pool2d`.

    Shape: (batch, channels, n) or (channels, n) -> the same with n as `MaxPool1d` has it.

    >>> import zincir
    >>> max_pool1d(zincir.tensor([[1.0, 4.0, 2.0, 3.0]]), 2).tolist()
    [[4.0, 3.0]]
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool1d", input, 1, options, return_indices)


@at_user_line
def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest of each window over the last two axes.

    A NaN counts as largest. The gradient goes to one element of each window, the first of equals.

    Shape: (batch, channels, height, width) or (channels, height, width), sizes as in `MaxPool2d`.

    Args:
        input: of floating or integer type.
        stride: from one window to the next; None stands for `kernel_size`.
        padding: a border of minus infinity, at most half a window.
        dilation: from one element of a window to the next.
        ceil_mode: also windows that reach beyond the border, if they begin inside.
        return_indices: return a tuple, the second being where in its plane each maximum stood
            (row * width + column; int64), as `max_unpool2d` wants it.

    >>> import zincir
    >>> x = zincir.arange(9.0).reshape(1, 3, 3)
    >>> y, where = max_pool2d(x, 2, stride=1, return_indices=True)
    >>> y.tolist(), where.tolist()
    ([[[4.0, 5.0], [7.0, 8.0]]], [[[4, 5], [7, 8]]])
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool2d", input, 2, options, return_indices)


def _without_indices(*args: Any, return_indices: bool = False, **_: Any) -> bool:
    return not (return_indices or any(args[6:]))


@full_when(_without_indices)
@at_user_line
def max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest of each window over the last three axes, as in `max_pool2d`.

    >>> import zincir
    >>> max_pool3d(zincir.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[7.0]]]]
    """
    options = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool3d", input, 3, options, return_indices)


@at_user_line
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> [x.tolist() for x in max_pool1d_with_indices(zincir.arange(4.0).reshape(1, 4), 2)]
    [[[1.0, 3.0]], [[1, 3]]]
    """
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@at_user_line
def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> [x.tolist() for x in max_pool2d_with_indices(zincir.arange(4.0).reshape(1, 2, 2), 2)]
    [[[[3.0]]], [[[3]]]]
    """
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@at_user_line
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> [x.tolist() for x in max_pool3d_with_indices(zincir.arange(8.0).reshape(1, 2, 2, 2), 2)]
    [[[[[7.0]]]], [[[[7]]]]]
    """
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


def _max_pool(what: str, input: Tensor, rank: int, options: tuple[Any, ...], indices: bool) -> Any:
    x = numbers(input, what)
    y, chosen = largest(x, window_of(what, planes(what, x, rank), *options), indices)
    y = bent(y, x)
    return with_indices(y, chosen, input) if indices else wrap(cast(y, input.dtype))


def numbers(input: Tensor, what: str) -> Node:
    """The node of a floating or integer tensor.

    Raises:
        DTypeError: it is something else.
    """
    x = node_of(input, f"{what}: input")
    if x.dtype.category == 0:
        raise DTypeError(
            explain(
                f"{what}: the input has no numbers",
                where=user_line(),
                expected="a floating or an integer tensor",
                got=f"{x.dtype.name} {x.shape}",
                try_="x.float()",
            )
        )
    return cast(x, int32) if x.dtype is uint8 else x


def with_indices(y: Node, chosen: Node | None, input: Tensor) -> tuple[Tensor, Tensor]:
    """A result in the type of the input, and the places of its elements."""
    assert chosen is not None
    return wrap(cast(y, input.dtype)), wrap(cast(chosen, int64))


def lowest(x: Node) -> Scalar:
    """What no element is below."""
    return -math.inf if x.dtype.category == 2 else -(2 ** (8 * x.dtype.itemsize - 1))


def largest(x: Node, s: Window, indices: bool) -> tuple[Node, Node | None]:
    """The largest of each window; and its number in the plane, if asked for or needed."""
    if s.is_split:
        return _largest_by_axis(x, s, indices)
    value = detach(x)
    inner = padded(value, s, lowest(x))
    if s.has_few_taps:
        y = functools.reduce(maximum, [part for _, part in taps(inner, s)])
    else:
        y = _flat(reduction.amax(windows(inner, s), inside_axes(inner, s)), inner, s)
    trained = x.needs_grad and MODE.grad
    if not trained and not indices:
        return y, None
    chosen = _chosen(inner, y, s)
    return with_gradient(y, x, lambda g: to_chosen(g, chosen, s)), chosen


def _largest_by_axis(x: Node, s: Window, indices: bool) -> tuple[Node, Node | None]:
    """One axis after the other, the last one first: so the first of the largest rows wins."""
    rank, number = len(s.shape), None
    for axis in reversed(s.axes):
        x, chosen = largest(x, s.only(axis, x.shape[x.ndim - rank :]), indices)
        if chosen is not None and indices:
            number = chosen if number is None else _carried(number, chosen, rank)
    return x, number


def _carried(number: Node, chosen: Node, rank: int) -> Node:
    """The elements of `number` (..., *plane) at the places that `chosen` has in each plane."""
    lead = chosen.shape[: chosen.ndim - rank]
    rows, plane = size(lead), size(number.shape[len(lead) :])
    index = mv.reshape(cast(chosen, int64), (rows, size(chosen.shape[len(lead) :])))
    index = index + along(rows, 0, 2, int64) * plane
    flat = take(mv.reshape(number, (rows * plane,)), index, "indices")
    return mv.reshape(flat, chosen.shape)


def _flat(y: Node, x: Node, s: Window) -> Node:
    """A reduction of `windows(x, s)` without the axes it folded."""
    return mv.reshape(y, (*x.shape[: x.ndim - len(s.shape)], *s.out_size))


def _chosen(x: Node, y: Node, s: Window) -> Node:
    """For each window, the number in the plane of its first element equal to `y`, or last NaN.

    `x` has its padding, `y` is the largest of each window.
    """
    rank, kind = len(s.shape), s.index_type
    units = contiguous_strides(s.shape)
    stride = tuple(t * u for t, u in zip(s.stride, units, strict=True))
    begin = -sum(p * u for p, u in zip(s.padding, units, strict=True))
    if s.has_few_taps:
        at = _first_tap(x, y, s, units) + counted(s.out_size, stride, kind, begin)
    else:
        dilation = tuple(d * u for d, u in zip(s.dilation, units, strict=True))
        number = counted(s.kernel + s.out_size, dilation + stride, kind, begin)
        w, axes = windows(x, s), inside_axes(x, s)
        nan = where(compare("ne", w, w), -1 - number, math.prod(s.shape))
        hit = compare("eq", w, mv.reshape(y, (*x.shape[: axes[0]], *(1,) * rank, *s.out_size)))
        first = _flat(reduction.amin(where(hit, number, nan), axes), x, s)
        at = where(compare("lt", first, 0), -1 - first, first)
    if not any(s.padding):
        return at
    # Where all is minus infinity, the border was it, too: the first element inside is meant
    inside = const(0, kind)
    for a, (d, unit) in enumerate(zip(s.dilation, units, strict=True)):
        corner = along(s.out_size[a], a, rank, kind) * s.stride[a] - s.padding[a]
        outside = maximum(-corner, 0)
        moved = outside if d == 1 else apply(div_p, outside + (d - 1), const(d, kind)) * d
        inside = inside + (corner + moved) * unit
    return where(compare("eq", y, lowest(x)), inside, at)


def _first_tap(x: Node, y: Node, s: Window, units: tuple[int, ...]) -> Node:
    """What has to be added to the number of a window's first element to get to the chosen one."""
    kind = s.index_type
    parts = [
        (const(sum(a * u for a, u in zip(start, units, strict=True)), kind), part)
        for start, part in taps(x, s)
    ]
    found = mv.expand(parts[0][0], y.shape)
    if x.dtype.category == 2:
        for number, part in parts[1:]:
            found = where(compare("ne", part, part), number, found)
    for number, part in reversed(parts):
        found = where(compare("eq", part, y), number, found)
    return found


def to_chosen(g: Node, chosen: Node, s: Window) -> Node:
    """The gradient of `largest`: each window's goes to the element that it chose."""
    if (s.has_few_taps or math.prod(s.overlap) == 1) and all(d == 1 for d in s.dilation):
        return from_windows(g, s, chosen)
    return to_places(g, chosen, s.shape)


def to_places(g: Node, chosen: Node, shape: tuple[int, ...], mode: str = "add") -> Node:
    """Planes of zeros, with the elements of `g` added or set at the numbers `chosen`."""
    rank, kind = len(shape), int64
    lead = g.shape[: g.ndim - rank]
    rows, plane, count = size(lead), size(shape), size(g.shape[len(lead) :])
    index = mv.reshape(cast(chosen, kind), (rows, count)) + along(rows, 0, 2, kind) * plane
    empty = mv.expand(const(0, g.dtype), (rows * plane, 1))
    flat = mv.reshape(g, (rows * count, 1))
    filled = scatter(empty, mv.reshape(index, (rows * count,)), flat, mode, "indices")
    return mv.reshape(filled, (*lead, *shape))
