"""The Kullback-Leibler divergence between distributions of different kinds.

Gil, Alajaji and Linder, "Renyi divergence measures for commonly used univariate continuous
distributions" (2013), has most of them.
"""

from __future__ import annotations

import math

from zincir.creation import full_like
from zincir.distributions.bernoulli import Bernoulli
from zincir.distributions.beta import Beta
from zincir.distributions.binomial import Binomial
from zincir.distributions.continuous_bernoulli import ContinuousBernoulli
from zincir.distributions.distribution import Distribution
from zincir.distributions.exponential import Exponential
from zincir.distributions.gamma import Gamma
from zincir.distributions.gumbel import Gumbel
from zincir.distributions.kl_registry import register_kl
from zincir.distributions.laplace import Laplace
from zincir.distributions.normal import Normal
from zincir.distributions.parameters import EULER
from zincir.distributions.pareto import Pareto
from zincir.distributions.poisson import Poisson
from zincir.distributions.uniform import Uniform
from zincir.functional import where
from zincir.special import digamma, gammaln, xlogy
from zincir.tensor import Tensor

_REACH_FARTHER: dict[type[Distribution], tuple[str, tuple[type[Distribution], ...]]] = {
    Beta: ("concentration1", (Pareto,)),
    ContinuousBernoulli: ("probs", (Pareto,)),
    Exponential: ("rate", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gamma: ("concentration", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gumbel: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Laplace: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Normal: ("loc", (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)),
    Pareto: ("scale", (Beta, ContinuousBernoulli, Uniform)),
    Poisson: ("rate", (Bernoulli, Binomial)),
}
"""Whose samples lie where others have no density: a parameter that has their shape, and those."""


def _infinite_for(kind: type[Distribution], parameter: str, other: type[Distribution]) -> None:
    def infinite(p: Distribution, q: Distribution) -> Tensor:
        return full_like(getattr(p, parameter), math.inf)

    register_kl(kind, other)(infinite)


for _kind, (_parameter, _others) in _REACH_FARTHER.items():
    for _other in _others:
        _infinite_for(_kind, _parameter, _other)


def _x_log_x(x: Tensor) -> Tensor:
    return xlogy(x, x)


def _mean_log(p: Uniform) -> Tensor:
    """The mean of log(x)."""
    length = p.high - p.low
    return (_x_log_x(p.high) - _x_log_x(p.low) - length) / length


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_constant()


@register_kl(Beta, Exponential)
def _beta_exponential(p: Beta, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Tensor:
    a, b = p.concentration1, p.concentration0
    constant = gammaln(q.concentration) - q.concentration * q.rate.log()
    mean_log = digamma(a) - digamma(a + b)
    return -p.entropy() + constant - (q.concentration - 1) * mean_log + q.rate * a / (a + b)


@register_kl(Beta, Normal)
def _beta_normal(p: Beta, q: Normal) -> Tensor:
    a, b = p.concentration1, p.concentration0
    mean, variance = a / (a + b), q.scale.square()
    second = mean * (1 - mean) / (a + b + 1) + mean.square()
    away = (0.5 * second - q.loc * mean + 0.5 * q.loc.square()) / variance
    return -p.entropy() + 0.5 * (variance * 2 * math.pi).log() + away


@register_kl(Beta, Uniform)
def _beta_uniform(p: Beta, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return where((q.low > 0.0) | (q.high < 1.0), math.inf, found)


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: ContinuousBernoulli, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p: ContinuousBernoulli, q: Normal) -> Tensor:
    constant = 0.5 * (math.log(2.0 * math.pi) + (q.loc / q.scale).square()) + q.scale.log()
    second = p.variance + p.mean.square()
    return -p.entropy() + constant + (second - 2.0 * q.loc * p.mean) / (2.0 * q.scale.square())


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> Tensor:
    found = -p.entropy() + (q.high - q.low).log()
    return where((q.low >= 0.0) | (q.high <= 1.0), math.inf, found)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    ratio, a = q.rate / p.rate, q.concentration
    return ratio - a * ratio.log() + gammaln(a) + a * EULER - (1 + EULER)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    product, place = p.rate * q.scale, q.loc / q.scale
    beyond = place.exp() * product / (product + 1)
    return product.log() - 1 - place + beyond + product.reciprocal()


@register_kl(Exponential, Normal)
def _exponential_normal(p: Exponential, q: Normal) -> Tensor:
    variance, square = q.scale.square(), p.rate.square()
    away = (square.reciprocal() - q.loc / p.rate + 0.5 * q.loc.square()) / variance
    return 0.5 * (square * variance * 2 * math.pi).log() - 1 + away


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    a, product, place = p.concentration, p.rate * q.scale, q.loc / q.scale
    own = (a - 1) * digamma(a) - gammaln(a) - a
    beyond = place.exp() * (1 + product.reciprocal()) ** -a
    return own + product.log() + a / product + beyond - place


@register_kl(Gamma, Normal)
def _gamma_normal(p: Gamma, q: Normal) -> Tensor:
    a, variance, square = p.concentration, q.scale.square(), p.rate.square()
    own = 0.5 * (square * variance * 2 * math.pi).log() - a - gammaln(a) + (a - 1) * digamma(a)
    second = 0.5 * (a.square() + a) / square
    return own + (second - q.loc * a / p.rate + 0.5 * q.loc.square()) / variance


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Gumbel, q: Normal) -> Tensor:
    ratio = p.scale / q.scale
    away = 0.5 * ((p.loc + p.scale * EULER - q.loc) / q.scale).square()
    spread = (math.pi * ratio * 0.5).square() / 3
    return -(ratio / math.sqrt(2 * math.pi)).log() + spread + away - (EULER + 1)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Laplace, q: Normal) -> Tensor:
    variance = q.scale.square()
    ratio = p.scale.square() / variance
    away = (0.5 * p.loc.square() - p.loc * q.loc + 0.5 * q.loc.square()) / variance
    return -0.5 * (2 * ratio / math.pi).log() + ratio + away - 1


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    place, ratio = (p.loc - q.loc) / q.scale, (p.scale / q.scale).square()
    beyond = (-place + 0.5 * ratio).exp()
    return -0.5 * ratio.log() + place + beyond - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Tensor:
    away = p.loc - q.loc
    ratio = away / p.scale
    bell = math.sqrt(2 / math.pi) * p.scale * (-0.5 * ratio.square()).exp()
    rest = away * (math.sqrt(0.5) * ratio).erf()
    constant = 0.5 * (1 + math.log(0.5 * math.pi))
    return -(p.scale / q.scale).log() + (bell + rest) / q.scale - constant


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Pareto, q: Exponential) -> Tensor:
    product = p.scale * q.rate
    found = (p.alpha / product).log() - p.alpha.reciprocal() + p.alpha * product / (p.alpha - 1) - 1
    return where(p.alpha <= 1, math.inf, found)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Pareto, q: Gamma) -> Tensor:
    mean_log = p.scale.log() + p.alpha.reciprocal()
    constant = gammaln(q.concentration) - q.concentration * q.rate.log()
    own = p.alpha.log() - mean_log
    rest = (1 - q.concentration) * mean_log + q.rate * p.alpha * p.scale / (p.alpha - 1)
    return where(p.alpha <= 1, math.inf, own + constant + rest - 1)


@register_kl(Pareto, Normal)
def _pareto_normal(p: Pareto, q: Normal) -> Tensor:
    part = p.scale / (p.alpha - 1)
    own = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log() - p.alpha.reciprocal()
    spread = p.alpha * part.square() / (p.alpha - 2)
    away = (p.alpha * part - q.loc).square()
    found = own + (spread + away) / (2 * q.scale.square()) - 1
    return where(p.alpha <= 2, math.inf, found)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Tensor:
    length, a, b = p.high - p.low, q.concentration1, q.concentration0
    mean_log_rest = (_x_log_x(1 - p.high) - _x_log_x(1 - p.low) + length) / length
    constant = gammaln(a) + gammaln(b) - gammaln(a + b)
    found = (b - 1) * mean_log_rest + constant - length.log() - (a - 1) * _mean_log(p)
    return where((p.high > 1.0) | (p.low < 0.0), math.inf, found)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> Tensor:
    found = -p.entropy() - p.mean * q.logits - (-q.probs).log1p() - q._log_constant()
    return where((p.high >= 1.0) | (p.low <= 0.0), math.inf, found)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Tensor:
    found = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return where(p.low < 0.0, math.inf, found)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Tensor:
    constant = gammaln(q.concentration) - q.concentration * q.rate.log()
    found = constant - (p.high - p.low).log() + (1 - q.concentration) * _mean_log(p)
    return where(p.low < 0.0, math.inf, found + q.rate * (p.high + p.low) / 2)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    part = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return part.log() + 0.5 * (high + low) - part * ((-high).exp() - (-low).exp())


@register_kl(Uniform, Normal)
def _uniform_normal(p: Uniform, q: Normal) -> Tensor:
    length = p.high - p.low
    away = ((p.high + p.low - 2 * q.loc) / 2).square()
    own = (math.sqrt(math.pi * 2) * q.scale / length).log()
    return own + 0.5 * (length.square() / 12 + away) / q.scale.square()


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    constant = (q.alpha * q.scale**q.alpha * (p.high - p.low)).log()
    found = _mean_log(p) * (q.alpha + 1) - constant
    return where(p.low < q.scale, math.inf, found)
