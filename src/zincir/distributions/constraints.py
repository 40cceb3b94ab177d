"""Where parameters and samples may lie, as objects that check it.

`check` gives a bool for each event: the last `event_dim` dimensions of a value are one event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from zincir import functional
from zincir.errors import ArgumentError, ShapeError, explain
from zincir.graph.node import user_line
from zincir.limits import finfo
from zincir.linalg import cholesky_ex, eigvalsh, vector_norm
from zincir.tensor import Tensor

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property",
    "greater_than", "greater_than_eq", "half_open_interval", "independent", "integer_interval",
    "interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular", "multinomial",
    "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square",
    "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A region of values. A subclass has `check`.

    Example:
        >>> positive.check(Tensor([1.0, -1.0])), positive
        (tensor([ True, False]), GreaterThan(lower_bound=0.0))
    """

    is_discrete: bool = False
    """Whether its values can be counted."""
    event_dim: int = 0
    """How many of the last dimensions are one event."""

    def check(self, value: Tensor) -> Tensor:
        """Whether each event of `value` lies within."""
        raise NotImplementedError(f"{type(self).__name__} needs a check")

    def __repr__(self) -> str:
        return f"{type(self).__name__.lstrip('_')}()"


class Dependent(Constraint):
    """A region that depends on other parameters: unknown until there is an instance."""

    def __init__(self, *, is_discrete: bool = False, event_dim: int = 0) -> None:
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, *, is_discrete: bool | None = None, event_dim: int | None = None) -> Any:
        """The same, with other properties."""
        return Dependent(
            is_discrete=self.is_discrete if is_discrete is None else is_discrete,
            event_dim=self.event_dim if event_dim is None else event_dim,
        )

    def check(self, value: Tensor) -> Tensor:
        """Refuse: nobody knows.

        Raises:
            ArgumentError: always.
        """
        raise ArgumentError(
            explain("Cannot determine validity of dependent constraint", where=user_line())
        )


def is_dependent(constraint: Any) -> bool:
    """Whether a region depends on other parameters.

    Example:
        >>> is_dependent(dependent), is_dependent(real)
        (True, False)
    """
    return isinstance(constraint, Dependent)


class dependent_property(property, Dependent):
    """A property of distributions that is a region, and one that depends when asked of the
    class.
    """

    def __init__(
        self,
        fget: Callable[[Any], Any] | None = None,
        *,
        is_discrete: bool = False,
        event_dim: int = 0,
    ) -> None:
        property.__init__(self, fget)
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def __call__(self, fget: Callable[[Any], Any]) -> dependent_property:  # type: ignore[override]
        """Decorate a function, after arguments were given."""
        return dependent_property(fget, is_discrete=self.is_discrete, event_dim=self.event_dim)


class independent(Constraint):
    """A region for events of more dimensions: all of their parts lie in `base_constraint`."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.is_discrete = base_constraint.is_discrete
        self.event_dim = base_constraint.event_dim + reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        """Whether all parts of each event lie within."""
        if value.ndim < self.event_dim:
            raise ShapeError(
                explain(
                    f"Expected value.dim() >= {self.event_dim} but got {value.ndim}",
                    where=user_line(),
                )
            )
        return all_of_last(self.base_constraint.check(value), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


def all_of_last(valid: Tensor, ndims: int) -> Tensor:
    """Whether all elements of the last dimensions are true."""
    return valid.reshape((*valid.shape[: valid.ndim - ndims], -1)).all(-1) if ndims else valid


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value == 0) | (value == 1)


class _OneHot(Constraint):
    is_discrete = True
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & value.sum(-1).eq(1)


class _Real(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return value == value  # NaN is not


class _Bounded(Constraint):
    """Between bounds, each of which may be missing."""

    def __repr__(self) -> str:
        bounds = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__.lstrip('_')}({bounds})"


class _GreaterThan(_Bounded):
    """What is larger than a bound."""

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound

    def check(self, value: Tensor) -> Tensor:
        return value > self.lower_bound


class _GreaterThanEq(_GreaterThan):
    """What is not smaller than a bound."""

    def check(self, value: Tensor) -> Tensor:
        return value >= self.lower_bound


class _LessThan(_Bounded):
    """What is smaller than a bound."""

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return value < self.upper_bound


class _Interval(_Bounded):
    """What lies between bounds, which belong to it."""

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class _HalfOpenInterval(_Interval):
    """What lies between bounds, of which the lower one belongs to it."""

    def check(self, value: Tensor) -> Tensor:
        return (value >= self.lower_bound) & (value < self.upper_bound)


class _IntegerInterval(_Interval):
    """Whole numbers between bounds, which belong to it."""

    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & super().check(value)


class _IntegerGreaterThan(_GreaterThan):
    is_discrete = True

    def check(self, value: Tensor) -> Tensor:
        return (value % 1 == 0) & (value >= self.lower_bound)


class _Multinomial(_Bounded):
    """Counts that add up to no more than a bound."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _LowerTriangular(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return all_of_last(value.tril() == value, 2)


class _LowerCholesky(_LowerTriangular):
    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _Square(Constraint):
    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        fits = value.shape[-2] == value.shape[-1]
        return all_of_last((value == value) | True, 2) & fits


class _Symmetric(_Square):
    def check(self, value: Tensor) -> Tensor:
        valid = super().check(value)
        if value.shape[-2] != value.shape[-1]:
            return valid
        return all_of_last(value.isclose(value.transpose(-2, -1), atol=1e-6), 2)


class _CorrCholesky(_LowerCholesky):
    """Cholesky factors of correlations: rows of length 1."""

    def check(self, value: Tensor) -> Tensor:
        near = finfo(value.dtype).eps * value.shape[-1] * 10
        away = (vector_norm(value.detach(), dim=-1) - 1).abs()
        return super().check(value) & (away <= near).all(-1)


class _Definite(_Symmetric):
    """Symmetric matrices whose eigenvalues pass; unless all are symmetric, that alone is said."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        if value.shape[-2] != value.shape[-1]:
            return symmetric
        return functional.where(symmetric.all(), self._of_symmetric(value), symmetric)

    def _of_symmetric(self, value: Tensor) -> Tensor:
        raise NotImplementedError


class _PositiveDefinite(_Definite):
    def _of_symmetric(self, value: Tensor) -> Tensor:
        return cholesky_ex(value.detach()).info == 0


class _PositiveSemidefinite(_Definite):
    def _of_symmetric(self, value: Tensor) -> Tensor:
        return (eigvalsh(value.detach()) >= 0).all(-1)


class _Joined(Constraint):
    """A region for each part along a dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0) -> None:
        self.cseq, self.dim = list(cseq), dim
        if not all(isinstance(c, Constraint) for c in self.cseq):
            raise ArgumentError(
                explain("All elements of cseq must be Constraint instances", where=user_line())
            )

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        """Whether one of them is."""
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """The most that one of them has."""
        return max(c.event_dim for c in self.cseq)


class _Cat(_Joined):
    """Regions of parts that are put together as `zincir.cat` does; `lengths` of 1 if left out."""

    def __init__(
        self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None
    ) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise ArgumentError(
                explain(
                    "constraints.cat: a length for each part",
                    where=user_line(),
                    expected=str(len(self.cseq)),
                    got=str(len(self.lengths)),
                )
            )

    def check(self, value: Tensor) -> Tensor:
        cut = value.narrow(self.dim, 0, sum(self.lengths)).split(self.lengths, self.dim)
        return functional.cat([c.check(v) for c, v in zip(self.cseq, cut, strict=True)], self.dim)


class _Stack(_Joined):
    """Regions of parts that are put together as `zincir.stack` does."""

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        """The most that one of them has, and one more if parts lie within an event."""
        most = super().event_dim
        return most + 1 if self.dim + most < 0 else most

    def check(self, value: Tensor) -> Tensor:
        pairs = zip(self.cseq, value.unbind(self.dim), strict=False)
        return functional.stack([c.check(v) for c, v in pairs], self.dim)


greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
interval = _Interval
half_open_interval = _HalfOpenInterval
integer_interval = _IntegerInterval
multinomial = _Multinomial
cat = _Cat
stack = _Stack
dependent = Dependent()
boolean: Constraint = _Boolean()
one_hot: Constraint = _OneHot()
real: Constraint = _Real()
real_vector: Constraint = independent(real, 1)
positive: Constraint = _GreaterThan(0.0)
nonnegative: Constraint = _GreaterThanEq(0.0)
nonnegative_integer: Constraint = _IntegerGreaterThan(0)
positive_integer: Constraint = _IntegerGreaterThan(1)
unit_interval: Constraint = _Interval(0.0, 1.0)
simplex: Constraint = _Simplex()
lower_triangular: Constraint = _LowerTriangular()
lower_cholesky: Constraint = _LowerCholesky()
square: Constraint = _Square()
symmetric: Constraint = _Symmetric()
corr_cholesky: Constraint = _CorrCholesky()
positive_definite: Constraint = _PositiveDefinite()
positive_semidefinite: Constraint = _PositiveSemidefinite()
