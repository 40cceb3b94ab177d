"""Exponential families: what follows from their normalising function alone."""

from __future__ import annotations

from typing import Any

from zincir.autograd import grad
from zincir.distributions.distribution import Distribution
from zincir.distributions.parameters import sum_of_last
from zincir.tensor import Tensor


class ExponentialFamily(Distribution):
    """p(x) = exp(<t(x), theta> - F(theta) + k(x)), with natural parameters theta.

    A subclass has `_natural_params`, `_log_normalizer(*theta)`, which is F, and
    `_mean_carrier_measure`, the mean of k. Entropy and divergence follow by gradients of F
    (Nielsen and Nock, "Entropies and cross-entropies of exponential families", 2010).
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise self._lacks("natural parameters")

    def _log_normalizer(self, *natural_params: Any) -> Tensor:
        raise self._lacks("log normalizer")

    @property
    def _mean_carrier_measure(self) -> float:
        raise self._lacks("mean carrier measure")

    def entropy(self) -> Tensor:
        """The entropy, in nats."""
        theta, total, slopes = self._slopes()
        found = total - self._mean_carrier_measure
        for parameter, slope in zip(theta, slopes, strict=True):
            terms = parameter * slope
            found = found - sum_of_last(terms, terms.ndim - len(self._batch_shape))
        return found

    def _slopes(self) -> tuple[list[Tensor], Tensor, tuple[Tensor, ...]]:
        """Natural parameters, F of them, and its gradients."""
        theta = [p.detach().requires_grad_() for p in self._natural_params]
        total = self._log_normalizer(*theta)
        return theta, total, tuple(grad(total.sum(), theta, create_graph=True))


def bregman(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The divergence of two distributions of one family: how far F lies above its tangent."""
    theta, total, slopes = p._slopes()
    found = q._log_normalizer(*q._natural_params) - total
    for a, b, slope in zip(theta, q._natural_params, slopes, strict=True):
        terms = (b - a) * slope
        found = found - sum_of_last(terms, terms.ndim - len(p.batch_shape))
    return found
