"""What is kept of a value: all of its numbers if they are few, else what sums them up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from zincir.half import plain
from zincir.types import from_numpy_dtype

Array = np.ndarray[Any, Any]

FEW = 6
"""So many numbers are written out."""
KEPT = 4096
"""So many are kept."""
CELLS = 16
"""The most rows and columns of a heat map."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The numbers of a tensor, for people.

    Attributes:
        values: all of them, if there are at most 4096; complex ones as they are.
        mean, rms, low, high: of those that are finite; NaN if there are none. Of complex numbers
            a + bi, here and in the picture, of their sizes |a + bi|.
        zeros: the share that is exactly 0.
        nans, infinite: how many are no numbers, or infinite.
        picture: for more than 6 numbers at most 16 rows and columns; of each block the number that
            is furthest from 0. shows: what is in it.
    """

    shape: tuple[int, ...]
    dtype: str
    values: Array | None
    mean: float
    rms: float
    low: float
    high: float
    zeros: float
    nans: int
    infinite: int
    picture: Array | None
    shows: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def finite(self) -> bool:
        """Whether all of them are numbers."""
        return not self.nans and not self.infinite

    @property
    def single(self) -> float | None:
        """The number, if it is one, and real."""
        if self.size != 1 or self.values is None or self.is_complex:
            return None
        return float(self.values.reshape(-1)[0])

    @property
    def is_complex(self) -> bool:
        return self.dtype.startswith("complex")

    def __str__(self) -> str:
        return self.brief() if self.size <= FEW else f"{self.kind}: {self.summary()}"

    @property
    def kind(self) -> str:
        """Its type and shape, such as `float32[2, 3]`."""
        return f"{self.dtype}{list(self.shape)}"

    def brief(self) -> str:
        """The numbers if they are few, else their type and shape."""
        if self.values is None or self.size > FEW:
            return self.kind
        if self.size == 1:
            return number(self.values.reshape(-1)[0].item())
        return _listed(self.values)

    def summary(self) -> str:
        """What sums them up, in a line."""
        if not self.size:
            return "no elements"
        sizes = "sizes |a+bi|: " * self.is_complex
        parts = [f"{sizes}mean {number(self.mean, 4)}", f"rms {number(self.rms, 4)}"]
        parts.append(f"from {number(self.low, 4)} to {number(self.high, 4)}")
        parts += [f"{self.zeros:.0%} zeros"] * bool(self.zeros)
        parts += [f"{self.nans} NaN"] * bool(self.nans)
        parts += [f"{self.infinite} infinite"] * bool(self.infinite)
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The fields, as JSON knows them; of more than 6 numbers without each of them."""
        few = self.values is not None and self.size <= FEW
        return {
            "shape": list(self.shape),
            "dtype": self.dtype,
            "values": _plain_list(self.values) if few else None,
            **{k: _plain(getattr(self, k)) for k in ("mean", "rms", "low", "high", "zeros")},
            "nans": self.nans,
            "infinite": self.infinite,
            "text": str(self),
        }


def reading(array: Any, *, drawn: bool = True) -> Reading:
    """Read an array; `drawn`: with a picture of it.

    >>> print(reading(np.array([-8.0])), "|", reading(np.arange(8.0)))
    -8 | float64[8]: mean 3.5, rms 4.183, from 0 to 7, 12% zeros
    """
    array = np.asarray(array)
    dtype = from_numpy_dtype(array.dtype).name
    found: Array = plain(array)
    complex_ = found.dtype.kind == "c"
    numbers: Array = np.asarray(np.abs(found) if complex_ else found, np.float64)
    if numbers.size == 1 and not complex_ and np.isfinite(numbers).all():
        one = float(numbers.reshape(-1)[0])
        zero = float(one == 0)
        return Reading(
            found.shape, dtype, numbers.copy(), one, abs(one), one, one, zero, 0, 0, None, ""
        )
    finite = np.isfinite(numbers)
    good = cast(Array, numbers.reshape(-1) if finite.all() else numbers[finite])
    nans = 0 if good.size == numbers.size else int(np.count_nonzero(np.isnan(numbers)))
    picture, shows = _picture(numbers) if drawn and numbers.size > FEW else (None, "")
    shows += "; sizes |a+bi|" * bool(complex_ and shows)
    with np.errstate(over="ignore"):
        rms = _of(_root_mean_square, good)
    return Reading(
        shape=found.shape,
        dtype=dtype,
        values=None if numbers.size > KEPT else (found if complex_ else numbers).copy(),
        mean=_of(np.mean, good),
        rms=rms,
        low=_of(np.min, good),
        high=_of(np.max, good),
        zeros=(numbers.size - int(np.count_nonzero(numbers))) / max(1, numbers.size),
        nans=nans,
        infinite=int(numbers.size - good.size - nans),
        picture=picture,
        shows=shows,
    )


def number(value: complex, digits: int = 6) -> str:
    """A number as text.

    >>> number(-24.0), number(0.1 + 0.2), number(float("nan")), number(1e-7), number(1 - 2j)
    ('-24', '0.3', 'NaN', '1e-07', '(1-2i)')
    """
    if isinstance(value, complex):
        imaginary = number(value.imag, digits)
        sign = "" if imaginary.startswith("-") else "+"
        return f"({number(value.real, digits)}{sign}{imaginary}i)"
    if value != value:
        return "NaN"
    if math.isinf(value):
        return "infinity" if value > 0 else "-infinity"
    return f"{value + 0.0:.{digits}g}"


def _root_mean_square(x: Array) -> float:
    return math.sqrt(float(np.einsum("i,i", x, x)) / x.size)  # not by BLAS, whose threads may wait


def _of(measure: Callable[[Any], Any], good: Array) -> float:
    return float(measure(good)) if good.size else math.nan


def _listed(values: Array) -> str:
    if values.ndim == 0:
        return number(values.item(), 4)
    return f"[{', '.join(_listed(values[i]) for i in range(len(values)))}]"


def _plain(value: complex) -> float | str:
    if isinstance(value, complex):
        return number(value, 9)
    return float(value) if math.isfinite(value) else number(value)


def _plain_list(values: Array | None) -> list[float | str]:
    return [] if values is None else [_plain(v) for v in values.reshape(-1).tolist()]


def _picture(numbers: Array) -> tuple[Array, str]:
    """Rows and columns to draw, and what they are."""
    if numbers.ndim == 4 and numbers.shape[2] * numbers.shape[3] >= 64 and 0 not in numbers.shape:
        return _channels(numbers)
    rows = numbers.reshape(-1, numbers.shape[-1]) if numbers.ndim > 1 else numbers.reshape(1, -1)
    shows = "each element"
    if numbers.ndim == 1 and numbers.size > CELLS:
        width = min(CELLS, math.isqrt(numbers.size - 1) + 1)
        filled = np.full(-(-numbers.size // width) * width, np.nan)
        filled[: numbers.size] = numbers
        rows = filled.reshape(-1, width)
        shows = f"row by row, {width} in a row"
    small = _furthest(_furthest(rows, 0), 1)
    if small.shape != rows.shape:
        shows = f"{rows.shape[0]} x {rows.shape[1]}; of each block the one furthest from 0"
    return small, shows


def _channels(numbers: Array) -> tuple[Array, str]:
    """The first channels of the first sample, beside one another."""
    count = min(4, numbers.shape[1])
    parts = [_furthest(_furthest(numbers[0, c], 0), 1) for c in range(count)]
    if count < 4:
        return np.concatenate(parts, 1)[:, : 2 * CELLS], f"sample 0, channels 0 to {count - 1}"
    small = [part[::2, ::2] if max(part.shape) > CELLS // 2 else part for part in parts]
    rows = [np.concatenate(small[:2], 1), np.concatenate(small[2:], 1)]
    return np.concatenate(rows, 0), "sample 0, channels 0 to 3"


def _furthest(rows: Array, axis: int) -> Array:
    """At most 16 along an axis: of each block the number that is furthest from 0, or NaN."""
    length = rows.shape[axis]
    if length <= CELLS:
        return rows
    starts = [i * length // CELLS for i in range(CELLS)]
    high = np.maximum.reduceat(rows, starts, axis)
    low = np.minimum.reduceat(rows, starts, axis)
    return np.where(-low > high, low, high)
