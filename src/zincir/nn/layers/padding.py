"""Borders as layers: no state, the last one, two or three dimensions larger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn import functional as F
from zincir.nn.module.described import described
from zincir.nn.module.module import Module
from zincir.tensor import Tensor


@described(bare=1)
class _Border(Module):
    axes: ClassVar[int]
    mode: ClassVar[str] = "constant"

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        several = isinstance(padding, Sequence)
        self.padding = tuple(padding) if several else (padding,) * (2 * self.axes)
        if len(self.padding) != 2 * self.axes:
            sides = ["left", "right", "top", "bottom", "front", "back"][: 2 * self.axes]
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}: wrong number of sides",
                    where=user_line(),
                    expected=f"an int, or ({', '.join(sides)})",
                    got=f"padding={padding!r}",
                )
            )

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)


@described()
class _Constant(_Border):
    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)


class ZeroPad1d(_Border):
    """A border of zeros, around the last dimension.

    Shape: (..., W) -> (..., left + W + right).

    Args:
        padding: (left, right); one number stands for all.

    Example:
        >>> import zincir
        >>> ZeroPad1d((1, 2))(zincir.tensor([[1.0, 2.0]])).tolist()
        [[0.0, 1.0, 2.0, 0.0, 0.0]]
    """

    axes = 1


class ZeroPad2d(_Border):
    """A border of zeros, around the last two dimensions.

    Shape: (..., H, W) -> (..., top + H + bottom, left + W + right).

    Args:
        padding: (left, right, top, bottom); one number stands for all.

    Example:
        >>> import zincir
        >>> ZeroPad2d((1, 2, 0, 1))(zincir.ones(1, 3, 4)).shape
        (1, 4, 7)
    """

    axes = 2


class ZeroPad3d(_Border):
    """A border of zeros, around the last three dimensions.

    Shape: (..., D, H, W) -> (..., front + D + back, top + H + bottom, left + W + right).

    Args:
        padding: (left, right, top, bottom, front, back); one number stands for all.

    Example:
        >>> import zincir
        >>> ZeroPad3d((1, 2, 0, 1, 1, 0))(zincir.ones(1, 2, 3, 4)).shape
        (1, 3, 4, 7)
    """

    axes = 3


class ConstantPad1d(_Constant):
    """A border of `value`, around the last dimension.

    Shape and `padding` as for `ZeroPad1d`.

    Example:
        >>> import zincir
        >>> ConstantPad1d((1, 2), 7.0)(zincir.tensor([[1.0, 2.0]])).tolist()
        [[7.0, 1.0, 2.0, 7.0, 7.0]]
    """

    axes = 1


class ConstantPad2d(_Constant):
    """A border of `value`, around the last two dimensions.

    Shape and `padding` as for `ZeroPad2d`.

    Example:
        >>> import zincir
        >>> ConstantPad2d((1, 2, 0, 1), 7.0)(zincir.ones(1, 3, 4)).shape
        (1, 4, 7)
    """

    axes = 2


class ConstantPad3d(_Constant):
    """A border of `value`, around the last three dimensions.

    Shape and `padding` as for `ZeroPad3d`.

    Example:
        >>> import zincir
        >>> ConstantPad3d((1, 2, 0, 1, 1, 0), 7.0)(zincir.ones(1, 2, 3, 4)).shape
        (1, 3, 4, 7)
    """

    axes = 3


class ReflectionPad1d(_Border):
    """The input mirrored at its outermost elements, around the last dimension.

    Shape: (C, W) or (N, C, W) -> (..., left + W + right), as by `ZeroPad1d`;
    each side is less than the size of its dimension.

    Example:
        >>> import zincir
        >>> ReflectionPad1d((1, 2))(zincir.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0, 1.0]]
    """

    axes = 1
    mode = "reflect"


class ReflectionPad2d(_Border):
    """The input mirrored at its outermost elements, around the last two dimensions.

    Shape: (C, H, W) or (N, C, H, W) -> larger, as by `ZeroPad2d`;
    each side is less than the size of its dimension.

    Example:
        >>> import zincir
        >>> ReflectionPad2d((1, 2, 0, 1))(zincir.ones(1, 3, 4)).shape
        (1, 4, 7)
    """

    axes = 2
    mode = "reflect"


class ReflectionPad3d(_Border):
    """The input mirrored at its outermost elements, around the last three dimensions.

    Shape: (C, D, H, W) or (N, C, D, H, W) -> larger, as by `ZeroPad3d`;
    each side is less than the size of its dimension.

    Example:
        >>> import zincir
        >>> ReflectionPad3d((1, 2, 0, 1, 1, 0))(zincir.ones(1, 2, 3, 4)).shape
        (1, 3, 4, 7)
    """

    axes = 3
    mode = "reflect"


class ReplicationPad1d(_Border):
    """The outermost elements repeated, around the last dimension.

    Shape: (C, W) or (N, C, W) -> (..., left + W + right), as by `ZeroPad1d`.

    Example:
        >>> import zincir
        >>> ReplicationPad1d((1, 2))(zincir.tensor([[1.0, 2.0]])).tolist()
        [[1.0, 1.0, 2.0, 2.0, 2.0]]
    """

    axes = 1
    mode = "replicate"


class ReplicationPad2d(_Border):
    """The outermost elements repeated, around the last two dimensions.

    Shape: (C, H, W) or (N, C, H, W) -> larger, as by `ZeroPad2d`.

    Example:
        >>> import zincir
        >>> ReplicationPad2d((1, 2, 0, 1))(zincir.ones(1, 3, 4)).shape
        (1, 4, 7)
    """

    axes = 2
    mode = "replicate"


class ReplicationPad3d(_Border):
    """The outermost elements repeated, around the last three dimensions.

    Shape: (C, D, H, W) or (N, C, D, H, W) -> larger, as by `ZeroPad3d`.

    Example:
        >>> import zincir
        >>> ReplicationPad3d((1, 2, 0, 1, 1, 0))(zincir.ones(1, 2, 3, 4)).shape
        (1, 3, 4, 7)
    """

    axes = 3
    mode = "replicate"


class CircularPad1d(_Border):
    """The other side of the input, as if it were a ring, around the last dimension.

    Shape: (C, W) or (N, C, W) -> (..., left + W + right), as by `ZeroPad1d`;
    each side is at most the size of its dimension.

    Example:
        >>> import zincir
        >>> CircularPad1d((1, 2))(zincir.tensor([[1.0, 2.0, 3.0]])).tolist()
        [[3.0, 1.0, 2.0, 3.0, 1.0, 2.0]]
    """

    axes = 1
    mode = "circular"


class CircularPad2d(_Border):
    """The other side of the input, as if it were a ring, around the last two dimensions.

    Shape: (C, H, W) or (N, C, H, W) -> larger, as by `ZeroPad2d`;
    each side is at most the size of its dimension.

    Example:
        >>> import zincir
        >>> CircularPad2d((1, 2, 0, 1))(zincir.ones(1, 3, 4)).shape
        (1, 4, 7)
    """

    axes = 2
    mode = "circular"


class CircularPad3d(_Border):
    """The other side of the input, as if it were a ring, around the last three dimensions.

    Shape: (C, D, H, W) or (N, C, D, H, W) -> larger, as by `ZeroPad3d`;
    each side is at most the size of its dimension.

    Example:
        >>> import zincir
        >>> CircularPad3d((1, 2, 0, 1, 1, 0))(zincir.ones(1, 2, 3, 4)).shape
        (1, 3, 4, 7)
    """

    axes = 3
    mode = "circular"
