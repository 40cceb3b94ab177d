"""A pickle read without running any of it: a machine for plain data.

Python's own reader looks up whatever a file names and calls it. This one knows the few instructions
that build numbers, text, containers and, through the table of `allowed`, tensors; everything else
is refused by name. `pickletools` takes the bytes apart.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any

from zincir.errors import LoadError, explain
from zincir.serialization import allowed
from zincir.tensor import Tensor

_MARK = object()

_VALUES = frozenset(
    ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
     "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
     "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8")
)  # fmt: skip
"""Instructions that carry a value with them."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set, "EMPTY_TUPLE": tuple,
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = frozenset(("PROTO", "FRAME", "STOP"))


def read(file: IO[bytes], memory_of: Callable[[Any], Any]) -> Any:
    """The object that the pickle at this place of a file holds.

    Args:
        memory_of: what a persistent name, by which tensors name their memory, stands for.

    Raises:
        LoadError: the pickle wants something called that is not allowed, or is cut off or
        corrupted.
    """
    machine = Machine(memory_of)
    try:
        for opcode, argument, _ in pickletools.genops(file):
            machine.run(opcode.name, argument)
        return machine.result()
    except LoadError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise LoadError(
            explain(
                "load: the file is truncated or corrupted",
                got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            )
        ) from error


class Machine:
    """What has been built so far."""

    def __init__(self, memory_of: Callable[[Any], Any]) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._memory_of = memory_of

    def result(self) -> Any:
        (value,) = self._stack
        return _finished(value)

    def run(self, name: str, argument: Any) -> None:
        """One instruction."""
        stack = self._stack
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            count = _TUPLES[name]
            parts = tuple(map(_finished, stack[-count:]))
            if len(parts) != count:
                raise IndexError("too few values for a tuple")
            del stack[-count:]
            stack.append(parts)
        elif name not in _NOTHING:
            step = _STEPS.get(name)
            if step is None:
                raise LoadError(
                    explain(
                        f"load: the file wants Python to carry out {name}, which plain data never "
                        "needs",
                        try_=allowed.TRUST,
                    )
                )
            step(self, argument)

    def _mark(self, argument: Any) -> None:
        self._stack.append(_MARK)

    def _marked(self) -> list[Any]:
        """What has been put upon the last mark."""
        for k in range(len(self._stack) - 1, -1, -1):
            if self._stack[k] is _MARK:
                found = list(map(_finished, self._stack[k + 1 :]))
                del self._stack[k:]
                return found
        raise IndexError("no mark")

    def _pop(self, argument: Any = None) -> Any:
        return _finished(self._stack.pop())

    def _pop_mark(self, argument: Any) -> None:
        self._marked()

    def _duplicate(self, argument: Any) -> None:
        self._stack.append(self._stack[-1])

    def _tuple(self, argument: Any) -> None:
        self._stack.append(tuple(self._marked()))

    def _list(self, argument: Any) -> None:
        self._stack.append(self._marked())

    def _dict(self, argument: Any) -> None:
        found = self._marked()
        self._stack.append(dict(zip(found[::2], found[1::2], strict=True)))

    def _frozenset(self, argument: Any) -> None:
        self._stack.append(frozenset(self._marked()))

    def _append(self, argument: Any) -> None:
        value = self._pop()
        _a(list, self._stack[-1]).append(value)

    def _appends(self, argument: Any) -> None:
        values = self._marked()
        _a(list, self._stack[-1]).extend(values)

    def _add(self, argument: Any) -> None:
        values = self._marked()
        _a(set, self._stack[-1]).update(values)

    def _set_item(self, argument: Any) -> None:
        value, key = self._pop(), self._pop()
        _a(dict, self._stack[-1])[key] = value

    def _set_items(self, argument: Any) -> None:
        found = self._marked()
        target = _a(dict, self._stack[-1])
        for key, value in zip(found[::2], found[1::2], strict=True):
            target[key] = value

    def _remember(self, argument: int) -> None:
        self._memo[argument] = self._stack[-1]

    def _memoize(self, argument: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _recall(self, argument: int) -> None:
        self._stack.append(self._memo[argument])

    def _global(self, argument: str) -> None:
        self._named(*argument.split(" ", 1))

    def _stack_global(self, argument: Any) -> None:
        name, module = self._pop(), self._pop()
        self._named(module, name)

    def _named(self, module: str, name: str) -> None:
        found = allowed.named(module, name)
        if found is None:
            raise allowed.refused(module, name)
        self._stack.append(found)

    def _call(self, argument: Any) -> None:
        args, function = self._pop(), self._pop()
        allowed.check_call(function)
        self._stack.append(function(*args))

    def _new(self, argument: Any) -> None:
        args, kind = self._pop(), self._pop()
        allowed.check_call(kind)
        self._stack.append(kind.__new__(kind, *args))

    def _new_named(self, argument: Any) -> None:
        options, args, kind = self._pop(), self._pop(), self._pop()
        allowed.check_call(kind)
        self._stack.append(kind.__new__(kind, *args, **options))

    def _build(self, argument: Any) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, allowed.Array | allowed.ArrayType):
            target.set(state)
        elif type(target) is OrderedDict:
            target.__dict__.update(state)  # pyright: ignore[reportUnknownMemberType]
        elif type(target) in allowed.get_safe_globals() and hasattr(target, "__setstate__"):
            target.__setstate__(state)
        elif isinstance(target, Tensor) or type(target) in allowed.get_safe_globals():
            allowed.with_state(target, state)
        else:
            raise LoadError(
                explain(f"load: the file wants to set attributes of {type(target).__name__}")
            )

    def _persistent(self, argument: Any) -> None:
        self._stack.append(self._memory_of(self._pop()))


_STEPS: dict[str, Callable[[Machine, Any], Any]] = {
    "MARK": Machine._mark,
    "POP": Machine._pop,
    "POP_MARK": Machine._pop_mark,
    "DUP": Machine._duplicate,
    "TUPLE": Machine._tuple,
    "LIST": Machine._list,
    "DICT": Machine._dict,
    "FROZENSET": Machine._frozenset,
    "APPEND": Machine._append,
    "APPENDS": Machine._appends,
    "ADDITEMS": Machine._add,
    "SETITEM": Machine._set_item,
    "SETITEMS": Machine._set_items,
    "PUT": Machine._remember,
    "BINPUT": Machine._remember,
    "LONG_BINPUT": Machine._remember,
    "MEMOIZE": Machine._memoize,
    "GET": Machine._recall,
    "BINGET": Machine._recall,
    "LONG_BINGET": Machine._recall,
    "GLOBAL": Machine._global,
    "STACK_GLOBAL": Machine._stack_global,
    "REDUCE": Machine._call,
    "NEWOBJ": Machine._new,
    "NEWOBJ_EX": Machine._new_named,
    "BUILD": Machine._build,
    "BINPERSID": Machine._persistent,
}


def _a(kind: Any, target: Any) -> Any:
    if not isinstance(target, kind):
        raise TypeError(f"{type(target).__name__} where a {kind.__name__} should be")
    return target


def _finished(value: Any) -> Any:
    """The array that was read, where one was being read."""
    if value is _MARK:
        raise IndexError("a mark where a value should be")
    if isinstance(value, allowed.Array):
        return value.made
    return value.dtype if isinstance(value, allowed.ArrayType) else value
