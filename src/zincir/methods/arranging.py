"""Methods that rearrange and repeat elements."""

from __future__ import annotations

from typing import Any, Self, cast

import numpy as np

from zincir.calling import takes_names
from zincir.methods.picking import Picking
from zincir.operations import arithmetic as ar, layout, movement as mv
from zincir.operations.dims import check_different, one_axis
from zincir.operations.sizes import several
from zincir.shared_value import array_of, current
from zincir.storage import is_contiguous
from zincir.tensor_base import TensorBase
from zincir.tensor_types import check_storage


@takes_names
class Arranging(Picking):
    """Methods that rearrange and repeat elements."""

    def flip(self, *dims: Any) -> Self:
        """Some dimensions in reverse."""
        axes = tuple(one_axis(d, self.ndim) for d in several(dims))
        check_different(axes, "flip")
        return self._of(mv.flip(current(self), axes) if self.shape else ar.copy(current(self)))

    def roll(self, shifts: Any, dims: Any = None) -> Self:
        """Elements moved along, those that fall off coming back at the other end."""
        if dims is None:
            return self._of(mv.reshape(layout.roll(current(self.flatten()), shifts, 0), self.shape))
        node = ar.copy(current(self)) if not self.numel() else current(self)
        for shift, dim in zip(several((shifts,)), several((dims,)), strict=True):
            if self.numel():  # PyTorch takes any dimension otherwise
                node = layout.roll(node, shift, one_axis(dim, self.ndim))
        return self._of(node)

    def repeat(self, *repeats: Any) -> Self:
        """Copies side by side, so many along each dimension."""
        return self._of(layout.repeat(current(self), tuple(several(repeats))))

    def tile(self, *dims: Any) -> Self:
        """`repeat`, with missing dimensions taken as 1."""
        times = tuple(several(dims))
        return self._of(layout.repeat(current(self), (1,) * (self.ndim - len(times)) + times))

    def repeat_interleave(
        self, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
    ) -> Self:
        """Every element several times in a row; of counts alone, each place as often as it says."""
        if repeats is None:
            return self._from(
                np.repeat(np.arange(self.numel()), array_of(self, "repeat_interleave"))
            )
        x = self.flatten() if dim is None else self
        axis = one_axis(dim or 0, x.ndim)
        x = x if x.ndim else x.reshape(1)
        if isinstance(repeats, TensorBase) and repeats.numel() != 1:
            rows = layout.repeated_rows(array_of(repeats, "repeat_interleave"), x.shape[axis])
            y = x.index_select(axis, self._from(rows))
        else:
            y = self._of(layout.repeat_interleave(current(x), int(cast(Any, repeats)), axis))
        layout.check_repeated(y.shape[axis], output_size)
        return y

    def diag(self, diagonal: int = 0) -> Self:
        """A matrix with this vector on its diagonal; of a matrix, the diagonal."""
        return self._of(layout.diag(current(self), diagonal))

    def tril(self, diagonal: int = 0) -> Self:
        """The matrix without what is above the diagonal."""
        return self._of(layout.triangle(current(self), diagonal, upper=False))

    def triu(self, diagonal: int = 0) -> Self:
        """The matrix without what is below the diagonal."""
        return self._of(layout.triangle(current(self), diagonal, upper=True))

    def clone(self, *, memory_format: Any = None) -> Self:
        """The same values in memory of their own."""
        check_storage(memory_format=memory_format)
        if self._coo is not None:
            return self._coo.with_values(self._coo.values.clone())
        return self._of(ar.copy(current(self)))

    def contiguous(self, memory_format: Any = None) -> Self:
        """This tensor, or a copy that lies row by row in memory."""
        check_storage(memory_format=memory_format)
        return self if is_contiguous(self) else self.clone()

    def ravel(self) -> Self:
        """All elements in one dimension."""
        return self.contiguous().view(-1)
