"""The Kullback-Leibler divergence between two distributions, by their kinds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from zincir.distributions.bernoulli import Bernoulli
from zincir.distributions.beta import Beta
from zincir.distributions.binomial import Binomial
from zincir.distributions.categorical import Categorical
from zincir.distributions.dirichlet import Dirichlet
from zincir.distributions.distribution import Distribution
from zincir.distributions.exponential import Exponential
from zincir.distributions.gamma import Gamma
from zincir.distributions.geometric import Geometric
from zincir.distributions.half_normal import HalfNormal
from zincir.distributions.independent import Independent
from zincir.distributions.laplace import Laplace
from zincir.distributions.multivariate_normal import MultivariateNormal
from zincir.distributions.normal import Normal
from zincir.distributions.one_hot_categorical import OneHotCategorical
from zincir.distributions.parameters import sum_of_last
from zincir.distributions.poisson import Poisson
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.uniform import Uniform
from zincir.errors import ArgumentError, explain
from zincir.functional import where
from zincir.graph.node import user_line
from zincir.linalg import solve_triangular
from zincir.nn.functional import softplus
from zincir.special import digamma, gammaln
from zincir.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """A decorator: the function computes the divergence of a `type_p` from a `type_q`.

    Raises:
        ArgumentError: they are no distributions.
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise ArgumentError(
                explain("register_kl: needs two kinds of Distribution", where=user_line())
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


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).square()
    away = ((p.loc - q.loc) / q.scale).square()
    return 0.5 * (ratio + away - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio = p.scale / q.scale
    away = (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    rates = b * (p.rate / q.rate).log() + a * (q.rate / p.rate - 1)
    return rates + gammaln(b) - gammaln(a) + (a - b) * digamma(a)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total, other = a.sum(-1), b.sum(-1)
    parts = (gammaln(b) - gammaln(a)).sum(-1) + gammaln(total) - gammaln(other)
    return parts + ((a - b) * (digamma(a) - digamma(total.unsqueeze(-1)))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    """The trace of the ratio of covariances, the distance of the means, the ratio of volumes."""
    tril = q.scale_tril.expand((*p.batch_shape, *q.scale_tril.shape[-2:]))
    ratio = solve_triangular(tril, p.scale_tril, upper=False).square().sum((-2, -1))
    away = solve_triangular(tril, (q.loc - p.loc).unsqueeze(-1), upper=False).square()
    size = p.event_shape[0]
    return q._half_log_det() - p._half_log_det() + 0.5 * (ratio + away.sum((-2, -1)) - size)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    one = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return where(p.total_count > q.total_count, math.inf, p.total_count * one)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return where((q.low > p.low) | (q.high < p.high), math.inf, result)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    yes = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    yes = where(q.probs == 0, math.inf, yes)
    yes = where(p.probs == 0, 0.0, yes)
    no = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    no = where(q.probs == 1, math.inf, no)
    return yes + where(p.probs == 1, 0.0, no)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    terms = where((q.probs == 0).expand(terms.shape), math.inf, terms)
    return where((p.probs == 0).expand(terms.shape), 0.0, terms).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independents with different numbers of dimensions")
    return sum_of_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL of distributions that are transformed differently")
    more = len(p.event_shape) - len(p.base_dist.event_shape)
    return sum_of_last(kl_divergence(p.base_dist, q.base_dist), more)
