"""Methods that convert to other types, and make new tensors of a tensor's type."""

from __future__ import annotations

import builtins
import warnings
from typing import Any, Self, TypeAlias

import numpy as np

from zincir import tensor_types
from zincir.calling import takes_names
from zincir.half import array_in, filled
from zincir.methods.arranging import Arranging
from zincir.operations import arithmetic as ar, numbers
from zincir.operations.parts import real as real_part
from zincir.operations.sizes import several
from zincir.shared_value import current
from zincir.tensor_backward import flagged
from zincir.tensor_base import TensorBase
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import (
    DEFAULT,
    Scalar,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)

Int: TypeAlias = builtins.int
Bool: TypeAlias = builtins.bool


@takes_names
class Converting(Arranging):
    """Methods that convert to other types, and make new tensors of this one's type."""

    def to(self, *args: Any, **options: Any) -> Self:
        """The same numbers in another type; a tensor as argument names its type."""
        dtype, copy = tensor_types.conversion(args, options)
        if dtype is None or dtype is self.dtype:
            return self.clone() if copy else self
        if self._coo is not None:
            return self._coo.with_values(self._coo.values.to(dtype))
        node = current(self)
        if node.dtype.is_complex and dtype is bool_:
            return self._of(ar.compare("ne", node, 0))
        if node.dtype.is_complex and not dtype.is_complex:
            warnings.warn(
                "Casting complex values to real discards the imaginary part",
                UserWarning,
                stacklevel=2,
            )
            node = real_part(node)
        return self._of(ar.cast(node, dtype))

    def type(self, dtype: Any = None, non_blocking: Bool = False) -> Any:
        """The same numbers in another type; without one, PyTorch's name of this tensor's."""
        if dtype is None:
            return tensor_types.type_name(self.dtype)
        kind = (
            DEFAULT.floating
            if isinstance(dtype, builtins.type) and issubclass(dtype, TensorBase)
            else tensor_types.named_type(dtype)
        )
        return self.to(kind)

    def type_as(self, other: Any) -> Self:
        """The same numbers in another tensor's type."""
        return self.to(other.dtype)

    def cpu(self, memory_format: Any = None) -> Self:
        """This tensor."""
        check_storage(memory_format=memory_format)
        return self

    def float(self, memory_format: Any = None) -> Self:
        """As float32."""
        return self.to(float32, memory_format=memory_format)

    def double(self, memory_format: Any = None) -> Self:
        """As float64."""
        return self.to(float64, memory_format=memory_format)

    def half(self, memory_format: Any = None) -> Self:
        """As float16."""
        return self.to(float16, memory_format=memory_format)

    def bfloat16(self, memory_format: Any = None) -> Self:
        """As bfloat16."""
        return self.to(bfloat16, memory_format=memory_format)

    def long(self, memory_format: Any = None) -> Self:
        """As int64."""
        return self.to(int64, memory_format=memory_format)

    def int(self, memory_format: Any = None) -> Self:
        """As int32."""
        return self.to(int32, memory_format=memory_format)

    def bool(self, memory_format: Any = None) -> Self:
        """As bool: whether it is not 0."""
        return self.to(bool_, memory_format=memory_format)

    def byte(self, memory_format: Any = None) -> Self:
        """As uint8."""
        return self.to(uint8, memory_format=memory_format)

    def char(self, memory_format: Any = None) -> Self:
        """As int8."""
        return self.to(int8, memory_format=memory_format)

    def short(self, memory_format: Any = None) -> Self:
        """As int16."""
        return self.to(int16, memory_format=memory_format)

    def new_full(
        self, size: Any, fill_value: Scalar, *, dtype: Any = None, device: Any = None,
        requires_grad: Bool = False, layout: Any = None, pin_memory: Bool = False,
    ) -> Self:  # fmt: skip
        """A new tensor of this type, filled with one number."""
        check_storage(device, layout, pin_memory)
        kind = self.dtype if dtype is None else as_dtype(dtype)
        value = numbers.fit(kind, fill_value, "new_full")
        t = self._from(filled(tuple(several((size,))), value, kind))
        return flagged(t, True) if requires_grad else t

    def new_zeros(self, *size: Any, **options: Any) -> Self:
        """A new tensor of this type, filled with zeros."""
        return self.new_full(tuple(several(size)), 0, **options)

    def new_ones(self, *size: Any, **options: Any) -> Self:
        """A new tensor of this type, filled with ones."""
        return self.new_full(tuple(several(size)), 1, **options)

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Bool = False
    ) -> Self:
        """A new tensor of this type with a copy of `data`."""
        check_storage(device)
        kind = self.dtype if dtype is None else as_dtype(dtype)
        t = self._from(np.array(array_in(data, kind)))
        return flagged(t, True) if requires_grad else t

    new_empty = new_zeros

    def new_empty_strided(self: Any, size: Any, stride: Any, **options: Any) -> Any:
        """A new tensor of this type, filled with zeros, which lie in memory by given strides."""
        shape, steps = tuple(size), tuple(stride)
        gaps = sum(s * (n - 1) for s, n in zip(steps, shape, strict=True))
        learns = options.pop("requires_grad", False)
        t = self.new_zeros(0 if 0 in shape else 1 + gaps, **options).as_strided(shape, steps)
        return flagged(t, True) if learns else t
