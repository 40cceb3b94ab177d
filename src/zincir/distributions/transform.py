"""What a change of variables is, and those that are made of others."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

from zincir.creation import zeros_like
from zincir.distributions import constraints
from zincir.distributions.parameters import sum_of_last
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor
from zincir.types import Shape, size


class Transform:
    """A change of variables: a subclass has `_call`, `_inverse` and `log_abs_det_jacobian`.

    Args:
        cache_size: 1 remembers the last pair, so that the inverse of what was just computed is what
            it was computed from.

    Raises:
        ArgumentError: `cache_size` is neither 0 nor 1.
    """

    bijective: Any = False
    """Whether it has an inverse."""
    domain: Any = constraints.real
    """Where x lies."""
    codomain: Any = constraints.real
    """Where y lies."""
    sign: Any = None
    """1 if it rises, -1 if it falls."""
    _read_whole = True
    """A recording that reaches one compares all that it holds: the methods read it."""

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ArgumentError(
                explain(
                    "Transform: cache_size must be 0 or 1", where=user_line(), got=str(cache_size)
                )
            )
        self._cache_size = cache_size
        self._inv: Transform | None = None
        self._last: tuple[Any, Any] = (None, None)

    @property
    def event_dim(self) -> int:
        """How many of the last dimensions are one event, before and after."""
        if self.domain.event_dim == self.codomain.event_dim:
            return self.domain.event_dim
        raise ArgumentError(
            explain("Please use either .domain.event_dim or .codomain.event_dim", where=user_line())
        )

    @property
    def inv(self) -> Transform:
        """The inverse; its inverse is this."""
        if self._inv is None:
            self._inv = _Inverse(self)
        return self._inv

    def with_cache(self, cache_size: int = 1) -> Transform:
        """The same with another `cache_size`."""
        return self if self._cache_size == cache_size else self._again(cache_size)

    def _again(self, cache_size: int) -> Transform:
        if type(self).__init__ is Transform.__init__:
            return type(self)(cache_size=cache_size)
        raise NotImplementedError(f"{type(self).__name__}.with_cache is not implemented")

    def __call__(self, x: Any) -> Any:
        if self._cache_size == 0:
            return self._call(x)
        before, after = self._last
        if x is before:
            return after
        y = self._call(x)
        self._last = x, y
        return y

    def _inv_call(self, y: Any) -> Any:
        if self._cache_size == 0:
            return self._inverse(y)
        before, after = self._last
        if y is after:
            return before
        x = self._inverse(y)
        self._last = x, y
        return x

    def _call(self, x: Any) -> Any:
        """Y from x."""
        raise NotImplementedError(f"{type(self).__name__} has no _call")

    def _inverse(self, y: Any) -> Any:
        """X from y."""
        raise NotImplementedError(f"{type(self).__name__} has no _inverse")

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        """Log |dy / dx|, for each event."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def forward_shape(self, shape: Any) -> Any:
        """The shape of y, from that of x."""
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        """The shape of x, from that of y."""
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class _Inverse(Transform):
    """Another transform backwards."""

    def __init__(self, of: Transform) -> None:
        super().__init__(of._cache_size)
        self._inv = self._of = of

    @property
    def domain(self) -> Any:
        return self._of.codomain

    @property
    def codomain(self) -> Any:
        return self._of.domain

    @property
    def bijective(self) -> Any:
        return self._of.bijective

    @property
    def sign(self) -> Any:
        return self._of.sign

    def _again(self, cache_size: int) -> Transform:
        return self._of.with_cache(cache_size).inv

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Inverse) and self._of == other._of

    __hash__ = Transform.__hash__

    def __call__(self, x: Any) -> Any:
        return self._of._inv_call(x)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        return -self._of.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Any:
        return self._of.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self._of.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self._of!r})"


class ComposeTransform(Transform):
    """Transforms one after another.

    Example:
        >>> from zincir.distributions.transforms import AffineTransform, ExpTransform
        >>> ComposeTransform([AffineTransform(0.0, 2.0), ExpTransform()])(Tensor([0.5]))
        tensor([2.7183])
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) if cache_size else part for part in parts]

    def _again(self, cache_size: int) -> Transform:
        return ComposeTransform(self.parts, cache_size)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComposeTransform) and self.parts == other.parts

    __hash__ = Transform.__hash__

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Where x lies."""
        if not self.parts:
            return constraints.real
        ndims = self.parts[-1].codomain.event_dim
        for part in reversed(self.parts):
            ndims += part.domain.event_dim - part.codomain.event_dim
            ndims = max(ndims, part.domain.event_dim)
        return _of_dims(self.parts[0].domain, ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """Where y lies."""
        if not self.parts:
            return constraints.real
        ndims = self.parts[0].domain.event_dim
        for part in self.parts:
            ndims += part.codomain.event_dim - part.domain.event_dim
            ndims = max(ndims, part.codomain.event_dim)
        return _of_dims(self.parts[-1].codomain, ndims)

    @property
    def bijective(self) -> Any:
        """Whether all are."""
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        """The product of theirs."""
        return functools.reduce(operator.mul, [part.sign for part in self.parts], 1)

    @property
    def inv(self) -> Transform:
        """Their inverses, the last one first."""
        if self._inv is None:
            self._inv = ComposeTransform([part.inv for part in reversed(self.parts)])
            self._inv._inv = self
        return self._inv

    def __call__(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return x

    def _inv_call(self, y: Any) -> Any:
        return self.inv(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        if not self.parts:
            return zeros_like(x)
        xs = [x]
        for part in self.parts[:-1]:
            xs.append(part(xs[-1]))
        xs.append(y)
        terms: list[Any] = []
        ndims = self.domain.event_dim
        for part, before, after in zip(self.parts, xs, xs[1:], strict=False):
            term = part.log_abs_det_jacobian(before, after)
            terms.append(sum_of_last(term, ndims - part.domain.event_dim))
            ndims += part.codomain.event_dim - part.domain.event_dim
        return functools.reduce(operator.add, terms)

    def forward_shape(self, shape: Any) -> Any:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return shape

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


def _of_dims(constraint: Any, ndims: int) -> Any:
    more = ndims - constraint.event_dim
    return constraints.independent(constraint, more) if more > 0 else constraint


class IndependentTransform(Transform):
    """Another transform, of which more of the last dimensions are one event."""

    def __init__(
        self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0
    ) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def _again(self, cache_size: int) -> Transform:
        return IndependentTransform(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    @constraints.dependent_property(is_discrete=False)
    def domain(self) -> Any:
        """Where x lies."""
        base = self.base_transform.domain
        return constraints.independent(base, self.reinterpreted_batch_ndims)

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        """Where y lies."""
        base = self.base_transform.codomain
        return constraints.independent(base, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> Any:
        """Whether the other one is."""
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        """That of the other one."""
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        _has_dims(x, self.domain.event_dim)
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        _has_dims(y, self.codomain.event_dim)
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        result = self.base_transform.log_abs_det_jacobian(x, y)
        return sum_of_last(result, self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


def _has_dims(x: Tensor, ndims: int) -> None:
    if x.ndim < ndims:
        raise ShapeError(
            explain(
                "Transform: Too few dimensions on input",
                where=user_line(),
                expected=f"at least {ndims}",
                got=str(x.shape),
            )
        )


class ReshapeTransform(Transform):
    """The last dimensions under another shape.

    Raises:
        ShapeError: the shapes have different numbers of elements.
    """

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape: Shape = tuple(in_shape)
        self.out_shape: Shape = tuple(out_shape)
        if size(self.in_shape) != size(self.out_shape):
            raise ShapeError(
                explain(
                    "ReshapeTransform: in_shape, out_shape have different numbers of elements",
                    where=user_line(),
                    got=f"{self.in_shape} and {self.out_shape}",
                )
            )

    def _again(self, cache_size: int) -> Transform:
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:
        """Where x lies."""
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:
        """Where y lies."""
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        return _exchanged(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return _exchanged(shape, self.out_shape, self.in_shape)


def _exchanged(shape: Shape, last: Shape, new: Shape) -> Shape:
    cut = len(shape) - len(last)
    if cut < 0 or tuple(shape[cut:]) != last:
        raise ShapeError(
            explain(
                "ReshapeTransform: Shape mismatch",
                where=user_line(),
                expected=f"last dimensions {last}",
                got=str(shape),
            )
        )
    return (*shape[:cut], *new)
