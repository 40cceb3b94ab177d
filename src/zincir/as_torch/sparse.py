"""`torch.sparse.FloatTensor` and its like: sparse tensors from before there were dtypes."""

from __future__ import annotations

from typing import Any

from zincir.sparse import sparse_coo_tensor
from zincir.tensor import Tensor
from zincir.types import DType, float16, float32, float64, int32, int64


class SparseType(type):
    """A name for the sparse tensors of one dtype, and their constructor.

    >>> FloatTensor(Tensor([[0, 1]]).long(), Tensor([1.0, 2.0])).to_dense()
    tensor([1., 2.])
    """

    dtype: DType

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.is_sparse and instance.dtype is cls.dtype

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if args and all(isinstance(n, int) for n in args):
            args = (args,)
        return sparse_coo_tensor(*args, dtype=cls.dtype, **options)


def _of(name: str, dtype: DType) -> Any:
    made = SparseType(name, (), {"__module__": "torch.sparse"})
    made.dtype = dtype
    return made


FloatTensor, DoubleTensor = _of("FloatTensor", float32), _of("DoubleTensor", float64)
HalfTensor, IntTensor = _of("HalfTensor", float16), _of("IntTensor", int32)
LongTensor = _of("LongTensor", int64)
