"""Pooling by maxima of windows whose places are drawn, so that sizes shrink by any factor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from zincir.errors import ArgumentError, ShapeError, explain
from zincir.functional import cat
from zincir.graph.node import user_line
from zincir.lower_precision import full
from zincir.nn.functional.windows import Sizes
from zincir.nn.module.user_line import at_user_line, floats
from zincir.random import rand
from zincir.series import arange
from zincir.tensor import Tensor
from zincir.types import int64

Ratios = float | Sequence[float]


@full
@at_user_line
def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest of each window over the last two axes; windows lie at drawn places.

    From https://arxiv.org/abs/1412.6071.

    Shape: (N, C, H, W) or (C, H, W) -> the same with output_size, or output_ratio times its size.

    Args:
        return_indices: also where in its plane each maximum was.

    >>> import zincir
    >>> fractional_max_pool2d(zincir.randn(2, 3, 8, 8), 2, output_ratio=0.7).shape
    (2, 3, 5, 5)
    """
    given = (kernel_size, output_size, output_ratio, _random_samples)
    y, where = _pooled("fractional_max_pool2d", input, 2, *given)
    return (y, where) if return_indices else y


@full
@at_user_line
def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """As `fractional_max_pool2d`, over the last three axes.

    >>> import zincir
    >>> fractional_max_pool3d(zincir.randn(1, 8, 8, 8), 2, (4, 5, 6)).shape
    (1, 4, 5, 6)
    """
    given = (kernel_size, output_size, output_ratio, _random_samples)
    y, where = _pooled("fractional_max_pool3d", input, 3, *given)
    return (y, where) if return_indices else y


@at_user_line
def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> x = zincir.arange(4.0).reshape(1, 2, 2)
    >>> [x.tolist() for x in fractional_max_pool2d_with_indices(x, 2, output_size=1)]
    [[[[3.0]]], [[[3]]]]
    """
    sizes = (output_size, output_ratio)
    return fractional_max_pool2d(input, kernel_size, *sizes, True, _random_samples)


@at_user_line
def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: Ratios | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d` with the places of the maxima, whatever `return_indices` is.

    >>> import zincir
    >>> x = zincir.arange(8.0).reshape(1, 2, 2, 2)
    >>> [x.tolist() for x in fractional_max_pool3d_with_indices(x, 2, output_size=1)]
    [[[[[7.0]]]], [[[[7]]]]]
    """
    sizes = (output_size, output_ratio)
    return fractional_max_pool3d(input, kernel_size, *sizes, True, _random_samples)


def _pooled(
    what: str,
    input: Tensor,
    axes: int,
    kernel_size: Sizes,
    output_size: Sizes | None,
    output_ratio: Ratios | None,
    samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    floats(input, f"{what}: input")
    if input.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            explain(
                f"{what}: input has another number of axes",
                where=user_line(),
                expected=f"{axes + 1} or {axes + 2}",
                got=str(tuple(input.shape)),
            )
        )
    x = input if input.ndim == axes + 2 else input.unsqueeze(0)
    batch, channels, *sizes = x.shape
    kernel = _each(kernel_size, axes)
    if output_size is not None:
        outputs = _each(output_size, axes)
    elif output_ratio is not None:
        outputs = [int(n * r) for n, r in zip(sizes, _each(output_ratio, axes), strict=True)]
    else:
        raise ArgumentError(
            explain(f"{what}: neither output_size nor output_ratio is given", where=user_line())
        )
    if any(out + k - 1 > n or out < 1 for out, k, n in zip(outputs, kernel, sizes, strict=True)):
        raise ShapeError(
            explain(
                f"{what}: so many windows have no room",
                where=user_line(),
                expected="output_size + kernel_size - 1, at most the size of the input",
                got=f"{sizes}, output_size={outputs}, kernel_size={kernel}",
            )
        )
    drawn = rand(batch, channels, axes, dtype=x.dtype) if samples is None else samples[:batch]
    place: Any = 0
    for axis in range(axes):
        # PyTorch's samples of two axes are for width, then height
        sample = drawn[:, :, axes - 1 - axis if axes == 2 else axis]
        start = _starts(sample, sizes[axis], outputs[axis], kernel[axis])
        taps = start.unsqueeze(-1) + arange(kernel[axis])
        shape = [batch, channels, *[1] * (2 * axes)]
        shape[2 + axis], shape[2 + axes + axis] = outputs[axis], kernel[axis]
        place = place * sizes[axis] + taps.reshape(shape)
    place = place.reshape(batch, channels, math.prod(outputs), math.prod(kernel))
    flat = x.reshape(batch, channels, math.prod(sizes))
    taps = place.reshape(batch, channels, math.prod(outputs) * math.prod(kernel))
    windows = flat.gather(2, taps).reshape(place.shape)
    largest, which = windows.max(-1)
    where = place.gather(-1, which.unsqueeze(-1))
    shape = (*input.shape[:-axes], *outputs)
    return largest.reshape(shape), where.reshape(shape)


def _starts(sample: Tensor, size: int, count: int, kernel: int) -> Tensor:
    """(N, C, count): where the windows along one axis begin; the last ends with the axis."""
    last = (size - kernel) * sample.new_ones((*sample.shape, 1), dtype=int64)
    if count == 1:
        return last
    step = (size - kernel) / (count - 1)
    sample = sample.unsqueeze(-1)
    steps = ((arange(count - 1) + sample) * step).to(int64) - (sample * step).to(int64)
    return cat([steps, last], -1)


def _each(value: Any, axes: int) -> list[Any]:
    """One number for each axis."""
    many: list[Any] = [value] * axes if isinstance(value, int | float) else list(value)
    if len(many) != axes:
        raise ArgumentError(
            explain(
                "fractional_max_pool: a size has another number of axes",
                where=user_line(),
                expected=f"one number, or {axes}",
                got=str(value),
            )
        )
    return many
