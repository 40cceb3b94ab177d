"""How tensors look when printed: as PyTorch prints them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.half import plain
from zincir.inplace import grad_fn, is_leaf
from zincir.recording import CURRENT
from zincir.shared_value import array_of
from zincir.tensor_base import TensorBase
from zincir.types import bool_, complex64, float32, int64

_PRECISION = 4
_LINE = 80
_MANY = 1000
_EDGE = 3


def show(tensor: TensorBase) -> str:
    """`tensor([1., 2.], requires_grad=True)`; only the shape while a function is recorded."""
    if CURRENT.recording is not None:
        return f"tensor(<not computed yet>, shape={tensor.shape}, dtype={tensor.dtype!r})"
    values = plain(array_of(tensor, "print"))
    text = _body(values)
    if not values.size and values.ndim > 1:
        text += f", size={tensor.shape}"
    if tensor.dtype not in ((float32, int64, bool_, complex64) if values.size else (float32,)):
        text += f", dtype={tensor.dtype!r}"
    if not is_leaf(tensor):
        text += f", grad_fn={grad_fn(tensor)}"
    elif tensor.requires_grad:
        text += ", requires_grad=True"
    return f"tensor({text})"


def _body(values: np.ndarray[Any, Any]) -> str:
    shown = _shown(values)
    form = _form(shown)
    width = max([len(form(v)) for v in shown.reshape(-1).tolist()], default=0)

    def aligned(v: Any) -> str:
        return form(v).rjust(width if values.ndim and values.dtype.kind != "c" else 0)

    return np.array2string(
        values,
        max_line_width=_LINE,
        separator=", ",
        prefix="tensor(",
        threshold=_MANY,
        edgeitems=_EDGE,
        formatter={"all": aligned},
    )


def _form(shown: np.ndarray[Any, Any]) -> Callable[[Any], str]:
    """How a number is written, so that it suits all of them."""
    if shown.dtype.kind == "f":
        return _floats(shown)
    if shown.dtype.kind != "c":
        return str
    real, imaginary = _floats(shown.real), _floats(shown.imag)
    width = max([len(real(v)) for v in shown.real.reshape(-1).tolist()], default=0)

    def both(v: Any) -> str:
        sign = "-" if np.signbit(v.imag) else "+"
        return f"{real(v.real).rjust(width)}{sign}{imaginary(abs(v.imag))}j"

    return both


def _shown(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that are printed when most are left out."""
    if values.size <= _MANY:
        return values
    for axis, n in enumerate(values.shape):
        if n > 2 * _EDGE:
            ends = [*range(_EDGE), *range(n - _EDGE, n)]
            values = np.take(values, ends, axis)
    return values


def _floats(values: np.ndarray[Any, Any]) -> Callable[[float], str]:
    """Whole numbers as `2.`; others with four decimals, or powers of ten if sizes differ much."""
    size = np.abs(values[np.isfinite(values) & (values != 0)]).astype(np.float64)
    largest, smallest = (size.max(), size.min()) if size.size else (0.0, 0.0)
    wide = bool(size.size) and (largest / smallest > 1000.0 or largest > 1e8)
    if bool((size == np.round(size)).all()):
        return _scientific if largest > 1e8 else _whole
    return _scientific if wide or smallest < 1e-4 else _fixed


def _scientific(v: float) -> str:
    return f"{v:.{_PRECISION}e}"


def _fixed(v: float) -> str:
    return f"{v:.{_PRECISION}f}"


def _whole(v: float) -> str:
    return f"{v:.0f}." if np.isfinite(v) else f"{v}"
