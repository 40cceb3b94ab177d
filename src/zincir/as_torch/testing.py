"""`torch.testing`: comparing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zincir.errors import explain
from zincir.tensor import Tensor
from zincir.types import float64

_TOLERANCE = {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "float16": (1e-3, 1e-5),
              "bfloat16": (1.6e-2, 1e-5)}  # fmt: skip


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Make sure that two values, or containers of them, differ by atol + rtol * |expected| at most.

    Without tolerances, those that PyTorch has for the type are used.

    >>> import zincir
    >>> assert_close(zincir.ones(2), zincir.ones(2) + 1e-7)

    Raises:
        AssertionError: they differ by more.
    """
    options: dict[str, Any] = {"rtol": rtol, "atol": atol, "equal_nan": equal_nan,
                               "check_dtype": check_dtype, "msg": msg}  # fmt: skip
    if isinstance(expected, Mapping | list | tuple):
        for a, b in _pairs(actual, expected):
            assert_close(a, b, **options)
        return
    text = _difference(actual, expected, rtol, atol, equal_nan, check_dtype)
    if text:
        raise AssertionError(msg(text) if callable(msg) else msg or text)


def _pairs(actual: Any, expected: Any) -> list[tuple[Any, Any]]:
    """What is to be compared in two containers."""
    if hasattr(expected, "keys"):
        if set(actual) != set(expected):
            raise AssertionError(explain("the keys differ", got=f"{list(actual)}"))
        return [(actual[key], expected[key]) for key in expected]
    if len(actual) != len(expected):
        raise AssertionError(explain("the lengths differ", got=f"{len(actual)}, {len(expected)}"))
    return list(zip(actual, expected, strict=True))


def _difference(
    actual: Any, expected: Any, rtol: Any, atol: Any, equal_nan: bool, check_dtype: bool
) -> str:
    name = float64.name
    if isinstance(actual, Tensor) and isinstance(expected, Tensor):
        if check_dtype and actual.dtype is not expected.dtype:
            return explain("the types differ", got=f"{actual.dtype!r} and {expected.dtype!r}")
        name = max(actual.dtype.name, expected.dtype.name, key=_coarseness)
    a, b = _array(actual), _array(expected)
    if a.shape != b.shape:
        return explain("the shapes differ", got=f"{a.shape} and {b.shape}")
    relative, absolute = _TOLERANCE.get(name, (0.0, 0.0))
    rtol, atol = relative if rtol is None else rtol, absolute if atol is None else atol
    close = np.isclose(a, b, rtol, atol, equal_nan)
    if close.all():
        return ""
    worst = np.nanmax(np.abs(a.astype(np.float64) - b.astype(np.float64)))
    return explain(
        "values are not close",
        expected=f"differences of at most {atol:g} + {rtol:g} * |expected|",
        got=f"{close.size - close.sum()} of {close.size} differ by more, by {worst:g} at most",
    )


def _coarseness(name: str) -> float:
    return _TOLERANCE.get(name, (0.0, 0.0))[0]


def _array(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(x.detach().numpy() if isinstance(x, Tensor) else x)
