"""Methods made of functions on nodes: of one operand, of two, and their variants in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from zincir import inplace
from zincir.convert import Operand, is_array, operand, tensor_node
from zincir.graph.node import MODE, Node, apply
from zincir.operations import arithmetic as ar, composed as co
from zincir.operations.source import alias
from zincir.shared_value import current
from zincir.tensor_base import TensorBase

T = TypeVar("T", bound=TensorBase)


class Making(Generic[T]):
    """Makes methods of the class `T`, with a name and a docstring."""

    def unary(self, function: Callable[[Node], Node], name: str, doc: str) -> Callable[..., T]:
        """A method for an operation on one tensor."""

        def method(self: T) -> T:
            return self._of(function(current(self)))

        return _named(method, name, doc)

    def binary(self, function: Callable[[Any, Any], Node], name: str, doc: str) -> Callable[..., T]:
        """A method for an operation on a tensor and a tensor, number or array."""

        def method(self: T, other: Operand) -> T:
            return self._of(function(current(self), operand(other)))

        return _named(method, name, doc)

    def compare(self, relation: str, doc: str) -> Callable[..., T]:
        """A method that compares."""
        primitive = ar.COMPARISONS[relation]

        def method(self: T, other: Operand) -> T:
            return self._of(apply(primitive, *ar.common(current(self), operand(other))))

        return _named(method, relation, doc)

    def logical(self, which: str, doc: str) -> Callable[..., T]:
        """A method that takes numbers for true and false."""
        name = f"logical_{which}"

        def method(self: T, other: TensorBase) -> T:
            node = tensor_node(other, f"{name}(): argument 'other'")
            return self._of(co.logical(which, current(self), node))

        return _named(method, name, doc)

    def in_place(self, method: Callable[..., TensorBase]) -> Callable[..., T]:
        """The variant of a method that changes its tensor.

        It is computed from a stand-in for the tensor as it was: its own rule may look at that.
        """
        name = f"{method.__name__}_"

        def changed(self: T, *args: Any, **kwargs: Any) -> T:
            inplace.refuse_leaf(self, name)
            before = self._of(alias(current(self))) if MODE.grad else self
            value = method(before, *args, **kwargs)
            node = current(value)
            if value._storage is None and all(value is not x for x in (self, before, *args)):
                node.owner = None  # nobody's any more: a rule that uses its own result means this
            inplace.write(self, node, name)
            return self

        changed.__dict__["__wrapped__"] = method  # whose arguments it takes
        return _named(changed, name, f"`{method.__name__}`, in place.")

    def augmented(self, change: Callable[..., T], operator: Callable[..., T]) -> Callable[..., T]:
        """What `+=` and the like do: change the tensor, or make a new one beside an array.

        Python computes `x = x + array` then, in PyTorch: its tensors do not know how to add one.
        """

        def method(self: T, other: Operand) -> T:
            mixed = isinstance(other, _BESIDE) and is_array(other) is not self._is_array
            return operator(self, other) if mixed else change(self, other)

        return _named(method, f"__i{operator.__name__[2:]}", change.__doc__ or "")


_BESIDE = (TensorBase, np.ndarray)


def _named(method: Callable[..., T], name: str, doc: str) -> Callable[..., T]:
    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = doc
    return method
