"""Names that PyTorch's name space does not have here: one clear line, and what comes nearest."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable

from zincir.errors import ZincirError, explain
from zincir.graph.node import _PACKAGE


class AbsentName(ZincirError, AttributeError):
    """A name that Zincir has not, asked for as an attribute: `torch.nn.Nothing`."""


class AbsentModule(ZincirError, ModuleNotFoundError):
    """A name that Zincir has not, asked for by an import: `from torch.nn import Nothing`."""


def absent(name: str, names: Iterable[str]) -> str:
    """The message: which name, where in the script, and what comes nearest.

    >>> print(absent("torch.nn.Liner", ["Linear", "Bilinear", "relu"]))
    Zincir has no torch.nn.Liner
      where     ...
      try       torch.nn.Linear
    """
    room, _, own = name.rpartition(".")
    near = difflib.get_close_matches(own, [n for n in names if n[:1] != "_"], 3, 0.7)
    return explain(
        f"Zincir has no {name}",
        where=script_line(),
        try_=" or ".join(f"{room}.{n}" for n in near)
        or "docs/compatibility.md for what there is; PyTorch itself runs the script as it stands",
    )


def script_line() -> str:
    """The innermost line that belongs neither to this package nor to Python's import system."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _passes_on(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _passes_on(file: str) -> bool:
    return file.startswith(_PACKAGE) or file.startswith("<frozen ") or "importlib" in file
