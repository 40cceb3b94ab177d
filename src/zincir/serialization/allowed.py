"""What a file may ask for: names that stand for plain data, and what is made of them.

Nothing that a file names is looked up: a name stands for what this table says, or is refused. Users
may add classes and functions of their own.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, cast

import numpy as np

from zincir.device import Device
from zincir.errors import ArgumentError, LoadError, explain
from zincir.graph.node import user_line
from zincir.nn.module.parameter import Parameter
from zincir.serialization.storage_types import (
    dtype_named,
    dtype_of_storage,
    is_dtype_name,
    is_storage_name,
)
from zincir.serialization.tensors import Place, PutTogether
from zincir.size import Size
from zincir.tensor import Tensor
from zincir.tensor_base import FIELDS
from zincir.types import DType, size


class StorageName:
    """A name that stands for memory of some element type."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def dtype(self) -> DType:
        """The type of its elements."""
        return dtype_of_storage(self.name)


def rebuild_tensor(
    memory: PutTogether, offset: int, shape: Any, strides: Any, requires_grad: bool = False,
    hooks: Any = None, metadata: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor over memory that was read."""
    if not isinstance(memory, PutTogether):
        raise _corrupted("a tensor without memory", type(memory).__name__)
    place = Place(offset, tuple(shape), tuple(strides))
    if place.shape and not place.strides and size(place.shape) == 0:
        place.strides = (1,) * len(place.shape)
    return memory.tensor(place, bool(requires_grad))


def _parameter(data: Any, requires_grad: bool = True, hooks: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise _corrupted("a parameter without a tensor", type(data).__name__)
    return Parameter(data, requires_grad)


def _parameter_with_state(data: Any, requires_grad: bool, hooks: Any, state: Any) -> Parameter:
    return with_state(_parameter(data, requires_grad), state)


def with_state(obj: Any, state: Any) -> Any:
    """An object with the attributes that were saved of it."""
    fields, slots = cast("tuple[Any, Any]", state if isinstance(state, tuple) else (state, {}))
    if isinstance(obj, Tensor):
        obj.__dict__.update({k: v for k, v in fields.items() if k not in FIELDS})
        order = fields.get("_order", ())
        if sorted(order) == list(range(obj.ndim)):
            obj._order = tuple(order)
        return obj
    obj.__dict__.update(fields or {})
    for name, value in cast("dict[str, Any]", slots or {}).items():
        setattr(obj, name, value)
    return obj


def _of_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor of a subclass, or one with attributes."""
    check_call(function)
    new = function(*args)
    if type(new) is not kind:
        new.__class__ = kind
    return with_state(new, state)


def _text(text: str, encoding: str = "utf-8") -> bytes:
    return text.encode(encoding)


def _layout(name: str) -> str:
    return name


# NumPy's arrays and numbers ----------------------------------------------------------------------


class ArrayType:
    """A dtype of NumPy's that is being read: numbers and text, no objects."""

    def __init__(self, code: str, *flags: Any) -> None:
        self.dtype = np.dtype(code)
        if self.dtype.kind not in "biufcSUmM":
            raise LoadError(explain(f"load: arrays of {code!r} may hold any object"))

    def set(self, state: Any) -> None:
        """Take the byte order from what was saved."""
        self.dtype = self.dtype.newbyteorder(state[1])


class Array:
    """An array of NumPy's that is being read."""

    def __init__(self, *of: Any) -> None:
        self.made = np.empty(0)

    def set(self, state: Any) -> None:
        """Take what was saved: a version, shape, type, order and bytes."""
        _, shape, dtype, by_columns, data = state
        flat = np.frombuffer(bytearray(_bytes(data)), dtype)
        self.made = flat.reshape(shape, order="F" if by_columns else "C")


def _bytes(data: Any) -> bytes:
    return data.encode("latin-1") if isinstance(data, str) else data


def _number(dtype: np.dtype[Any], data: Any) -> Any:
    return np.frombuffer(_bytes(data), dtype)[0]


def _array_from(data: Any, dtype: np.dtype[Any], shape: Any, order: Any) -> Any:
    return np.frombuffer(bytearray(data), dtype).reshape(shape, order=order)


# The table ---------------------------------------------------------------------------------------

_NUMPY = {
    "multiarray._reconstruct": Array,
    "multiarray.scalar": _number,
    "numeric._frombuffer": _array_from,
}
CALLED: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.bytearray": bytearray,
    "builtins.complex": complex,
    "_codecs.encode": _text,
    "torch.Size": Size,
    "torch.device": Device,
    "torch.serialization._get_layout": _layout,
    "torch.nn.parameter.Parameter": _parameter,
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter_with_state,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "numpy.dtype": ArrayType,
    **{f"numpy.{core}.{name}": f for core in ("core", "_core") for name, f in _NUMPY.items()},
}
"""What may be called, by the name that files have for it."""

TYPES: dict[str, Any] = {"torch.Tensor": Tensor, "numpy.ndarray": np.ndarray}
"""What may be named and not called."""

_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Modules of Python 2, as old files name them."""


def named(module: str, name: str) -> Any:
    """What a name in a file stands for, or None."""
    full = f"{_RENAMED.get(module, module)}.{name}"
    if full in CALLED:
        return CALLED[full]
    if full in TYPES:
        return TYPES[full]
    if module in ("torch", "torch.storage") and is_storage_name(name):
        return StorageName(name)
    if module == "torch" and is_dtype_name(name):
        return dtype_named(name)
    return _ADDED.get(full)


# What users add ----------------------------------------------------------------------------------

_ADDED: dict[str, Any] = {}


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Let `load` call these classes and functions when a file asks for them.

    Args:
        safe_globals: what may be called; or pairs of that and the full name it has in files.
    """
    for entry in safe_globals:
        kind, name = cast("tuple[Any, Any]", entry if isinstance(entry, tuple) else (entry, None))
        if not callable(kind):
            raise ArgumentError(
                explain(
                    "add_safe_globals: needs classes and functions",
                    where=user_line(),
                    got=repr(kind),
                )
            )
        _ADDED[name or f"{kind.__module__}.{kind.__qualname__}"] = kind


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has added."""
    return list(_ADDED.values())


def clear_safe_globals() -> None:
    """Forget what `add_safe_globals` has added."""
    _ADDED.clear()


class safe_globals:
    """Within a `with`: what `add_safe_globals` adds.

    Example:
        >>> with safe_globals([range]):
        ...     get_safe_globals()
        [<class 'range'>]
        >>> get_safe_globals()
        []
    """

    def __init__(self, safe_globals: list[Any]) -> None:
        self._given = safe_globals
        self._before: dict[str, Any] = {}

    def __enter__(self) -> None:
        self._before = dict(_ADDED)
        add_safe_globals(self._given)

    def __exit__(self, *error: Any) -> None:
        _ADDED.clear()
        _ADDED.update(self._before)


def check_call(function: Any) -> None:
    """Raise unless a file may have this called."""
    if not any(function is f for f in (*CALLED.values(), *_ADDED.values())):
        name = getattr(function, "__qualname__", type(function).__name__)
        raise LoadError(explain(f"load: the file wants to call {name}", try_=TRUST))


TRUST = (
    "zincir.load(f, weights_only=False) runs whatever the file says: only for files that you made, "
    "or trust as you trust a program"
)


def refused(module: str, name: str) -> LoadError:
    """The error for a name that a file may not use."""
    if module.split(".")[0] == "torch":
        try_ = "save the state instead, in PyTorch: torch.save(model.state_dict(), f)"
    else:
        try_ = f"zincir.serialization.add_safe_globals([{name}]), or save state_dict(); {TRUST}"
    return LoadError(
        explain(
            f"load: the file wants {module}.{name}, and nothing but plain data is loaded",
            expected="tensors, numbers, text, and lists, tuples, dictionaries and sets of them",
            try_=try_,
        )
    )


def _corrupted(what: str, got: str) -> LoadError:
    return LoadError(explain(f"load: {what}: the file is corrupted", got=got))
