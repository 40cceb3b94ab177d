"""Max pooling undone: what was pooled goes back to where it stood, and zeros fill the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.indexing import check_now
from zincir.lower_precision import full
from zincir.nn.functional.pooling_max import to_places
from zincir.nn.functional.windows import Sizes, planes, sizes
from zincir.nn.module.user_line import at_user_line, floats, node_of
from zincir.operations.arithmetic import bitwise, cast, compare, where
from zincir.tensor import Tensor, wrap
from zincir.types import Shape, int64, size


@full
@at_user_line
def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The way back from `max_pool1d`, as in `max_unpool2d`.

    >>> import zincir
    >>> max_unpool1d(zincir.tensor([[4.0, 3.0]]), zincir.tensor([[1, 3]]), 2).tolist()
    [[0.0, 4.0, 0.0, 3.0]]
    """
    options = (kernel_size, stride, padding, output_size)
    return _max_unpool("max_unpool1d", input, indices, 1, *options)


@full
@at_user_line
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Each element at the place in its plane that `indices` names, zeros elsewhere.

    Shape: (batch, channels, height, width) or without the batch, `indices` alike; each size n of
    the output is (n - 1) * stride - 2 * padding + kernel_size.

    Args:
        input: what `max_pool2d` returned.
        indices: what it returned with `return_indices`.
        output_size: the size before pooling, where several sizes are pooled to the same: the last
            two axes, or all.

    >>> import zincir
    >>> from zincir.nn.functional import max_pool2d
    >>> y, where = max_pool2d(zincir.arange(4.0).reshape(1, 2, 2), 2, return_indices=True)
    >>> max_unpool2d(y, where, 2).tolist()
    [[[0.0, 0.0], [0.0, 3.0]]]
    """
    options = (kernel_size, stride, padding, output_size)
    return _max_unpool("max_unpool2d", input, indices, 2, *options)


@full
@at_user_line
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The way back from `max_pool3d`, as in `max_unpool2d`.

    >>> import zincir
    >>> y = max_unpool3d(zincir.ones(1, 1, 1, 1), zincir.tensor([[[[2]]]]), (1, 2, 2))
    >>> y.tolist()
    [[[[0.0, 0.0], [1.0, 0.0]]]]
    """
    options = (kernel_size, stride, padding, output_size)
    return _max_unpool("max_unpool3d", input, indices, 3, *options)


def _max_unpool(
    what: str,
    input: Tensor,
    indices: Tensor,
    rank: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    x, number = floats(input, f"{what}: input"), node_of(indices, f"{what}: indices")
    shape = planes(what, x, rank)
    if not number.dtype.names_rows:
        raise DTypeError(
            explain(
                f"{what}: indices are not integers",
                where=user_line(),
                expected="what max pooling returns with return_indices=True",
                got=f"{number.dtype.name} {number.shape}",
            )
        )
    if number.shape != x.shape:
        raise ShapeError(
            explain(
                f"{what}: input and indices have different shapes",
                where=user_line(),
                expected="one index for each element",
                got=f"input {x.shape}, indices {number.shape}",
            )
        )
    kernel = sizes(what, "kernel_size", kernel_size, rank)
    free = stride is None or (isinstance(stride, Sequence) and not stride)
    stride = kernel if free else sizes(what, "stride", stride, rank)
    padding = sizes(what, "padding", padding, rank, 0)
    usual = tuple(
        (n - 1) * s - 2 * p + k for n, s, p, k in zip(shape, stride, padding, kernel, strict=True)
    )
    wanted = _output(what, usual, stride, output_size)
    return wrap(to_places(x, _checked(number, size(wanted)), wanted, "set"))


def _output(what: str, usual: Shape, stride: Shape, output_size: Any) -> Shape:
    """The size before pooling: as asked for, if it is near the usual one."""
    if output_size is None:
        return usual
    rank = len(usual)
    given = tuple(output_size)
    given = given[2:] if len(given) == rank + 2 else given
    near = len(given) == rank and all(
        n - s < v < n + s for n, s, v in zip(usual, stride, given, strict=True)
    )
    if near:
        return given
    ranges = " x ".join(f"{n - s + 1}..{n + s - 1}" for n, s in zip(usual, stride, strict=True))
    raise ArgumentError(
        explain(
            f"{what}: output_size is not one that is pooled to this input",
            where=user_line(),
            expected=ranges,
            got=f"{tuple(output_size)}",
        )
    )


def _checked(number: Node, plane: int) -> Node:
    """The numbers, those outside of the plane made so large that no row has them."""
    check_now(number, plane, negative=False, what="indices")
    number = cast(number, int64)
    inside = bitwise("and", compare("ge", number, 0), compare("lt", number, plane))
    return where(inside, number, -(2**62))
