"""Methods that sum up, and measure."""

from __future__ import annotations

from typing import Any, Self

from zincir.calling import takes_names
from zincir.methods.results import Extreme, Range
from zincir.operations import arithmetic as ar, composed as co, statistics as st
from zincir.operations.dims import Dims
from zincir.shared_value import current
from zincir.tensor_base import TensorBase
from zincir.types import DType


@takes_names
class Statistics(TensorBase):
    """Methods that sum up, and measure."""

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest; with `dim`, a pair (values, indices); of two tensors, the larger ones."""
        return self._extreme(dim, keepdim, smallest=False)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest; with `dim`, a pair (values, indices); of two tensors, the smaller ones."""
        return self._extreme(dim, keepdim, smallest=True)

    def _extreme(self, dim: Any, keepdim: bool, smallest: bool) -> Any:
        if isinstance(dim, TensorBase):
            pick = ar.minimum if smallest else ar.maximum
            return self._of(pick(current(self), current(dim)))
        if dim is None:
            return self._of(co.extreme_of_all(current(self), smallest))
        return Extreme(*map(self._of, co.extreme(current(self), dim, keepdim, smallest)))

    def nansum(
        self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None
    ) -> Self:
        """The sum along `dim` of what is no NaN."""
        return self._of(st.nansum(current(self), dim, keepdim, dtype))

    def nanmean(
        self, dim: Dims = None, keepdim: bool = False, *, dtype: DType | None = None
    ) -> Self:
        """The mean along `dim` of what is no NaN."""
        return self._of(st.nanmean(current(self), dim, keepdim, dtype))

    def aminmax(self, *, dim: int | None = None, keepdim: bool = False) -> Range:
        """The smallest and the largest along `dim`."""
        return Range(*map(self._of, st.extremes(current(self), dim, keepdim)))

    def renorm(self, p: float, dim: int, maxnorm: float) -> Self:
        """Slices along `dim` scaled down so that their p-norms are at most `maxnorm`."""
        return self._of(st.renorm(current(self), p, dim, maxnorm))

    def dist(self, other: Any, p: float = 2) -> Self:
        """The p-norm of the difference."""
        return self._of(st.distance(current(self), current(other), p))
