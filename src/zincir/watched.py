"""What a recording depends on: is it still as it was?

Watched are the attributes of modules, and of tensors whether they collect gradients and which hooks
they have. Whoever sets such a thing raises `EPOCH`; only then it is looked at. Lists and the like
in attributes are changed without a word, and looked at each time.
"""

from __future__ import annotations

import copy
import dis
import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any, Protocol

import numpy as np

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
        self._containers = [(v, _copied(v)) for v in containers]
        kinds = {kind for m in modules if not _is_ours(m) for kind in type(m).__mro__}
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
    return {k: _copied(dict(v) if k in _REGISTERED else v) for k, v in fields}


_OURS = ("_name_in_parent", "_origin")
_REGISTERED = ("_parameters", "_buffers", "_modules")


def _copied(value: Any) -> Any:
    """A value, and copies of all containers in it."""
    kind: Any = value.__class__
    if kind is dict:
        return {k: _copied(v) for k, v in value.items()}
    if kind is list:
        return list(map(_copied, value))
    if kind is tuple:
        return tuple(map(_copied, value))
    return copy.copy(value) if kind in _CONTAINERS else value


def _contents(value: Any) -> Any:
    """What can be changed without a word: a container, or the attributes of a plain object."""
    if value.__class__ in _CONTAINERS:
        return value if _is_setting(value) else None
    of: Any = value.__class__
    strange = of.__module__ in _BUILT_IN or hasattr(of, "named_modules")
    if strange or callable(value) or isinstance(value, Tensor):
        return None
    fields: Any = getattr(value, "__dict__", None)
    return fields if fields.__class__ is dict else None


def _plain_fields(kind: type) -> dict[str, Any]:
    """The attributes of a class that are settings."""
    fields = [(k, v) for k, v in kind.__dict__.items() if k[0] != "_" and not callable(v)]
    return {k: _copied(v) for k, v in fields if _is_setting(v)}


def _is_setting(value: Any) -> bool:
    """Whether a value is plain, or a container of such values, or of modules and functions."""
    kind: Any = value.__class__
    if kind is dict:
        return all(map(_is_setting, value.values()))
    if kind in _CHANGEABLE:
        return all(map(_is_setting, value))
    return value is None or kind in _PLAIN or callable(value)


def _is_ours(x: Any) -> bool:
    """Whether a function, or the class of an object, is the library's."""
    of: Any = x if inspect.isfunction(x) else x.__class__
    return str(of.__module__).partition(".")[0] == "zincir"


def same(a: Any, b: Any) -> bool:
    """Whether a value is what it was: plain ones and containers of them by value."""
    kind = a.__class__
    if a is b:
        return True
    if kind is not type(b):
        return False
    if kind is dict:
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if kind is list or kind is tuple:
        return len(a) == len(b) and all(map(same, a, b))
    if kind is set:
        return a == b
    if kind is np.ndarray:
        alike = (a.shape, a.dtype) == (b.shape, b.dtype)
        return alike and a.tobytes() == b.tobytes()
    if kind is float and a != a:
        return bool(b != b)
    return kind in _PLAIN and bool(a == b)


_CONTAINERS = (dict, list, set)
_CHANGEABLE = (*_CONTAINERS, tuple)
_PLAIN = (bool, int, float, complex, str, bytes)


class Names:
    """Globals, closed-over names and attributes of plain objects that a function may read."""

    def __init__(self, function: Callable[..., Any], args: Any) -> None:
        self._known: list[tuple[Any, str, Any, Any]] = []
        reached = [x for x in _all_reached(function, args) if not _is_ours(x)]
        names = {n for x in reached if inspect.isfunction(x) for n in _attributes_of(x.__code__)}
        for x in reached:
            if inspect.isfunction(x):
                self._note(x.__globals__, _globals_of(x.__code__))
                for cell in x.__closure__ or ():
                    self._note(_Cell(cell), ("",))
            elif _contents(x) is not None and x.__class__ not in _CONTAINERS:
                self._note(x.__dict__, names)

    def _note(self, holder: Any, names: Any) -> None:
        for name in names:
            value = holder.get(name, _NOTHING)
            if value.__class__ is np.ndarray:
                self._known.append((holder, name, value, value.copy()))
            elif _is_setting(value) or isinstance(value, Tensor) or hasattr(value, "param_groups"):
                copied = _copied(value) if value.__class__ in _CHANGEABLE else None
                self._known.append((holder, name, value, copied))

    def settle(self) -> None:
        """Forget what the function has changed itself: it would be another recording each time."""
        self._known = [known for known in self._known if _is_as_known(*known)]

    def differ_in_settings(self) -> bool:
        """Whether only settings differ, which a recording would show, and no tensors."""
        values = [known[2] for known in self._known if not _is_as_known(*known)]
        return all(v.__class__ is np.ndarray or _is_setting(v) for v in values)

    def hold(self) -> bool:
        """Whether all of it is as it was."""
        for known in self._known:
            holder, name, value, copied = known
            if copied is None and holder.get(name, _NOTHING) is value:
                continue
            if not _is_as_known(*known):
                return False
        return True


class _Cell:
    """A closed-over variable, read as a dictionary is."""

    __slots__ = ("cell",)

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def get(self, name: str, other: Any) -> Any:
        """The value, or another one if there is none."""
        return self.cell.cell_contents if _filled(self.cell) else other


def _is_as_known(holder: Any, name: str, value: Any, copied: Any) -> bool:
    return same(holder.get(name, _NOTHING), value if copied is None else copied)


_NOTHING = object()


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
        groups: Any = getattr(x, "param_groups", None)
        if groups.__class__ is list:
            found += groups
    return found


def _all_reached(*roots: Any) -> Iterator[Any]:
    seen: set[int] = set()
    stack: list[Any] = [*roots]
    while stack:
        x = stack.pop()
        if id(x) in seen:
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
        names = _names(x.__code__)
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


@functools.lru_cache(1000)
def _globals_of(code: CodeType) -> frozenset[str]:
    """The globals that code loads, and functions defined in it."""
    loads = ("LOAD_GLOBAL", "LOAD_NAME")
    names = {i.argval for i in dis.get_instructions(code) if i.opname in loads}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _globals_of(constant)
    return frozenset(names)


@functools.lru_cache(1000)
def _attributes_of(code: CodeType) -> frozenset[str]:
    """The attributes that code loads, and functions defined in it; not methods that are called."""
    loads = [i for i in dis.get_instructions(code) if i.opname == "LOAD_ATTR"]
    # From 3.12 on, the lowest bit says that a method is called.
    calls = sys.version_info >= (3, 12)
    names = {i.argval for i in loads if not (calls and i.arg is not None and i.arg & 1)}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _attributes_of(constant)
    return frozenset(names)


def _names(code: CodeType) -> set[str]:
    """The globals that code names, and functions defined in it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
