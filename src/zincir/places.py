"""Places that have names and are no dictionaries, each read as a dictionary is.

Closed-over variables, attributes, the memory of tensors, settings of optimizers.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from zincir.tensor import Tensor
from zincir.watched import groups_of


class Cell:
    """A closed-over variable, read as a dictionary is."""

    __slots__ = ("cell",)

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def get(self, name: str, other: Any) -> Any:
        """The value, or another one if there is none."""
        try:
            return self.cell.cell_contents
        except ValueError:
            return other


class Itself:
    """A container that has no name, read as a dictionary is."""

    __slots__ = ("container",)

    def __init__(self, container: Any) -> None:
        self.container = container

    def get(self, name: str, other: Any) -> Any:
        """The container."""
        return self.container


class Variable:
    """A context variable, read as a dictionary is."""

    __slots__ = ("variable",)

    def __init__(self, variable: ContextVar[Any]) -> None:
        self.variable = variable

    def get(self, name: str, other: Any) -> Any:
        """The value in this context, or another one if there is none."""
        return self.variable.get(other)


class Fields:
    """Attributes that are in no dictionary, read as one is."""

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def get(self, name: str, other: Any) -> Any:
        """An attribute, or another value if there is none."""
        return getattr(self.owner, name, other)


class Memory:
    """What can be said of a tensor without its values, read as a dictionary is."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def get(self, name: str, other: Any) -> Any:
        """Shape and type, strides, or how often it was changed."""
        t = self.tensor
        if name == "form":
            return t._held.shape, t._held.dtype
        return t.stride() if name == "strides" else t._version


_FORM = "shape size numel nelement ndim dim dtype nbytes T mT is_floating_point"
_STRIDES = "stride is_contiguous contiguous view reshape flatten ravel data_ptr"
OF_TENSORS = (
    ("form", frozenset(_FORM.split(" "))),
    ("strides", frozenset(_STRIDES.split(" "))),
    ("version", frozenset({"_version"})),
)
"""What `Memory` says, and the attributes by which code asks for it."""


class Group:
    """A parameter group of an optimizer, whichever it is by now."""

    __slots__ = ("number", "optimizer")

    def __init__(self, optimizer: Any, number: int) -> None:
        self.optimizer, self.number = optimizer, number

    def get(self, name: str, other: Any) -> Any:
        """A setting, or another value if there is none."""
        groups = groups_of(self.optimizer)
        return groups[self.number].get(name, other) if self.number < len(groups) else other


def keys_read(constants: frozenset[str], group: dict[str, Any]) -> set[str]:
    """The settings of a group that code names; all of them if it names nothing in there."""
    return set(constants & group.keys() or group.keys()) - {"params"}
