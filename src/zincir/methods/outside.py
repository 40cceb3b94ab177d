"""Methods that leave the library: the address of memory, Python's functions on each element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zincir.device import CPU
from zincir.errors import DTypeError, GradientError, explain
from zincir.graph.node import user_line
from zincir.shared_value import array_of
from zincir.storage import whole_of
from zincir.tensor_base import TensorBase


class UntypedStorage:
    """The memory of a tensor, which views of it have in common, as bytes; an array to NumPy."""

    def __init__(self, bytes: Any) -> None:
        self._bytes = bytes

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first bytes of a file; if `shared`, writing to them writes to the file."""
        mode: Any = "r+" if shared else "c"
        return cls(np.memmap(filename, np.uint8, mode, shape=(nbytes,)))

    def untyped(self) -> UntypedStorage:
        """This."""
        return self

    _untyped = untyped

    def data_ptr(self) -> int:
        """The address of the first byte; 0 if there is none."""
        return self._bytes.ctypes.data if self._bytes.size else 0

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._bytes.size

    size = __len__ = nbytes

    @property
    def device(self) -> Any:
        """The CPU."""
        return CPU

    def __getitem__(self, place: Any) -> Any:
        """A byte, or a range of them."""
        found = self._bytes[place]
        return UntypedStorage(found) if isinstance(place, slice) else int(found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._bytes, dtype, copy=copy)


class ElementStorage:
    """The memory of a tensor as a row of elements, which can be read and written."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self._row = whole.detach().reshape(-1)
        self.dtype, self.device = whole.dtype, CPU

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._whole.untyped_storage()

    def data_ptr(self) -> int:
        """The address of the first element; 0 if there is none."""
        return self.untyped().data_ptr()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self.untyped().nbytes()

    def size(self) -> int:
        """How many elements there are."""
        return self._row.numel()

    __len__ = size

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._row.tolist()

    def __getitem__(self, place: Any) -> Any:
        """An element, or a range of them."""
        return self._row[place].tolist()

    def __setitem__(self, place: Any, value: Any) -> None:
        self._row[place] = value

    def __repr__(self) -> str:
        rows = "\n".join(f" {x}" for x in self.tolist())
        return f"{rows}\n[{self.dtype.name} storage of size {self.size()}]"


class Outside(TensorBase):
    """Methods that hand memory or elements to what is no tensor."""

    def storage(self: Any) -> ElementStorage:
        """The memory that this tensor and its views lie in, element by element."""
        return ElementStorage(whole_of(self))

    def data_ptr(self: Any) -> int:
        """The address of the first element: of views, where it lies in their memory; 0 if empty.

        It is that of this moment, and for reading: what is written in place may move it.
        """
        if self.numel() == 0:
            return 0
        return self.untyped_storage().data_ptr() + self.storage_offset() * self.itemsize

    @property
    def _cdata(self) -> int:
        """A number that no other living tensor has."""
        return id(self)

    def untyped_storage(self: Any) -> UntypedStorage:
        """The memory that this tensor and its views lie in, to be read."""
        bytes = np.asarray(array_of(whole_of(self), "data_ptr()")).reshape(-1).view(np.uint8)
        bytes.flags.writeable = False
        return UntypedStorage(bytes)

    def apply_(self: Any, callable: Callable[[Any], Any]) -> Any:
        """Put `callable(element)` in the place of each element, slowly, one after another."""
        return _written(self, callable, [self], "apply_")

    def map_(self: Any, tensor: Any, callable: Callable[[Any, Any], Any]) -> Any:
        """Put `callable(element, other)` in the place of each, with the other tensor expanded."""
        if tensor.dtype is not self.dtype:
            raise DTypeError(
                explain(
                    "map_: two tensors of one type",
                    where=user_line(),
                    expected=self.dtype.name,
                    got=tensor.dtype.name,
                )
            )
        return _written(self, callable, [self, tensor.expand(self.shape)], "map_")


def _written(t: Any, function: Callable[..., Any], operands: list[Any], name: str) -> Any:
    if any(x.requires_grad for x in operands):
        raise GradientError(
            explain(
                f"Can't call {name}() on a tensor that requires grad",
                where=user_line(),
                try_=f"x.detach().{name}(...)",
            )
        )
    columns = [x.reshape(-1).tolist() for x in operands]
    values = [function(*row) for row in zip(*columns, strict=True)]
    kinds: tuple[Callable[[Any], Any], ...] = (bool, int, float, complex)
    new = t.new_tensor([kinds[t.dtype.category](value) for value in values])
    return t.copy_(new.reshape(t.shape))
