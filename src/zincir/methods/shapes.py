"""Methods that cut, turn, spread out and write into parts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from zincir import inplace, shared_value, storage
from zincir.calling import takes_names
from zincir.convert import operand, tensor_node
from zincir.errors import ArgumentError, GradientError, IndexOutOfRange, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.indexing import basic
from zincir.operations import composed as co, layout, movement as mv
from zincir.operations.dims import is_several, one_axis, whole_number
from zincir.operations.sizes import several
from zincir.operations.source import const
from zincir.shared_value import current
from zincir.tensor_base import TensorBase
from zincir.types import Shape, contiguous_strides, int64, size as size_of
from zincir.views import Diagonal, Reshape, Strided, ViewOp, Windows


def _wrong(what: str, got: Any) -> ShapeError:
    return ShapeError(explain(what, where=user_line(), got=str(got)))


def _cut(x: Any, places: Sequence[int], axis: int) -> tuple[Any, ...]:
    """Parts between places, as slices have them."""
    ends = [None, *places, None]
    lead = (slice(None),) * axis
    return tuple(x[(*lead, slice(a, b))] for a, b in itertools.pairwise(ends))


@takes_names
class Cutting(TensorBase):
    """Methods that cut."""

    def tensor_split(self, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
        """So many parts, the first ones longer; or parts between places."""
        what = indices_or_sections
        if isinstance(what, TensorBase):
            what = shared_value.array_of(what, "tensor_split()").tolist()
        if not self.shape:
            raise _wrong("tensor_split: expects at least one dimension", self.shape)
        axis = one_axis(dim, len(self.shape))
        if not is_several(what):
            count = whole_number(what, "tensor_split: sections")
            if count < 1:
                raise ArgumentError(
                    explain("tensor_split: at least one part", where=user_line(), got=str(count))
                )
            short, more = divmod(self.shape[axis], count)
            what = [k * short + min(k, more) for k in range(1, count)]
        return _cut(self, [whole_number(i, "tensor_split: an index") for i in what], axis)

    def _even_split(self, what: Any, axis: int, name: str) -> tuple[Any, ...]:
        if not is_several(what):
            count = whole_number(what, f"{name}: sections")
            if count < 1 or self.shape[axis] % count:
                got = f"{count} parts of {self.shape[axis]}"
                raise _wrong(f"{name}: the size is not divisible by the number of parts", got)
        return self.tensor_split(what, axis)

    def hsplit(self, indices_or_sections: Any) -> tuple[Any, ...]:
        """Parts side by side."""
        if not self.shape:
            raise _wrong("hsplit: requires a tensor with at least 1 dimension", self.shape)
        return self._even_split(indices_or_sections, int(len(self.shape) > 1), "hsplit")

    def vsplit(self, indices_or_sections: Any) -> tuple[Any, ...]:
        """Parts below one another."""
        if len(self.shape) < 2:
            raise _wrong("vsplit: requires a tensor with at least 2 dimensions", self.shape)
        return self._even_split(indices_or_sections, 0, "vsplit")

    def dsplit(self, indices_or_sections: Any) -> tuple[Any, ...]:
        """Parts behind one another."""
        if len(self.shape) < 3:
            raise _wrong("dsplit: requires a tensor with at least 3 dimensions", self.shape)
        return self._even_split(indices_or_sections, 2, "dsplit")

    def split_with_sizes(self: Any, split_sizes: Sequence[int], dim: int = 0) -> tuple[Any, ...]:
        """Parts of given sizes."""
        return self.split(list(split_sizes), dim)

    def unsafe_split(self: Any, split_size: int, dim: int = 0) -> tuple[Any, ...]:
        """Parts of one size: `split`, which is safe here."""
        return self.split(split_size, dim)

    def unsafe_split_with_sizes(self: Any, split_sizes: Any, dim: int = 0) -> tuple[Any, ...]:
        """Parts of given sizes: `split`, which is safe here."""
        return self.split(list(split_sizes), dim)

    def unsafe_chunk(self: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
        """At most `chunks` parts of equal size: `chunk`, which is safe here."""
        return self.chunk(chunks, dim)

    def unfold(self: Any, dimension: int, size: int, step: int) -> Any:
        """Windows of `size` elements along a dimension, one every `step`, in a last dimension."""
        x = self if self.shape else self.reshape(1)
        axis = one_axis(dimension, len(x.shape))
        if not 0 <= size <= x.shape[axis]:
            got = f"{size} of {x.shape[axis]}"
            raise _wrong(f"unfold: maximum size for the dimension is {x.shape[axis]}", got)
        if step < 1:
            raise _wrong("unfold: step must be greater than zero", step)
        y = x._view(Windows(axis, size, step))
        return y if self.shape else y._view(Reshape(y.shape[1:]))

    def storage_offset(self) -> int:
        """Where in its memory this tensor begins, in elements."""
        return storage.offset(self)

    def as_strided(
        self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Any:
        """Any elements of this tensor's memory, by strides from a start."""
        whole: Any = self
        own = storage.offset(self)
        start = own if storage_offset is None else storage_offset
        if self._base is not None and self.requires_grad:
            if not whole.is_contiguous() or start < own:
                raise GradientError(
                    explain(
                        "as_strided: of a view with gradients, elements outside of it",
                        where=user_line(),
                        try_="x.clone().as_strided(...), or indices",
                    )
                )
            start -= own
        elif self._base is not None:
            whole = storage.whole_of(self)
        step = _strided(whole, tuple(size), tuple(stride), start)
        return whole._view(Reshape((whole.numel(),)), step)

    def as_strided_(
        self: Any, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Any:
        """`as_strided`, in place."""
        return self._show(self.as_strided(size, stride, storage_offset), "as_strided_")

    def as_strided_scatter(
        self, src: Any, size: Sequence[int], stride: Sequence[int],
        storage_offset: int | None = None,
    ) -> Self:  # fmt: skip
        """A copy with those elements replaced."""
        step = _strided(self, tuple(size), tuple(stride), storage_offset or 0)
        flat = mv.reshape(current(self), (size_of(self.shape),))
        new = step.write(flat, _of_shape("as_strided_scatter", src, step.shape, flat))
        return self._of(mv.reshape(new, self.shape))


def _strided(x: Any, shape: Shape, steps: Shape, start: int) -> Strided:
    last = start + sum(s * (n - 1) for s, n in zip(steps, shape, strict=True))
    if len(shape) != len(steps):
        raise _wrong("as_strided: mismatch in length of strides and shape", (shape, steps))
    if start < 0 or min(steps, default=0) < 0 or (0 not in shape and last >= size_of(x.shape)):
        raise IndexOutOfRange(
            explain(
                f"as_strided: out of bounds for memory of {size_of(x.shape)} elements",
                where=user_line(),
                got=f"size {shape}, stride {steps}, storage_offset {start}",
            )
        )
    return Strided(shape, steps, start)


def _of_shape(what: str, src: Any, shape: Shape, like: Node) -> Node:
    node = tensor_node(src, f"{what}(): src")
    if node.shape != shape:
        raise _wrong(f"{what}: expected src to have a size equal to {list(shape)}", node.shape)
    return co.cast(node, like.dtype)


@takes_names
class Placing(TensorBase):
    """Methods that turn, spread out and write into parts."""

    def fliplr(self: Any) -> Any:
        """Columns in reverse."""
        if self.ndim < 2:
            raise _wrong("fliplr: input must be >= 2-d", self.shape)
        return self.flip(1)

    def flipud(self: Any) -> Any:
        """Rows in reverse."""
        if self.ndim < 1:
            raise _wrong("flipud: input must be >= 1-d", self.shape)
        return self.flip(0)

    def rot90(self: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
        """Turned k times by a right angle, from the first dimension towards the second."""
        if len(dims) != 2 or self.ndim < 2:
            raise _wrong("rot90: expected 2 dims of a tensor with at least 2", (dims, self.shape))
        a, b = (one_axis(d, self.ndim) for d in dims)
        if a == b:
            raise _wrong("rot90: rotation dims must be different", dims)
        k %= 4
        if k == 2:
            return self.flip(a, b)
        if not k:
            return self.clone()
        return self.flip(b if k == 1 else a).transpose(a, b).clone()

    def diag_embed(self, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Self:
        """Matrices with the last dimension on their diagonals."""
        x = current(self)
        ndim = x.ndim + 1
        axes = one_axis(dim1, ndim), one_axis(dim2, ndim)
        if axes[0] == axes[1]:
            raise _wrong("diag_embed: the two dimensions are one", (dim1, dim2))
        n = x.shape[-1] + abs(offset)
        rest = iter(x.shape[:-1])
        shape = tuple(n if a in axes else next(rest) for a in range(ndim))
        zeros = mv.expand(const(0, x.dtype), shape)
        return self._of(Diagonal(offset, axes).write(zeros, x))

    def diagflat(self: Any, offset: int = 0) -> Any:
        """A matrix with all elements on its diagonal."""
        return self.reshape(-1).diag(offset)

    def trace(self) -> Self:
        """The sum of the diagonal of a matrix."""
        x = current(self)
        if x.ndim != 2:
            raise _wrong("trace: expected a matrix", x.shape)
        return self._of(co.sum(layout.diagonal(x)))

    def diagonal_scatter(self, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
        """A copy with a diagonal replaced."""
        axes = one_axis(dim1, len(self.shape)), one_axis(dim2, len(self.shape))
        return self._written(Diagonal(offset, axes), src, "diagonal_scatter")

    def select_scatter(self, src: Any, dim: int, index: int) -> Any:
        """A copy with one place of a dimension replaced."""
        return self._placed(src, dim, index, "select_scatter")

    def slice_scatter(
        self, src: Any, dim: int = 0, start: int | None = None, end: int | None = None,
        step: int = 1,
    ) -> Any:  # fmt: skip
        """A copy with a slice of a dimension replaced."""
        return self._placed(src, dim, slice(start, end, step), "slice_scatter")

    def _placed(self, src: Any, dim: int, place: Any, what: str) -> Any:
        axis = one_axis(dim, len(self.shape))
        step = basic(self.shape, (slice(None),) * axis + (place,))
        assert step is not None
        return self._written(step, src, what)

    def _written(self, step: ViewOp, src: Any, what: str) -> Self:
        x = current(self)
        return self._of(step.write(x, _of_shape(what, src, step.size(x.shape), x)))

    def sum_to_size(self, *size: Any) -> Any:
        """Added up along the dimensions that broadcasting a tensor of that size would repeat."""
        x, shape = current(self), tuple(several(size))
        lead = x.ndim - len(shape)
        if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:], strict=True)):
            raise _wrong(f"sum_to_size: size {shape} is not expandable to {x.shape}", shape)
        if shape and shape == x.shape:
            return self
        if x.dtype.category < 2:
            x = co.cast(x, int64)  # as sums are
        return self._of(mv.sum_to(x, shape))

    def resize_(self: Any, *size: Any, memory_format: Any = None) -> Any:
        """The same memory under another shape; what is new is 0."""
        shape = tuple(whole_number(n, "resize_: a size") for n in several(size))
        if self.requires_grad:
            raise GradientError(
                explain("cannot resize variables that require grad", where=user_line())
            )
        if shape == self.shape:
            return self
        if storage.is_shared(self):
            raise ArgumentError(
                explain(
                    "resize_: its memory is shared with another tensor",
                    where=user_line(),
                    try_="a new tensor, or x.clone().resize_(...)",
                )
            )
        old, count = self.numel(), size_of(shape)
        flat = mv.reshape(current(self), (old,))
        kept = mv.slice_(flat, (0,), (1,), (min(old, count),))
        new = mv.pad(kept, (0,), (max(0, count - old),)) if count > old else kept
        inplace.take_over(self, self._of(mv.reshape(new, shape)))
        return self

    def resize_as_(self: Any, the_template: Any, memory_format: Any = None) -> Any:
        """The same memory under another tensor's shape."""
        return self.resize_(the_template.shape)

    def fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Any:
        """One number on the main diagonal, which begins anew below its end if `wrap`."""
        if self.ndim < 2 or (self.ndim > 2 and len(set(self.shape)) > 1):
            raise _wrong("fill_diagonal_: needs a matrix, or equal dimensions", self.shape)
        step = sum(contiguous_strides(self.shape))
        whole = wrap or self.ndim > 2
        last = self.numel() if whole else min(self.numel(), self.shape[1] * self.shape[1])
        rows = self._from(np.arange(0, last, step))
        flat = co.copy(current(self.reshape(-1).index_fill(0, rows, operand(fill_value))))
        inplace.write(self, mv.reshape(flat, self.shape), "fill_diagonal_")
        return self


@takes_names
class Reshaping(TensorBase):
    """Methods that give a tensor another shape in place."""

    def _show(self: Any, view: Any, what: str) -> Any:
        """Show what `view`, of this tensor, shows."""
        if self.requires_grad:
            raise GradientError(
                explain(
                    f"{what}: not of a tensor that requires grad",
                    where=user_line(),
                    try_=f"x = x.{what[:-1]}(...)",
                )
            )
        if view.shape != self.shape or view.stride() != self.stride():
            inplace.set_data(self, view)
        return self

    def unsqueeze_(self: Any, dim: int) -> Any:
        """`unsqueeze`, in place."""
        return self._show(self.unsqueeze(dim), "unsqueeze_")

    def squeeze_(self: Any, dim: Any = None) -> Any:
        """`squeeze`, in place."""
        return self._show(self.squeeze(dim), "squeeze_")

    def transpose_(self: Any, dim0: int, dim1: int) -> Any:
        """`transpose`, in place."""
        return self._show(self.transpose(dim0, dim1), "transpose_")

    def t_(self: Any) -> Any:
        """`t`, in place."""
        return self._show(self.t(), "t_")

    def swapdims_(self: Any, dim0: int, dim1: int) -> Any:
        """`swapdims`, in place."""
        return self.transpose_(dim0, dim1)

    def swapaxes_(self: Any, axis0: int, axis1: int) -> Any:
        """`swapaxes`, in place."""
        return self.transpose_(axis0, axis1)
