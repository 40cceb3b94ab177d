"""How tensors look when printed: as PyTorch prints them."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from zincir import scalar
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.half import plain
from zincir.inplace import grad_fn, is_leaf
from zincir.recording import CURRENT
from zincir.shared_value import array_of
from zincir.tensor_base import TensorBase
from zincir.types import bool_, complex64, float32, int64


@dataclass(frozen=True)
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


class _State:
    options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Say how tensors are printed; what is left out stays as it is, but for `sci_mode`.

    Args:
        precision: decimals (4 at first).
        threshold: of how many elements on, most are left out (1000).
        edgeitems: how many are printed at both ends of each dimension then (3).
        linewidth: characters in a line (80).
        profile: "default", "short" or "full", from which the others are taken.
        sci_mode: whether with powers of ten; None looks at the numbers.

    Raises:
        ArgumentError: there is no such profile.

    Example:
        >>> from zincir import tensor
        >>> set_printoptions(precision=2)
        >>> tensor([1.23456])
        tensor([1.23])
        >>> set_printoptions(profile="default")
    """
    options = _State.options
    if profile is not None:
        if profile not in _PROFILES:
            raise ArgumentError(
                explain(
                    f"set_printoptions: no profile {profile!r}",
                    where=user_line(),
                    expected=", ".join(_PROFILES),
                )
            )
        options = _PROFILES[profile]
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    _State.options = replace(options, **changed, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """How tensors are printed, as arguments for `set_printoptions`."""
    return asdict(_State.options)


@contextmanager
def printoptions(**options: Any) -> Generator[None]:
    """`set_printoptions`, until the end of a `with` block."""
    before = _State.options
    set_printoptions(**options)
    try:
        yield
    finally:
        _State.options = before


def formatted(tensor: TensorBase, spec: str) -> str:
    """A number is written as Python writes it; several, or one that is not known yet, as `repr`."""
    number = CURRENT.recording is None and tensor.ndim == 0
    return format(scalar.number(tensor) if number else repr(tensor), spec)


def show(tensor: TensorBase) -> str:
    """`tensor([1., 2.], requires_grad=True)`; only the shape while a function is recorded."""
    if CURRENT.recording is not None:
        return f"tensor(<not computed yet>, shape={tensor.shape}, dtype={tensor.dtype!r})"
    values = plain(array_of(tensor, "print"))
    said: list[str] = []
    if not values.size and values.ndim != 1:
        said.append(f"size={tensor.shape}")
    if tensor.dtype not in ((float32, int64, bool_, complex64) if values.size else (float32,)):
        said.append(f"dtype={tensor.dtype!r}")
    if not is_leaf(tensor):
        said.append(f"grad_fn={grad_fn(tensor)}")
    elif tensor.requires_grad:
        said.append("requires_grad=True")
    return _with(f"tensor({_body(values)}", said) + ")"


def _with(text: str, said: list[str]) -> str:
    """What else is said of a tensor, behind its values or in a line of its own."""
    length = len(text) - text.rfind("\n") + 1
    for part in said:
        if length + len(part) + 2 > _State.options.linewidth:
            text += ",\n" + " " * _INDENT + part
            length = _INDENT + len(part)
        else:
            text += ", " + part
            length += len(part) + 2
    return text


_INDENT = len("tensor(")


def _body(values: np.ndarray[Any, Any]) -> str:
    if not values.size:
        return "[]"
    short = values.size > _State.options.threshold
    shown = _shown(values) if short else values
    if values.dtype.kind == "c":
        form, width = _both_parts(shown)
    else:
        form, width = _form(shown, values.ndim > 0)
    return _block(values, _INDENT, short, form, width)


def _form(shown: np.ndarray[Any, Any], padded: bool = True) -> tuple[Callable[[Any], str], int]:
    """How a number is written, so that it suits all of them, and how wide."""
    one, counted = _floats(shown) if shown.dtype.kind == "f" else (str, shown)
    width = max([len(one(v)) for v in counted.reshape(-1).tolist()], default=1)
    return (lambda v: one(v).rjust(width)) if padded else one, width


def _both_parts(shown: np.ndarray[Any, Any]) -> tuple[Callable[[Any], str], int]:
    """How a complex number is written: each part as suits that part of all of them."""
    (real, wide), (imaginary, high) = _form(shown.real), _form(shown.imag)

    def both(v: Any) -> str:
        second = imaginary(v.imag).lstrip() + "j"
        return real(v.real) + ("" if second[0] in "+-" else "+") + second

    return both, wide + high + 1


def _block(
    values: np.ndarray[Any, Any], indent: int, short: bool, form: Callable[[Any], str], width: int
) -> str:
    """A tensor between brackets: a line for each row, or several where one is not enough."""
    if values.ndim == 0:
        return form(values.item())
    options = _State.options
    n, edge = len(values), options.edgeitems
    ends = [*range(edge), *range(n - edge, n)] if short and n > 2 * edge else list(range(n))
    middle = edge if len(ends) < n else -1
    if values.ndim == 1:
        parts = [form(values[k].item()) for k in ends]
        if middle >= 0:
            parts.insert(middle, " ...")
        some = max(1, (options.linewidth - indent) // (width + 2))
        lines = [", ".join(parts[k : k + some]) for k in range(0, len(parts), some)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [_block(values[k], indent + 1, short, form, width) for k in ends]
    if middle >= 0:
        parts.insert(middle, "...")
    return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _shown(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that are printed when most are left out."""
    edge = _State.options.edgeitems
    for axis, n in enumerate(values.shape):
        if n > 2 * edge:
            values = np.take(values, [*range(edge), *range(n - edge, n)], axis)
    return values


def _floats(values: np.ndarray[Any, Any]) -> tuple[Callable[[float], str], Any]:
    """Whole numbers as `2.`; others with decimals, or powers of ten if sizes differ much.

    Returns:
        How one is written, and the numbers that decide how wide all are: those that are none are
            not.
    """
    options = _State.options
    counted = values[np.isfinite(values) & (values != 0)]
    size = np.abs(counted).astype(np.float64)
    if not size.size:
        return _whole, counted
    powers = options.sci_mode
    if powers is None:
        largest, smallest = size.max(), size.min()
        powers = bool(largest / smallest > 1000.0 or largest > 1e8 or smallest < 1e-4)
    whole = bool((size == np.round(size)).all())
    return _scientific if powers else _whole if whole else _fixed, counted


def _scientific(v: float) -> str:
    return f"{v:.{_State.options.precision}e}"


def _fixed(v: float) -> str:
    return f"{v:.{_State.options.precision}f}"


def _whole(v: float) -> str:
    return f"{v:.0f}." if np.isfinite(v) else f"{v}"
