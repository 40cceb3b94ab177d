"""`torch.FloatTensor` and its like: constructors from before there were dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir import creation, tensor_types
from zincir.device import no_gpu
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import user_line
from zincir.ops.dims import is_several
from zincir.ops.sizes import given_sizes
from zincir.size import Size
from zincir.tensor import Tensor
from zincir.types import ALL_DTYPES, DType


class TensorType(type):
    """What `torch.FloatTensor` is: a name for the tensors of one dtype, and their constructor.

    >>> FloatTensor = TensorType.of(creation.get_default_dtype())
    >>> FloatTensor([1, 2]), isinstance(FloatTensor(2, 3), FloatTensor), FloatTensor(2, 3).shape
    (tensor([1., 2.]), True, (2, 3))
    """

    dtype: DType
    gpu: bool

    @staticmethod
    def of(dtype: DType, gpu: bool = False) -> Any:
        """The type of tensors of some dtype, on the CPU or on a GPU that there is not."""
        name = tensor_types.type_name(dtype).removeprefix("torch.")
        made = TensorType(name, (), {"__module__": "torch.cuda" if gpu else "torch"})
        made.dtype, made.gpu = dtype, gpu
        return made

    def __instancecheck__(cls, instance: Any) -> bool:
        return not cls.gpu and isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *data: Any, size: Any = None, device: Any = None) -> Any:
        if cls.gpu:
            raise DTypeError(no_gpu(f"{cls.__module__}.{cls.__name__}: there is no GPU"))
        return made_of_old(cls.dtype, data, size, device)


def made_of_old(
    dtype: DType, data: tuple[Any, ...], size: Any = None, device: Any = None
) -> Tensor:
    """A tensor from sizes, which are plain numbers or a `Size`, or from data: anything else.

    Raises:
        DTypeError: a tensor of another type, or one number that is no size.
    """
    if len(data) == 1 and size is None and not isinstance(data[0], Size):
        (only,) = data
        if isinstance(only, Tensor):
            if only.dtype is not dtype:
                raise DTypeError(
                    explain(
                        f"a tensor of {dtype.name} is wanted",
                        where=user_line(),
                        got=only.dtype.name,
                        try_=f"x.to({dtype!r})",
                    )
                )
            return only.detach()
        if is_several(only) or isinstance(only, np.ndarray):
            return creation.tensor(only, dtype=dtype)
        if not hasattr(only, "__index__"):
            raise DTypeError(
                explain(
                    "data must be a sequence, or sizes",
                    where=user_line(),
                    got=type(only).__name__,
                    try_="torch.tensor(number)",
                )
            )
    sizes = tuple(size) if size is not None else given_sizes(data)
    return creation.zeros(sizes, dtype=dtype, device=device)


TYPES = {t.__name__: t for t in (TensorType.of(d) for d in ALL_DTYPES if d in tensor_types._NAMES)}
GPU_TYPES = {name: TensorType.of(t.dtype, gpu=True) for name, t in TYPES.items()}


def set_default_tensor_type(t: Any) -> None:
    """Say which type floating numbers have that come without one, by a typed tensor or its name.

    Raises:
        ArgumentError: there is no such type.
    """
    found = TYPES.get(str(t).rsplit(".", 1)[-1]) if isinstance(t, str) else t
    if isinstance(found, TensorType) and found.gpu:
        raise DTypeError(no_gpu(f"{found.__module__}.{found.__name__}: there is no GPU"))
    if not isinstance(found, TensorType):
        raise ArgumentError(
            explain(
                "set_default_tensor_type: there is no such type",
                where=user_line(),
                expected="torch.FloatTensor or torch.DoubleTensor",
                got=repr(t),
            )
        )
    creation.set_default_dtype(found.dtype)
