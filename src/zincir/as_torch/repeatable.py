"""Switches for results that are repeatable and exact: here they always are."""

from __future__ import annotations

import warnings
from typing import Any

from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import user_line

_DEBUG_MODES = ("default", "warn", "error")
_PRECISIONS = ("highest", "high", "medium")
_chosen = {"deterministic": 0, "precision": 0}
"""What was asked for: positions in the two lists above."""


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for the same numbers in every run. They are the same without it; the answer is kept.

    >>> use_deterministic_algorithms(True)
    >>> are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)

    Raises:
        DTypeError: `mode` is no bool.
    """
    if not isinstance(mode, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DTypeError(
            explain(
                "use_deterministic_algorithms: mode has to be a bool",
                where=user_line(),
                got=type(mode).__name__,
            )
        )
    _chosen["deterministic"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether `use_deterministic_algorithms(True)` was called.

    >>> are_deterministic_algorithms_enabled()
    False
    """
    return _chosen["deterministic"] > 0


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was called with `warn_only`.

    >>> is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _chosen["deterministic"] == 1


def get_deterministic_debug_mode() -> int:
    """0, or 1 for warnings, or 2 for errors.

    >>> get_deterministic_debug_mode()
    0
    """
    return _chosen["deterministic"]


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms`, by "default", "warn", "error", or 0, 1, 2.

    >>> set_deterministic_debug_mode("warn")
    >>> get_deterministic_debug_mode()
    1
    >>> set_deterministic_debug_mode(0)

    Raises:
        ArgumentError: there is no such mode.
    """
    known: dict[Any, int] = {name: k for k, name in enumerate(_DEBUG_MODES)} | {0: 0, 1: 1, 2: 2}
    if debug_mode not in known:
        raise ArgumentError(
            explain(
                "set_deterministic_debug_mode: no such mode",
                where=user_line(),
                expected=f"one of {', '.join(_DEBUG_MODES)}, or 0, 1, 2",
                got=repr(debug_mode),
            )
        )
    _chosen["deterministic"] = known[debug_mode]


def set_float32_matmul_precision(precision: str) -> None:
    """How products of float32 may be rounded: a permission that is not made use of here.

    >>> set_float32_matmul_precision("high")
    >>> get_float32_matmul_precision()
    'high'
    >>> set_float32_matmul_precision("highest")
    """
    if precision in _PRECISIONS:
        _chosen["precision"] = _PRECISIONS.index(precision)
    else:  # as PyTorch does
        warnings.warn(
            f"{precision!r} is none of {', '.join(_PRECISIONS)}: it has no effect", stacklevel=2
        )


def get_float32_matmul_precision() -> str:
    """What was set: "highest", "high" or "medium".

    >>> get_float32_matmul_precision()
    'highest'
    """
    return _PRECISIONS[_chosen["precision"]]
