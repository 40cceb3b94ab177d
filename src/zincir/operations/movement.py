"""Rearrangements: views that cost nothing, and outputs put together from regions."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from zincir.errors import ShapeError
from zincir.graph.node import Node, apply
from zincir.graph.primitive import Kind, Primitive, Spec, register
from zincir.operations.source import const
from zincir.types import Shape, broadcast, inverse_permutation, size


def _reshape_spec(x: Spec, shape: Shape) -> Spec:
    if size(x[0]) != size(shape):
        raise ShapeError(f"cannot give {x[0]} ({size(x[0])} elements) the shape {shape}")
    return shape, x[1]


reshape_p = register(
    Primitive(
        "reshape",
        Kind.VIEW,
        doc="The same elements, in row-major order, under another shape.",
        infer=_reshape_spec,
        numpy=lambda x, shape: x.reshape(shape),
        vjp=lambda g, y, x, shape: reshape(g, x.shape),
        attrs=("shape",),
        saves=False,
    )
)


def _permute_spec(x: Spec, axes: tuple[int, ...]) -> Spec:
    if sorted(axes) != list(range(len(x[0]))):
        raise ShapeError(f"{axes} does not name each of the {len(x[0])} axes once")
    return tuple(x[0][a] for a in axes), x[1]


permute_p = register(
    Primitive(
        "permute",
        Kind.VIEW,
        doc="Axes in another order.",
        infer=_permute_spec,
        numpy=lambda x, axes: x.transpose(axes),
        vjp=lambda g, y, x, axes: permute(g, inverse_permutation(axes)),
        attrs=("axes",),
        saves=False,
    )
)


def _expand_spec(x: Spec, shape: Shape) -> Spec:
    padded = (1,) * (len(shape) - len(x[0])) + x[0]
    if len(padded) != len(shape) or any(
        a not in (1, b) for a, b in zip(padded, shape, strict=True)
    ):
        raise ShapeError(f"{x[0]} cannot be expanded to {shape}")
    return shape, x[1]


expand_p = register(
    Primitive(
        "expand",
        Kind.VIEW,
        doc="Axes of size 1 (and new leading ones) repeated.",
        infer=_expand_spec,
        numpy=lambda x, shape: np.broadcast_to(x, shape),
        vjp=lambda g, y, x, shape: sum_to(g, x.shape),
        attrs=("shape",),
        saves=False,
    )
)


def _indices(starts: Any, steps: Any, sizes: Any) -> tuple[Any, ...]:
    axes = zip(starts, steps, sizes, strict=True)
    return np.ix_(*[start + step * np.arange(n) for start, step, n in axes])


def _basic(starts: Any, steps: Any, sizes: Any) -> tuple[slice, ...]:
    """The same places for NumPy's basic indexing, which makes no copy."""
    ends = [at + step * n for at, step, n in zip(starts, steps, sizes, strict=True)]
    axes = zip(starts, ends, steps, sizes, strict=True)
    return tuple(
        slice(at, end if end >= 0 else None, step) if n else slice(0, 0)
        for at, end, step, n in axes
    )


slice_p = register(
    Primitive(
        "slice",
        Kind.VIEW,
        doc="Every step-th element from a start, along each axis; steps may be negative.",
        infer=lambda x, starts, steps, sizes: (sizes, x[1]),
        numpy=lambda x, starts, steps, sizes: x[_basic(starts, steps, sizes)],
        vjp=lambda g, y, x, starts, steps, sizes: update(
            expand(const(0, g.dtype), x.shape), g, starts, steps
        ),
        attrs=("starts", "steps", "sizes"),
        saves=False,
    )
)


def _windows_spec(x: Spec, sizes: Shape, stride: Shape, dilation: Shape) -> Spec:
    reach = [d * (k - 1) + 1 for k, d in zip(sizes, dilation, strict=True)]
    # Of an empty axis, there are no windows of one element: the batch may be empty.
    if any(n < r for n, r in zip(x[0], reach, strict=True) if (n, r) != (0, 1)):
        raise ShapeError(f"windows that reach over {tuple(reach)} do not fit into {x[0]}")
    out = [(n - r) // s + 1 for n, r, s in zip(x[0], reach, stride, strict=True)]
    return (*out, *sizes), x[1]


def _windows_numpy(x: Any, sizes: Any, stride: Any, dilation: Any) -> Any:
    reach = tuple(d * (k - 1) + 1 for k, d in zip(sizes, dilation, strict=True))
    if not x.size:
        return np.zeros(_windows_spec((x.shape, x.dtype), sizes, stride, dilation)[0], x.dtype)
    every = np.lib.stride_tricks.sliding_window_view(x, reach)
    return every[
        (*[slice(None, None, s) for s in stride], *[slice(None, None, d) for d in dilation])
    ]


windows_p = register(
    Primitive(
        "windows",
        Kind.VIEW,
        doc="""Windows that may overlap: for each axis their place, then for each the place inside.

        y[o..., k...] = x[o * stride + k * dilation]
        """,
        infer=_windows_spec,
        numpy=_windows_numpy,
        vjp=lambda g, y, x, sizes, stride, dilation: fold(g, x.shape, sizes, stride, dilation),
        attrs=("sizes", "stride", "dilation"),
        saves=False,
    )
)


def _update_numpy(base: Any, x: Any, starts: Any, steps: Any) -> Any:
    out = np.array(base)
    if x.ndim:
        out[_indices(starts, steps, x.shape)] = x
    else:
        out[...] = x
    return out


update_p = register(
    Primitive(
        "update",
        Kind.ASSEMBLY,
        doc="`base` with the region that slice(starts, steps, x.shape) would read replaced by x.",
        infer=lambda base, x, starts, steps: base,
        numpy=_update_numpy,
        vjp=lambda g, y, base, x, starts, steps: (
            update(g, expand(const(0, g.dtype), x.shape), starts, steps)
            if base.needs_grad
            else None,
            slice_(g, starts, steps, x.shape) if x.needs_grad else None,
        ),
        writes=lambda base, x, starts, steps: [
            (0, (0,) * base.ndim, (1,) * base.ndim, base.shape),
            (1, starts, steps, x.shape),
        ],
        attrs=("starts", "steps"),
        saves=False,
    )
)


def _cat_spec(*args: Any) -> Spec:
    specs, axis = args[:-1], args[-1]
    first, dtype = specs[0]
    for shape, _ in specs[1:]:
        if shape[:axis] + shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ShapeError(f"shapes {first} and {shape} differ outside of axis {axis}")
    total = sum(shape[axis] for shape, _ in specs)
    return (*first[:axis], total, *first[axis + 1 :]), dtype


def _cat_regions(*args: Any) -> list[tuple[int, Shape, Shape, Shape]]:
    xs, axis = args[:-1], args[-1]
    regions: list[tuple[int, Shape, Shape, Shape]] = []
    at = 0
    for number, x in enumerate(xs):
        start = tuple(at if i == axis else 0 for i in range(x.ndim))
        regions.append((number, start, (1,) * x.ndim, x.shape))
        at += x.shape[axis]
    return regions


def _cat_vjp(g: Node, y: Node, *args: Any) -> tuple[Node, ...]:
    return tuple(slice_(g, starts, steps, sizes) for _, starts, steps, sizes in _cat_regions(*args))


cat_p = register(
    Primitive(
        "cat",
        Kind.ASSEMBLY,
        doc="Inputs one after the other along `axis`.",
        infer=_cat_spec,
        numpy=lambda *args: np.concatenate(args[:-1], args[-1]),
        vjp=_cat_vjp,
        writes=_cat_regions,
        attrs=("axis",),
        saves=False,
    )
)


def _interleave_spec(*args: Any) -> Spec:
    specs, (shape, steps, starts) = args[:-3], args[-3:]
    for (part, dtype), start in zip(specs, starts, strict=True):
        wanted = tuple(-(-(n - a) // s) for n, s, a in zip(shape, steps, start, strict=True))
        if part != wanted or dtype != specs[0][1]:
            raise ShapeError(f"a part from {start} on by {steps} of {shape} is not {part}")
    return shape, specs[0][1]


def _interleave_numpy(*args: Any) -> Any:
    parts, (shape, steps, starts) = args[:-3], args[-3:]
    out = np.empty(shape, parts[0].dtype)
    for part, start in zip(parts, starts, strict=True):
        out[_indices(start, steps, part.shape)] = part
    return out


interleave_p = register(
    Primitive(
        "interleave",
        Kind.ASSEMBLY,
        doc="Each input is every `steps`-th element of the whole, from its `starts` on.",
        infer=_interleave_spec,
        numpy=_interleave_numpy,
        vjp=lambda g, y, *args: tuple(
            slice_(g, start, args[-2], part.shape)
            for part, start in zip(args[:-3], args[-1], strict=True)
        ),
        writes=lambda *args: [
            (i, start, args[-2], part.shape)
            for i, (part, start) in enumerate(zip(args[:-3], args[-1], strict=True))
        ],
        attrs=("shape", "steps", "starts"),
        saves=False,
    )
)


def reshape(x: Node, shape: Shape) -> Node:
    return x if x.shape == shape else apply(reshape_p, x, attrs=(shape,))


def permute(x: Node, axes: tuple[int, ...]) -> Node:
    return x if axes == tuple(range(x.ndim)) else apply(permute_p, x, attrs=(axes,))


def swap_last(x: Node) -> Node:
    """The transpose of the last two axes."""
    return permute(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def expand(x: Node, shape: Shape) -> Node:
    return x if x.shape == shape else apply(expand_p, x, attrs=(shape,))


def slice_(x: Node, starts: Shape, steps: Shape, sizes: Shape) -> Node:
    if sizes == x.shape and not any(starts) and all(s == 1 for s in steps):
        return x
    return apply(slice_p, x, attrs=(starts, steps, sizes))


def windows(x: Node, sizes: Shape, stride: Shape, dilation: Shape) -> Node:
    """Windows of `sizes`, one every `stride` elements, their own elements `dilation` apart: a view.

    Shape: (n, ...) -> (out, ..., size, ...), out = (n - dilation * (size - 1) - 1) // stride + 1.
    """
    return apply(windows_p, x, attrs=(sizes, stride, dilation))


def fold(g: Node, shape: Shape, sizes: Shape, stride: Shape, dilation: Shape) -> Node:
    """The gradient of `windows`: what lies in several windows is added up. One axis at a time."""
    rank = len(shape)
    for axis in range(rank):
        n, k, s, d = shape[axis], sizes[axis], stride[axis], dilation[axis]
        count = g.shape[axis]
        if k == 1:
            g = _placed(g, axis, n, s, 0)
        elif d == 1 and k == s:
            order = (*range(axis + 1), rank + axis, *range(axis + 1, rank + axis))
            order = (*order, *range(rank + axis + 1, 2 * rank))
            joined = permute(g, order)
            flat = (*g.shape[:axis], count * k, *g.shape[axis + 1 : rank + axis], 1)
            g = reshape(joined, (*flat, *g.shape[rank + axis + 1 :]))
            g = _placed(g, axis, n, 1, 0)
        else:
            reach = d * (k - 1)
            room, parts = _placed(g, axis, n + reach, s, reach), list[Node]()
            for tap in range(k):
                starts, counts = [0] * 2 * rank, list(room.shape)
                starts[axis], counts[axis] = reach - tap * d, n
                starts[rank + axis], counts[rank + axis] = tap, 1
                parts.append(slice_(room, tuple(starts), (1,) * 2 * rank, tuple(counts)))
            g = parts[0]
            for part in parts[1:]:
                g = g + part
    return reshape(g, shape)


def _placed(x: Node, axis: int, n: int, step: int, start: int) -> Node:
    """`x` with its elements along `axis` at start, start + step, ... of `n` zeros."""
    if x.shape[axis] == n:
        return x
    shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    steps = tuple(step if i == axis else 1 for i in range(x.ndim))
    return update(expand(const(0, x.dtype), shape), x, starts, steps)


def update(base: Node, x: Node, starts: Shape, steps: Shape) -> Node:
    return apply(update_p, base, x, attrs=(starts, steps))


def interleave(parts: list[Node], shape: Shape, steps: Shape) -> Node:
    """Parts that are every `steps`-th element of a whole, by remainders, the last axis fastest."""
    starts = tuple(product(*map(range, steps)))
    return (
        parts[0] if len(parts) == 1 else apply(interleave_p, *parts, attrs=(shape, steps, starts))
    )


def cat(xs: list[Node], axis: int) -> Node:
    return xs[0] if len(xs) == 1 else apply(cat_p, *xs, attrs=(axis,))


def flip(x: Node, axes: tuple[int, ...]) -> Node:
    starts = tuple(n - 1 if i in axes else 0 for i, n in enumerate(x.shape))
    return slice_(x, starts, tuple(-1 if i in axes else 1 for i in range(x.ndim)), x.shape)


def pad(x: Node, before: Shape, after: Shape, value: float = 0.0) -> Node:
    """`x` with a border of `value`."""
    shape = tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))
    return update(expand(const(value, x.dtype), shape), x, before, (1,) * x.ndim)


def sum_to(g: Node, shape: Shape) -> Node:
    """Undo broadcasting: `g` summed over the axes along which `shape` was repeated."""
    from_right = len(g.shape) - len(shape)
    axes = tuple(range(from_right)) + tuple(
        i + from_right for i, n in enumerate(shape) if n == 1 and g.shape[i + from_right] != 1
    )
    return reshape(sum_(g, axes), shape) if axes or from_right else g


def broadcast_to_common(*xs: Node) -> list[Node]:
    shape = broadcast(*[x.shape for x in xs])
    return [expand(x, shape) for x in xs]


def reduce_spec(x: Spec, axes: tuple[int, ...]) -> Spec:
    return tuple(1 if i in axes else n for i, n in enumerate(x[0])), x[1]


sum_p = register(
    Primitive(
        "sum",
        Kind.REDUCTION,
        doc="The sum along `axes`, which stay with size 1.",
        infer=reduce_spec,
        numpy=lambda x, axes: np.sum(x, axes, keepdims=True, dtype=x.dtype),
        vjp=lambda g, y, x, axes: expand(g, x.shape),
        lower=lambda b, x, y: b.add(x, y),
        attrs=("axes",),
        saves=False,
        dtypes=("float32", "float64", "int64", "int32"),
    )
)


def sum_(x: Node, axes: tuple[int, ...]) -> Node:
    return apply(sum_p, x, attrs=(axes,)) if axes else x


attached_p = register(
    Primitive(
        "attached",
        Kind.ALIAS,
        doc="The first input, with a gradient of zeros for the second.",
        infer=lambda value, to, tracked: value,
        numpy=lambda value, to, tracked: value,
        vjp=lambda g, y, value, to, tracked: (g, _zeros(to, g if tracked else None)),
        attrs=("tracked",),
        saves=False,
    )
)


def attached(value: Node, to: Node, tracked: bool = False) -> Node:
    """`value` as something that depends on `to`, though with a gradient of zeros.

    Args:
        tracked: whether these zeros depend on the gradient of the result, if it has gradients.
    """
    return apply(attached_p, value, to, attrs=(tracked,))


def _zeros(like: Node, g: Node | None) -> Node:
    zeros = expand(const(0.0, like.dtype), like.shape)
    return zeros if g is None or not g.needs_grad else attached(zeros, g)
