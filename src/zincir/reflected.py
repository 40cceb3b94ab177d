"""Operators between a tensor and an object of another kind, which may know what to do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from zincir.tensor_base import TensorBase

_T = TypeVar("_T")

_SWAPPED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_SELF_MADE = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor")
_BESIDE = (*_SELF_MADE, "matmul")
_KNOWN = (TensorBase, np.ndarray, np.generic, int, float, complex)
"""What tensors compute with: an error about these is the tensor's."""
_BUILT_IN = (list, tuple, str, bytes, dict, set)
"""What Python's own containers would do is never meant: the error says what to write instead."""


def leaves_to_others(cls: type[_T]) -> type[_T]:
    """For a class: `t * other` asks `other.__rmul__` where the class itself cannot do it.

    Where `other` has no such method, the error is that of the class.
    """
    for name in (*_BESIDE, *_SWAPPED):
        _wrap(cls, f"__{name}__", f"__{_SWAPPED.get(name, 'r' + name)}__")
    for name in _SELF_MADE:
        _wrap(cls, f"__i{name}__", f"__r{name}__")
    return cls


def _wrap(cls: type[Any], name: str, reflected: str) -> None:
    operator: Callable[[Any, Any], Any] = getattr(cls, name)

    @functools.wraps(operator)
    def asked(self: Any, other: Any) -> Any:
        try:
            return operator(self, other)
        except TypeError:
            kind = cast("type[Any]", type(other))
            if kind in _BUILT_IN or isinstance(other, _KNOWN) or not hasattr(kind, reflected):
                raise
            return NotImplemented

    setattr(cls, name, asked)
