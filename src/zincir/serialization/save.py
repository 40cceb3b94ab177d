"""`save`: any object that can be pickled, as a file that PyTorch reads too."""

from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

from zincir.device import Device
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.nn.module.parameter import Parameter
from zincir.serialization.archive import is_path, replacing, write
from zincir.serialization.storage_types import storage_name
from zincir.serialization.tensors import TakenApart, attributes
from zincir.size import Size
from zincir.tensor import Tensor
from zincir.types import DType


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object to a file, in PyTorch's format: `torch.load` reads it, and so does `load`.

    Tensors that share memory are written once and share it again when they are loaded; of a view,
    all of the memory that it shows a part of is written, as in PyTorch. What is neither a tensor
    nor a plain container is pickled: such a file loads with `weights_only=False` alone, and where
    the same classes are. So save `state_dict()`s.

    A file appears when it is complete: if writing fails, what was there before is still there.

    Args:
        obj: tensors, numbers, text, and containers of them; or anything that can be pickled.
        f: a path, or a file open for writing.
        pickle_module: `pickle`; there is no choice.
        pickle_protocol: of the pickle within.

    Raises:
        ArgumentError: another pickle module, or PyTorch's old format, is asked for; or `f` cannot
        be
            written to.

    Example:
        >>> import io
        >>> from zincir import load, tensor
        >>> file = io.BytesIO()
        >>> save({"weight": tensor([1.0, 2.0]), "epoch": 3}, file)
        >>> load(io.BytesIO(file.getvalue()))
        {'weight': tensor([1., 2.]), 'epoch': 3}
    """
    if pickle_module is not pickle:
        raise _refused("another pickle module", getattr(pickle_module, "__name__", "?"))
    if not _use_new_zipfile_serialization:
        raise _refused("the format of PyTorch before 1.6", "_use_new_zipfile_serialization=False")
    if not (is_path(f) or hasattr(f, "write")):
        raise _refused("what is neither a path nor a file", type(f).__name__)
    taken, pickled = TakenApart(), io.BytesIO()
    _Pickler(pickled, pickle_protocol, taken).dump(obj)
    memories = taken.memories.values()
    if is_path(f):
        path = Path(os.fsdecode(f))
        with replacing(path) as file:
            write(file, path.stem or "archive", pickled.getvalue(), memories)
        return
    whole = io.BytesIO()
    write(whole, "archive", pickled.getvalue(), memories)
    f.write(whole.getvalue())


def _refused(what: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"save: cannot use {what}", where=user_line(), got=got))


class _Name:
    """A name that the reader of a file looks up: nothing stands behind it here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any) -> Any:
        raise NotImplementedError


class _Stored:
    """Memory of a tensor, which a pickle only names."""

    def __init__(self, *name: Any) -> None:
        self.name = name


class _Data:
    """The values of a parameter, which is written as a tensor in a parameter."""

    def __init__(self, of: Parameter) -> None:
        self.of = of


_PythonsPickler: Any = cast(Any, pickle)._Pickler


class _Pickler(_PythonsPickler):
    """A pickler for which tensors are what PyTorch's are: calls of its functions, by name."""

    def __init__(self, file: Any, protocol: int, taken: TakenApart) -> None:
        super().__init__(file, protocol)  # pyright: ignore[reportUnknownMemberType]
        self._taken = taken
        self._names: dict[tuple[str, str], _Name] = {}

    def _name(self, module: str, name: str) -> _Name:
        return self._names.setdefault((module, name), _Name(module, name))

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write one object."""
        if isinstance(obj, _Name):
            if id(obj) in self.memo:
                self.write(self.get(self.memo[id(obj)][0]))
                return
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            self.memoize(obj)
            return
        if isinstance(obj, DType):
            obj = self._name("torch", obj.name)
            self.save(obj)
            return
        super().save(obj, save_persistent_id)  # pyright: ignore[reportUnknownMemberType]

    def persistent_id(self, obj: Any) -> Any:
        """The name of memory; None for everything else."""
        return obj.name if isinstance(obj, _Stored) else None

    def reducer_override(self, obj: Any) -> Any:
        """What tensors are written as."""
        if isinstance(obj, _Data):
            return self._tensor(obj.of, False)
        if isinstance(obj, Size):
            return self._name("torch", "Size"), (tuple(obj),)
        if isinstance(obj, Device):
            return self._name("torch", "device"), (obj.type,)
        if not isinstance(obj, Tensor) or type(obj).__reduce_ex__ is not Tensor.__reduce_ex__:
            return NotImplemented
        if isinstance(obj, Parameter):
            return self._parameter(obj)
        call = self._tensor(obj, obj.requires_grad)
        state = attributes(obj)
        if type(obj) is Tensor and not state:
            return call
        kind = self._name("torch", "Tensor") if type(obj) is Tensor else type(obj)
        return self._name("torch._tensor", "_rebuild_from_type_v2"), (call[0], kind, call[1], state)

    def _tensor(self, obj: Tensor, requires_grad: bool) -> tuple[_Name, tuple[Any, ...]]:
        memory, place = self._taken.take(obj)
        kind = self._name("torch", storage_name(obj.dtype))
        stored = _Stored("storage", kind, memory.key, "cpu", len(memory.elements))
        hooks: OrderedDict[Any, Any] = OrderedDict()
        args = (stored, place.offset, place.shape, place.strides, requires_grad, hooks)
        return self._name("torch._utils", "_rebuild_tensor_v2"), args

    def _parameter(self, obj: Parameter) -> Any:
        state = attributes(obj)
        if obj._order is not None:  # how a layer wants its weight to lie in memory
            state["_order"] = obj._order
        hooks: OrderedDict[Any, Any] = OrderedDict()
        args: tuple[Any, ...] = (_Data(obj), obj.requires_grad, hooks)
        if not state:
            return self._name("torch._utils", "_rebuild_parameter"), args
        return self._name("torch._utils", "_rebuild_parameter_with_state"), (*args, state)
