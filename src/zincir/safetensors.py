"""Weights in files of the safetensors format, under the names of `safetensors.torch`.

Such a file holds tensors by name and nothing else: eight bytes with the length of a header, the
header, which is JSON and says of each tensor its type, its shape and where its bytes begin and end,
and the bytes one behind another (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from zincir.errors import ArgumentError, DTypeError, LoadError, explain
from zincir.graph.node import user_line
from zincir.recording import refuse_replay
from zincir.serialization.archive import replacing
from zincir.serialization.tensors import memory_of
from zincir.shared_value import array_of
from zincir.tensor import Tensor, from_array
from zincir.tensor_types import check_device
from zincir.types import ALL_DTYPES, size

_CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
}  # fmt: skip
_DTYPES = {_CODES[dtype.name]: dtype for dtype in ALL_DTYPES if dtype.name in _CODES}
_LONGEST_HEADER = 100_000_000
_METADATA = "__metadata__"


def save_file(
    tensors: Mapping[str, Tensor], filename: Any, metadata: dict[str, str] | None = None
) -> None:
    """Write tensors by name, and text beside them. The file appears when it is complete.

    Raises:
        ArgumentError: what is given is no dictionary of tensors, or tensors share memory.
        DTypeError: the format has not the type of a tensor.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> save_file({"w": Tensor([1.0, 2.0])}, f"{folder}/net.safetensors")
        >>> load_file(f"{folder}/net.safetensors")
        {'w': tensor([1., 2.])}
    """
    parts = pieces(tensors, metadata)
    with replacing(Path(os.fsdecode(filename))) as file:
        file.writelines(parts)


def load_file(filename: Any, device: Any = "cpu") -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Raises:
        LoadError: the file is cut off or corrupted, or holds a type that is not here.
    """
    check_device(device)
    refuse_replay("it reads a file")
    return load(Path(os.fsdecode(filename)).read_bytes())


def save(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """What `save_file` writes, as bytes."""
    return b"".join(pieces(tensors, metadata))


def pieces(tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> list[Any]:
    """The same in pieces, one behind another, without a copy of the numbers."""
    _check(tensors)
    header: dict[str, Any] = {} if metadata is None else {_METADATA: dict(metadata)}
    # Wide types first: then all of them lie where their width divides the place.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    parts: list[Any] = []
    end = 0
    for name in order:
        t = tensors[name]
        array = np.ascontiguousarray(array_of(t, "save"))
        parts.append(array.reshape(-1).view(np.uint8).data if array.size else b"")
        start, end = end, end + array.nbytes
        header[name] = {
            "dtype": _CODES[t.dtype.name],
            "shape": list(t.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [len(text).to_bytes(8, "little"), text, *parts]


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in bytes that `save` gave, by name.

    Raises:
        LoadError: they are cut off or corrupted, or hold a type that is not here.
    """
    header, length = _header(data)
    try:
        named = {k: v for k, v in header.items() if k != _METADATA}
        entries = [
            (*map(int, e["data_offsets"]), str(k), str(e["dtype"]), tuple(map(int, e["shape"])))
            for k, e in named.items()
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(f"the header is not readable: {error}") from None
    memory = memoryview(data)[8 + length :]
    found: dict[str, Tensor] = {}
    reached = 0
    for start, end, name, code, shape in sorted(entries):
        if start != reached or end < start or min(shape, default=0) < 0:
            raise _damaged(f"{name} lies at bytes {start} to {end}, and not at {reached}")
        if code not in _DTYPES:
            raise LoadError(
                explain(
                    f"load: {name} is of a type that is not here",
                    got=code,
                    expected=", ".join(_DTYPES),
                )
            )
        dtype, reached = _DTYPES[code], end
        found[name] = from_array(memory_of(memory[start:end], dtype, size(shape)).reshape(shape))
    if reached != len(memory):
        raise _damaged(f"{len(memory)} bytes, of which tensors take {reached}")
    return {name: found[name] for name in sorted(found)}


def metadata(data: bytes) -> dict[str, str]:
    """The text beside the tensors, in bytes that `save` gave.

    Raises:
        LoadError: they are cut off or corrupted.

    Example:
        >>> metadata(save({"w": Tensor([1.0])}, {"trained": "yes"}))
        {'trained': 'yes'}
    """
    found: Any = _header(data)[0].get(_METADATA, {})
    kind: Any = dict
    if not isinstance(found, kind) or not all(isinstance(v, str) for v in found.values()):
        raise _damaged("metadata that is no text")
    return found


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_LONGEST_HEADER, len(data) - 8):
        raise _damaged(f"a header of {length} bytes in a file of {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _damaged(f"the header is not readable: {error}") from None
    if not isinstance(header, dict):
        raise _damaged("the header is no table of names")
    return cast("dict[str, Any]", header), length


def _damaged(got: str) -> LoadError:
    return LoadError(explain("load: no safetensors, or truncated or corrupted", got=got))


def _check(tensors: Any) -> None:
    if not isinstance(tensors, Mapping):
        raise _refused("needs a dictionary of tensors", type(tensors).__name__)
    owners: dict[int, str] = {}
    for name, t in cast("Mapping[str, Any]", tensors).items():
        if not isinstance(t, Tensor) or not isinstance(name, str):
            raise _refused(f"{name!r} is no tensor under a name", type(t).__name__)
        if t.dtype.name not in _CODES:
            raise DTypeError(
                explain(f"save: the format has no {t.dtype.name}", where=user_line(), got=name)
            )
        other = owners.setdefault(id(t if t._storage is None else t._storage), name)
        if other != name and t.numel():
            raise _refused(
                f"{other!r} and {name!r} share memory, which the format cannot say",
                "two names for one memory",
                try_="leave one out, or x.clone()",
            )


def _refused(what: str, got: str, try_: str = "") -> ArgumentError:
    return ArgumentError(explain(f"save: {what}", where=user_line(), got=got, try_=try_))
