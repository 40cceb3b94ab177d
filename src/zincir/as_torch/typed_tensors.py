"""`torch.FloatTensor` and its like: constructors from before there were dtypes."""

from __future__ import annotations

from typing import Any

from zincir import creation, tensor_types
from zincir.device import no_gpu
from zincir.errors import ArgumentError, DTypeError, explain
from zincir.graph.node import user_line
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
        return creation.zeros(0, dtype=cls.dtype).new(*data, size=size, device=device)


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
