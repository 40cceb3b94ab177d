"""What a compiled function is called with, and what it returns, taken apart and put together."""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import numpy as np

from zincir.errors import TraceError, explain
from zincir.executed import is_strange
from zincir.graph.node import describe, here
from zincir.operations.live_number import LiveNumber
from zincir.storage import gaps
from zincir.tensor import Tensor

# Arguments are of any type, and so is what they hold: these names check without narrowing them.
ARRAY: type[Any] = np.ndarray
_SEQUENCES: tuple[type[Any], ...] = (tuple, list)
_MAPPING: type[Any] = dict
_DEFAULT: Any = defaultdict
_ORDERED: Any = OrderedDict
_GIVEN_ONCE: Any = (Tensor, *_SEQUENCES, _MAPPING)
_OPEN = -1
"""The place of a container whose items are being looked at."""
_NUMBERS = (float, int)

K = TypeVar("K")
_CONSTANTS = (bool, int, float, complex, str, bytes)
_OTHER_NUMBERS: Any = (Decimal, Fraction)
_LIST: type[Any] = list
_TUPLE: Any = tuple
_FIXED = (tuple,)
_PURE = (tuple, list, dict)


class _Itself:
    """A tensor or an object as a key: the very same one."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.it is self.it

    def __hash__(self) -> int:
        return id(self.it)


def is_input(x: Any) -> bool:
    """Whether an argument is data, which may differ from call to call.

    A leaf that collects gradients, or has one, is not: an optimizer may hold it too, so it has to
    stay itself.
    """
    if isinstance(x, Tensor):
        return not x.is_leaf if x.requires_grad else x._grad is None
    return isinstance(x, ARRAY)


class Arguments:
    """Arguments taken apart: what they look like, and the data and numbers among them."""

    __slots__ = ("_places", "differentiable", "inputs", "iterated", "numbers", "shape")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.inputs: list[Any] = []
        """Tensors and arrays; a tensor that is given twice is there once."""
        self._places: dict[int, int] = {}
        """By id of a tensor or a container: the how manyeth it is."""
        self.numbers: list[float] = []
        """Python numbers."""
        self.differentiable = False
        """Whether gradients flow through one of the inputs."""
        self.iterated = False
        """Whether one is an iterator, which is another one after each call."""
        self.shape: Any = tuple(map(self._taken, args))  # first, as in `Rebuilt`
        """All else, hashable, with marks where inputs and numbers are."""
        if kwargs:
            self.shape += tuple((k, self._taken(v)) for k, v in kwargs.items())

    def _taken(self, x: Any) -> Any:
        if not isinstance(x, _GIVEN_ONCE) and not _is_dataclass(x):
            return self._value(x)
        places = self._places
        number = len(places)
        place = places.setdefault(id(x), number)
        if place != number:
            return self._again(x.__class__, place)
        return self._tensor(x) if isinstance(x, Tensor) else self._container(x)

    def _value(self, x: Any) -> Any:
        kind = x.__class__
        if kind in _NUMBERS:
            self.numbers.append(x)
            return kind
        if isinstance(x, ARRAY):
            self.inputs.append(x)
            return (ARRAY, x.shape, x.dtype, None if x.flags.c_contiguous else x.strides)
        self.iterated = self.iterated or hasattr(kind, "__next__")
        return (kind, _constant(x))

    def _again(self, kind: type, place: int) -> Any:
        if place == _OPEN:
            raise _circular("an argument")
        return (kind, place)

    def _tensor(self, x: Tensor) -> Any:
        node = x._held
        if x._storage is None and not node.needs_grad and x._grad is None:  # nearly all
            self.inputs.append(x)
            return (Tensor, node.shape, node.dtype, None)
        if not is_input(x):
            return _Itself(x)
        self.inputs.append(x)
        if x.requires_grad:
            self.differentiable = True
        return (Tensor, node.shape, node.dtype, x._storage and gaps(x))

    def _container(self, x: Any) -> Any:
        """What a container looks like; given twice, it is one, as it is for `Rebuilt`."""
        number, self._places[id(x)] = self._places[id(x)], _OPEN
        if isinstance(x, _SEQUENCES):
            parts = [*[self._taken(item) for item in x], *_beside(x)]
        elif isinstance(x, _MAPPING):
            parts = [*[(k, k.__class__, self._taken(v)) for k, v in x.items()], *_beside(x)]
        else:
            parts = [(k, self._taken(v)) for k, v in _fields(x)]
        self._places[id(x)] = number
        return (x.__class__, *parts)


def _beside(x: Any) -> tuple[Any, ...]:
    """What tells a container apart besides its items: itself, if it has attributes."""
    if x.__class__ in _PURE:
        return ()
    fields: Any = getattr(x, "__dict__", None)
    return (_Itself(x),) if fields and fields is not x else ()


def _constant(x: Any) -> Any:
    """What a constant is known by: its value, or itself if it is of a class of the user's.

    Equal objects of these may differ in what `==` does not look at.
    """
    if isinstance(x, np.generic):
        return x.tobytes()
    kind = x.__class__
    if kind is Receiver:
        return _Itself(x.instance)
    if kind is complex:
        return repr(x)
    if kind is set or kind is frozenset:
        return frozenset((item.__class__, item) for item in x)
    if isinstance(x, _OTHER_NUMBERS):
        return repr(x)
    if kind is SimpleNamespace or not is_strange(str(kind.__module__)):
        return _Itself(x)
    return x if _hashable(x) else _refused(x)


def _hashable(x: Any) -> bool:
    try:
        hash(x)
    except TypeError:
        return False
    return True


def _refused(x: Any) -> Any:
    raise TraceError(
        explain(
            f"zincir.compile: an argument of type {type(x).__name__} cannot be told apart",
            where=describe(here()),
            expected="tensors, arrays, hashable constants, and lists, tuples, dicts or "
            "dataclasses of them",
        )
    )


def _circular(what: str) -> TraceError:
    return TraceError(
        explain(
            f"zincir.compile: {what} is a container that contains itself", where=describe(here())
        )
    )


class Receiver:
    """The instance that a method is called on: no argument, though it be a dataclass."""

    def __init__(self, instance: Any) -> None:
        self.instance = instance


def _is_dataclass(x: Any) -> bool:
    return dataclasses.is_dataclass(x) and not isinstance(x, type)


def _fields(x: Any) -> list[tuple[str, Any]]:
    """The fields of a dataclass, and what other attributes the object has."""
    names = [f.name for f in dataclasses.fields(x)]
    fields = {name: getattr(x, name) for name in names if hasattr(x, name)}
    return [*{**fields, **getattr(x, "__dict__", {})}.items()]


def _with_fields(x: Any, values: dict[str, Any]) -> Any:
    new = copy.copy(x)
    for name, value in values.items():
        object.__setattr__(new, name, value)
    return new


def of_kind(kind: Any, items: list[Any]) -> Any:
    """A sequence of a kind, made without running the code of its class."""
    if kind is _TUPLE or kind is _LIST:
        return kind(items)
    if hasattr(kind, "n_sequence_fields"):  # made in C, as `time.struct_time` is
        return kind(items)
    if issubclass(kind, _TUPLE):
        return _TUPLE.__new__(kind, items)
    made_by: Any = list
    new = made_by.__new__(kind)
    made_by.extend(new, items)
    return new


def _like(x: Any, items: list[Any]) -> Any:
    """A sequence like `x` with other items: of its kind, and with its attributes."""
    if not _beside(x):
        return of_kind(x.__class__, items)
    new: Any = copy.copy(x) if isinstance(x, _LIST) else _TUPLE.__new__(x.__class__, items)
    if isinstance(x, _LIST):
        new[:] = items
    else:
        new.__dict__.update(x.__dict__)
    return new


class Rebuilt:
    """Arguments with other inputs and numbers; their containers are new, and may be changed."""

    def __init__(self, args: Any, inputs: Iterator[Any], numbers: Iterator[Any]) -> None:
        self._inputs = inputs
        self._numbers = numbers
        self._containers: list[tuple[Any, Any, Any]] = []
        self._made: dict[int, Any] = {}
        """By id of a container that was given: what stands for it."""
        self._sets: list[tuple[set[Any], set[Any]]] = []
        self.originals: dict[int, Any] = {}
        """By id of a container: the one that was given."""
        self.args: Any = self._built(args)

    def _built(self, x: Any) -> Any:
        if id(x) in self._made:  # the same one again
            return self._made[id(x)]
        if is_input(x):
            made = next(self._inputs)
            self._made |= {id(x): made} if isinstance(x, Tensor) else {}
            return made
        if type(x) in _NUMBERS:
            return next(self._numbers)
        if isinstance(x, _SEQUENCES):
            return self._noted(x, _like(x, [self._built(item) for item in x]))
        if isinstance(x, _MAPPING):
            new = copy.copy(x)
            for k, v in x.items():
                new[k] = self._built(v)
            return self._noted(x, new)
        if _is_dataclass(x):
            return self._noted(x, _with_fields(x, {k: self._built(v) for k, v in _fields(x)}))
        return self._constant(x)

    def _constant(self, x: Any) -> Any:
        if x.__class__ is set:
            self._sets.append((x, set(x)))
        return x.instance if x.__class__ is Receiver else x

    def _noted(self, original: Any, container: Any) -> Any:
        self._made[id(original)] = container
        self.originals[id(container)] = original
        if container.__class__ not in _FIXED and not hasattr(container, "_fields"):
            self._containers.append((original, container, _content(container)))
        return container

    def forget(self) -> None:
        """Hold nothing any more."""
        self._containers, self.args, self.originals, self._sets = [], ((), {}), {}, []
        self._made = {}
        self._inputs = self._numbers = iter(())

    def hand_over(self, arguments: dict[int, Any]) -> None:
        """Change the containers that were given as the function has changed those it got.

        Args:
            arguments: by id of what stood for an argument, the argument.
        """
        known = arguments | self.originals

        def given(value: Any) -> Any:
            return value.now() if type(value) is LiveNumber else known.get(id(value), value)

        for original, container, before in self._containers:
            if _same(_content(container), before):
                continue
            if isinstance(original, list):
                original[:] = map(given, container)
            elif isinstance(original, _MAPPING):
                original.clear()
                original.update({k: given(v) for k, v in container.items()})
            else:
                for name, value in _fields(container):
                    object.__setattr__(original, name, given(value))

    def changed(self) -> bool:
        """Whether the function has changed a list, a dictionary or a dataclass."""
        sets = any(x != before for x, before in self._sets)
        return sets or any(not _same(_content(c), before) for _, c, before in self._containers)


def with_arrays(x: Any, over: Callable[[Any], Any]) -> Any:
    """Arguments with `over(array)` for each NumPy array among them; all else is as it was."""
    if isinstance(x, ARRAY):
        return over(x)
    if isinstance(x, Receiver):
        return x.instance
    if isinstance(x, _SEQUENCES) and not _same(list(x), new := [with_arrays(v, over) for v in x]):
        return _like(x, new)
    if isinstance(x, _MAPPING):
        values = {k: with_arrays(v, over) for k, v in x.items()}
        if not _same(list(x.values()), list(values.values())):
            made = copy.copy(x)
            made.update(values)
            return made
    return x


def _content(container: Any) -> list[Any]:
    if isinstance(container, _MAPPING):
        return [item for pair in container.items() for item in pair]
    return [v for _, v in _fields(container)] if _is_dataclass(container) else list(container)


def _same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def results_of(x: Any, found: list[Tensor], originals: dict[int, Any]) -> Any:
    """The form of a result, with numbers in place of tensors, which are put into `found`.

    Args:
        originals: by id of a container, the one to return.
    """
    try:
        return _Results(found, originals).form(x)
    except RecursionError:
        raise _circular("what the function returns") from None


class _Results:
    """The parts of one result: what is in it twice has one form."""

    def __init__(self, found: list[Tensor], originals: dict[int, Any]) -> None:
        self._found = found
        self._originals = originals
        self._forms: dict[int, Any] = {}

    def form(self, x: Any) -> Any:
        """The form of a part, by id if it is known."""
        known = self._forms.get(id(x))
        if known is None:
            known = self._forms[id(x)] = self._form(x)
        return known

    def _form(self, x: Any) -> Any:
        found = self._found
        if id(x) in self._originals:
            return (None, self._originals[id(x)])
        if isinstance(x, Tensor):
            found.append(x)
            return (Tensor, len(found) - 1)
        if type(x) is LiveNumber:
            return (LiveNumber, x.now)
        if isinstance(x, _SEQUENCES):
            return self._with_attributes(("items", list(map(self.form, x)), x.__class__), x)
        if isinstance(x, _MAPPING):
            items = {k: self.form(v) for k, v in x.items()}
            factory = x.default_factory if isinstance(x, _DEFAULT) else None
            return self._with_attributes(("dict", items, type(x), factory), x)
        if _is_dataclass(x):
            fields = _fields(x)
            empty = _with_fields(x, {k: None for k, _ in fields})
            return ("fields", {k: self.form(v) for k, v in fields}, empty)
        return (ARRAY if isinstance(x, ARRAY) else None, x)

    def _with_attributes(self, form: Any, x: Any) -> Any:
        """The form of a container that may have attributes besides its items."""
        if not _beside(x):
            return form
        return ("attributes", {k: self.form(v) for k, v in x.__dict__.items()}, form)


def held_elsewhere(results: list[Any]) -> list[Any]:
    """The lists, dictionaries and dataclasses in a result that somebody else holds as well.

    Args:
        results: the result alone, which nothing else holds.
    """
    times = Counter[int]()
    found: list[Any] = []
    stack: list[Any] = [results]
    while stack:
        outer = stack.pop()
        for x in _inside(outer):
            changeable = isinstance(x, (_LIST, _MAPPING, ARRAY)) or _is_dataclass(x)
            if changeable or isinstance(x, _TUPLE):
                times[id(x)] += 1
                if times[id(x)] == 1:
                    stack += [] if isinstance(x, ARRAY) else [x]
                    found += [x] if changeable else []
            del x
        del outer
    counts = [sys.getrefcount(found[i]) - times[id(found[i])] for i in range(len(found))]
    return [x for x, count in zip(found, counts, strict=True) if count > _HELD_HERE]


def _inside(container: Any) -> list[Any]:
    if isinstance(container, (*_SEQUENCES, _MAPPING)):
        return list(container.values() if isinstance(container, _MAPPING) else container)
    return [value for _, value in _fields(container)]


_alone = [[0]]
_HELD_HERE = sys.getrefcount(_alone[0])
"""What is counted for an object in one list, in this version of Python."""


def compared(form: Any) -> Any:
    """What must be the same in the result of a second recording: all but tensors' values."""
    kind, what = form[:2]
    if kind is Tensor:
        return what
    if kind is ARRAY:
        return what.shape, what.tobytes()
    if kind is None:
        if what is None or type(what) in (*_CONSTANTS, slice):
            return repr(what)
        return _constant(what) if _hashable(what) else _Itself(what)
    if kind == "items":
        return [compared(item) for item in what]
    if kind is LiveNumber:
        return kind
    inner = [compared(form[2])] if kind == "attributes" else []
    return [*inner, *[(k, compared(item)) for k, item in what.items()]]


def built(form: Any, results: list[Any], made: dict[int, Any] | None = None) -> Any:
    """A result of a form, with these tensors; what is in it twice is made once."""
    kind, what = form[:2]
    if kind is Tensor:
        return results[what]
    if kind is None:
        return what
    if kind is LiveNumber:
        return what()
    made = {} if made is None else made
    if id(form) not in made:
        made[id(form)] = _built(form, results, made)
    return made[id(form)]


def _built(form: Any, results: list[Any], made: dict[int, Any]) -> Any:
    kind, what = form[:2]
    if kind is ARRAY:
        return what.copy()
    if kind == "items":
        return of_kind(form[2], [built(v, results, made) for v in what])
    values = {k: built(v, results, made) for k, v in what.items()}
    if kind == "attributes":
        new = built(form[2], results, made)
        new.__dict__.update(values)
        return new
    return _with_fields(form[2], values) if kind == "fields" else _mapping(form, values)


def _mapping(form: Any, values: dict[Any, Any]) -> Any:
    """A dictionary of a kind, made without running the code of its class."""
    _, _, kind, factory = form
    if kind is _MAPPING:
        return values
    new = kind.__new__(kind)
    if factory is not None:
        new.default_factory = factory
    of: Any = _ORDERED if isinstance(new, _ORDERED) else _MAPPING
    for k, v in values.items():
        of.__setitem__(new, k, v)
    return new


class Numbers(Generic[K]):
    """Which numbers among the arguments of one kind are inputs: those that have differed."""

    __slots__ = ("known", "last", "live", "looked")

    def __init__(self) -> None:
        self.known: dict[tuple[tuple[Any, ...], Any], K] = {}
        """What is known of arguments with these fixed numbers, with gradients and without."""
        self.last: list[float] | None = None
        """The numbers of the last call that was recorded."""
        self.live: set[int] = set()
        self.looked: set[int] = set()
        """Those that the function looks at: each value is another recording."""

    def fixed(self, numbers: list[float]) -> tuple[Any, ...]:
        """The numbers that a recording is good for."""
        live = self.live
        if not numbers:
            return ()
        return tuple(repr(n) for i, n in enumerate(numbers) if i not in live)

    def learn(self, numbers: list[float]) -> None:
        """Take what differs from the last recording for an input from now on."""
        if self.last is not None:
            for i, (new, old) in enumerate(zip(numbers, self.last, strict=True)):
                if repr(new) != repr(old) and i not in self.looked:
                    self.live.add(i)
        self.last = list(numbers)

    def look(self, number: int) -> None:
        """Note that the function looks at a number."""
        self.looked.add(number)
        self.live.discard(number)
