"""NumPy arrays among the arguments of a compiled function.

The function gets a tensor that is also an array. Where it is used as a tensor, it is an input like
any other. Where NumPy computes with it, it is the array of this call, and a function that does so
is run as it is written: what NumPy computed would be the same at each replay.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.arguments import of_kind
from zincir.creation import from_numpy
from zincir.recording import refuse_replay
from zincir.tensor import Tensor


class ArrayArgument(Tensor):
    """A tensor over an array, with the array's methods besides its own."""

    _array: np.ndarray[Any, Any]
    _is_array = True

    @classmethod
    def over(cls, array: np.ndarray[Any, Any]) -> ArrayArgument:
        """A tensor over the memory of `array`."""
        t = from_numpy(array)
        new = cls.__new__(cls)
        new.__dict__.update(t.__dict__)
        new._holds_node()
        new._array = array
        return new

    def _used(self) -> np.ndarray[Any, Any]:
        refuse_replay("NumPy computes with an array among its arguments")
        return self._array

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array."""
        return self._used()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self._used()
        return array.astype(dtype) if dtype is not None and array.dtype != dtype else array

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.get("out")
        if out is not None:
            options["out"] = tuple(_plain(x) for x in out)
        return getattr(ufunc, method)(*[_plain(x) for x in inputs], **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*_all_plain(args), **_all_plain(kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self._used(), name)


def _plain(x: Any) -> Any:
    return x._used() if isinstance(x, ArrayArgument) else x


def _all_plain(x: Any) -> Any:
    kind = x.__class__
    if kind is dict:
        return {k: _all_plain(v) for k, v in x.items()}
    if kind in (list, tuple):
        return of_kind(kind, [_all_plain(item) for item in x])
    return _plain(x)
