"""Methods that show the same memory in another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from zincir import shared_value
from zincir.calling import takes_names
from zincir.errors import ShapeError, explain
from zincir.graph.node import user_line
from zincir.operations import movement as mv
from zincir.operations.dims import Dims, check_different, many_axes, one_axis
from zincir.operations.sizes import (
    expanded_shape,
    full_shape,
    moved_axes,
    parts_of,
    several,
)
from zincir.recording import refuse_to_look
from zincir.shared_value import current
from zincir.storage import strides
from zincir.tensor_base import TensorBase
from zincir.types import DType, size as size_of
from zincir.views import Diagonal, Expand, Permute, Reshape, ViewOp, reshaped_strides


def _reinterpreted(tensor: Any, dtype: DType) -> Any:
    """A tensor over the same memory, whose bytes are elements of another type."""
    if dtype is tensor.dtype:
        return tensor.view(tensor.shape)
    refuse_to_look("view(dtype)", tensor._held)
    array = shared_value.export(tensor)
    try:
        found = array.view(dtype.memory)
    except (ValueError, TypeError):
        raise ShapeError(
            explain(
                f"view({dtype!r}): the last dimension is no whole number of such elements",
                where=user_line(),
                got=f"{tensor.shape} {tensor.dtype.name} with strides {tensor.stride()}",
            )
        ) from None
    new = tensor._from(found)
    shared_value.adopt(new, found)
    return new


@takes_names
class Viewing(TensorBase):
    """Methods that show the same memory in another way."""

    def _view(self, *steps: ViewOp) -> Self:
        t = self
        for step in steps or (Reshape(self.shape),):
            t = shared_value.look_at(t._blank(), t, step)
        return t

    def reshape(self, *shape: Any) -> Self:
        """The same elements under another shape: a view if memory allows, else a copy."""
        new = full_shape(self.shape, shape)
        if self._storage is None:
            return self._view(Reshape(new))
        if reshaped_strides(self.shape, strides(self), new) is None:
            return self._of(mv.reshape(current(self), new))
        return self._view(Reshape(new))

    def view(self, *size: Any, dtype: DType | None = None) -> Self:
        """The same memory under another shape, or its bytes as elements of another type."""
        kind = dtype or (size[0] if size else None)
        if isinstance(kind, DType):
            return _reinterpreted(self, kind)
        new = full_shape(self.shape, size)
        if reshaped_strides(self.shape, strides(self), new) is None:
            raise ShapeError(
                explain(
                    "view: this memory cannot be shown under that shape",
                    where=user_line(),
                    got=f"{self.shape} with strides {strides(self)} as {new}",
                    try_="x.reshape(...), or x.contiguous().view(...)",
                )
            )
        return self._view(Reshape(new))

    def view_as(self, other: Any) -> Self:
        """The same memory under another tensor's shape."""
        return self.view(other.shape)

    def reshape_as(self, other: Any) -> Self:
        """The same elements under another tensor's shape."""
        return self.reshape(other.shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """Several dimensions as one."""
        if not self.shape:
            return self.reshape(1)
        if self.ndim == 1:
            return self
        a, b = one_axis(start_dim, self.ndim), one_axis(end_dim, self.ndim)
        if a > b:
            got = f"start_dim={start_dim}, end_dim={end_dim} of {self.shape}"
            raise ShapeError(
                explain("flatten: start_dim cannot come after end_dim", where=user_line(), got=got)
            )
        if a == b:
            return self
        return self.reshape(*self.shape[:a], size_of(self.shape[a : b + 1]), *self.shape[b + 1 :])

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Self:
        """One dimension as several."""
        at = one_axis(dim, self.ndim)
        part = parts_of(self.shape[at], (sizes,))
        return self.reshape(*self.shape[:at], *part, *self.shape[at + 1 :])

    def permute(self, *dims: Any) -> Self:
        """The dimensions in another order."""
        axes = tuple(one_axis(d, self.ndim) for d in several(dims))
        check_different(axes, "permute", self.ndim)
        return self._view(Permute(axes))

    def transpose(self, dim0: int, dim1: int) -> Self:
        """Two dimensions exchanged."""
        axes = list(range(self.ndim))
        a, b = one_axis(dim0, self.ndim), one_axis(dim1, self.ndim)
        if axes:
            axes[a], axes[b] = b, a
        return self._view(Permute(tuple(axes)))

    swapaxes = swapdims = transpose

    def movedim(self, source: Any, destination: Any) -> Self:
        """Some dimensions moved to other places."""
        return self._view(Permute(moved_axes(self.ndim, source, destination)))

    moveaxis = movedim

    def t(self) -> Self:
        """The transpose of a matrix."""
        if self.ndim > 2:
            raise ShapeError(
                explain(
                    "t: expects a tensor with at most 2 dimensions",
                    where=user_line(),
                    got=str(self.shape),
                    try_="x.mT, or x.transpose(a, b)",
                )
            )
        if self._coo is not None and self.ndim == 2:
            return self._coo.transposed()
        return self.transpose(0, 1) if self.ndim == 2 else self._view()

    @property
    def T(self) -> Self:
        return self._view(Permute(tuple(reversed(range(self.ndim)))))

    @property
    def mT(self) -> Self:
        return self.transpose(-2, -1) if self.shape else self

    def expand(self, *size: Any) -> Self:
        """Dimensions of size 1 repeated; -1 keeps a size."""
        return self._view(Expand(expanded_shape(self.shape, size)))

    def expand_as(self, other: Any) -> Self:
        """Dimensions of size 1 repeated to another tensor's shape."""
        return self.expand(other.shape)

    def broadcast_to(self, size: Sequence[int]) -> Self:
        """Dimensions of size 1 repeated."""
        return self.expand(size)

    def unsqueeze(self, dim: int) -> Self:
        """A new dimension of size 1."""
        at = one_axis(dim, self.ndim + 1)
        return self._view(Reshape((*self.shape[:at], 1, *self.shape[at:])))

    def squeeze(self, dim: Dims = None) -> Self:
        """Without dimensions of size 1."""
        axes = many_axes(dim, self.ndim) if dim != () else ()
        kept = tuple(n for i, n in enumerate(self.shape) if n != 1 or i not in axes)
        return self._view(Reshape(kept))

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Self:
        """The diagonal of two dimensions, as the last one."""
        axes = one_axis(dim1, self.ndim), one_axis(dim2, self.ndim)
        if axes[0] == axes[1]:
            raise ShapeError(
                explain("diagonal: the two dimensions are one", where=user_line(), got=str(dim1))
            )
        return self._view(Diagonal(offset, axes))
