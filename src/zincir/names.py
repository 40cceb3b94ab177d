"""What a recorded function has read by name: globals, closed-over variables, attributes, settings.

The code that ran says which names (`zincir.executed`). Whatever the function can reach, from its
arguments, closures and globals through fields of objects, and that has such a name, is noted with
the value that it had when the recording ended, and compared at each call.
"""

from __future__ import annotations

import builtins
import functools
import gc
import inspect
import queue
import threading
import weakref
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain, repeat
from operator import attrgetter, call, is_, itemgetter, methodcaller
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any, cast

import numpy as np

from zincir.bytecode import (
    attributes_of,
    constants_of,
    globals_of,
    imported_by,
    inner,
    names_of,
    reads_wholes,
    texts_in,
)
from zincir.executed import Executed, Globals, is_of_user, is_strange
from zincir.places import OF_TENSORS, Cell, Fields, Group, Itself, Memory, Variable, keys_read
from zincir.randomness import Generators, is_generator
from zincir.tensor import Tensor
from zincir.watched import (
    CHANGEABLE,
    MAPPING,
    VIEWS,
    copied,
    groups_of,
    is_setting,
    may_change,
    same,
    seen_in,
)

_MOST = 1000
"""Of a container of objects so many items are compared; a larger one is only to be the same one."""

_FARTHEST = 5_000
"""So many objects are looked at, from near to far: a program may hold on to everything there is."""


class Names:
    """What a function has read by name, and how it was."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: Any,
        executed: Executed | None = None,
        apart: Iterable[tuple[Any, str]] = (),
        compared: Iterable[Tensor] = (),
        inputs: Iterable[Any] = (),
        closely: bool = False,
    ) -> None:
        """Note how everything is now.

        Args:
            executed: what ran. Before anything ran, all functions in reach count; where it could
                not be seen, all methods of objects in reach as well.
            closely: whether what the function changes itself is to be seen: then methods count
                anyway, and so do the objects in large containers.
            apart: names to leave out, with what they belong to.
            compared: tensors whose shapes and types are compared elsewhere.
            inputs: those among the arguments, which are others at each call.
        """
        ran = executed.functions() if executed is not None and executed.known else None
        self._held: list[_Held] = []
        self._apart = {(id(owner), name) for owner, name in apart}
        self._generators = Generators()
        self._seeds = False
        """Whether the code sets the state of a generator."""
        self._closely = closely
        if ran != []:
            reach = _Reach((function, args), ran, methods=closely or executed is not None)
            self._note_all(reach, set(map(id, inputs)), set(map(id, compared)))
        entries = [
            (h.get, n, v) for h in self._held for n, v in zip(h.names, h.values, strict=True)
        ]
        self._gets = tuple(get for get, _, _ in entries)
        self._names = tuple(name for _, name, _ in entries)
        self._values = tuple(value for _, _, value in entries)
        self._copies = tuple((h.get, name, copy) for h in self._held for name, copy in h.copies)

    def _note_all(self, reach: _Reach, inputs: set[int], compared: set[int]) -> None:
        for code, its_globals in reach.ran:
            loaded = globals_of(code)
            if "globals" in loaded:
                loaded |= constants_of(code) & its_globals.keys()
            self._note(its_globals, its_globals, loaded - _BUILTINS | loaded & its_globals.keys())
            named = [*[its_globals[n] for n in loaded & its_globals.keys()], *imported_by(code)]
            self._generators.find(named, "random" in attributes_of(code)[0])
        self._seeds = bool(reach.called & _SETTING_STATES)
        for container in reach.loose:
            self._note(container, Itself(container), ("",))
        for x in reach.found:
            self._note_found(x, reach)
        if len(reach.tensors) <= _MOST:
            tensors = [t for t in reach.tensors if id(t) not in inputs]
            self._note_tensors(tensors, reach, compared)

    def _note_found(self, x: Any, reach: _Reach) -> None:
        names = reach.names
        if is_generator(x):
            self._generators.add(x)
        elif isinstance(x, FunctionType):
            if _ran(x, reach):
                for name, cell in zip(x.__code__.co_freevars, x.__closure__ or (), strict=True):
                    self._note(cell, Cell(cell), (name,))
                if x.__defaults__ or x.__kwdefaults__:
                    self._note(x, Fields(x), _DEFAULTS)
                self._note(x, x.__dict__, (names | reach.constants) & x.__dict__.keys())
        elif isinstance(x, ModuleType):
            named = (names | reach.constants) & x.__dict__.keys()
            self._note(x, x.__dict__, named - reach.of_others(x.__dict__))
        elif isinstance(x, type):  # also what it would take from another one
            inherited = [kind.__dict__ for kind in (*_classes(x), *_classes(type(x)))]
            named = (names | reach.constants).intersection(chain.from_iterable(inherited))
            self._note(x, x.__dict__, named - reach.of_others(x.__dict__))
        elif isinstance(x, _VARIABLE):
            self._note(x, Variable(x), ("",))
        else:
            self._note_object(x, reach)

    def _note_tensors(self, tensors: list[Tensor], reach: _Reach, compared: set[int]) -> None:
        """Note attributes that the user gave tensors, and what the code may ask of their memory."""
        asked = {name for name in reach.asked if not hasattr(Tensor, name)}
        named = {name for name in reach.names | reach.constants if name[0:1] != "_"}
        read = [name for name, words in OF_TENSORS if reach.names & words]
        for t in tensors:
            self._note(t, t.__dict__, named & t.__dict__.keys() | asked)
            without = {"form"} if id(t) in compared else set[str]()
            without |= {"strides"} if id(t) in reach.of_modules else set[str]()
            self._note(t, Memory(t), [name for name in read if name not in without])

    def _note_object(self, x: Any, reach: _Reach) -> None:
        names, constants, fields = reach.names, reach.constants, _fields(x)
        read = (names | constants) & fields.keys()
        if hasattr(x.__class__, "named_modules"):  # else its attributes are watched
            objects = {k for k in read if isinstance(fields[k], CHANGEABLE)}
            self._note(x, fields, {k for k in objects if not is_setting(fields[k])})
        elif getattr(x.__class__, "_read_whole", False):
            self._note(x, fields, fields.keys())
        else:
            read |= {field for kind, field in _CONTENTS if isinstance(x, kind)}
            if reach.whole and not is_strange(type(x).__module__):
                read |= fields.keys()
            by_class = {name for kind in _classes(type(x)) for name in kind.__dict__}
            asked = reach.asked if _has_fields(x) else frozenset[str]()
            named = read | names & by_class | asked
            self._note(x, fields, named - reach.of_others(fields))
            self._note(x, Fields(x), (names | constants) & _slots(x))
        if "param_groups" in names:
            for number, group in enumerate(groups_of(x)):
                self._note(group, Group(x, number), keys_read(constants, group))

    def _note(self, owner: Any, holder: Any, names: Iterable[str]) -> None:
        names = [name for name in names if (id(owner), name) not in self._apart]
        if names:
            values = [holder.get(name, _NOTHING) for name in names]
            pairs = zip(names, values, strict=True)
            copied_ = [(name, self._copied(value)) for name, value in pairs]
            copies = tuple([(name, copy) for name, copy in copied_ if copy is not None])
            self._held.append(_Held(owner, holder.get, tuple(names), tuple(values), copies))

    def _copied(self, value: Any) -> Any:
        """A copy to compare with, or None: large containers of objects are looked at closely once,
        for what the function itself puts there.
        """
        if _changes(value):
            return copied(value)
        if not isinstance(value, CHANGEABLE) or isinstance(value, tuple):
            return None
        return _shallow(value) if self._closely or _is_circular(value) else None

    def changed(self) -> list[tuple[Any, str]]:
        """The names that stand for something else by now, with what they belong to."""
        return [(held.owner, name) for held in self._held for name, _ in held.differing()]

    def counted(self, executed: Executed, renewed: Callable[[Tensor], bool]) -> str | None:
        """What has another plain value by now, or more or fewer things in it: a name, if any.

        Of names that what ran does not know, other threads have changed the values. How often
        tensors were changed does not count: a replay changes them too.

        Args:
            renewed: whether a replay would put a new tensor in the place of this one.
        """
        codes = [code for code, _ in executed.functions()] if executed.known else None
        for held in self._held:
            if isinstance(getattr(held.get, "__self__", None), Memory):
                continue
            for name, then in held.differing():
                known = codes is None or name in _ALWAYS or any(name in names_of(c) for c in codes)
                now, before = held.get(name, _NOTHING), held.before(name, then)
                if known and not _alike(now, before, renewed):
                    return name or f"a {type(now).__name__}"
        return None

    def drawn(self) -> list[Any]:
        """The generators of random numbers that something has drawn from by now."""
        return self._generators.changed()

    def depend_on(self, generators: list[Any]) -> bool:
        """Whether any of these can be reached, or any at all whose state the code itself sets."""
        return self._generators.have(generators) or (self._seeds and self._generators.any())

    def iterate(self) -> bool:
        """Whether there is an iterator among the values, or in a small container among them."""
        return any(_has_iterator(value) for held in self._held for value in held.values)

    def hold(self) -> bool:
        """Whether all of it is as it was. Each call asks, so that it is one walk in C."""
        if not all(map(is_, map(_call, self._gets, self._names, repeat(_NOTHING)), self._values)):
            return not any([held.differing() for held in self._held])
        copies = self._copies
        return not copies or all([same(get(name, _NOTHING), copy) for get, name, copy in copies])

    def differ_in_settings(self) -> bool:
        """Whether only settings differ, which a recording would show, and no tensors."""
        values = [value for held in self._held for _, value in held.differing()]
        return all(v.__class__ is np.ndarray or is_setting(v) for v in values)


@dataclass(frozen=True, slots=True)
class _Held:
    """Names in one place, with their values."""

    owner: Any
    get: Callable[[str, Any], Any]
    names: tuple[str, ...]
    values: tuple[Any, ...]
    copies: tuple[tuple[str, Any], ...]
    """Of values that can change and stay themselves."""

    def differing(self) -> list[tuple[str, Any]]:
        """Names that stand for something else, and what they stood for."""
        pairs = zip(self.names, self.values, strict=True)
        return [
            (name, v)
            for name, v in pairs
            if not same(self.get(name, _NOTHING), self.before(name, v))
        ]

    def before(self, name: str, value: Any) -> Any:
        """What a name stood for, as it was."""
        return next((copy for other, copy in self.copies if other == name), value)


_NOTHING = object()
_call: Callable[..., Any] = call


def _changes(value: Any) -> bool:
    """Whether a value can change and stay itself, and is compared with a copy."""
    if may_change(value):
        return True
    return isinstance(value, CHANGEABLE) and (_is_small(value) or is_setting(value))


def _alike(a: Any, b: Any, renewed: Callable[[Tensor], bool]) -> bool:
    """Whether a value is what it was, but for new tensors, which a replay puts there too."""
    if isinstance(b, MAPPING) and isinstance(a, MAPPING):
        a, b = list(a.items()), list(b.items())
    if isinstance(b, CHANGEABLE) and isinstance(a, CHANGEABLE) and not isinstance(b, _SET):
        pairs = zip(a, b, strict=False)
        return len(a) == len(b) and all(_alike(x, y, renewed) for x, y in pairs)
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a is b or renewed(a)
    return same(a, b)


def _shallow(value: Any) -> Any:
    if isinstance(value, _SET):
        return set(value)
    return dict(value) if isinstance(value, MAPPING) else list(value)


def _is_small(value: Any) -> bool:
    return not _is_circular(value) and _size(value) <= _MOST


def _is_circular(value: Any) -> bool:
    try:
        _size(value)
    except RecursionError:
        return True
    return False


def _size(value: Any) -> int:
    if not isinstance(value, CHANGEABLE):
        return 1
    return len(value) if len(value) > _MOST else 1 + sum(map(_size, _items(value)))


def _items(container: Any) -> Any:
    return container.values() if isinstance(container, MAPPING) else container


def _has_iterator(x: Any) -> bool:
    """Whether `next` gives something else each time; of a class of the user's, fields say so."""
    if isinstance(x, CHANGEABLE):
        return _is_small(x) and any(map(_has_iterator, _items(x)))
    if isinstance(x, _METHODS_IN_C):
        x = x.__self__
    return isinstance(x, _ITERATOR) and is_strange(type(x).__module__)


# What is reached -------------------------------------------------------------------------------


class _Reach:
    """All that a function can reach, once each."""

    def __init__(
        self, roots: Iterable[Any], ran: list[tuple[CodeType, Globals]] | None, *, methods: bool
    ) -> None:
        self._methods = _METHODS if methods else ()
        self.found: list[Any] = []
        self.tensors: list[Tensor] = []
        self.of_modules = set[int]()
        """By id: those of modules."""
        self.loose: list[Any] = []
        """Containers that no name, field or other container leads to."""
        self.whole = False
        """Whether the code reads objects with all their fields."""
        self.ran = ran or []
        self.codes = None if ran is None else {id(code) for code, _ in ran}
        self.names = frozenset[str]()
        """Attributes that the code loads."""
        self.called = frozenset[str]()
        """Those that it calls;"""
        self._read = frozenset[str]()
        """those that it does not only call."""
        self.constants = frozenset[str]()
        """Texts in the code."""
        self.asked = frozenset[str]()
        """Those that `hasattr` and `getattr` may name."""
        for code, _ in self.ran:
            self._learn(code)
        self._seen: set[int] = set()
        named = [g[n] for c, g in self.ran for n in globals_of(c) & g.keys()]
        self._walk([*roots, *named, *[m for c, _ in self.ran for m in imported_by(c)]])
        self._walk(self._elsewhere())

    def of_others(self, fields: Any) -> set[str]:
        """Names there that the code only calls, of what cannot be called: it means other objects.

        An agent that counts in `step` calls `step()` of its optimizer.
        """
        called = (self.names & fields.keys()) - self._read - self.constants
        return {name for name in called if not callable(fields[name])}

    def _elsewhere(self) -> list[Any]:
        """Functions with closures that ran and were not found: hooks, say, that something holds."""
        found = {id(x.__code__) for x in self.found if isinstance(x, FunctionType)}
        found |= {id(one) for code, _ in self.ran for one in inner(code)}  # made while it ran
        codes = [c for c, _ in self.ran if c.co_freevars and id(c) not in found]
        return [x for x in gc.get_referrers(*codes) if isinstance(x, FunctionType)] if codes else []

    def _learn(self, code: CodeType) -> None:
        read, called = attributes_of(code)
        self.names |= read | called
        self.called |= called
        self._read |= read
        self.constants |= constants_of(code)
        self.whole = self.whole or reads_wholes(code)
        if globals_of(code) & {"getattr", "hasattr"}:
            self.asked |= {text for text in constants_of(code) if text.isidentifier()}

    def _walk(self, roots: Iterable[Any]) -> None:
        stack = deque[Any](roots)
        seen, by_name = self._seen, list[Any]()
        while stack:
            while stack:
                x: Any = stack.popleft()  # what is near comes first
                if id(x) in seen or _is_plain(x):
                    continue
                seen.add(id(x))
                if isinstance(x, _PLACES) and not self._methods:
                    continue
                if len(self.found) > _FARTHEST:
                    return
                if isinstance(x, Tensor):
                    self.tensors.append(x)
                    stack.extend(_beside(x))
                    continue
                if isinstance(x, CHANGEABLE):
                    stack.extend(_items(x))
                    stack.extend(x if isinstance(x, MAPPING) else ())  # keys may be objects
                    if not hasattr(x, "__dict__"):
                        continue
                self.found.append(x)
                if isinstance(x, _PLACES):
                    by_name.append(x.__dict__)
                stack.extend(self._next(x))
            found = [fields[name] for fields in by_name for name in self.names & fields.keys()]
            stack = deque([x for x in found if id(x) not in seen and not _is_plain(x)])
        modules = [x for x in self.found if hasattr(x.__class__, "named_modules")]
        held = [t for m in modules for t in (*m._parameters.values(), *m._buffers.values())]
        self.of_modules = set(map(id, held))

    def _next(self, x: Any) -> list[Any]:
        if isinstance(x, FunctionType):
            return self._behind(x)
        if isinstance(x, ModuleType):
            return []
        if isinstance(x, type):
            methods: list[Any] = [v for v in x.__dict__.values() if isinstance(v, self._methods)]
            return [*methods, *_classes(type(x))]
        if isinstance(x, _GETTERS):
            texts = texts_in(x.__reduce__()[1])
            self.constants |= {name for text in texts for name in text.split(".")}
        for kind, inside in _INSIDE:
            if isinstance(x, kind):
                found = inside(x)
                self.loose += [one for one in found if isinstance(one, CHANGEABLE) and one]
                return found
        return [*_fields(x).values(), *_in_slots(x), *_classes(type(x))]

    def _behind(self, function: FunctionType) -> list[Any]:
        if self.codes is None and is_of_user(function.__code__, function.__globals__):
            self.ran.append((function.__code__, function.__globals__))
            self._learn(function.__code__)
        cells = [Cell(cell).get("", None) for cell in function.__closure__ or ()]
        found = [*cells, *function.__dict__.values()]
        if _ran(function, self):
            its_globals = function.__globals__
            found += [its_globals[n] for n in globals_of(function.__code__) & its_globals.keys()]
            found += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
            found += imported_by(function.__code__)
        return found


def _beside(tensor: Tensor) -> list[Any]:
    """What a tensor has besides its memory: hooks, attributes of the user's, a class of theirs."""
    hooks = [*(tensor._hooks or {}).values(), *(tensor._after or {}).values()]
    own = [value for name, value in tensor.__dict__.items() if name[0:1] != "_"]
    return [*hooks, *own, *_classes(type(tensor))]


def _ran(function: Any, reach: _Reach) -> bool:
    if not is_of_user(function.__code__, function.__globals__):
        return False
    return reach.codes is None or id(function.__code__) in reach.codes


_GETTERS: Any = (attrgetter, itemgetter, methodcaller)
_METHODS_IN_C: Any = (BuiltinMethodType, MethodWrapperType)
_INSIDE: list[tuple[Any, Callable[[Any], list[Any]]]] = [
    (functools.partial, lambda x: [x.func, x.args, x.keywords]),
    (MethodType, lambda x: [x.__func__, x.__self__]),
    (_METHODS_IN_C, lambda x: [x.__self__]),
    ((staticmethod, classmethod), lambda x: [x.__func__]),
    (property, lambda x: [x.fget]),
    (weakref.ref, lambda x: [x()]),
    (frozenset, list),
    (VIEWS, lambda x: list(seen_in(x).values() if isinstance(x, MappingProxyType) else x)),
    (np.ndarray, lambda x: x.reshape(-1).tolist()),
]
"""What there is inside of objects without fields, by kind."""
_METHODS = (staticmethod, classmethod, property, FunctionType)
_PLACES: Any = (ModuleType, type)
_VARIABLE: Any = ContextVar
_SET: Any = set
_ITERATOR: Any = Iterator
_DEFAULTS = ("__defaults__", "__kwdefaults__")
_OF_DATA = (UserDict, UserList, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_CONTENTS: tuple[tuple[Any, str], ...] = (
    ((*_OF_DATA, weakref.WeakSet), "data"),
    (ChainMap, "maps"),
    (threading.Event, "_flag"),
    (queue.Queue, "queue"),
)
"""Where objects of the standard library hold what their methods tell."""
_ALWAYS = frozenset({"", *_DEFAULTS, *[field for _, field in _CONTENTS]})
"""Names of places that no code has to name."""
_SETTING_STATES = frozenset({"seed", "setstate", "set_state"})
_BUILTINS = frozenset(dir(builtins))
_PLAIN = frozenset({bool, int, float, complex, str, bytes})
_OF_NUMBERS = (np.ndarray, np.generic)


def _is_plain(x: Any) -> bool:
    """Whether there is nothing behind an object, or nothing of the user's."""
    if x is None or x.__class__ in _PLAIN:
        return True
    if isinstance(x, _OF_NUMBERS):
        return not (isinstance(x, np.ndarray) and cast(Any, x).dtype.hasobject)
    if isinstance(x, ModuleType):
        return is_strange(x.__name__)
    return isinstance(x, type) and is_strange(x.__module__)


def _classes(kind: Any) -> list[type]:
    """The user's among a class and what it inherits from."""
    return [one for one in kind.__mro__ if not is_strange(one.__module__)]


def _fields(x: Any) -> dict[str, Any]:
    return x.__dict__ if _has_fields(x) else {}


def _has_fields(x: Any) -> bool:
    if type(x).__module__ in ("builtins", "numpy"):
        return False
    fields: Any = getattr(x, "__dict__", None)
    return fields.__class__ is dict


def _slots(x: Any) -> set[str]:
    return {name for kind in _classes(type(x)) for name in _slots_of(kind)}


def _slots_of(kind: type) -> list[str]:
    return [k for k, v in kind.__dict__.items() if inspect.ismemberdescriptor(v)]


def _in_slots(x: Any) -> list[Any]:
    return [getattr(x, name, None) for name in _slots(x)]
