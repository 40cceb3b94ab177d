"""Every exception Zincir raises, and the one form its messages have.

Each class is also of every built-in kind that PyTorch raises in its place, so that code which
catches `RuntimeError`, `ValueError`, `TypeError`, `IndexError` or `KeyError` there does so here:
PyTorch raises `RuntimeError` below its Python surface and one of the others above it.

A message answers four questions: what was attempted and where, what was expected, what came,
and what to try. Its first line stands alone.
"""

from __future__ import annotations

from pickle import UnpicklingError
from typing import Any


class ZincirError(Exception):
    """Root of all errors raised by this library."""


class ShapeError(ZincirError, RuntimeError, ValueError):
    """Shapes that do not fit an operation."""


class DTypeError(ZincirError, RuntimeError, TypeError):
    """A data type an operation cannot work on."""


class ArgumentError(ZincirError, RuntimeError, ValueError):
    """An argument outside what a function accepts."""


class DataError(ArgumentError):
    """Data that cannot be trained on as they are: names the file, the row or the column."""


class DataNotFound(DataError, FileNotFoundError):
    """A file or folder of data that is not there."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class DeviceError(ArgumentError, AssertionError):
    """A device that there is not."""


class DivisionByZero(ZincirError, RuntimeError, ZeroDivisionError):
    """Whole numbers divided by 0."""


class LinAlgError(ZincirError, RuntimeError):
    """A matrix that has no inverse, no factor or no solution of the kind asked for."""


class UnknownName(ArgumentError, KeyError, AttributeError):
    """A name that an object does not hold."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NotFinite(ZincirError, ArithmeticError):
    """A loss is NaN or infinite: training stops."""


class IndexOutOfRange(ZincirError, RuntimeError, IndexError):
    """An index or a label outside the axis it points into."""


class GradientError(ZincirError, RuntimeError):
    """A backward pass that cannot be done, or whose answer would be wrong."""


class AnomalyError(GradientError):
    """The first NaN or infinity of a computation, named where it was born."""

    birth: Any = None
    """An `anomaly.Birth`: the operation and its operands."""


class TraceError(ZincirError, RuntimeError):
    """A function that cannot be recorded and replayed faithfully."""


class CompileError(ZincirError, RuntimeError):
    """A failure inside the compiler: names the pass, the node and the user's line."""


class OutOfMemoryError(ZincirError, RuntimeError, MemoryError):
    """More memory than there is. What was computed before is intact, and everything goes on."""


class LoaderTimeout(ZincirError, RuntimeError, TimeoutError):
    """A batch that did not come in time."""


class LoadError(ZincirError, RuntimeError, UnpicklingError, EOFError):
    """A file that cannot be loaded: cut off, corrupted, of another kind, or asking for code to
    run.
    """


class StateError(ZincirError, RuntimeError, ValueError, KeyError):
    """Saved state that does not match the object it is loaded into."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


def explain(
    what: str, *, where: str = "", expected: str = "", got: str = "", try_: str = "", note: str = ""
) -> str:
    """Format a message: `what`, then one indented line for each field that is not empty.

    >>> print(explain("matmul: inner dimensions differ", got="(2, 3) @ (4, 5)"))
    matmul: inner dimensions differ
      got       (2, 3) @ (4, 5)
    """
    fields = {"where": where, "expected": expected, "got": got, "try": try_, "note": note}
    lines = [what]
    for name, text in fields.items():
        if text:
            lines.append(f"  {name:<9} {text}".rstrip().replace("\n", "\n" + " " * 12))
    return "\n".join(lines)


class RecordingWarning(UserWarning):
    """A compiled function is run as it is written, since it could not be replayed."""
