"""Formulas of divergences, by the kinds of the two distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from zincir.distributions.distribution import Distribution
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line
from zincir.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """A decorator: the function computes the divergence of a `type_p` from a `type_q`.

    Raises:
        ArgumentError: they are no classes.
    """
    for kind in (type_p, type_q):
        if not isinstance(kind, type):
            raise ArgumentError(
                explain("register_kl: needs two classes", where=user_line(), got=repr(kind))
            )

    def decorator(function: F) -> F:
        _FORMULAS[type_p, type_q] = function
        return function

    return decorator


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p || q): the mean of log p(x) - log q(x) over samples of p.

    The formula is that of the nearest kinds of which the two are.

    Raises:
        NotImplementedError: there is none.

    Example:
        >>> from zincir.distributions import Normal
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    found = [
        (type(p).__mro__.index(a) + type(q).__mro__.index(b), a, b)
        for a, b in _FORMULAS
        if isinstance(p, a) and isinstance(q, b)
    ]
    if not found:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type "
            f"{type(q).__name__}"
        )
    _, a, b = min(found, key=lambda entry: entry[0])
    return _FORMULAS[a, b](p, q)
