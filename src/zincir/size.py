"""Size: the shape of a tensor, as users get it."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, cast

from zincir.naming import NAMING


class Size(tuple[int, ...]):
    """The sizes of a tensor's dimensions: a tuple that can also tell the number of elements.

    It prints as a tuple, and under the name of PyTorch as PyTorch prints it.

    >>> Size([2, 3]).numel()
    6
    >>> Size([2, 3])[1:] + (4,)
    (3, 4)

    Raises:
        TypeError: an item is no whole number.
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[Any] = ()) -> Size:
        found = tuple(sizes)
        for i, n in enumerate(found):
            if not hasattr(n, "__index__"):
                raise TypeError(
                    f"Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')"
                )
        return sized(tuple(map(operator.index, found)))

    def numel(self) -> int:
        """The number of elements: the product of the sizes."""
        total = 1
        for n in self:
            total *= n
        return total

    def __getitem__(self, key: Any) -> Any:
        found = cast(Any, super().__getitem__(key))
        return sized(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Any:
        return sized(cast(Any, super().__add__(other)))

    def __radd__(self, other: Any) -> Any:
        return sized(cast(Any, other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Size:
        return sized(super().__mul__(times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        if NAMING.library == "zincir":
            return super().__repr__()
        return f"{NAMING.library}.Size([{', '.join(map(str, self))}])"

    def __reduce__(self) -> tuple[type[Size], tuple[tuple[int, ...]]]:
        return Size, (tuple(self),)


def sized(shape: tuple[int, ...]) -> Size:
    """`shape`, which is known to hold whole numbers, as a Size."""
    return tuple[int, ...].__new__(Size, shape)
