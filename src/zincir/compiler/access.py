"""Index arithmetic: where in memory, or in an operand, an element comes from.

Views cost nothing because they are arithmetic on indices. There are two forms of it:

- `Strided`: a view of a buffer, as NumPy has it: an offset and a stride for each axis.
- `Map`: for an operand that is computed on the spot, each of its coordinates as an affine function
  of the loop's coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from zincir.graph.node import Node
from zincir.operations.movement import expand_p, permute_p, reshape_p, slice_p, windows_p
from zincir.types import Shape, contiguous_strides


class Affine(NamedTuple):
    """`offset + sum(coefficients[k] * loop[k])`."""

    offset: int
    coefficients: tuple[int, ...]

    def plus(self, other: Affine, factor: int = 1) -> Affine:
        """The sum with `factor` times `other`."""
        if not factor:
            return self
        both = zip(self.coefficients, other.coefficients, strict=True)
        return Affine(self.offset + factor * other.offset, tuple([a + factor * b for a, b in both]))

    def scaled(self, factor: int) -> Affine:
        if factor == 1:
            return self
        return Affine(self.offset * factor, tuple([c * factor for c in self.coefficients]))


@cache
def zero(loops: int) -> Affine:
    """The coordinate that is always 0."""
    return Affine(0, (0,) * loops)


Map = tuple[Affine, ...]


@lru_cache(maxsize=4096)
def identity(shape: Shape, loops: tuple[int, ...], dims: Shape) -> Map | None:
    """The map of a value whose axes (those longer than 1) are the loops named, in order.

    None if the sizes do not agree.
    """
    pending = [k for k in loops if dims[k] != 1]
    out: list[Affine] = []
    for n in shape:
        if n == 1:
            out.append(zero(len(dims)))
            continue
        if not pending or dims[pending[0]] != n:
            return None
        k = pending.pop(0)
        out.append(Affine(0, tuple([int(j == k) for j in range(len(dims))])))
    return tuple(out) if not pending else None


def broadcast_map(outer: Map, shape: Shape, loops: int) -> Map:
    """The map of an operand of `shape`, broadcast into a value with map `outer`."""
    tail = outer if len(outer) == len(shape) else outer[len(outer) - len(shape) :]
    if 1 not in shape:
        return tail
    return tuple([zero(loops) if n == 1 else a for n, a in zip(shape, tail, strict=True)])


def view_map(view: Node, outer: Map, loops: int) -> Map | None:
    """The map of a view's input, from the view's own; None if it is not affine."""
    shape = view.inputs[0].shape
    if view.op is expand_p:
        return broadcast_map(outer, shape, loops)
    if view.op is permute_p:
        back: list[Affine] = [zero(loops)] * len(shape)
        for axis, a in zip(view.attrs[0], outer, strict=True):
            back[axis] = a
        return tuple(back)
    if view.op is slice_p:
        starts, steps, _ = view.attrs
        return tuple(
            Affine(start + a.offset * step, a.scaled(step).coefficients)
            for a, start, step in zip(outer, starts, steps, strict=True)
        )
    if view.op is windows_p:
        _, stride, dilation = view.attrs
        rank = len(shape)
        return tuple(
            outer[i].scaled(stride[i]).plus(outer[rank + i], dilation[i]) for i in range(rank)
        )
    return _reshape_map(view.shape, shape, outer, loops)


def _reshape_map(new: Shape, old: Shape, outer: Map, loops: int) -> Map | None:
    if 0 in old:
        return (zero(loops),) * len(old)
    out: list[Affine] = []
    for old_axes, new_axes in blocks_of(old, new):
        if len(old_axes) == 1:
            strides = contiguous_strides(tuple(new[j] for j in new_axes))
            total = zero(loops)
            for j, stride in zip(new_axes, strides, strict=True):
                total = total.plus(outer[j], stride)
            out.append(total)
        elif all(outer[j] == zero(loops) for j in new_axes):
            out.extend([zero(loops)] * len(old_axes))
        else:
            return None
    longer = iter(out)
    return tuple(zero(loops) if n == 1 else next(longer) for n in old)


def blocks_of(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Smallest runs of axes (longer than 1) of both shapes that hold the same elements."""
    if 0 in old:
        return []
    i_axes = [i for i, n in enumerate(old) if n != 1]
    j_axes = [j for j, n in enumerate(new) if n != 1]
    blocks: list[tuple[list[int], list[int]]] = []
    while i_axes and j_axes:
        a, b = [i_axes.pop(0)], [j_axes.pop(0)]
        m, n = old[a[0]], new[b[0]]
        while m != n:
            if m < n:
                a.append(i_axes.pop(0))
                m *= old[a[-1]]
            else:
                b.append(j_axes.pop(0))
                n *= new[b[-1]]
        blocks.append((a, b))
    return blocks


def is_affine_reshape(view: Node) -> bool:
    """Whether a reshape only splits axes (or adds and drops those of size 1)."""
    return all(len(a) == 1 for a, _ in blocks_of(view.inputs[0].shape, view.shape))


@dataclass(frozen=True, slots=True)
class Strided:
    """A view of the buffer of `base`; offset and strides count elements."""

    base: Node
    offset: int
    strides: tuple[int, ...]


def strided(base: Node, layout: tuple[int, ...] | None = None) -> Strided:
    """The whole of a buffer."""
    return Strided(base, 0, layout or contiguous_strides(base.shape))


def through(view: Node, inner: Strided) -> Strided | None:
    """`view` of a strided input, or None if it cannot be had without a copy."""
    shape, strides = view.inputs[0].shape, inner.strides
    if view.op is permute_p:
        axes: tuple[int, ...] = view.attrs[0]
        return Strided(inner.base, inner.offset, tuple(strides[a] for a in axes))
    if view.op is expand_p:
        extra = len(view.shape) - len(shape)
        kept = [
            0 if n != m else s for n, m, s in zip(shape, view.shape[extra:], strides, strict=True)
        ]
        return Strided(inner.base, inner.offset, (*[0] * extra, *kept))
    if view.op is slice_p:
        starts, steps, _ = view.attrs
        offset = inner.offset + sum(a * s for a, s in zip(starts, strides, strict=True))
        return Strided(
            inner.base, offset, tuple(a * s for a, s in zip(steps, strides, strict=True))
        )
    if view.op is windows_p:
        _, *factors = view.attrs
        both = [f * s for by in factors for f, s in zip(by, strides, strict=True)]
        return Strided(inner.base, inner.offset, tuple(both))
    assert view.op is reshape_p
    new = reshape_strides(shape, view.shape, strides)
    return None if new is None else Strided(inner.base, inner.offset, new)


def reshape_strides(old: Shape, new: Shape, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides of a view of shape `new` of one with `old` and `strides`, if there are such."""
    if 0 in old:
        return contiguous_strides(new)
    out = [0] * len(new)
    for a, b in blocks_of(old, new):
        for i, j in pairwise(a):
            if strides[i] != strides[j] * old[j]:
                return None
        step = strides[a[-1]]
        for j in reversed(b):
            out[j] = step
            step *= new[j]
    return tuple(out)
