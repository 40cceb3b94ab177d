"""PyTorch's files from before 1.6: pickles one behind another, then the bytes."""

from __future__ import annotations

import pickle
from typing import IO, Any

from zincir.errors import LoadError, explain
from zincir.serialization.allowed import StorageName, named
from zincir.serialization.reader import read

_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2)  # the number that they begin with
_VERSION = 1001


def is_legacy(file: IO[bytes]) -> bool:
    """Whether a file begins as those did."""
    return file.read(len(_START)) == _START


class Legacy:
    """An old file: its pickle, and the memory behind it."""

    def __init__(self, file: IO[bytes]) -> None:
        read(file, _no_memory)
        version, system = read(file, _no_memory), read(file, _no_memory)
        if version != _VERSION:
            raise LoadError(
                explain("load: an unknown version of PyTorch's format", got=str(version))
            )
        self.swapped = not system["little_endian"]
        start = file.tell()
        widths = _widths(file)
        end = file.tell()
        file.seek(start)
        self.pickled = file.read(end - start)
        self._memory: dict[str, bytes] = {}
        order = "big" if self.swapped else "little"
        for key in read(file, _no_memory):
            count = int.from_bytes(_exactly(file, 8), order)
            self._memory[key] = _exactly(file, count * widths.get(key, 1))

    def read(self, name: str) -> bytes:
        """The bytes of one piece of memory."""
        found = self._memory.get(name.removeprefix("data/"))
        if found is None:
            raise LoadError(explain(f"load: there is no {name}: the file is corrupted"))
        return found


def _no_memory(name: Any) -> Any:
    raise LoadError(explain("load: memory where there is none: the file is corrupted"))


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise LoadError(
            explain(
                "load: the file is truncated or corrupted",
                expected=f"{count} bytes more",
                got=str(len(data)),
            )
        )
    return data


class _Anything:
    """What stands for every object while only the names of memory are looked for."""

    def __new__(cls, *args: Any, **options: Any) -> _Anything:
        return object.__new__(cls)

    def __call__(self, *args: Any, **options: Any) -> _Anything:
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Take a value, and forget it."""

    extend = add = update = append


def _widths(file: IO[bytes]) -> dict[str, int]:
    """The bytes of an element, by the key of its memory: the next pickle goes by, and none is
    run.
    """
    widths: dict[str, int] = {}

    class Names(pickle.Unpickler):
        """Looks up nothing."""

        def find_class(self, module_name: str, global_name: str) -> Any:
            found = named(module_name, global_name)
            return found if isinstance(found, StorageName) else _Anything

        def persistent_load(self, pid: Any) -> Any:
            parts: tuple[Any, ...] = pid if type(pid) is tuple else ()  # pyright: ignore[reportUnknownVariableType]
            if len(parts) > 2 and isinstance(parts[1], StorageName):
                widths[parts[2]] = parts[1].dtype.itemsize
            return _Anything

    try:
        Names(file).load()
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(
            explain("load: the file is truncated or corrupted", got=str(error))
        ) from error
    return widths
