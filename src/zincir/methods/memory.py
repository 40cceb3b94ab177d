"""Methods about where a tensor lies, and constructors from before there were dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zincir.device import no_gpu
from zincir.errors import ArgumentError, DeviceError, DTypeError, explain
from zincir.graph.node import user_line
from zincir.operations.sizes import given_sizes
from zincir.size import Size
from zincir.tensor_base import TensorBase
from zincir.tensor_types import check_storage


class Memory(TensorBase):
    """Methods about where a tensor lies: on the CPU, in this process."""

    is_cuda = is_mps = is_xpu = is_meta = is_quantized = is_mkldnn = False
    is_cpu = True

    def get_device(self) -> int:
        """The number of the GPU it lies on: -1, since there is none."""
        return -1

    def is_pinned(self, device: Any = None) -> bool:
        """Never: memory is pinned for devices."""
        return False

    def is_shared(self) -> bool:
        """Never: other processes see copies."""
        return False

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        """An error: there is no GPU."""
        raise DeviceError(no_gpu("Tensor.cuda(): there is no GPU"))

    def pin_memory(self, device: Any = None) -> Any:
        """An error: there is no device to pin memory for."""
        raise DeviceError(no_gpu("Tensor.pin_memory(): there is no device to pin memory for"))

    def share_memory_(self) -> Any:
        """An error: memory that processes share is an array of `multiprocessing.shared_memory`."""
        raise ArgumentError(
            explain(
                "share_memory_(): processes do not share tensors",
                where=user_line(),
                try_="zincir.from_numpy of an array over multiprocessing.shared_memory",
            )
        )

    def new(self: Any, *data: Any, size: Any = None, device: Any = None) -> Any:
        """A tensor of this type: of sizes, or of data; of a tensor, another name of its memory."""
        check_storage(device)
        if len(data) != 1 or size is not None or isinstance(data[0], Size):
            return self.new_zeros(tuple(size) if size is not None else given_sizes(data))
        (only,) = data
        if isinstance(only, TensorBase):
            if only.dtype is not self.dtype:
                raise DTypeError(
                    explain(
                        f"new(): a tensor of {self.dtype.name} is wanted",
                        where=user_line(),
                        got=only.dtype.name,
                        try_=f"x.to({self.dtype!r})",
                    )
                )
            return only.detach()  # type: ignore[attr-defined]
        if isinstance(only, Sequence | np.ndarray) and not isinstance(only, str | bytes):
            return self.new_tensor(only)
        if not hasattr(only, "__index__"):
            raise DTypeError(
                explain(
                    "new(): data must be a sequence, or sizes",
                    where=user_line(),
                    got=type(only).__name__,
                    try_="torch.tensor(number)",
                )
            )
        return self.new_zeros(given_sizes(data))
