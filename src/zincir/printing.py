"""How tensors look when printed: as PyTorch prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zincir.recording import CURRENT

if TYPE_CHECKING:
    from zincir.tensor import Tensor


def show(tensor: Tensor) -> str:
    """`tensor([1., 2.], requires_grad=True)`; only the shape while a function is recorded."""
    if CURRENT.recording is not None:
        return f"tensor(<not computed yet>, shape={tensor.shape}, dtype={tensor.dtype!r})"
    body = np.array2string(tensor._value("print"), separator=", ", prefix="tensor(", precision=4)
    tail = ", requires_grad=True" if tensor.requires_grad else ""
    return f"tensor({body}{tail})"
