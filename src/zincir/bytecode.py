"""What the code of a function says: globals, attributes, texts and modules that it names."""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, ModuleType
from typing import Any, cast


@functools.lru_cache(1000)
def globals_of(code: CodeType) -> frozenset[str]:
    """The globals that code loads or sets, and functions defined in it."""
    loads = ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL")
    names = {i.argval for i in dis.get_instructions(code) if i.opname in loads}
    return frozenset(names).union(*map(globals_of, inner(code)))


@functools.lru_cache(1000)
def attributes_of(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The attributes that code reads or sets and those that it calls; of functions in it, too."""
    found = [i for i in dis.get_instructions(code) if i.opname in _OF_ATTRIBUTES]
    called = {i.argval for i in found if _is_call(i)}
    read = {i.argval for i in found if not _is_call(i)}
    deeper = [attributes_of(x) for x in inner(code)]
    return (
        frozenset(read).union(*[r for r, _ in deeper]),
        frozenset(called).union(*[c for _, c in deeper]),
    )


_LOADS = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM")
_OF_ATTRIBUTES = (*_LOADS, "STORE_ATTR", "DELETE_ATTR")


def _is_call(instruction: dis.Instruction) -> bool:
    """Whether it loads an attribute to call it: since Python 3.12 the lowest bit says so."""
    if instruction.opname == "LOAD_ATTR":
        return sys.version_info >= (3, 12) and bool((instruction.arg or 0) & 1)
    return instruction.opname == "LOAD_METHOD"


@functools.lru_cache(1000)
def constants_of(code: CodeType) -> frozenset[str]:
    """The texts in code, and in functions defined in it: `getattr(x, "name")`, `group["lr"]`."""
    return frozenset(texts_in(code.co_consts)).union(*map(constants_of, inner(code)))


def texts_in(constants: Iterable[Any]) -> Iterator[str]:
    """The texts among constants, and in tuples and sets of them."""
    for x in constants:
        if isinstance(x, str):
            yield x
        elif isinstance(x, tuple | frozenset):
            yield from texts_in(cast("Iterable[Any]", x))


@functools.lru_cache(1000)
def imports_of(code: CodeType) -> frozenset[str]:
    """The modules that code imports, and functions defined in it."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME"}
    return frozenset(names).union(*map(imports_of, inner(code)))


def imported_by(code: CodeType) -> list[ModuleType]:
    """The modules that it has imported."""
    return [sys.modules[name] for name in imports_of(code) if name in sys.modules]


_FUNCTIONS_ON_WHOLES = frozenset(["vars", "asdict", "astuple", "replace", "copy", "deepcopy"])
_ATTRIBUTES_OF_WHOLES = frozenset({"asdict", "astuple", "__dict__"})


@functools.lru_cache(1000)
def reads_wholes(code: CodeType) -> bool:
    """Whether code reads fields of objects that it does not name: `vars(x)`, `copy.copy(x)`,
    `case Point(x, y)`, `"{p.x}".format(p=p)`.
    """
    read, called = attributes_of(code)
    if globals_of(code) & _FUNCTIONS_ON_WHOLES or (read | called) & _ATTRIBUTES_OF_WHOLES:
        return True
    if any(i.opname == "MATCH_CLASS" for i in dis.get_instructions(code)):
        return True
    return "format" in called and any("{" in text and "." in text for text in constants_of(code))


@functools.lru_cache(1000)
def names_of(code: CodeType) -> frozenset[str]:
    """All names and texts in code."""
    own = frozenset([*code.co_freevars, *code.co_cellvars])
    return own.union(globals_of(code), constants_of(code), *attributes_of(code))


def inner(code: CodeType) -> list[CodeType]:
    """The code of functions that are defined in it."""
    return [c for c in code.co_consts if isinstance(c, CodeType)]
