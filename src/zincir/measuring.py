"""Functions that search, integrate and measure distances, and are no methods."""

from __future__ import annotations

from typing import Any

import numpy as np

from zincir.calling import takes_out
from zincir.convert import leaf_over, operand
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import Node, user_line
from zincir.lower_precision import full
from zincir.methods.order import isin as _isin
from zincir.methods.results import Grid
from zincir.operations import composed as co, counting, running, statistics as st
from zincir.operations.dims import is_several, many_axes
from zincir.tensor import Tensor, wrap


@takes_out
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """How many elements of a sorted line are less than each value: where it would go.

    Args:
        right: count also those that are equal, as `side="right"` does.
        sorter: the order that sorts the line, if it is not sorted.

    >>> from zincir.creation import tensor
    >>> searchsorted(tensor([1, 3, 5]), tensor([3, 6])).tolist()
    [1, 3]
    """
    order = None if sorter is None else sorter._node
    sequence = sorted_sequence._node
    return wrap(counting.searchsorted(sequence, operand(input), right, side, order, out_int32))


@takes_out
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The number of the bucket between sorted boundaries that each value lies in.

    >>> from zincir.creation import tensor
    >>> bucketize(tensor([0.5, 2.0]), tensor([1.0, 2.0])).tolist()
    [0, 1]
    """
    edges = boundaries._node
    if edges.ndim != 1:
        raise ShapeError(
            explain("boundaries tensor must be 1 dimension", where=user_line(),
                    got=str(edges.shape))
        )  # fmt: skip
    found = counting.searchsorted(edges, operand(input), right, None, None, out_int32, "bucketize")
    return wrap(found)


@takes_out
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Which elements occur in `test_elements` (or do not); one of the two may be a number.

    >>> from zincir.creation import tensor
    >>> isin(tensor([1, 2, 3]), tensor([2, 4])).tolist()
    [False, True, False]
    """
    return wrap(_isin(elements, test_elements, invert))


def _spacing(x: Any, dx: Any, what: str) -> tuple[Node | None, Any]:
    if x is not None and dx is not None:
        raise ArgumentError(explain(f"{what}() takes x or dx, and not both", where=user_line()))
    return None if x is None else x._node, 1.0 if dx is None else dx


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The area under a line through points along `dim`: sum of (y[i] + y[i + 1]) / 2 * dx[i].

    >>> from zincir.creation import tensor
    >>> trapezoid(tensor([1.0, 2.0, 3.0])).item()
    4.0
    """
    return wrap(running.trapezoid(y._node, *_spacing(x, dx, "trapezoid"), dim))


trapz = trapezoid


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1
) -> Tensor:
    """The area of `trapezoid` up to each point but the first.

    >>> from zincir.creation import tensor
    >>> cumulative_trapezoid(tensor([1.0, 2.0, 3.0])).tolist()
    [1.5, 4.0]
    """
    return wrap(running.cumulative_trapezoid(y._node, *_spacing(x, dx, "trapezoid"), dim))


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The slopes along dimensions, one tensor for each, by differences of neighbours.

    Args:
        spacing: the distance of points; one for each dimension; or for each where its points lie.
        dim: a dimension, or several; by default all.
        edge_order: at both ends, 1: of a line, 2: of a parabola.

    >>> from zincir.creation import tensor
    >>> gradient(tensor([1.0, 2.0, 4.0]))[0].tolist()
    [1.0, 1.5, 2.0]
    """
    node = input._node
    dims = many_axes(dim, node.ndim)
    space = 1 if spacing is None else spacing
    spaces: Any = space if is_several(space) else [space] * len(dims)
    if edge_order not in (1, 2) or len(spaces) != len(dims):
        raise ArgumentError(
            explain(
                "torch.gradient only supports edge_order=1 and edge_order=2, and needs one spacing"
                " for each dimension, or one for all",
                where=user_line(),
                got=f"edge_order={edge_order}, {len(spaces)} for {len(dims)} dimensions",
            )
        )
    found = [
        running.slopes(node, axis, operand(space), edge_order)
        for axis, space in zip(dims, spaces, strict=True)
    ]
    return tuple(wrap(y) for y in found)


def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None,
    density: bool = False,
) -> Grid:  # fmt: skip
    """How many points lie in each cell of a grid, and the edges of the grid.

    Shape: (..., N), of points of N numbers -> (bins[0], ..., bins[N - 1]).

    Args:
        bins: how many parts each dimension has: one number for all, or N; or the edges: N vectors.
        range: the lowest and the highest edge of each dimension in turn; by default the data's.
        weight: how much each point counts.
        density: divide by the sum, and by the sizes of cells.

    >>> from zincir.creation import tensor
    >>> histogramdd(tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.9]]), 2).hist.tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    parts = [bins] * input.shape[-1] if isinstance(bins, int) else list(bins)
    nodes = [part._node if isinstance(part, Tensor) else int(part) for part in parts]
    weights = None if weight is None else weight._node
    found, edges = counting.histogramdd(input._node, nodes, range, weights, density)
    return Grid(wrap(found), tuple(wrap(edge) for edge in edges))


def var_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False,
    *, correction: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The variance and the mean along `dim`.

    >>> from zincir.creation import tensor
    >>> [x.item() for x in var_mean(tensor([1.0, 3.0]))]
    [2.0, 2.0]
    """
    dims, less = co.correction_of(dim, unbiased, correction)
    node = input._node
    return wrap(co.var(node, dims, less, keepdim)), wrap(co.mean(node, dims, keepdim))


def std_mean(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False,
    *, correction: float | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The standard deviation and the mean along `dim`.

    >>> from zincir.creation import tensor
    >>> [x.item() for x in std_mean(tensor([1.0, 3.0]), correction=0)]
    [1.0, 2.0]
    """
    dims, less = co.correction_of(dim, unbiased, correction)
    node = input._node
    return wrap(co.std(node, dims, less, keepdim)), wrap(co.mean(node, dims, keepdim))


@full
@takes_out
def cdist(
    x1: Tensor,
    x2: Tensor,
    p: float = 2.0,
    compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:
    """Distances between all rows of one matrix and all rows of another, by the p-norm.

    >>> from zincir.creation import tensor
    >>> cdist(tensor([[0.0, 0.0]]), tensor([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    mode = compute_mode or "use_mm_for_euclid_dist_if_necessary"
    return wrap(st.cdist(x1._node, x2._node, float(p), mode))


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances between each row of a matrix and those after it, by the p-norm, in a row.

    >>> from zincir.creation import tensor
    >>> pdist(tensor([[0.0], [1.0], [3.0]])).tolist()
    [1.0, 3.0, 2.0]
    """
    if input.ndim != 2:
        raise ShapeError(
            explain("pdist only supports 2D tensors", where=user_line(), got=str(input.shape))
        )
    first, second = np.triu_indices(input.shape[0], 1)
    return wrap(st.pdist(input._node, leaf_over(first), leaf_over(second), float(p)))
