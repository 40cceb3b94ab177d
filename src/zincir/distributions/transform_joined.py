"""A transform for each part along a dimension."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from zincir.distributions import constraints
from zincir.distributions.parameters import sum_of_last
from zincir.distributions.transform import Transform
from zincir.errors import ArgumentError, explain
from zincir.functional import cat, stack
from zincir.graph.node import user_line
from zincir.tensor import Tensor


class _Joined(Transform):
    """Transforms side by side: how parts are cut and joined is said by a subclass."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        if not all(isinstance(t, Transform) for t in tseq):
            raise _wrong("All elements of tseq must be Transform instances", repr(tseq))
        self.transforms = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.dim = dim

    @property
    def bijective(self) -> Any:
        """Whether all are."""
        return all(t.bijective for t in self.transforms)

    def _parts(self, x: Tensor) -> Iterable[Tensor]:
        raise NotImplementedError

    def _checked(self, x: Tensor, size: int) -> Tensor:
        if not -x.ndim <= self.dim < x.ndim:
            raise _wrong(f"dim {self.dim} out of range", str(x.shape))
        if x.shape[self.dim] != size:
            raise _wrong(f"dimension {self.dim} must have {size} elements", str(x.shape))
        return x

    def _each(self, x: Tensor, of: Callable[[Transform], Any]) -> list[Any]:
        return [of(t)(part) for t, part in zip(self.transforms, self._parts(x), strict=True)]

    def _slopes(self, x: Tensor, y: Tensor) -> list[tuple[Transform, Any]]:
        triples = zip(self.transforms, self._parts(x), self._parts(y), strict=True)
        return [(t, t.log_abs_det_jacobian(a, b)) for t, a, b in triples]


class CatTransform(_Joined):
    """Transforms of parts that are put together as `zincir.cat` does; `lengths` of 1 if left out.

    Raises:
        ArgumentError: there are not as many lengths as transforms, or an input does not fit.

    Example:
        >>> from zincir.distributions.transforms import ExpTransform, identity_transform
        >>> CatTransform([ExpTransform(), identity_transform])(Tensor([0.0, 3.0]))
        tensor([1., 3.])
    """

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise _wrong("a length for each transform", str(self.lengths))

    def _again(self, cache_size: int) -> Transform:
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    @property
    def event_dim(self) -> int:
        """The most that one of them has."""
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """How long all parts are."""
        return sum(self.lengths)

    def _parts(self, x: Tensor) -> Iterable[Tensor]:
        return self._checked(x, self.length).split(self.lengths, self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return cat(self._each(x, lambda t: t), self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return cat(self._each(y, lambda t: t.inv), self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Any:
        most = self.event_dim
        terms = [sum_of_last(s, most - t.event_dim) for t, s in self._slopes(x, y)]
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + most
        return cat(terms, dim) if dim < 0 else functools.reduce(operator.add, terms)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Where x lies."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Where y lies."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Joined):
    """Transforms of parts that are put together as `zincir.stack` does.

    Raises:
        ArgumentError: an input has not as many parts as there are transforms.

    Example:
        >>> from zincir.distributions.transforms import ExpTransform, identity_transform
        >>> StackTransform([ExpTransform(), identity_transform])(Tensor([[0.0], [3.0]]))
        tensor([[1.],
                [3.]])
    """

    def _again(self, cache_size: int) -> Transform:
        return StackTransform(self.transforms, self.dim, cache_size)

    def _parts(self, x: Tensor) -> Iterable[Tensor]:
        return self._checked(x, len(self.transforms)).unbind(self.dim)

    def _call(self, x: Tensor) -> Tensor:
        return stack(self._each(x, lambda t: t), self.dim)

    def _inverse(self, y: Tensor) -> Tensor:
        return stack(self._each(y, lambda t: t.inv), self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Any:
        return stack([s for _, s in self._slopes(x, y)], self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Where x lies."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Where y lies."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)


def _wrong(what: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"transforms of parts: {what}", where=user_line(), got=got))
