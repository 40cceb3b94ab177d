"""Which transform leads from all numbers to where a parameter may lie."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from zincir.distributions import constraints, transforms
from zincir.distributions.constraints import Constraint
from zincir.distributions.transforms import Transform
from zincir.errors import DTypeError, explain
from zincir.graph.node import user_line

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """Transforms by kinds of constraints: calling it with a constraint gives one.

    Raises:
        NotImplementedError: none is known for this kind.

    Example:
        >>> from zincir import tensor
        >>> transform_to(constraints.positive).inv(tensor([1.0]))
        tensor([0.])
    """

    def __init__(self) -> None:
        self._makers: dict[type, Factory] = {}

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Let `factory(constraint)` make the transform; without one, this is a decorator.

        Raises:
            DTypeError: `constraint` is neither a `Constraint` nor a kind of it.
        """
        if factory is None:
            return functools.partial(self.register, constraint)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, Constraint)):
            raise DTypeError(
                explain(
                    "register: constraint",
                    where=user_line(),
                    expected="a Constraint, or a subclass of it",
                    got=repr(constraint),
                )
            )
        self._makers[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        maker = self._makers.get(type(constraint))
        if maker is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return maker(constraint)


biject_to = ConstraintRegistry()
"""Transforms that have an inverse."""
transform_to = ConstraintRegistry()
"""Transforms that are cheap, and may lead from several places to one."""


def _above(c: Any) -> Transform:
    ends = transforms.AffineTransform(c.lower_bound, 1)
    return transforms.ComposeTransform([transforms.ExpTransform(), ends])


def _below(c: Any) -> Transform:
    ends = transforms.AffineTransform(c.upper_bound, -1)
    return transforms.ComposeTransform([transforms.ExpTransform(), ends])


def _between(c: Any) -> Transform:
    low, high = c.lower_bound, c.upper_bound
    plain = isinstance(low, int | float) and isinstance(high, int | float)
    if plain and low == 0 and high == 1:
        return transforms.SigmoidTransform()
    ends = transforms.AffineTransform(low, high - low)
    return transforms.ComposeTransform([transforms.SigmoidTransform(), ends])


def _parts(registry: ConstraintRegistry) -> dict[Any, Factory]:
    """What is made of the transforms of parts."""
    return {
        constraints.independent: lambda c: transforms.IndependentTransform(
            registry(c.base_constraint), c.reinterpreted_batch_ndims
        ),
        constraints.cat: lambda c: transforms.CatTransform(
            [registry(part) for part in c.cseq], c.dim, c.lengths
        ),
        constraints.stack: lambda c: transforms.StackTransform(
            [registry(part) for part in c.cseq], c.dim
        ),
    }


_BOTH: dict[Any, Factory] = {
    constraints.real: lambda c: transforms.identity_transform,
    constraints.greater_than: _above,
    constraints.greater_than_eq: _above,
    constraints.less_than: _below,
    constraints.interval: _between,
    constraints.half_open_interval: _between,
    constraints.corr_cholesky: lambda c: transforms.CorrCholeskyTransform(),
}
_CHEAP: dict[Any, Factory] = {
    constraints.simplex: lambda c: transforms.SoftmaxTransform(),
    constraints.lower_cholesky: lambda c: transforms.LowerCholeskyTransform(),
    constraints.positive_definite: lambda c: transforms.PositiveDefiniteTransform(),
    constraints.positive_semidefinite: lambda c: transforms.PositiveDefiniteTransform(),
}
for _registry in (biject_to, transform_to):
    for _constraint, _maker in (_BOTH | _parts(_registry)).items():
        _registry.register(_constraint, _maker)
for _constraint, _maker in _CHEAP.items():
    transform_to.register(_constraint, _maker)
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
