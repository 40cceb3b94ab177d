"""How users name sizes: one by one or in one sequence, -1 for what follows from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.operations.dims import is_several, one_axis, whole_number
from zincir.size import Size
from zincir.types import Shape, size


def several(values: tuple[Any, ...]) -> Sequence[Any]:
    """Arguments given one by one, or as one sequence."""
    if len(values) == 1 and is_several(values[0]):
        return values[0]
    return values


def expanded_shape(shape: Shape, sizes: Any) -> Shape:
    """What `shape` is expanded to: -1 keeps a size, and a size of 1 becomes any other.

    Raises:
        ShapeError: a size that is not 1 would become another one, or there are fewer dimensions.
    """
    found = tuple(whole_number(n, "a size") for n in several(sizes))
    lead = len(found) - len(shape)
    new = tuple(shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(found))
    if (
        lead < 0
        or any(n < 0 for n in new)
        or any(n not in (1, m) for n, m in zip(shape, new[lead:], strict=True))
    ):
        raise ShapeError(
            explain(
                f"expand: {shape} cannot be expanded to {found}",
                where=user_line(),
                expected="the same sizes from the last one on, other ones where it is 1",
                got=str(shape),
            )
        )
    return new


def full_shape(shape: Shape, new: tuple[Any, ...]) -> Shape:
    """The shape that `new` is for a tensor of this shape: -1 is filled in."""
    return _filled(new, size(shape), str(shape))


def parts_of(count: int, new: tuple[Any, ...]) -> Shape:
    """The sizes that one dimension of size `count` is taken apart to: -1 is filled in."""
    return _filled(new, count, str(count))


def _filled(shape: tuple[Any, ...], count: int, got: str) -> Shape:
    new = tuple(whole_number(n, "a size") for n in several(shape))
    free = new.count(-1)
    known = size(new) if not free else -size(new) if free == 1 else 0
    if free > 1 or (free and (not known or count % known)) or (not free and known != count):
        raise ShapeError(
            explain(
                f"shape '{list(new)}' is invalid for input of size {count}",
                where=user_line(),
                expected=f"sizes with the product {count}",
                got=got,
            )
        )
    return tuple(count // known if n == -1 else n for n in new) if free else new


def moved_axes(ndim: int, source: Any, destination: Any) -> tuple[int, ...]:
    """The order of axes after some were moved to other places."""
    if not ndim:
        return ()
    sources = [one_axis(d, ndim) for d in several((source,))]
    targets = [one_axis(d, ndim) for d in several((destination,))]
    for name, axes, given in (("source", sources, source), ("destination", targets, destination)):
        if len(axes) != len(sources) or len(set(axes)) != len(axes):
            raise ArgumentError(
                explain(
                    f"movedim: as many in source as in destination, no repeated dim in `{name}`",
                    where=user_line(),
                    got=str(given),
                )
            )
    order = [i for i in range(ndim) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return tuple(order)


def narrowed(shape: Shape, axis: int, start: int, length: int) -> tuple[int, int]:
    """Where a range of an axis begins and ends.

    Raises:
        IndexError: there are not so many elements.
    """
    n = shape[axis]
    begin = start + n if start < 0 else start
    if length < 0 or begin < 0 or begin + length > n:
        raise IndexError(
            explain(
                f"narrow: start {start} and length {length} exceed dimension size ({n})",
                where=user_line(),
                got=str(shape),
            )
        )
    return begin, begin + length


def part_lengths(n: int, parts: int | Sequence[int]) -> list[int]:
    """The lengths of parts of `n` elements: all `parts` long but for the last, or as given.

    Raises:
        ShapeError: they do not add up, or are negative.
    """
    if isinstance(parts, int):
        if parts < 0 or (parts == 0 and n):
            raise ShapeError(
                explain("split: size must be positive", where=user_line(), got=str(parts))
            )
        return [min(parts, n - at) for at in range(0, n, parts)] if n else [0]
    if sum(parts) != n:
        raise ShapeError(
            explain(
                f"split: sizes must add up to {n}",
                where=user_line(),
                got=f"{list(parts)}, together {sum(parts)}",
            )
        )
    return list(parts)


def is_whole(x: Any) -> bool:
    """Whether an argument is a whole number, and no bool."""
    return isinstance(x, int | np.integer) and not isinstance(x, bool)


def given_sizes(data: tuple[Any, ...]) -> Shape:
    """The arguments of Tensor(2, 3), which may be one Size: a shape."""
    if len(data) == 1 and isinstance(data[0], Size):
        return tuple(data[0])
    if not all(map(is_whole, data)) or any(n < 0 for n in data):
        raise DTypeError(
            explain("Tensor(...): a size is no whole number >= 0", where=user_line(), got=str(data))
        )
    return tuple(map(int, data)) or (0,)
