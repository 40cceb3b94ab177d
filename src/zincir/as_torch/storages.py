"""`torch.storage`: memory without a shape. Tensors say where theirs is."""

from __future__ import annotations

from typing import Any

from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.methods.outside import UntypedStorage as UntypedStorage
from zincir.serialization.storage_types import dtype_of_storage, storage_names


class TypedStorage:
    """Memory for elements of one type.

    Raises:
        ArgumentError: one is to be made: tensors are made by `torch.empty`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        raise ArgumentError(
            explain(
                f"torch.{type(self).__name__}: there is no memory without a tensor",
                where=user_line(),
                try_="torch.empty or torch.from_numpy",
            )
        )


class PyTorchFileReader:
    """A reader of parts of files: `torch.load` reads whole ones.

    Raises:
        NotImplementedError: one is to be made.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        raise NotImplementedError("PyTorchFileReader: torch.load reads files")


for _name in storage_names():
    globals()[_name] = type(_name, (TypedStorage,), {"dtype": dtype_of_storage(_name)})
