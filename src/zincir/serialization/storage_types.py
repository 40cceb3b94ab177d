"""PyTorch's names for memory of one element type, and the types behind them."""

from __future__ import annotations

from zincir.errors import LoadError, explain
from zincir.types import ALL_DTYPES, DType

_NAMES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
_BY_DTYPE = {dtype: name for name, dtype in _NAMES.items()}
_KNOWN = {dtype.name: dtype for dtype in ALL_DTYPES}

ALIASES = {"float": "float32", "double": "float64", "half": "float16", "long": "int64",
           "int": "int32", "short": "int16"}  # fmt: skip
"""Second names of types, which PyTorch's files do not use for themselves."""


def storage_name(dtype: DType) -> str:
    """PyTorch's name for memory of this type."""
    return _BY_DTYPE[dtype.name]


def storage_names() -> list[str]:
    """PyTorch's names for memory of a type."""
    return list(_NAMES)


def is_storage_name(name: str) -> bool:
    """Whether this is PyTorch's name for memory of some type."""
    return name in _NAMES


def dtype_of_storage(name: str) -> DType:
    """The element type of memory under PyTorch's name for it.

    Raises:
        LoadError: there is none like it here.
    """
    return dtype_named(_NAMES[name])


def is_dtype_name(name: str) -> bool:
    """Whether this is the name of one of PyTorch's types that files hold."""
    return name in _BY_DTYPE or name in ALIASES


def dtype_named(name: str) -> DType:
    """The type of this name.

    Raises:
        LoadError: there is none like it here.
    """
    found = _KNOWN.get(ALIASES.get(name, name))
    if found is None:
        raise LoadError(
            explain(
                f"load: there are no {name} tensors here",
                expected=", ".join(_KNOWN),
                try_="x.float() in PyTorch before it is saved",
            )
        )
    return found
