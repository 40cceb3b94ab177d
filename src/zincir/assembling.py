"""Functions that put tensors together, and count through grids and pairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zincir.calling import takes_out
from zincir.creation import empty, full, zeros
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.functional import cat, meshgrid, stack
from zincir.graph.node import user_line
from zincir.operations import movement
from zincir.operations.dims import is_several, one_axis
from zincir.operations.sizes import several
from zincir.tensor import Tensor, from_array, wrap
from zincir.tensor_types import as_dtype, check_storage
from zincir.types import size as size_of


def _each(tensors: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """One result for one tensor, a tuple of them for several."""
    found = tensors[0] if len(tensors) == 1 and is_several(tensors[0]) else tensors
    made = tuple(function(t) for t in found)
    return made[0] if found is tensors and len(made) == 1 else made


def atleast_1d(*tensors: Any) -> Any:
    """Tensors with one dimension at least.

    >>> from zincir.creation import tensor
    >>> atleast_1d(tensor(3.0))
    tensor([3.])
    """
    return _each(tensors, lambda t: t if t.ndim else t.reshape(1))


def atleast_2d(*tensors: Any) -> Any:
    """Tensors with two dimensions at least; vectors are rows.

    >>> from zincir.creation import tensor
    >>> atleast_2d(tensor([1.0, 2.0])).shape
    (1, 2)
    """
    return _each(tensors, lambda t: t if t.ndim > 1 else t.reshape(1, -1))


def atleast_3d(*tensors: Any) -> Any:
    """Tensors with three dimensions at least, of which the last is new for matrices.

    >>> from zincir.creation import ones
    >>> atleast_3d(ones(2, 3)).shape
    (2, 3, 1)
    """

    def deep(t: Tensor) -> Tensor:
        if t.ndim < 2:
            return t.reshape(1, -1, 1)
        return t.unsqueeze(-1) if t.ndim == 2 else t

    return _each(tensors, deep)


@takes_out
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors behind one another, along the third dimension.

    >>> from zincir.creation import ones
    >>> dstack([ones(2), ones(2)]).shape
    (1, 2, 2)
    """
    return cat(atleast_3d(list(tensors)), 2)


@takes_out
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side; vectors are columns.

    >>> from zincir.creation import ones
    >>> column_stack([ones(3), ones(3, 2)]).shape
    (3, 3)
    """
    return cat([t.reshape(-1, 1) if t.ndim < 2 else t for t in tensors], 1)


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with matrices on its diagonal, 0 elsewhere.

    >>> from zincir.creation import ones
    >>> block_diag(ones(1, 2), ones(1, 1)).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    blocks = [t.reshape(1, -1) if t.ndim < 2 else t for t in tensors]
    for t in blocks:
        if t.ndim > 2:
            raise ShapeError(
                explain("block_diag: needs matrices", where=user_line(), got=str(t.shape))
            )
    width, at, rows = sum(t.shape[1] for t in blocks), 0, list[Tensor]()
    for t in blocks:
        n, m = t.shape
        parts = [zeros(n, at, dtype=t.dtype), t, zeros(n, width - at - m, dtype=t.dtype)]
        rows.append(cat(parts, 1))
        at += m
    return cat(rows, 0) if rows else zeros(1, 0)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All ways to take an element of each vector, one in a row.

    >>> from zincir.creation import tensor
    >>> cartesian_prod(tensor([1, 2]), tensor([3])).tolist()
    [[1, 3], [2, 3]]
    """
    for t in tensors:
        if t.ndim != 1:
            raise ShapeError(
                explain("cartesian_prod: expects vectors", where=user_line(), got=str(t.shape))
            )
    if len(tensors) == 1:
        return tensors[0]
    return stack([t.reshape(-1) for t in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take `r` elements of a vector, in its order, one in a row.

    >>> from zincir.creation import tensor
    >>> combinations(tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    if input.ndim != 1 or r < 0:
        got = f"{input.shape}, r={r}"
        raise ShapeError(
            explain("combinations: expects a vector and r >= 0", where=user_line(), got=got)
        )
    if not r:
        return empty(0, dtype=input.dtype)
    ways = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(ways(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return input[from_array(rows)]


def _index_of_triangle(
    row: int, col: int, offset: int, dtype: Any, device: Any, layout: Any, upper: bool
) -> Tensor:
    check_storage(device, layout)
    where = np.tri(row, col, offset - 1 if upper else offset, dtype=bool)
    found = np.stack(np.nonzero(~where if upper else where))
    return from_array(found.astype(as_dtype("int64" if dtype is None else dtype).numpy))


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
    layout: Any = None,
) -> Tensor:  # fmt: skip
    """Rows and columns of the elements of a matrix that are not above a diagonal.

    >>> tril_indices(2, 2).tolist()
    [[0, 1, 1], [0, 0, 1]]
    """
    return _index_of_triangle(row, col, offset, dtype, device, layout, upper=False)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
    layout: Any = None,
) -> Tensor:  # fmt: skip
    """Rows and columns of the elements of a matrix that are not below a diagonal.

    >>> triu_indices(2, 2).tolist()
    [[0, 0, 1], [0, 1, 1]]
    """
    return _index_of_triangle(row, col, offset, dtype, device, layout, upper=True)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The places in a shape of elements that are named by their number.

    >>> from zincir.creation import tensor
    >>> [t.item() for t in unravel_index(tensor(5), (2, 3))]
    [1, 2]
    """
    sizes = tuple(several((shape,)))
    if indices.dtype.category != 1 or any(n < 0 for n in sizes):
        got = f"{indices.dtype.name} indices, {sizes}"
        raise ArgumentError(
            explain("unravel_index: needs integers, and sizes >= 0", where=user_line(), got=got)
        )
    found, left = list[Tensor](), indices.long()
    for n in reversed(sizes):
        found.append(left % n)
        left = left // n
    return tuple(reversed(found))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Products summed over dimensions of both: the last and the first `dims`, or those listed.

    >>> from zincir.creation import ones
    >>> tensordot(ones(2, 3, 4), ones(3, 4, 5)).shape
    (2, 5)
    """
    made = takes_out(_tensordot)
    return made(a, b, dims, out=out) if out is not None else made(a, b, dims)


def _tensordot(a: Tensor, b: Tensor, dims: Any) -> Tensor:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if not is_several(dims):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            got = f"dims={dims} of {a.shape} and {b.shape}"
            raise ArgumentError(explain("tensordot: expects dims >= 0", where=user_line(), got=got))
        dims = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    left = [one_axis(d, a.ndim) for d in dims[0]]
    right = [one_axis(d, b.ndim) for d in dims[1]]
    for i, j in zip(left, right, strict=True):
        n, m = a.shape[i], b.shape[j]
        if n == 1 and m != 1:
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        elif m == 1 and n != 1:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
        elif n != m:
            got = f"{a.shape} along {left}, {b.shape} along {right}"
            raise ShapeError(
                explain("tensordot: contracted dimensions must match", where=user_line(), got=got)
            )
    rest_a = [i for i in range(a.ndim) if i not in left]
    rest_b = [i for i in range(b.ndim) if i not in right]
    inner = size_of(tuple(a.shape[i] for i in left))
    x = a.permute(*rest_a, *left).reshape(-1 if a.numel() else _count(a, rest_a), inner)
    y = b.permute(*right, *rest_b).reshape(inner, -1 if b.numel() else _count(b, rest_b))
    if not rest_a and not rest_b:
        return x.reshape(-1).dot(y.reshape(-1))
    return (x @ y).reshape([a.shape[i] for i in rest_a] + [b.shape[i] for i in rest_b])


def _count(x: Tensor, axes: list[int]) -> int:
    return size_of(tuple(x.shape[i] for i in axes))


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, from left to right.

    >>> from zincir.creation import ones
    >>> chain_matmul(ones(2, 3), ones(3, 4), ones(4, 5)).shape
    (2, 5)
    """
    y = matrices[0]
    for x in matrices[1:]:
        y = y.mm(x)
    return y if len(matrices) > 1 else y.clone()


@takes_out
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of each element of a vector in a row, falling unless `increasing`.

    >>> from zincir.creation import tensor
    >>> vander(tensor([2, 3])).tolist()
    [[2, 1], [3, 1]]
    """
    if x.ndim != 1 or (N is not None and N < 0):
        got = f"{x.shape}, N={N}"
        raise ShapeError(explain("vander: needs a vector and N >= 0", where=user_line(), got=got))
    count = x.shape[0] if N is None else N
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    columns = [x ** int(n) if n else (x * 0 + 1) for n in powers]
    columns = [c if c.dtype.category else c.long() for c in columns]
    return stack(columns, 1) if columns else empty(x.shape[0], 0, dtype=x.dtype)


def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A number as a tensor without dimensions.

    >>> scalar_tensor(2)
    tensor(2.)
    """
    check_storage(device, layout, pin_memory)
    return full((), s, dtype="float32" if dtype is None else dtype, requires_grad=requires_grad)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of one number, in shape and type like another.

    >>> from zincir.creation import ones
    >>> fill(ones(2), 3)
    tensor([3., 3.])
    """
    return input.clone().fill_(value)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """A border of one number, given from the last dimension on; a negative width cuts off.

    >>> from zincir.creation import ones
    >>> constant_pad_nd(ones(2), (1, 0)).tolist()
    [0.0, 1.0, 1.0]
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        got = f"{tuple(pad)} for {input.shape}"
        raise ShapeError(
            explain("constant_pad_nd: two widths for each dimension", where=user_line(), got=got)
        )
    y = input
    for k in range(len(pad) // 2):
        axis, cut = input.ndim - 1 - k, [max(0, -width) for width in pad[2 * k : 2 * k + 2]]
        n = input.shape[axis]
        if n + pad[2 * k] + pad[2 * k + 1] < 0:
            got = f"{tuple(pad)} for {input.shape}"
            raise ShapeError(
                explain("constant_pad_nd: nothing would be left", where=user_line(), got=got)
            )
        y = y.narrow(axis, cut[0], n - sum(cut))
    widths = [max(0, width) for width in (*pad, *[0] * (2 * input.ndim - len(pad)))]
    if not any(widths):
        return y.clone()
    before, after = tuple(widths[::2][::-1]), tuple(widths[1::2][::-1])
    return wrap(movement.pad(y._node, before, after, value))


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Zeros that lie in memory by given strides.

    >>> empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    check_storage(device, layout, pin_memory)
    options = {"dtype": dtype, "requires_grad": requires_grad}
    return zeros(0, dtype=dtype).new_empty_strided(size, stride, **options)


def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Zeros whose dimensions lie in memory in the order given, the slowest first.

    >>> empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    check_storage(device, layout, pin_memory)
    order = [one_axis(d, len(size)) for d in physical_layout]
    if sorted(order) != list(range(len(size))):
        got = f"{tuple(physical_layout)} for {tuple(size)}"
        raise ArgumentError(
            explain("empty_permuted: dims are not each named once", where=user_line(), got=got)
        )
    t = zeros([size[i] for i in order], dtype=dtype)
    t = t.permute(*[order.index(i) for i in range(len(order))])
    return t.requires_grad_() if requires_grad else t
