"""Which of the user's functions run while a function is recorded: what these name is watched."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_NOT_USERS = ("zincir", "torch", "numpy")
_INSTALLED = ("site-packages", "dist-packages")

Globals = dict[str, Any]


class Executed:
    """A context that notes the code of all functions that this thread runs within it.

    The library's, NumPy's and those of the standard library are left out.

    >>> code = compile("(lambda: 1)()", "training.py", "exec")
    >>> with Executed() as executed:
    ...     exec(code, {})
    >>> [code.co_name for code, _ in executed.functions()]
    ['<module>', '<lambda>']
    """

    __slots__ = ("_before", "_seen", "known")  # what walks through objects finds nothing in it

    def __init__(self) -> None:
        self._seen: dict[int, tuple[CodeType, Globals]] = {}
        """By id: a code's own hash takes all of it."""
        self.known = False
        """Whether anything could be noted: somebody else may be looking, who cannot be asked."""
        self._before: Any = None

    def functions(self) -> list[tuple[CodeType, Globals]]:
        """The code of the user's functions, with the globals of each.

        Functions that the collection of garbage calls are not among them: it may come at any time.
        """
        collecting = {id(getattr(f, "__code__", None)) for f in gc.callbacks}
        return [
            (code, its_globals)
            for code, its_globals in self._seen.values()
            if is_of_user(code, its_globals) and id(code) not in collecting
        ]

    def __enter__(self) -> Executed:
        before: Any = sys.getprofile()
        if before is None or callable(before):
            self.known = True
            self._before = before
            sys.setprofile(self._noting(before))
        return self

    def __exit__(self, *_: object) -> None:
        if self.known:
            sys.setprofile(self._before)

    def _noting(self, other: Callable[..., Any] | None) -> Callable[..., Any]:
        seen = self._seen

        def note(frame: FrameType, event: str, arg: Any) -> None:
            if event == "call":
                code = frame.f_code
                if id(code) not in seen:
                    seen[id(code)] = code, frame.f_globals
            if other is not None:
                other(frame, event, arg)

        return note


def is_of_user(code: CodeType, its_globals: Globals) -> bool:
    """Whether code is neither this library's, nor NumPy's, nor of the standard library.

    What these have made of a text (the methods of dataclasses, say) has their globals; those of
    named tuples have their own.
    """
    path = code.co_filename
    if path[:1] != "<":
        return not _is_library(path)
    module = str(its_globals.get("__name__"))
    return not (is_strange(module) or module.startswith("namedtuple_"))


@functools.lru_cache(1000)
def is_strange(module: Any) -> bool:
    """Whether a module, by its name, is not the user's. Types made in C may have no name there."""
    if not isinstance(module, str):
        return True
    first = module.partition(".")[0]
    path: Any = getattr(sys.modules.get(module), "__file__", None)
    if first in _NOT_USERS:
        return True
    return first in sys.stdlib_module_names if path is None else _is_library(path)


def _is_library(path: str) -> bool:
    if path.startswith((_OWN, _NUMPY)):
        return True
    return path.startswith(_STANDARD) and not any(
        f"{os.sep}{x}{os.sep}" in path for x in _INSTALLED
    )
