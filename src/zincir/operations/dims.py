"""How users name dimensions: counted from either end, one or several, kept or dropped."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from zincir.errors import ArgumentError, DTypeError, IndexOutOfRange, explain
from zincir.graph.node import Node, user_line
from zincir.operations import movement as mv

Dims = int | Sequence[int] | None


def is_several(values: Any) -> bool:
    """Whether an argument is a list or a tuple, and not one value."""
    return isinstance(values, tuple | list)


def whole_number(n: Any, what: str) -> int:
    """`n` as an integer.

    Raises:
        DTypeError: it is no whole number by its type.
    """
    try:
        return operator.index(n)
    except TypeError:
        raise DTypeError(
            explain(
                f"{what} must be a whole number",
                where=user_line(),
                expected="an int",
                got=f"{type(n).__name__} {n!r}",
            )
        ) from None


def one_axis(dim: int, ndim: int, what: str = "dim") -> int:
    """`dim` counted from the front.

    Raises:
        IndexOutOfRange: there is no such dimension.
        DTypeError: it is no whole number.
    """
    if type(dim) is not int:
        dim = whole_number(dim, what)
    if -ndim <= dim < ndim:
        return dim % ndim
    if ndim == 0 and dim in (0, -1):
        return 0
    raise IndexOutOfRange(
        explain(
            f"Dimension out of range: {what}={dim} of a tensor with {ndim} dimensions",
            where=user_line(),
            expected=f"{-max(ndim, 1)} <= {what} <= {max(ndim, 1) - 1}",
            got=str(dim),
        )
    )


def check_different(axes: tuple[int, ...], what: str, count: int | None = None) -> None:
    """Raise if an axis is named twice, or others than `count` of them.

    Raises:
        ArgumentError: there is one.
    """
    if len(set(axes)) != len(axes) or count not in (None, len(axes)):
        raise ArgumentError(
            explain(
                f"{what}: dims must be different" + ("" if count is None else f", {count} of them"),
                where=user_line(),
                got=str(axes),
            )
        )


def many_axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """`dim` as axes in rising order; None and () mean all of them."""
    if dim is None:
        return tuple(range(ndim))
    if not isinstance(dim, Sequence):
        axis = one_axis(dim, ndim)
        return (axis,) if ndim else ()
    if not dim:
        return tuple(range(ndim))
    axes = sorted(one_axis(d, ndim) for d in dim) if ndim else []
    if len(set(axes)) != len(axes):
        raise ArgumentError(explain(f"dim {tuple(dim)} names a dimension twice", where=user_line()))
    return tuple(axes)


def dropped(x: Node, axes: tuple[int, ...]) -> Node:
    """`x` without the given axes, which have size 1."""
    if not axes:
        return x
    return mv.reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


Fold = Callable[[Node, tuple[int, ...]], Node]


def fold(kind: Fold, x: Node, dim: Dims, keepdim: bool) -> Node:
    """A reduction with PyTorch's `dim` and `keepdim`."""
    axes = many_axes(dim, x.ndim)
    y = kind(x, axes)
    return y if keepdim else dropped(y, axes)
