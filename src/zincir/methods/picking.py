"""Methods that read and write the elements that an index names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from zincir import indexing, inplace, shared_value
from zincir.calling import takes_names
from zincir.convert import Operand, assigned, fitting, is_one, operand
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.methods.viewing import Viewing
from zincir.operations import arithmetic as ar, composed as co, movement as mv
from zincir.operations.dims import one_axis
from zincir.operations.sizes import narrowed, part_lengths
from zincir.shared_value import current
from zincir.tensor_base import TensorBase
from zincir.types import bool_


@takes_names
class Picking(Viewing):
    """Methods that read and write the elements that an index names."""

    def __getitem__(self, index: Any) -> Self:
        index = indexing.numbered(index)
        step = indexing.basic(self._held.shape, index)
        if step is not None:
            return shared_value.look_at(self._blank(), self, step)
        plan = indexing.Plan(self.shape, indexing.items_of(index, indexing.mask))
        if not plan.gathers:
            return self._view(*plan.views())
        with shared_value.read_at_once(self) as (source, results):
            for step in plan.views():
                source = step.read(source)
            results.append(indexing.Rows(source.shape, plan.arrays).read(source))
        return self._of(results[0])

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, TensorBase) and index.dtype is bool_ and is_one(value):
            mask: Any = self._of(mv.reshape(current(index), indexing.in_front(index, self.shape)))
            changed: Any = self
            changed.masked_fill_(mask, value.reshape(()) if isinstance(value, Viewing) else value)
            return
        index = indexing.numbered(index)
        basic = indexing.basic(self._held.shape, index)
        if basic is not None and inplace.write_now(self, basic, value):
            return
        plan = indexing.Plan(self.shape, indexing.items_of(index, indexing.mask))
        steps = plan.views()
        target = self._view(*steps) if steps else self
        source = assigned(value, target.dtype)
        inplace.refuse_leaf(target, "x[...] = value")
        if plan.gathers:
            rows = indexing.Rows(target.shape, plan.arrays)
            source = rows.write(current(target), fitting(source, rows.result), "set")
        else:
            source = fitting(source, target.shape)
        inplace.write(target, source, "x[...] = value", convert=True)

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """A range of one dimension."""
        axis = one_axis(dim, self.ndim)
        if isinstance(start, TensorBase) and (start.ndim or start.dtype.category != 1):
            what = "narrow: start must be an 0-dim integral Tensor"
            raise DTypeError(explain(what, where=user_line(), got=f"{start.dtype} {start.shape}"))
        kept = slice(*narrowed(self.shape, axis, int(start), length))
        return self[(slice(None),) * axis + (kept,)]

    def select(self, dim: int, index: int) -> Self:
        """One place of a dimension, which goes."""
        return self[(slice(None),) * one_axis(dim, self.ndim) + (index,)]

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """All places of a dimension."""
        axis = one_axis(dim, self.ndim)
        lead = (slice(None),) * axis
        return tuple([self[(*lead, i)] for i in range(self.shape[axis])])

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Parts of one size (the last may be smaller), or of given sizes."""
        axis = one_axis(dim, self.ndim)
        out: list[Self] = []
        start = 0
        for length in part_lengths(self.shape[axis], split_size):
            out.append(self.narrow(axis, start, length))
            start += length
        return tuple(out)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """At most `chunks` parts of equal size."""
        n = self.shape[one_axis(dim, self.ndim)]
        if chunks < 1:
            raise ArgumentError(
                explain("chunk: at least one part", where=user_line(), got=str(chunks))
            )
        return self.split(-(-n // chunks) or [0] * chunks, dim)

    def masked_fill(self, mask: Any, value: Operand) -> Self:
        """`value` where the mask holds."""
        if isinstance(value, TensorBase) and value.ndim:
            got = f"{value.ndim} dimensions"
            what = "masked_fill only supports a 0-dimensional value tensor"
            raise ShapeError(explain(what, where=user_line(), got=got))
        return self._of(ar.where(current(mask), assigned(value, self.dtype), current(self)))

    def masked_select(self, mask: Any) -> Self:
        """The elements where the mask holds, in a row (looks at the mask)."""
        if mask.dtype is not bool_:
            got = f"{mask.dtype.name} {mask.shape}"
            raise DTypeError(
                explain(
                    "masked_select: expected a bool mask", where=user_line(), got=got, try_="m != 0"
                )
            )
        x, m = mv.broadcast_to_common(current(self), current(mask))
        return self._of(x)[self._of(m)]

    def gather(self, dim: int, index: Any) -> Self:
        """y[i][j] = x[i][index[i][j]], for dim=1."""
        return self._of(indexing.gather(current(self), dim, current(index)))

    def take_along_dim(self, indices: Any, dim: int | None = None) -> Self:
        """`gather` with the other dimensions broadcast."""
        return self._of(indexing.take_along_dim(current(self), current(indices), dim))

    def take(self, index: Any) -> Self:
        """Elements of the flattened tensor."""
        return self._of(indexing.take(current(self), current(index)))

    def put(self, index: Any, source: Any, accumulate: bool = False) -> Self:
        """Elements of the flattened tensor set, or added to."""
        return self._of(indexing.put(current(self), current(index), current(source), accumulate))

    def masked_scatter(self, mask: Any, source: Any) -> Self:
        """Elements of `source`, one after the other, where the mask holds."""
        return self._of(indexing.masked_scatter(current(self), current(mask), current(source)))

    def index_reduce(
        self, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
    ) -> Self:
        """Slices combined with all of `source` sent to the same place."""
        nodes = current(self), dim, current(index), current(source)
        return self._of(indexing.index_reduce(*nodes, reduce, include_self))

    def index_select(self, dim: int, index: Any) -> Self:
        """The slices along `dim` that `index` names."""
        with shared_value.read_at_once(self) as (source, results):
            results.append(indexing.index_select(source, dim, current(index)))
        return self._of(results[0])

    def index_add(self, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Self:
        """Slices of `source` added at those that `index` names."""
        scaled = current(source) if alpha == 1 else ar.mul(current(source), alpha)
        return self._of(indexing.index_add(current(self), dim, current(index), scaled))

    def index_copy(self, dim: int, index: Any, source: Any) -> Self:
        """The slices that `index` names replaced."""
        return self._of(indexing.index_copy(current(self), dim, current(index), current(source)))

    def index_fill(self, dim: int, index: Any, value: Operand) -> Self:
        """The slices that `index` names set to one number."""
        return self._of(indexing.index_fill(current(self), dim, current(index), operand(value)))

    def index_put(self, indices: Any, values: Any, accumulate: bool = False) -> Self:
        """The elements that index tensors name set, or added to."""
        plan = indexing.Plan(self.shape, indexing.items_of(tuple(indices), indexing.mask))
        node = current(self)
        for step in plan.views():
            node = step.read(node)
        rows = indexing.Rows(node.shape, plan.arrays)
        source = fitting(assigned(values, self.dtype), rows.result)
        new = rows.write(node, source, "add" if accumulate else "set")
        return self._of(mv.reshape(new, self.shape))

    def scatter(
        self, dim: int, index: Any, src: Operand = None, value: Operand = None,
        *, reduce: str | None = None,
    ) -> Self:  # fmt: skip
        """x[i][index[i][j]] = src[i][j], for dim=1."""
        source = operand(src if value is None else value)
        if reduce == "multiply":
            node = source if isinstance(source, Node) else ar.common(current(self), source)[1]
            spread = mv.expand(node, index.shape) if not node.shape else node
            return self.scatter_reduce(dim, index, self._of(spread), "prod")
        if reduce not in (None, "add"):
            raise ArgumentError(
                explain(
                    "scatter: reduce must be 'add' or 'multiply'", where=user_line(), got=reduce
                )
            )
        mode = "add" if reduce == "add" else "set"
        return self._of(indexing.scatter(current(self), dim, current(index), source, mode))

    def scatter_add(self, dim: int, index: Any, src: Any) -> Self:
        """x[i][index[i][j]] += src[i][j], for dim=1."""
        return self._of(indexing.scatter(current(self), dim, current(index), current(src), "add"))

    def scatter_reduce(
        self, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
    ) -> Self:
        """Elements combined with all of `src` sent to the same place."""
        node = indexing.scatter_reduce(
            current(self), dim, current(index), current(src), reduce, include_self
        )
        return self._of(node)

    def where(self, condition: Any, other: Operand) -> Self:
        """This where the condition holds, the other elsewhere."""
        return self._of(co.choose(current(condition), current(self), operand(other)))
