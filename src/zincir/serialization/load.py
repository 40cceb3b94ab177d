"""`load`: PyTorch's files, and those of `save`, read without running anything in them."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from zincir.errors import ArgumentError, LoadError, explain
from zincir.graph.node import user_line
from zincir.recording import refuse_replay
from zincir.serialization import allowed
from zincir.serialization.archive import Archive, is_path
from zincir.serialization.legacy import Legacy, is_legacy
from zincir.serialization.reader import read
from zincir.serialization.tensors import PutTogether, memory_of
from zincir.tensor import from_array
from zincir.tensor_types import check_device
from zincir.types import DType, bfloat16

_ZIP = b"PK\x03\x04"


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """What a file of `torch.save` or `save` holds: new tensors, in plain containers.

    Nothing in the file is run: it may hold tensors, parameters, numbers, text, NumPy's numbers and
    arrays, and lists, tuples, dictionaries and sets of them. A file that asks for anything else is
    refused with what it asked for; `zincir.serialization.add_safe_globals` names classes and
    functions that may be called all the same.

    Args:
        f: a path, or a file open for reading.
        map_location: where tensors of a GPU go: "cpu", a dictionary of devices, or a function of
        the
            memory and its place that returns the memory.
        pickle_module: with `weights_only=False`, a module to use in the place of `pickle`.
        weights_only: False lets the file run whatever it says, as `pickle` does: only for files
        that
            you trust as you trust a program. It is needed for whole modules.
        mmap: taken for a path, as PyTorch has it; the file is read at once.
        pickle_load_args: for the pickle module, with `weights_only=False`.

    Raises:
        LoadError: the file is cut off or corrupted, asks for what is not plain data, or holds
        tensors
            of a GPU or of a type that is not here.
        ArgumentError: arguments that exclude one another.

    Example:
        >>> import io, pickle
        >>> load(io.BytesIO(pickle.dumps(print)))
        Traceback (most recent call last):
        zincir.errors.LoadError: load: no file of PyTorch's...
    """
    refuse_replay("it reads a file")
    _check(f, pickle_module, weights_only, mmap)
    trusted = weights_only is False
    unpickle = _trusting(pickle_module or pickle, pickle_load_args) if trusted else read
    if is_path(f):
        with Path(os.fsdecode(f)).open("rb") as file:
            return _loaded(file, map_location, unpickle)
    if not (hasattr(f, "seek") and hasattr(f, "tell") and f.seekable()):
        f = io.BytesIO(f.read())
    return _loaded(f, map_location, unpickle)


Unpickle = Callable[[IO[bytes], Callable[[Any], Any]], Any]


def _loaded(file: IO[bytes], map_location: Any, unpickle: Unpickle) -> Any:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    if not head:
        raise LoadError(explain("load: the file is empty", where=user_line()))
    if head == _ZIP:
        archive = Archive(file)
        source = _Memories(archive.read, archive.swapped, map_location)
        return unpickle(io.BytesIO(archive.read("data.pkl")), source.named)
    if is_legacy(file):
        file.seek(start)
        legacy = Legacy(file)
        source = _Memories(legacy.read, legacy.swapped, map_location)
        return unpickle(io.BytesIO(legacy.pickled), source.named)
    file.seek(start)
    if tarfile.is_tarfile(file):
        raise LoadError(
            explain(
                "load: a file of PyTorch before 0.4 (a tar file) is not read",
                try_="load and save it with a newer PyTorch",
            )
        )
    raise LoadError(
        explain(
            "load: no file of PyTorch's, or the beginning is corrupted",
            where=user_line(),
            expected="what torch.save or zincir.save wrote",
            got=f"a file that begins with {head!r}",
        )
    )


class _Memories:
    """The memory that tensors of a file name, each piece read once."""

    def __init__(self, read: Callable[[str], bytes], swapped: bool, map_location: Any) -> None:
        self._read, self._swapped, self._map_location = read, swapped, map_location
        self._known: dict[str, PutTogether] = {}

    def named(self, name: Any) -> Any:
        """The memory that a persistent name stands for."""
        parts: tuple[Any, ...] = name if type(name) is tuple else ()  # pyright: ignore[reportUnknownVariableType]
        if len(parts) == 4 and parts[0] == "module":  # a class, in old files
            return parts[1]
        if len(parts) < 5 or not isinstance(parts[1], allowed.StorageName):
            raise LoadError(explain("load: memory that has no type or name", got=repr(parts)))
        if any(part is not None for part in parts[5:]):
            raise LoadError(explain("load: memory that is a part of other memory", got=repr(parts)))
        kind, key, place, count = parts[1:5]
        dtype = kind.dtype
        if key not in self._known:
            self._known[key] = self._placed(self._array(key, dtype, count), dtype, place)
        return self._known[key]

    def _array(self, key: str, dtype: DType, count: int) -> np.ndarray[Any, Any]:
        array = memory_of(self._read(f"data/{key}"), dtype, count)
        if not self._swapped:
            return array
        if dtype is bfloat16:  # to NumPy, bytes without a meaning, which it does not swap
            return array.view(np.uint16).byteswap().view(array.dtype)
        return array.byteswap()

    def _placed(self, array: np.ndarray[Any, Any], dtype: DType, place: str) -> PutTogether:
        wanted = self._map_location
        if isinstance(wanted, dict):
            devices = cast("dict[Any, Any]", wanted)
            wanted = {str(k): v for k, v in devices.items()}.get(place, place)
        elif callable(wanted):
            wanted = "cpu" if wanted(from_array(array), place) is not None else place
        elif wanted is None and place.split(":")[0] not in ("cpu", "meta"):
            raise LoadError(
                explain(
                    f"load: Attempting to deserialize object on {place}, which there is not",
                    where=user_line(),
                    try_='map_location="cpu"',
                )
            )
        check_device(place if wanted is None else wanted)
        return PutTogether(array, dtype)


def _check(f: Any, pickle_module: Any, weights_only: bool | None, mmap: bool | None) -> None:
    what = ""
    if weights_only is not False and pickle_module is not None:
        what = "weights are not read by a pickle module: leave it out, or weights_only=False"
    elif mmap and not is_path(f):
        what = "f must be a file path in order to use the mmap argument"
    elif not (is_path(f) or hasattr(f, "read")):
        what = "f is neither a path nor a file that is open for reading"
    if what:
        raise ArgumentError(explain(f"load: {what}", where=user_line(), got=type(f).__name__))


def _trusting(module: Any, options: dict[str, Any]) -> Unpickle:
    """The reader that runs what the file says."""
    base: Any = module.Unpickler

    class Unpickler(base):
        """Python's own reader, and PyTorch's names of tensors."""

        def __init__(self, file: IO[bytes], memory: Callable[[Any], Any]) -> None:
            super().__init__(file, **options)  # pyright: ignore[reportUnknownMemberType]
            self._memory = memory

        def persistent_load(self, pid: Any) -> Any:
            return self._memory(pid)

        def find_class(self, module_name: str, name: str) -> Any:
            if module_name.split(".")[0] != "torch":
                return super().find_class(module_name, name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            found = allowed.named(module_name, name)
            if found is None:
                raise allowed.refused(module_name, name)
            return found

    return lambda file, memory: Unpickler(file, memory).load()
