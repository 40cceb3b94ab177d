"""What a recording depends on: is it still as it was?

Watched are the attributes of modules, and of tensors whether they collect gradients and which hooks
they have. Whoever sets such a thing raises `EPOCH`; only then it is looked at. Lists and the like
in attributes are changed without a word, and looked at each time.
"""

from __future__ import annotations

import array
import copy
import functools
import inspect
from collections import deque
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from types import CodeType, MappingProxyType
from typing import Any, Protocol, cast

import numpy as np

from zincir.executed import is_of_user
from zincir.tensor import Tensor


class Watchable(Protocol):
    """A module: it has attributes, and modules below it."""

    def modules(self) -> Iterator[Any]:
        """Itself and all modules below."""
        ...


Fact = tuple[bool, tuple[Any, ...], tuple[Any, ...]]


class Watched:
    """Modules and tensors, and what was known of them."""

    def __init__(self, modules: list[Any], tensors: list[Tensor]) -> None:
        self._modules = [(module, _attributes(module)) for module in modules]
        self._tensors = [(t, _fact(t)) for t in tensors]
        fields = [v for m in modules for k, v in m.__dict__.items() if k[0] != "_"]
        containers = [v for v in map(_contents, fields) if v is not None]
        self._containers = [(v, copied(v)) for v in containers]
        kinds = {kind for m in modules if not is_of_library(type(m)) for kind in type(m).__mro__}
        self._classes = [(kind, _plain_fields(kind)) for kind in kinds]

    def contents_hold(self) -> bool:
        """Whether what can be changed without a word is as it was."""
        for kind, known in self._classes:
            for name, value in known.items():
                if not same(kind.__dict__.get(name), value):
                    return False
        return all([same(container, known) for container, known in self._containers])

    def holds(self) -> bool:
        """Whether all of it is as it was."""
        return all(same(_attributes(m), known) for m, known in self._modules) and all(
            _fact(t) == fact for t, fact in self._tensors
        )


def _fact(t: Tensor) -> Fact:
    return t.requires_grad, tuple((t._hooks or {}).values()), tuple((t._after or {}).values())


def _attributes(module: Any) -> dict[str, Any]:
    """The attributes of a module, containers copied."""
    fields: list[tuple[str, Any]] = [(k, v) for k, v in module.__dict__.items() if k not in _OURS]
    return {k: copied(dict(v) if k in _REGISTERED else v) for k, v in fields}


_OURS = ("_name_in_parent", "_origin")
_REGISTERED = ("_parameters", "_buffers", "_modules")


def copied(value: Any) -> Any:
    """A value, and copies of all containers and arrays in it: dictionaries, lists, tuples, sets."""
    if isinstance(value, MAPPING):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, _LISTS):
        return list(map(copied, value))
    if isinstance(value, _TUPLE):
        return tuple(map(copied, value))
    if isinstance(value, VIEWS):
        return copied(seen_in(value))
    return copy.copy(value) if isinstance(value, _COPIED) else value


def _contents(value: Any) -> Any:
    """What can be changed without a word: a container, or the attributes of a plain object."""
    if isinstance(value, _CONTAINERS):
        return value if is_setting(value) else None
    of: Any = value.__class__
    strange = of.__module__ in _BUILT_IN or hasattr(of, "named_modules")
    if strange or callable(value) or isinstance(value, Tensor):
        return None
    fields: Any = getattr(value, "__dict__", None)
    return fields if fields.__class__ is dict else None


def _plain_fields(kind: type) -> dict[str, Any]:
    """The attributes of a class that are settings."""
    fields = [(k, v) for k, v in kind.__dict__.items() if k[0] != "_" and not callable(v)]
    return {k: copied(v) for k, v in fields if is_setting(v)}


def may_change(value: Any) -> bool:
    """Whether a value, neither list nor dictionary, can change and stay itself."""
    return isinstance(value, (_ARRAY, *_BYTES, *VIEWS))


def is_setting(value: Any) -> bool:
    """Whether a value is plain, or a container of such values, or of modules and functions."""
    try:
        if isinstance(value, CHANGEABLE):
            return all(map(is_setting, value.values() if isinstance(value, MAPPING) else value))
    except RecursionError:  # it contains itself
        return False
    return value is None or value.__class__ in _PLAIN or callable(value)


def is_of_library(kind: Any) -> bool:
    """Whether a class is this library's."""
    return str(kind.__module__).partition(".")[0] == "zincir"


def same(a: Any, b: Any) -> bool:
    """Whether a value is what it was (or what `copied` made of it): plain ones and containers of
    them by value.
    """
    if a is b:
        return True
    if isinstance(a, VIEWS):
        a = seen_in(a)
    if isinstance(b, MAPPING):
        return (
            isinstance(a, MAPPING)
            and len(a) == len(b)
            and all(map(_same_item, a.items(), b.items()))
        )
    for kind in (_LISTS, _TUPLE):
        if isinstance(b, kind):
            return isinstance(a, kind) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, _SET):
        return isinstance(a, _SET) and a == b
    if a.__class__ is not b.__class__:
        return False
    if isinstance(b, _ARRAY):
        return (a.shape, a.dtype) == (b.shape, b.dtype) and _same_bits(a, b)
    if a.__class__ is float and a != a:
        return bool(b != b)
    return a.__class__ in (*_PLAIN, *_BYTES) and bool(a == b)


def _same_item(one: Any, other: Any) -> bool:
    """Whether two items of dictionaries are the same; code that walks through them sees order."""
    key, also = one[0], other[0]
    same_key = key is also or (type(key) is type(also) and bool(key == also))
    return same_key and same(one[1], other[1])


def seen_in(view: Any) -> Any:
    """What a view of a dictionary shows."""
    return cast(Any, dict if isinstance(view, MappingProxyType) else list)(view)


def _same_bits(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    if not (a.flags.c_contiguous and b.flags.c_contiguous) or a.dtype.hasobject:
        return a.tobytes() == b.tobytes()
    return np.array_equal(a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8))


# Of anything: these check without narrowing what is known of a type.
MAPPING: Any = dict
_LISTS: Any = (list, deque)
_TUPLE: Any = tuple
_SET: Any = set
_ARRAY: Any = np.ndarray
_CONTAINERS: Any = (dict, *_LISTS, set)
_BYTES: Any = (bytearray, array.array)
_COPIED: Any = (set, np.ndarray, *_BYTES)
VIEWS: Any = (MappingProxyType, KeysView, ValuesView, ItemsView)
CHANGEABLE: Any = (*_CONTAINERS, tuple)
_PLAIN = (bool, int, float, complex, str, bytes)


def modules_of(function: Callable[..., Any], args: Any) -> list[Any]:
    """The modules that a function can reach: called on them, closed over, or named as globals."""
    found: dict[int, Any] = {}
    for x in _all_reached(function, args):
        if hasattr(x.__class__, "named_modules"):
            found.update((id(m), m) for m in x.modules())
    for module in list(found.values()):
        for x in _all_reached([v for v in module.__dict__.values() if v.__class__ in _CONTAINERS]):
            if hasattr(x.__class__, "named_modules"):
                found.update((id(m), m) for m in x.modules())
    return list(found.values())


def tensors_of(function: Callable[..., Any]) -> list[Tensor]:
    """The tensors that a function can reach in the same way, and those of modules."""
    found: list[Tensor] = []
    for x in _all_reached(function):
        if isinstance(x, Tensor):
            found.append(x)
        elif hasattr(x.__class__, "named_modules"):
            found += [*x.parameters(), *x.buffers()]
            kept = (value for m in x.modules() for value in m.__dict__.values())
            found += [value for value in kept if isinstance(value, Tensor)]
    return found


def settings_of(function: Callable[..., Any], args: Any) -> list[dict[str, Any]]:
    """The settings of the optimizers that a function can reach in the same way."""
    found: list[dict[str, Any]] = []
    for x in _all_reached(function, args):
        found += groups_of(x)
    return found


def groups_of(x: Any) -> list[dict[str, Any]]:
    """The parameter groups of an optimizer, or none."""
    # Without asking objects that have an answer to every question, or raise.
    kind: Any = x.__class__
    fields: Any = getattr(x, "__dict__", None)
    held = fields.__class__ is dict and "param_groups" in fields
    if not held and not hasattr(kind, "param_groups"):
        return []
    groups: Any = x.param_groups
    return groups if groups.__class__ is list else []


def _all_reached(*roots: Any) -> Iterator[Any]:
    seen: set[int] = set()
    stack: list[Any] = [*roots]
    while stack:
        x = stack.pop()
        if type(x) in _PLAIN or id(x) in seen:
            continue
        seen.add(id(x))
        yield x
        if not hasattr(x.__class__, "named_modules"):
            stack.extend(_reached(x))


def _reached(x: Any) -> list[Any]:
    kind = x.__class__
    if kind is list or kind is tuple:
        return list(x)
    if kind is dict:
        return list(x.values())
    if isinstance(x, functools.partial):
        return [x.func, x.args, x.keywords]
    if inspect.ismethod(x):
        return [x.__func__, x.__self__]
    if inspect.isfunction(x):
        cells = [c.cell_contents for c in x.__closure__ or () if _filled(c)]
        # What the library's own functions name is all there is.
        names = _names(x.__code__) if is_of_user(x.__code__, x.__globals__) else ()
        globals_ = [x.__globals__[name] for name in names if name in x.__globals__]
        known = [g for g in globals_ if not inspect.ismodule(g) and not inspect.isclass(g)]
        wrapped = getattr(x, "__wrapped__", None)
        return [*cells, *known, *(x.__defaults__ or ()), wrapped]
    if type(x).__module__ in _BUILT_IN or isinstance(x, Tensor) or inspect.isclass(x):
        return []
    fields: Any = getattr(x, "__dict__", None)
    return list(fields.values()) if fields.__class__ is dict else []


_BUILT_IN = ("builtins", "numpy")


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _names(code: CodeType) -> set[str]:
    """The globals that code names, and functions defined in it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
