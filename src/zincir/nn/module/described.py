"""How layers look when printed: as their constructors are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

from zincir.nn.module.module import Module

M = TypeVar("M", bound=Module)


def described(
    bare: int = 0, hidden: str = "", unless_default: str = "inplace"
) -> Callable[[type[M]], type[M]]:
    """Give a layer an `extra_repr` that follows from its constructor, for classes below it too.

    It says `name=value` for each argument of the constructor, in its order. The value is that of
    the attribute with the argument's name; of a bias it only says whether there is one.

    Args:
        bare: how many of the first values stand without their names.
        hidden: names that are left out, apart by spaces; `device` and `dtype` always are.
        unless_default: names that are left out while the value is the default.

    Example:
        >>> @described(bare=1)
        ... class Scale(Module):
        ...     def __init__(self, by, offset=0.0, inplace=False):
        ...         super().__init__()
        ...         self.by, self.offset, self.inplace = by, offset, inplace
        >>> Scale(2.0), Scale(2.0, inplace=True)
        (Scale(2.0, offset=0.0), Scale(2.0, offset=0.0, inplace=True))
    """
    left_out = {"self", "device", "dtype", *hidden.split()}
    quiet = unless_default.split()

    def with_description(layer: type[M]) -> type[M]:
        arguments = [
            (name, argument.default)
            for name, argument in inspect.signature(layer.__init__).parameters.items()
            if name not in left_out
        ]

        def extra_repr(self: M) -> str:
            words: list[str] = []
            for number, (name, default) in enumerate(arguments):
                value = getattr(self, name)
                if name == "bias":
                    value = value is not None
                if name not in quiet or value != default:
                    text = repr(value) if isinstance(value, str) else str(value)
                    words.append(text if number < bare else f"{name}={text}")
            return ", ".join(words)

        layer.extra_repr = extra_repr
        return layer

    return with_description
