"""Methods for special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from zincir.calling import takes_names
from zincir.convert import operand, tensor_node
from zincir.graph.node import Node
from zincir.operations import special as sp
from zincir.operations.incomplete_gamma import igamma as incomplete
from zincir.shared_value import current
from zincir.tensor_base import TensorBase


def _one(function: Callable[[Node], Node], name: str, doc: str) -> Callable[..., Any]:
    def method(self: TensorBase) -> Any:
        return self._of(function(current(self)))

    method.__name__, method.__qualname__, method.__doc__ = name, f"Tensor.{name}", doc
    return method


@takes_names
class Special(TensorBase):
    """Error functions, the gamma function and its family."""

    erfc = _one(sp.erfc, "erfc", "1 - erf(x), where that is small too.")
    erfinv = _one(sp.erfinv, "erfinv", "The inverse of erf.")
    lgamma = _one(sp.lgamma, "lgamma", "log |Gamma(x)|.")
    digamma = _one(sp.digamma, "digamma", "The derivative of log Gamma(x).")
    sinc = _one(sp.sinc, "sinc", "sin(pi x) / (pi x), and 1 at 0.")
    i0 = _one(lambda x: sp.bessel_i(x, 0, False), "i0", "The modified Bessel function I0.")

    def xlogy(self, other: Any) -> Self:
        """This times log(other), and 0 where this is 0."""
        return self._of(sp.xlogy(current(self), operand(other)))

    def igamma(self, other: Any) -> Self:
        """The share of the gamma function's integral below `other`."""
        return self._of(incomplete(current(self), tensor_node(other, "igamma(): other"), False))

    def igammac(self, other: Any) -> Self:
        """The share of the gamma function's integral above `other`."""
        return self._of(incomplete(current(self), tensor_node(other, "igammac(): other"), True))

    def logit(self, eps: float | None = None) -> Self:
        """log(x / (1 - x)), x kept from 0 and 1 by `eps`."""
        return self._of(sp.logit(current(self), eps))

    def polygamma(self, n: int) -> Self:
        """The n-th derivative of digamma."""
        return self._of(sp.polygamma(n, current(self)))

    def mvlgamma(self, p: int) -> Self:
        """The logarithm of the gamma function of p dimensions."""
        return self._of(sp.multigammaln(current(self), p))
