"""The Kullback-Leibler divergence between two distributions of one kind."""

from __future__ import annotations

import math
from typing import Any

from zincir.distributions.bernoulli import Bernoulli
from zincir.distributions.beta import Beta
from zincir.distributions.binomial import Binomial
from zincir.distributions.categorical import Categorical
from zincir.distributions.cauchy import Cauchy
from zincir.distributions.continuous_bernoulli import ContinuousBernoulli
from zincir.distributions.dirichlet import Dirichlet
from zincir.distributions.exp_family import ExponentialFamily, bregman
from zincir.distributions.exponential import Exponential
from zincir.distributions.gamma import Gamma
from zincir.distributions.geometric import Geometric
from zincir.distributions.gumbel import Gumbel
from zincir.distributions.half_normal import HalfNormal
from zincir.distributions.independent import Independent
from zincir.distributions.kl_registry import (
    kl_divergence as kl_divergence,
    register_kl as register_kl,
)
from zincir.distributions.laplace import Laplace
from zincir.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal
from zincir.distributions.multivariate_normal import MultivariateNormal
from zincir.distributions.normal import Normal
from zincir.distributions.one_hot_categorical import OneHotCategorical
from zincir.distributions.parameters import EULER, sum_of_last
from zincir.distributions.pareto import Pareto
from zincir.distributions.poisson import Poisson
from zincir.distributions.transformed_distribution import TransformedDistribution
from zincir.distributions.uniform import Uniform
from zincir.errors import ArgumentError, explain
from zincir.functional import broadcast_shapes, cat, where
from zincir.graph.node import user_line
from zincir.linalg import solve_triangular
from zincir.nn.functional import softplus
from zincir.recording import CURRENT
from zincir.special import digamma, gammaln
from zincir.tensor import Tensor


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


def _of_vectors(p: Any, q: Any) -> None:
    if p.event_shape != q.event_shape:
        raise ArgumentError(
            explain(
                "KL-divergence between normal vectors of different lengths",
                where=user_line(),
                got=f"{p.event_shape} and {q.event_shape}",
            )
        )


def _from_low_rank(p: Any, factor: Tensor, q: LowRankMultivariateNormal, log_det: Tensor) -> Tensor:
    """Where the covariance of p is `factor factor^T`, and that of q of low rank."""
    a = solve_triangular(q._small_tril, q._weighted(), upper=False)
    ratio = (factor * q.cov_diag.rsqrt().unsqueeze(-1)).square().sum((-2, -1))
    ratio = ratio - (a @ factor).square().sum((-2, -1))
    away = q.distance(q.loc - p.loc)
    return 0.5 * (q.log_det() - log_det + ratio + away - p.event_shape[0])


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank(p: LowRankMultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _of_vectors(p, q)
    factor = cat([p.cov_factor, p.cov_diag.sqrt().diag_embed()], -1)
    return _from_low_rank(p, factor, q, p.log_det())


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _to_low_rank(p: MultivariateNormal, q: LowRankMultivariateNormal) -> Tensor:
    _of_vectors(p, q)
    return _from_low_rank(p, p.scale_tril, q, 2 * p._half_log_det())


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _of_low_rank(p: LowRankMultivariateNormal, q: MultivariateNormal) -> Tensor:
    _of_vectors(p, q)
    n = p.event_shape[0]
    factor = cat([p.cov_factor, p.cov_diag.sqrt().diag_embed()], -1)
    batch = broadcast_shapes(p.batch_shape, q.batch_shape)
    tril = q.scale_tril.expand((*batch, n, n))
    factor = factor.expand((*batch, *factor.shape[-2:]))
    away = (q.loc - p.loc).expand((*batch, n)).unsqueeze(-1)
    ratio = solve_triangular(tril, factor, upper=False).square().sum((-2, -1))
    away = solve_triangular(tril, away, upper=False).square().sum((-2, -1))
    return 0.5 * (2 * q._half_log_det() - p.log_det() + ratio + away - n)


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    if type(p) is not type(q):
        raise NotImplementedError("no divergence of two different exponential families in general")
    return bregman(p, q)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    own = p._log_constant() + (-p.probs).log1p()
    return p.mean * (p.logits - q.logits) + own - q._log_constant() - (-q.probs).log1p()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc) / q.scale
    beyond = (gammaln(1 + ratio) - away).exp()
    return away - ratio.log() + ratio * EULER + beyond - (1 + EULER)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, math.inf, found)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    away = ((p.scale + q.scale).square() + (p.loc - q.loc).square()).log()
    return away - (4 * p.scale * q.scale).log()


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if CURRENT.recording is None and bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count")
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
