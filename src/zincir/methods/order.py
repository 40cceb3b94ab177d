"""Methods that sort, rank and count."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from zincir.calling import takes_names
from zincir.convert import as_node, operand
from zincir.errors import ArgumentError, explain
from zincir.graph.node import Node, user_line
from zincir.methods.results import Extreme, Histogram
from zincir.operations import composed as co, counting, running, sorting
from zincir.operations.dims import Dims, one_axis
from zincir.operations.source import const
from zincir.shared_value import array_of, current
from zincir.tensor_base import TensorBase
from zincir.types import bool_


def _pair(x: TensorBase, nodes: tuple[Node, Node]) -> Extreme:
    return Extreme(*map(x._of, nodes))


@takes_names
class Ordering(TensorBase):
    """Methods that sort, and find by rank."""

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = False) -> Self:
        """The indices that sort along `dim`; equal elements keep their order."""
        return self._of(co.argsort(current(self), dim, descending))

    def sort(self, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Extreme:
        """Sorted values, and where they were; equal ones keep their order."""
        return _pair(self, sorting.sort(current(self), dim, descending))

    def msort(self) -> Self:
        """Sorted along the first dimension."""
        return self._of(sorting.sort(current(self), 0, False)[0])

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extreme:
        """The `k` largest along `dim`, and where they are."""
        return _pair(self, sorting.topk(current(self), int(k), dim, largest))

    def kthvalue(self, k: int, dim: int = -1, keepdim: bool = False) -> Extreme:
        """The `k`-th smallest along `dim`, counted from 1, and where it is."""
        return _pair(self, sorting.kthvalue(current(self), int(k), dim, keepdim))

    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The median, the lower of two; with `dim`, a pair (values, indices)."""
        return self._median(dim, keepdim, False)

    def nanmedian(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The median of what is no NaN; with `dim`, a pair (values, indices)."""
        return self._median(dim, keepdim, True)

    def _median(self, dim: int | None, keepdim: bool, ignore_nan: bool) -> Any:
        if dim is None:
            return self._of(sorting.median_of_all(current(self), ignore_nan))
        return _pair(self, sorting.median(current(self), dim, keepdim, ignore_nan))

    def mode(self, dim: int = -1, keepdim: bool = False) -> Extreme:
        """The most frequent value along `dim`, the smallest of several, and its last place."""
        return _pair(self, sorting.mode(current(self), dim, keepdim))

    def quantile(
        self, q: Any, dim: int | None = None, keepdim: bool = False,
        *, interpolation: str = "linear",
    ) -> Any:  # fmt: skip
        """Values below which a share `q` of the elements along `dim` lies."""
        return self._quantile(q, dim, keepdim, interpolation, False)

    def nanquantile(
        self, q: Any, dim: int | None = None, keepdim: bool = False,
        *, interpolation: str = "linear",
    ) -> Any:  # fmt: skip
        """`quantile` of what is no NaN."""
        return self._quantile(q, dim, keepdim, interpolation, True)

    def _quantile(
        self, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool
    ) -> Self:
        x = current(self)
        if not isinstance(q, TensorBase):
            if not 0 <= q <= 1:
                got = str(q)
                raise ArgumentError(
                    explain("quantile() q must be in the range [0, 1]", where=user_line(), got=got)
                )
            q = const(float(q), x.dtype)
        node = q if isinstance(q, Node) else current(q)
        return self._of(sorting.quantile(x, node, dim, keepdim, interpolation, ignore_nan))

    def cummax(self, dim: int) -> Extreme:
        """The largest so far along `dim`, and where it is."""
        return _pair(self, running.cumulative_extreme(current(self), dim, False))

    def cummin(self, dim: int) -> Extreme:
        """The smallest so far along `dim`, and where it is."""
        return _pair(self, running.cumulative_extreme(current(self), dim, True))

    def logcumsumexp(self, dim: int) -> Self:
        """Running log(sum(exp(x))) along `dim`, without overflow."""
        return self._of(running.logcumsumexp(current(self), dim))

    def diff(self, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Self:
        """Differences of neighbours along `dim`, taken `n` times."""
        ends = [None if end is None else current(end) for end in (prepend, append)]
        return self._of(running.diff(current(self), n, dim, *ends))


@takes_names
class Counting(TensorBase):
    """Methods that count, and find by value."""

    def unique(
        self, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
        dim: int | None = None,
    ) -> Any:  # fmt: skip
        """The different values, in rising order (looks at them)."""
        return self._runs("unique", return_inverse, return_counts, dim)

    def unique_consecutive(
        self, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
    ) -> Any:
        """The values without those that repeat the one before (looks at them)."""
        return self._runs("unique_consecutive", return_inverse, return_counts, dim)

    def _runs(self, what: str, inverse: bool, counts: bool, dim: int | None) -> Any:
        find = counting.unique if what == "unique" else counting.unique_consecutive
        axis = None if dim is None else one_axis(dim, len(self.shape))
        found = find(array_of(self, f"{what}()"), axis)
        values, *extra = [self._from(a.copy()) for a in found]
        extra = [t for t, wanted in zip(extra, (inverse, counts), strict=True) if wanted]
        return (values, *extra) if extra else values

    def bincount(self, weights: Any = None, minlength: int = 0) -> Self:
        """How often each whole number occurs, or what weight it has (looks at them)."""
        given = None if weights is None else array_of(weights, "bincount()")
        return self._from(counting.bincount(array_of(self, "bincount()"), given, minlength))

    def histc(self, bins: int = 100, min: float = 0, max: float = 0) -> Self:
        """How many elements lie in each of `bins` equal parts of a range."""
        return self._of(counting.histc(current(self), bins, min, max))

    def histogram(
        self, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False
    ) -> Histogram:
        """How many elements lie in each bin, and the edges of the bins."""
        x = current(self)
        if isinstance(bins, TensorBase):
            edges = current(bins)
        else:
            edges = counting.linear_edges(x, bins, None if range is None else tuple(range))
        weights = None if weight is None else current(weight)
        found = counting.histogram(x, edges, weights, density)
        return Histogram(self._of(found), self._of(edges))

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """Where it is not 0, one row for each place (looks at them)."""
        array = array_of(self, "nonzero()")
        if as_tuple:
            return tuple(self._from(i) for i in np.nonzero(np.atleast_1d(array)))
        return self._from(np.ascontiguousarray(np.argwhere(array)))

    def argwhere(self) -> Any:
        """Where it is not 0, one row for each place (looks at them)."""
        return self.nonzero()

    def nonzero_static(self, *, size: int, fill_value: int = -1) -> Self:
        """The first `size` places where it is not 0."""
        return self._of(counting.nonzero_static(current(self), size, fill_value))

    def count_nonzero(self, dim: Dims = None) -> Self:
        """How many are not 0."""
        x = current(self)
        hit = x if x.dtype is bool_ else co.compare("ne", x, 0)
        return self._of(co.sum(hit, dim))


def isin(elements: Any, test_elements: Any, invert: bool) -> Node:
    """Which elements occur among others; one of the two may be a number."""
    x, among = operand(elements), operand(test_elements)
    if not isinstance(x, Node):
        assert isinstance(among, Node)
        x = as_node(x, among)
    return counting.isin(x, as_node(among, x), invert)
