"""`torch._utils`: tensors of one type as one long vector, and back."""

from __future__ import annotations

from collections.abc import Sequence

from zincir.functional import cat
from zincir.tensor import Tensor


def flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """One vector of all of them, one behind the other."""
    return cat([t.reshape(-1) for t in tensors])


def unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The parts of such a vector, each in the shape of its tensor."""
    parts = flat.split([t.numel() for t in tensors])
    return tuple(part.view_as(t) for part, t in zip(parts, tensors, strict=True))


_flatten_dense_tensors, _unflatten_dense_tensors = flatten_dense_tensors, unflatten_dense_tensors
