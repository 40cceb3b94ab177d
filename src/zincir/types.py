"""Data types and shapes: promotion and broadcasting as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from zincir.errors import DTypeError, ShapeError, explain
from zincir.naming import NAMING

Shape: TypeAlias = tuple[int, ...]
Scalar: TypeAlias = bool | int | float
"""A Python number. A complex one is taken where it is said so."""


class DType:
    """An element type. There is one object per type, so compare with `is` or `==`.

    It is no dataclass: libraries take those for containers of tensors, and rebuild them.
    """

    __slots__ = ("category", "half", "memory", "name")

    def __init__(
        self, name: str, memory: np.dtype[np.generic], category: int, half: bool = False
    ) -> None:
        self.name = name
        self.memory = memory
        """What arrays of its elements have, to which NumPy's types without a meaning belong."""
        self.category = category
        """0 boolean, 1 integer, 2 floating, 3 complex: the first thing promotion looks at."""
        self.half = half
        """Whether numbers are only stored in it: they are computed in float32, and rounded."""

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """NumPy's type of the same numbers.

        Raises:
            DTypeError: NumPy has none.
        """
        if self.memory.kind == "V":
            raise DTypeError(
                explain(f"NumPy has no {self.name}", try_="x.float(), or half.array_in here inside")
            )
        return self.memory

    @property
    def itemsize(self) -> int:
        return self.memory.itemsize

    @property
    def is_floating_point(self) -> bool:
        return self.category == 2

    @property
    def is_complex(self) -> bool:
        return self.category == 3

    @property
    def names_rows(self) -> bool:
        """Whether a tensor of it can be an index: as in PyTorch, none of int8 and int16 can."""
        return self.category == 1 and self not in (int8, int16)

    def __repr__(self) -> str:
        return f"{NAMING.library}.{self.name}"

    def __reduce__(self) -> tuple[Callable[[str], DType], tuple[str]]:
        return _named, (self.name,)


def _named(name: str) -> DType:
    return next(dtype for dtype in (*ALL_DTYPES, pair) if dtype.name == name)


bool_ = DType("bool", np.dtype(np.bool_), 0)
uint8 = DType("uint8", np.dtype(np.uint8), 1)
int8 = DType("int8", np.dtype(np.int8), 1)
int16 = DType("int16", np.dtype(np.int16), 1)
int32 = DType("int32", np.dtype(np.int32), 1)
int64 = DType("int64", np.dtype(np.int64), 1)
float16 = DType("float16", np.dtype(np.float16), 2, half=True)
bfloat16 = DType("bfloat16", np.dtype("V2"), 2, half=True)
float32 = DType("float32", np.dtype(np.float32), 2)
float64 = DType("float64", np.dtype(np.float64), 2)
complex64 = DType("complex64", np.dtype(np.complex64), 3)
complex128 = DType("complex128", np.dtype(np.complex128), 3)

pair = DType("pair", np.dtype(np.uint32), 1)
"""Two bfloat16 in four bytes, the first one in the lower half. Only the compiler makes any."""

ALL_DTYPES = (
    *(bool_, uint8, int8, int16, int32, int64),
    *(float16, bfloat16, float32, float64, complex64, complex128),
)
_RANK = {dtype: rank for rank, dtype in enumerate(ALL_DTYPES)}
_BY_NUMPY = {dtype.memory: dtype for dtype in ALL_DTYPES}
_BY_PYTHON: dict[type, DType] = {bool: bool_, int: int64}


class Default:
    """The type of floating numbers that come without one, for the whole process."""

    __slots__ = ("floating",)

    def __init__(self) -> None:
        self.floating = float32


DEFAULT = Default()


def from_numpy_dtype(dtype: npt.DTypeLike) -> DType:
    """The element type of a NumPy dtype.

    Raises:
        DTypeError: it has no counterpart here.
    """
    found = _BY_NUMPY.get(np.dtype(dtype))
    if found is None:
        names = ", ".join(t.name for t in ALL_DTYPES)
        raise DTypeError(
            explain(
                f"no tensor type for NumPy's {np.dtype(dtype)}",
                expected=names,
                try_="array.astype(np.float32) or another of these types",
            )
        )
    return found


def of_scalar(value: Scalar) -> DType:
    """The default type of a Python number: bool, int64, or that of floating numbers."""
    if value.__class__ is float:
        return DEFAULT.floating
    if value.__class__ is complex:
        return complex64 if DEFAULT.floating is float32 else complex128
    found = _BY_PYTHON.get(value.__class__)  # that of a live number is another than its type
    # What is no Python number is a scalar of NumPy, and knows which one it stands for.
    return found if found is not None else of_scalar(cast("np.generic", value).item())


@cache
def promote(a: DType, b: DType) -> DType:
    """The common type of two tensors of equal standing, as PyTorch has it.

    >>> promote(int64, float32)
    zincir.float32
    """
    if a is b:
        return a
    if {a, b} == {float64, complex64}:
        return complex128
    if a.category != b.category:
        return a if a.category > b.category else b
    if {a, b} == {uint8, int8}:
        return int16  # neither holds the numbers of the other
    if {a, b} == {float16, bfloat16}:
        return float32
    return a if _RANK[a] > _RANK[b] else b


@cache
def numpy_type(a: DType, b: DType) -> DType:
    """The common type of two arrays, as NumPy has it.

    >>> numpy_type(int64, float32)
    zincir.float64
    """
    return from_numpy_dtype(np.result_type(a.numpy, b.numpy))


def result_type(*operands: tuple[DType, int]) -> DType:
    """The common type of operands given as (dtype, standing).

    Standing is 2 for tensors with dimensions, 1 for 0-dimensional tensors, 0 for Python numbers.
    A lower standing takes part only when its category (bool, int, float) is higher, as in
    https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc.
    """
    best: DType | None = None
    for standing in (2, 1, 0):
        group: DType | None = None
        for dtype, own in operands:
            if own == standing:
                group = dtype if group is None else promote(group, dtype)
        if group is None:
            continue
        if best is None:
            best = group
        elif group.category > best.category:
            best = promote(best, group)
    assert best is not None
    return best


@lru_cache(maxsize=8192)
def broadcast(*shapes: Shape) -> Shape:
    """The common shape of operands under NumPy's broadcasting rules.

    >>> broadcast((3, 1), (4,))
    (3, 4)
    """
    ndim = max(map(len, shapes), default=0)
    out: list[int] = []
    for axis in range(-ndim, 0):
        sizes = {s[axis] for s in shapes if len(s) >= -axis}
        sizes.discard(1)
        if len(sizes) > 1:
            raise ShapeError(" and ".join(map(str, shapes)))
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


def size(shape: Shape) -> int:
    """The number of elements."""
    total = 1
    for n in shape:
        total *= n
    return total


def inverse_permutation(axes: Sequence[int]) -> tuple[int, ...]:
    """Where each axis went: of (2, 0, 1), (1, 2, 0)."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def contiguous_strides(shape: Shape) -> tuple[int, ...]:
    """Row-major strides, in elements.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))
