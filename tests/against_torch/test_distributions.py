"""Distributions beside PyTorch's: densities, moments, divergences, and their gradients."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

Make = Callable[[Any, Any, Callable[[Any], Any]], Any]

# By name: how it is made (of a library, its distributions, a maker of parameters), and values.
CASES: dict[str, tuple[Make, list[Any]]] = {
    "Gamma": (lambda lib, D, p: D.Gamma(p([0.5, 3.0, 40.0]), p([1.0, 0.5, 3.0])), [0.1, 2.0, 12.0]),
    "Beta": (lambda lib, D, p: D.Beta(p([0.5, 3.0]), p([1.0, 20.0])), [0.1, 0.2]),
    "Dirichlet": (lambda lib, D, p: D.Dirichlet(p([[0.5, 3.0, 1.0]])), [0.1, 0.2, 0.7]),
    "MultivariateNormal": (
        lambda lib, D, p: D.MultivariateNormal(p([0.5, -1.0]), p([[2.0, 0.5], [0.5, 1.0]])),
        [0.1, 0.3]),
    "MultivariateNormal of a factor": (
        lambda lib, D, p: D.MultivariateNormal(
            p([[0.5, -1.0]]), scale_tril=p([[2.0, 0.0], [0.5, 1.0]])), [[0.1, 0.3]]),
    "Normal": (
        lambda lib, D, p: D.Normal(p([0.5, -1.0, 2.0]), p([1.0, 0.5, 3.0])), [0.1, -2.0, 5.0]),
    "Normal of numbers": (lambda lib, D, p: D.Normal(0.5, 2), 0.3),
    "Normal, broadcast": (lambda lib, D, p: D.Normal(p([[0.0], [1.0]]), p([1.0, 2.0])), [0.5, 0.1]),
    "LogNormal": (lambda lib, D, p: D.LogNormal(p([0.5, -1.0]), p([1.0, 0.5])), [0.1, 2.0]),
    "HalfNormal": (lambda lib, D, p: D.HalfNormal(p([0.5, 2.0])), [0.1, 2.0]),
    "Laplace": (lambda lib, D, p: D.Laplace(p([0.5, -1.0]), p([1.0, 0.5])), [0.1, -2.0]),
    "Cauchy": (lambda lib, D, p: D.Cauchy(p([0.5, -1.0]), p([1.0, 0.5])), [0.1, -2.0]),
    "Gumbel": (lambda lib, D, p: D.Gumbel(p([0.5, -1.0]), p([1.0, 0.5])), [0.1, -2.0]),
    "Exponential": (lambda lib, D, p: D.Exponential(p([0.5, 2.0])), [0.1, 2.0]),
    "Uniform": (lambda lib, D, p: D.Uniform(p([0.5, -1.0]), p([1.0, 0.5])), [0.6, 0.5]),
    "Bernoulli": (lambda lib, D, p: D.Bernoulli(p([0.5, 0.1, 0.9])), [0.0, 1.0, 1.0]),
    "Bernoulli of logits": (lambda lib, D, p: D.Bernoulli(logits=p([0.5, -3.0])), [0.0, 1.0]),
    "Geometric": (lambda lib, D, p: D.Geometric(p([0.5, 0.1, 1.0])), [0.0, 3.0, 0.0]),
    "Geometric of logits": (lambda lib, D, p: D.Geometric(logits=p([0.5, -1.0])), [0.0, 3.0]),
    "Categorical": (lambda lib, D, p: D.Categorical(p([[0.1, 0.2, 0.7], [3.0, 2.0, 1.0]])), [0, 2]),
    "Categorical of logits": (lambda lib, D, p: D.Categorical(logits=p([0.1, -2.0, 0.7])), 1),
    "OneHotCategorical": (
        lambda lib, D, p: D.OneHotCategorical(p([0.1, 0.2, 0.7])), [0.0, 1.0, 0.0]),
    "Independent": (
        lambda lib, D, p: D.Independent(D.Normal(p([[0.5, -1.0]]), p([1.0, 0.5])), 1), [0.1, -2.0]),
    "TransformedDistribution": (
        lambda lib, D, p: D.TransformedDistribution(
            D.Normal(p([0.5, -1.0]), p([1.0, 0.5])),
            [D.AffineTransform(1.0, -2.0), D.SigmoidTransform()]), [0.1, 0.7]),
    "tanh of a Normal": (
        lambda lib, D, p: D.TransformedDistribution(
            D.Independent(D.Normal(p([0.5, -1.0]), p([1.0, 0.5])), 1),
            [D.TanhTransform()]), [0.1, 0.7]),
    "stick breaking": (
        lambda lib, D, p: D.TransformedDistribution(
            D.Normal(p([0.5, -1.0]), p([1.0, 0.5])), D.StickBreakingTransform()), [0.1, 0.7, 0.2]),
    "MixtureSameFamily": (
        lambda lib, D, p: D.MixtureSameFamily(
            D.Categorical(p([[0.3, 0.7]])), D.Normal(p([[0.5, -1.0]]), p([1.0, 0.5]))), [0.2]),
    "mixture of vectors": (
        lambda lib, D, p: D.MixtureSameFamily(
            D.Categorical(logits=p([0.3, 0.7])),
            D.Independent(D.Normal(p([[0.5, -1.0], [2.0, 1.0]]), p([1.0, 0.5])), 1)), [0.2, 0.1]),
    "Chi2": (lambda lib, D, p: D.Chi2(p([0.5, 3.0, 40.0])), [0.1, 2.0, 12.0]),
    "Poisson": (lambda lib, D, p: D.Poisson(p([0.5, 3.0, 20.0])), [0.0, 3.0, 12.0]),
    "StudentT": (
        lambda lib, D, p: D.StudentT(p([0.5, 1.5, 30.0]), p([0.0, -1.0, 2.0]), p([1.0, 0.5, 3.0])),
        [0.1, -2.0, 5.0]),
    "Binomial": (lambda lib, D, p: D.Binomial(5, p([0.5, 0.1, 0.9])), [0.0, 3.0, 5.0]),
    "Binomial of logits": (lambda lib, D, p: D.Binomial(5, logits=p([0.0, -3.0])), [0.0, 3.0]),
    "Multinomial": (
        lambda lib, D, p: D.Multinomial(4, p([[0.1, 0.2, 0.7], [3.0, 2.0, 1.0]])),
        [[0.0, 1.0, 3.0], [4.0, 0.0, 0.0]]),
    "Multinomial of logits": (
        lambda lib, D, p: D.Multinomial(3, logits=p([0.1, -2.0])), [2.0, 1.0]),
    "RelaxedOneHotCategorical": (
        lambda lib, D, p: D.RelaxedOneHotCategorical(p(0.7), probs=p([[0.5, 0.1, 0.4]])),
        [0.2, 0.3, 0.5]),
    "RelaxedBernoulli": (
        lambda lib, D, p: D.RelaxedBernoulli(p([0.7]), probs=p([0.5, 0.1])), [0.2, 0.6]),
    "NegativeBinomial": (
        lambda lib, D, p: D.NegativeBinomial(p([0.5, 3.0, 4.0]), p([0.5, 0.1, 0.9])),
        [0.0, 3.0, 5.0]),
    "NegativeBinomial of logits": (
        lambda lib, D, p: D.NegativeBinomial(3, logits=p([0.5, -2.0])), [0.0, 3.0]),
    "HalfCauchy": (lambda lib, D, p: D.HalfCauchy(p([0.5, 2.0])), [0.1, 2.0]),
    "Weibull": (lambda lib, D, p: D.Weibull(p([0.5, 2.0]), p([1.5, 3.0])), [0.1, 2.0]),
    "Pareto": (lambda lib, D, p: D.Pareto(p([0.5, 2.0]), p([1.5, 3.0])), [0.7, 2.5]),
    "InverseGamma": (
        lambda lib, D, p: D.InverseGamma(p([0.5, 3.5]), p([1.0, 0.5])), [0.1, 2.0]),
    "Kumaraswamy": (lambda lib, D, p: D.Kumaraswamy(p([0.5, 3.5]), p([1.0, 1.5])), [0.1, 0.8]),
    "FisherSnedecor": (
        lambda lib, D, p: D.FisherSnedecor(p([1.5, 3.0, 6.0]), p([1.0, 3.0, 9.0])),
        [0.1, 2.0, 0.5]),
    "LogisticNormal": (
        lambda lib, D, p: D.LogisticNormal(p([0.5, -1.0]), p([1.0, 0.5])), [0.2, 0.5, 0.3]),
    "VonMises": (lambda lib, D, p: D.VonMises(p([0.5, -1.0]), p([0.3, 9.0])), [0.2, 3.0]),
    "ContinuousBernoulli": (
        lambda lib, D, p: D.ContinuousBernoulli(p([0.2, 0.5, 0.9, 0.4995])), [0.1, 0.3, 0.8, 0.5]),
    "ContinuousBernoulli of logits": (
        lambda lib, D, p: D.ContinuousBernoulli(logits=p([0.7, -3.0])), [0.1, 0.3]),
    "LowRankMultivariateNormal": (
        lambda lib, D, p: D.LowRankMultivariateNormal(
            p([[0.5, -1.0, 0.2]]), p([[0.3, 0.1], [1.0, 2.0], [0.5, 0.4]]), p([0.5, 2.0, 1.0])),
        [[0.1, 0.3, 0.6]]),
    "Wishart": (
        lambda lib, D, p: D.Wishart(p(4.5), p([[2.0, 0.5], [0.5, 1.0]])),
        [[1.0, 0.2], [0.2, 2.0]]),
    "Wishart of a factor": (
        lambda lib, D, p: D.Wishart(p([4.5, 6.0]), scale_tril=p([[2.0, 0.0], [0.5, 1.0]])),
        [[1.0, 0.2], [0.2, 2.0]]),
    "Wishart of an inverse": (
        lambda lib, D, p: D.Wishart(3, precision_matrix=p([[2.0, 0.5], [0.5, 1.0]])),
        [[1.0, 0.2], [0.2, 2.0]]),
    "LKJCholesky": (
        lambda lib, D, p: D.LKJCholesky(3, p([0.5, 2.0])),
        [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]]),
    "OneHotCategoricalStraightThrough": (
        lambda lib, D, p: D.OneHotCategoricalStraightThrough(p([0.1, 0.2, 0.7])), [0.0, 1.0, 0.0]),
}  # fmt: skip


def made(lib: Any, make: Make, dtype: str = "float64") -> tuple[Any, list[Any]]:
    parameters: list[Any] = []

    def p(values: Any) -> Any:
        parameters.append(lib.tensor(values, dtype=getattr(lib, dtype), requires_grad=True))
        return parameters[-1]

    return make(lib, lib.distributions, p), parameters


def value_of(lib: Any, values: Any, dtype: str) -> Any:
    whole = np.asarray(values).dtype.kind == "i"
    return lib.tensor(values, dtype=lib.int64 if whole else getattr(lib, dtype))


def agree(ours: Any, theirs: Any, rtol: float = 1e-9) -> None:
    assert str(theirs.dtype) == f"torch.{ours.dtype.name}"
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol, 1e-11)


def outcome(run: Callable[[], Any]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run()
    except NotImplementedError:
        return None


WORDS = ("mean", "mode", "variance", "stddev", "entropy", "log_prob", "cdf", "icdf", "perplexity")


@pytest.mark.parametrize("name", CASES)
def test_formulas(name: str) -> None:
    make, values = CASES[name]
    (ours, _), (theirs, _) = made(zincir, make), made(torch, make)
    assert ours.batch_shape == tuple(theirs.batch_shape)
    assert ours.event_shape == tuple(theirs.event_shape)
    assert (ours.has_rsample, ours.has_enumerate_support) == (
        theirs.has_rsample, theirs.has_enumerate_support)  # fmt: skip
    pairs = []  # compared when all are known, so that they are computed together
    for word in WORDS:
        found = []
        for lib, d in ((zincir, ours), (torch, theirs)):
            x = value_of(lib, values, "float64")
            if word == "icdf":
                x = lib.tensor([0.3, 0.8], dtype=lib.float64)
                if (d.batch_shape and d.batch_shape[-1] not in (1, 2)) or d.event_shape:
                    x = lib.tensor(0.3, dtype=lib.float64)
            attribute = outcome(lambda d=d, word=word: getattr(d, word))
            if word in ("log_prob", "cdf", "icdf"):
                attribute = outcome(lambda a=attribute, x=x: a(x))
            elif callable(attribute):
                attribute = outcome(attribute)
            found.append(attribute)
        if found[1] is None:
            continue
        assert found[0] is not None, word
        pairs.append(found)
    # PyTorch rounds a part of the multinomial entropy to float32, and its Bessel functions of
    # VonMises are polynomials of seven digits.
    rounded = {"Multinomial": 1e-7, "VonMises": 2e-6}
    for found in pairs:
        agree(*found, next((tol for word, tol in rounded.items() if word in name), 1e-9))


COUNTS = ("Bernoulli", "OneHot", "Geometric", "Poisson", "nomial")


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_log_prob(name: str) -> None:
    make, values = CASES[name]
    gradients = []
    for lib in (zincir, torch):
        d, parameters = made(lib, make)
        x = value_of(lib, values, "float64")
        if x.is_floating_point() and not any(word in name for word in COUNTS):
            x = x.requires_grad_()
        if not parameters:
            return
        d.log_prob(x).sum().backward()
        gradients.append([t.grad for t in [*parameters, x]])
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            agree(ours, theirs, 1e-5 if name == "VonMises" else 1e-8)


@pytest.mark.parametrize("name", CASES)
def test_shapes_of_samples_and_expand(name: str) -> None:
    make, values = CASES[name]
    (ours, _), (theirs, _) = made(zincir, make, "float32"), made(torch, make, "float32")
    for shape in ((), (3,), (2, 5)):
        a, b = ours.sample(shape), outcome(lambda shape=shape: theirs.sample(shape))
        assert tuple(a.shape) == tuple(b.shape)
        assert str(b.dtype) == f"torch.{a.dtype.name}"
        assert not a.requires_grad
        assert ours.support.check(a).all().item()
    if ours.has_rsample:
        x = ours.rsample((4,))
        assert x.requires_grad == outcome(lambda: theirs.rsample((4,))).requires_grad
    size = (2, *ours.batch_shape)
    wide, theirs = ours.expand(size), theirs.expand(size)
    assert wide.batch_shape == tuple(theirs.batch_shape)
    assert tuple(wide.sample((3,)).shape) == (3, *size, *ours.event_shape)
    x = value_of(zincir, values, "float32"), value_of(torch, values, "float32")
    agree(wide.log_prob(x[0]), theirs.log_prob(x[1]), 1e-4)
    if ours.has_enumerate_support:
        for expand in (True, False):
            agree(wide.enumerate_support(expand), theirs.enumerate_support(expand))


PAIRS = ["Gamma", "Beta", "Dirichlet", "MultivariateNormal", "Normal", "HalfNormal",
         "Laplace", "Exponential", "Uniform", "Bernoulli", "LogNormal",
         "Bernoulli of logits", "Categorical", "OneHotCategorical", "Independent",
         "Geometric of logits", "Chi2", "Poisson", "Binomial of logits", "Gumbel", "Cauchy",
         "Pareto", "ContinuousBernoulli", "LowRankMultivariateNormal", "Wishart",
         "OneHotCategoricalStraightThrough"]  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_divergence(name: str) -> None:
    make, _ = CASES[name]
    results = []
    for lib in (zincir, torch):
        p, parameters = made(lib, make)
        q, others = made(
            lib, lambda lib, D, p: make(lib, D, lambda v: p((np.asarray(v) * 0.9 + 0.01).tolist()))
        )
        kl = lib.distributions.kl_divergence(p, q)
        finite = kl[kl.isfinite()].sum()
        if finite.requires_grad:
            finite.backward()
        results.append([kl, *[t.grad for t in (*parameters, *others)]])
    for ours, theirs in zip(*results, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            agree(ours, theirs, 1e-8)


KINDS: dict[str, Make] = {
    "Bernoulli": lambda lib, D, p: D.Bernoulli(p([0.5, 0.1])),
    "Beta": lambda lib, D, p: D.Beta(p([0.5, 3.0]), p([1.0, 2.0])),
    "Binomial": lambda lib, D, p: D.Binomial(5, p([0.5, 0.1])),
    "ContinuousBernoulli": lambda lib, D, p: D.ContinuousBernoulli(p([0.2, 0.9])),
    "Exponential": lambda lib, D, p: D.Exponential(p([0.5, 2.0])),
    "Gamma": lambda lib, D, p: D.Gamma(p([0.5, 3.0]), p([1.0, 0.5])),
    "Gumbel": lambda lib, D, p: D.Gumbel(p([0.5, -1.0]), p([1.0, 0.5])),
    "Laplace": lambda lib, D, p: D.Laplace(p([0.5, -1.0]), p([1.0, 0.5])),
    "Normal": lambda lib, D, p: D.Normal(p([0.5, -1.0]), p([1.0, 0.5])),
    "Pareto": lambda lib, D, p: D.Pareto(p([0.3, 0.2]), p([0.9, 2.5])),
    "Poisson": lambda lib, D, p: D.Poisson(p([0.5, 3.0])),
    "Uniform": lambda lib, D, p: D.Uniform(p([0.3, 0.2]), p([0.8, 0.9])),
    "wide Uniform": lambda lib, D, p: D.Uniform(p([-0.5, 0.5]), p([1.0, 1.5])),
}


def divergence(lib: Any, a: str, b: str) -> Any:
    """The divergence, and its gradients unless it is infinite somewhere; None if there is none."""
    (p, first), (q, second) = made(lib, KINDS[a]), made(lib, KINDS[b])
    kl = outcome(lambda: lib.distributions.kl_divergence(p, q))
    if kl is None:
        return None
    finite = kl.isfinite()
    if kl.requires_grad and bool(finite.any()):
        kl[finite].sum().backward()
    gradients = [t.grad for t in (*first, *second)] if bool(finite.all()) else []
    return [kl, *gradients]


@pytest.mark.parametrize("a", KINDS)
def test_divergence_between_kinds(a: str) -> None:
    """Every pair that one of the two libraries has, with its gradients; some are infinite."""
    for b in KINDS:
        ours, theirs = divergence(zincir, a, b), divergence(torch, a, b)
        assert (ours is None) == (theirs is None), b
        for x, y in zip(ours or [], theirs or [], strict=True):
            if y is not None:
                agree(x, y, 1e-8)


def test_a_generalised_pareto() -> None:
    """In float32: PyTorch's density does not take float64."""
    results = []
    for lib in (zincir, torch):
        parameters = [
            lib.tensor(x, requires_grad=True)
            for x in ([0.5, -1.0, 0.0], [1.0, 0.5, 2.0], [0.3, -0.4, 0.0])
        ]
        d = lib.distributions.GeneralizedPareto(*parameters)
        x = lib.tensor([0.7, -0.8, 0.2])
        found = [d.mean, d.variance, d.mode, d.entropy(), d.log_prob(x), d.cdf(x), d.icdf(x.abs())]
        found += [d.log_survival_function(x), d.log_cdf(x), d.expand((2, 3)).log_prob(x)]
        d.log_prob(x).sum().backward()
        found += [t.grad for t in parameters]
        found += [d.support.lower_bound, d.support.upper_bound]
        results.append(found)
    for ours, theirs in zip(*results, strict=True):
        agree(ours, theirs, 1e-5)


def test_divergence_of_vectors() -> None:
    results = []
    for lib in (zincir, torch):
        D = lib.distributions

        def p(values: Any, lib: Any = lib) -> Any:
            return lib.tensor(values, dtype=lib.float64, requires_grad=True)

        full = p([0.5, -1.0]), p([[2.0, 0.5], [0.5, 1.0]])
        low = p([[0.1, 0.2], [1.0, 0.0]]), p([[0.3], [1.0]]), p([0.5, 2.0])
        a, b = D.MultivariateNormal(*full), D.LowRankMultivariateNormal(*low)
        kls = [D.kl_divergence(a, b), D.kl_divergence(b, a)]
        (kls[0].sum() + 2 * kls[1].sum()).backward()
        results.append([*kls, *[t.grad for t in (*full, *low)]])
    for ours, theirs in zip(*results, strict=True):
        agree(ours, theirs, 1e-8)


def test_samples_with_gradients_of_a_straight_through() -> None:
    for lib in (zincir, torch):
        probs = lib.tensor([0.2, 0.8], requires_grad=True)
        weights = lib.tensor([3.0, 5.0])
        d = lib.distributions.OneHotCategoricalStraightThrough(probs)
        (d.rsample((4,)) * weights).sum().backward()
        np.testing.assert_allclose(probs.grad.numpy(), [-6.4, 1.6], 1e-4)


BOUNDS: dict[str, Callable[[Any], Any]] = {
    "real": lambda c: c.real,
    "positive": lambda c: c.positive,
    "nonnegative": lambda c: c.nonnegative,
    "unit_interval": lambda c: c.unit_interval,
    "simplex": lambda c: c.simplex,
    "lower_cholesky": lambda c: c.lower_cholesky,
    "positive_definite": lambda c: c.positive_definite,
    "positive_semidefinite": lambda c: c.positive_semidefinite,
    "corr_cholesky": lambda c: c.corr_cholesky,
    "real_vector": lambda c: c.real_vector,
    "greater": lambda c: c.greater_than(-1.0),
    "less": lambda c: c.less_than(2.0),
    "interval": lambda c: c.interval(-1.0, 3.0),
    "half open": lambda c: c.half_open_interval(0.0, 3.0),
    "independent": lambda c: c.independent(c.positive, 1),
    "cat": lambda c: c.cat([c.positive, c.real], -1, [1, 2]),
    "stack": lambda c: c.stack([c.positive, c.real, c.unit_interval], -1),
    "boolean": lambda c: c.boolean,
}


def led(lib: Any, which: str, name: str) -> list[Any] | None:
    """What the transform for a constraint does to three rows of numbers; None if there is none."""
    rows = np.array([[0.3, -1.0, 0.5], [0.1, 2.0, -0.7], [0.2, 0.4, 0.9]])
    region = BOUNDS[name](lib.distributions.constraints)
    t = outcome(lambda: getattr(lib.distributions, which)(region))
    if t is None:
        return None
    x = lib.tensor(rows)
    y = t(x)
    found = [y, t.inv(y), region.check(y), outcome(lambda: t.log_abs_det_jacobian(x, y))]
    if name in ("corr_cholesky", "simplex"):
        found += [lib.tensor(tuple(t.forward_shape(tuple(x.shape))))]
        found += [lib.tensor(tuple(t.inverse_shape(tuple(y.shape))))]
    return found


@pytest.mark.parametrize("which", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", BOUNDS)
def test_transforms_for_constraints(which: str, name: str) -> None:
    ours, theirs = led(zincir, which, name), led(torch, which, name)
    assert (ours is None) == (theirs is None)
    for a, b in zip(ours or [], theirs or [], strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            agree(a, b, 1e-7)


def test_further_constraints() -> None:
    squares = np.array([[[1, 0], [2, 3]], [[2, 1], [1, 2]], [[1, 2], [2, 1]], [[1, 0], [0.6, 0.8]]])
    for name in ("positive_definite", "positive_semidefinite", "corr_cholesky"):
        for rows in (squares, squares[1:3], squares[1:2], squares[3:], np.ones((2, 2, 3))):
            if name == "corr_cholesky" and rows.shape[-1] == 3:
                continue
            a = getattr(zincir.distributions.constraints, name).check(zincir.tensor(rows * 1.0))
            b = getattr(torch.distributions.constraints, name).check(torch.tensor(rows * 1.0))
            assert a.tolist() == b.tolist(), name


def test_a_family_by_its_normalising_function() -> None:
    results = []
    for lib in (zincir, torch):

        class Unit(lib.distributions.ExponentialFamily):  # normal, of variance 1
            arg_constraints = {}  # noqa: RUF012

            def __init__(self, loc: Any) -> None:
                self.loc = loc
                super().__init__(loc.shape)

            @property
            def _natural_params(self) -> Any:
                return (self.loc,)

            def _log_normalizer(self, x: Any) -> Any:
                return x**2 / 2

            _mean_carrier_measure = -0.5 * (1 + math.log(2 * math.pi))

        p, q = Unit(lib.tensor([0.5, 1.0])), Unit(lib.tensor([2.0, 1.0]))
        results.append([p.entropy(), lib.distributions.kl_divergence(p, q)])
    for ours, theirs in zip(*results, strict=True):
        agree(ours, theirs, 1e-6)


def test_divergence_that_is_infinite() -> None:
    results = []
    for lib in (zincir, torch):
        D = lib.distributions
        zero, one, half = (D.Bernoulli(lib.tensor([x])) for x in (0.0, 1.0, 0.5))
        pairs = [(zero, one), (one, zero), (half, zero), (zero, half), (zero, zero)]
        rows = [D.Categorical(lib.tensor(x)) for x in ([0.0, 1.0], [1.0, 0.0], [0.5, 0.5])]
        pairs += [(a, b) for a in rows for b in rows]
        results.append([float(D.kl_divergence(a, b)) for a, b in pairs])
    np.testing.assert_allclose(*results, rtol=1e-6)


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "scale": lambda lib, D: D.Normal(0.0, -1.0),
    "scale of 0": lambda lib, D: D.Normal(lib.zeros(2), lib.tensor([1.0, 0.0])),
    "NaN": lambda lib, D: D.Normal(lib.tensor(math.nan), 1.0),
    "bounds": lambda lib, D: D.Uniform(1.0, 0.0),
    "probability": lambda lib, D: D.Bernoulli(1.5),
    "both": lambda lib, D: D.Bernoulli(0.5, 0.5),
    "none": lambda lib, D: D.Categorical(),
    "count": lambda lib, D: D.Binomial(-1, 0.5),
    "half a count": lambda lib, D: D.Binomial(1.5, 0.5),
    "rate": lambda lib, D: D.Poisson(-1.0),
    "degrees of freedom": lambda lib, D: D.StudentT(0.0),
    "larger total": lambda lib, D: D.Multinomial(3, lib.ones(2)).log_prob(lib.tensor([3.0, 1.0])),
    "more than all": lambda lib, D: D.Binomial(2, 0.5).log_prob(lib.tensor(3.0)),
    "no dimension": lambda lib, D: D.Categorical(lib.tensor(1.0)),
    "negative weights": lambda lib, D: D.Categorical(lib.tensor([-1.0, 2.0])),
    "value outside": lambda lib, D: D.Exponential(1.0).log_prob(lib.tensor(-1.0)),
    "value of another kind": lambda lib, D: D.Bernoulli(0.5).log_prob(lib.tensor(0.5)),
    "category": lambda lib, D: D.Categorical(lib.ones(3)).log_prob(lib.tensor(3)),
    "value without tensor": lambda lib, D: D.Normal(0.0, 1.0).log_prob(1.0),
    "shape of values": lambda lib, D: D.Normal(lib.zeros(2), 1.0).log_prob(lib.zeros(3)),
    "dimensions": lambda lib, D: D.Independent(D.Normal(0.0, 1.0), 1),
    "text": lambda lib, D: D.Normal("a", 1.0),
    "transforms": lambda lib, D: D.TransformedDistribution(D.Normal(0.0, 1.0), [abs]),
    "weights": lambda lib, D: D.MixtureSameFamily(
        D.Categorical(lib.ones(3)), D.Normal(lib.zeros(2), 1.0)),
    "no constraint": lambda lib, D: D.constraints.cat([1], 0),
    "lengths of parts": lambda lib, D: D.constraints.cat([D.constraints.real], 0, [1, 2]),
    "lengths of transforms": lambda lib, D: D.transforms.CatTransform(
        [D.ExpTransform()], 0, [1, 2]),
    "parts": lambda lib, D: D.transforms.StackTransform([D.ExpTransform()])(lib.ones(2)),
    "small matrices": lambda lib, D: D.LKJCholesky(1),
    "degrees of Wishart": lambda lib, D: D.Wishart(lib.tensor(1.0), lib.eye(2)),
    "two matrices": lambda lib, D: D.Wishart(lib.tensor(3.0), lib.eye(2), lib.eye(2)),
    "factor": lambda lib, D: D.LowRankMultivariateNormal(lib.ones(2), lib.ones(3, 1), lib.ones(2)),
    "batches": lambda lib, D: D.LowRankMultivariateNormal(
        lib.ones(3, 2), lib.ones(4, 2, 1), lib.ones(2)),
    "size of a triangle": lambda lib, D: D.CorrCholeskyTransform().forward_shape((2,)),
    "both of two": lambda lib, D: D.ContinuousBernoulli(0.5, 0.5),
    "cache": lambda lib, D: D.ExpTransform(cache_size=2),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    for lib in (zincir, torch):
        with pytest.raises((ValueError, AssertionError)) as caught:
            REFUSED[name](lib, lib.distributions)
        assert lib is torch or isinstance(caught.value, zincir.errors.ZincirError)


TRANSFORMS: dict[str, tuple[Callable[[Any, Any], Any], list[Any]]] = {
    "exp": (lambda lib, D: D.ExpTransform(), [0.1, -2.0]),
    "power": (lambda lib, D: D.PowerTransform(lib.tensor([2.0, -1.0])), [0.1, 2.0]),
    "sigmoid": (lambda lib, D: D.SigmoidTransform(), [0.1, -2.0]),
    "softplus": (lambda lib, D: D.SoftplusTransform(), [0.1, -2.0]),
    "tanh": (lambda lib, D: D.TanhTransform(), [0.1, -2.0]),
    "affine": (lambda lib, D: D.AffineTransform(lib.tensor([1.0, 2.0]), -3.0), [0.1, -2.0]),
    "affine event": (
        lambda lib, D: D.AffineTransform(0.5, lib.tensor([2.0, 3.0]), event_dim=1), [[0.1, -2.0]]),
    "stick": (lambda lib, D: D.StickBreakingTransform(), [[0.1, -2.0, 3.0]]),
    "chain": (
        lambda lib, D: D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.ExpTransform()]),
        [0.1, -2.0]),
    "independent": (
        lambda lib, D: D.IndependentTransform(D.ExpTransform(), 1), [[0.1, -2.0], [1.0, 0.0]]),
    "reshape": (lambda lib, D: D.ReshapeTransform((2, 2), (4,)), [[[1.0, 2.0], [3.0, 4.0]]]),
    "nothing": (lambda lib, D: D.ComposeTransform([]), [0.1]),
    "inverse": (lambda lib, D: D.ExpTransform().inv, [0.1, 2.0]),
    "mixed": (
        lambda lib, D: D.ComposeTransform([D.ExpTransform(), D.StickBreakingTransform()]),
        [[0.1, -2.0, 0.5]]),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name: str) -> None:
    make, values = TRANSFORMS[name]
    results = []
    for lib in (zincir, torch):
        t = make(lib, lib.distributions)
        x = lib.tensor(values)
        y = t(x)
        results.append(
            [y, t.inv(y), t.log_abs_det_jacobian(x, y), t.inv.log_abs_det_jacobian(y, x)]
        )
        results[-1] += [t.domain.event_dim, t.codomain.event_dim, t.bijective, t.inv.inv is t]
        results[-1] += [tuple(t.forward_shape(tuple(x.shape))), tuple(t.inverse_shape(y.shape))]
    for ours, theirs in zip(*results, strict=True):
        if isinstance(theirs, torch.Tensor):
            agree(ours, theirs, 2e-5)
        else:
            assert ours == theirs


def test_constraints() -> None:
    rows = [[0.5, 0.5], [0.0, 1.0], [1.0, 1.0], [-1.0, 2.0], [math.nan, 0.0], [math.inf, 3.0]]
    names = ["boolean", "one_hot", "real", "real_vector", "positive", "nonnegative",
             "nonnegative_integer", "positive_integer", "unit_interval", "simplex"]  # fmt: skip
    for name in names:
        a = getattr(zincir.distributions.constraints, name).check(zincir.tensor(rows))
        b = getattr(torch.distributions.constraints, name).check(torch.tensor(rows))
        assert a.tolist() == b.tolist(), name
    squares = np.array([[[1, 0], [2, 3]], [[1, 2], [2, 1]], [[-1, 0], [2, 3]], [[1, 5], [0, 3]]])
    for name in ("lower_triangular", "lower_cholesky", "square", "symmetric"):
        a = getattr(zincir.distributions.constraints, name).check(zincir.tensor(squares * 1.0))
        b = getattr(torch.distributions.constraints, name).check(torch.tensor(squares * 1.0))
        assert a.tolist() == b.tolist(), name
