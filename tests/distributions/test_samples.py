"""Samples follow their distributions, gradients pass through them, compiled steps draw and
check.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import distributions as D
from zincir.distributions.distribution import Distribution
from zincir.errors import ArgumentError

CONTINUOUS: dict[str, Callable[[], Distribution]] = {
    "Normal": lambda: D.Normal(1.0, 2.0),
    "LogNormal": lambda: D.LogNormal(0.5, 0.7),
    "HalfNormal": lambda: D.HalfNormal(2.0),
    "Laplace": lambda: D.Laplace(1.0, 2.0),
    "Cauchy": lambda: D.Cauchy(1.0, 2.0),
    "Gumbel": lambda: D.Gumbel(1.0, 2.0),
    "Exponential": lambda: D.Exponential(3.0),
    "Uniform": lambda: D.Uniform(-1.0, 3.0),
    "sigmoid": lambda: D.TransformedDistribution(
        D.Normal(0.5, 1.0), [D.AffineTransform(0.0, -2.0), D.SigmoidTransform()]
    ),
    "mixture": lambda: D.MixtureSameFamily(
        D.Categorical(zincir.tensor([0.25, 0.75])), D.Normal(zincir.tensor([-3.0, 2.0]), 1.0)
    ),
    "HalfCauchy": lambda: D.HalfCauchy(2.0),
    "Weibull": lambda: D.Weibull(2.0, 1.5),
    "Pareto": lambda: D.Pareto(2.0, 5.5),
    "Kumaraswamy": lambda: D.Kumaraswamy(2.0, 3.0),
    "GeneralizedPareto": lambda: D.GeneralizedPareto(1.0, 2.0, -0.3),
    "ContinuousBernoulli": lambda: D.ContinuousBernoulli(0.2),
}  # fmt: skip
COUNT = 20_000


@pytest.mark.parametrize("name", CONTINUOUS)
def test_the_cdf_of_samples_is_uniform(name: str) -> None:
    """Kolmogorov and Smirnov: the largest distance is below 1.95 / sqrt(n) in 999 of 1000 cases."""
    d = CONTINUOUS[name]()
    levels = np.sort(d.cdf(d.sample((COUNT,))).numpy())
    steps = np.arange(COUNT + 1) / COUNT
    distance = max(np.abs(levels - steps[1:]).max(), np.abs(levels - steps[:-1]).max())
    assert distance < 1.95 / math.sqrt(COUNT)


DISCRETE: dict[str, Callable[[], Distribution]] = {
    "Bernoulli": lambda: D.Bernoulli(0.3),
    "Geometric": lambda: D.Geometric(0.3),
    "Categorical": lambda: D.Categorical(zincir.tensor([0.1, 0.2, 0.7])),
    "NegativeBinomial": lambda: D.NegativeBinomial(2.5, 0.3),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_samples_are_as_frequent_as_probable(name: str) -> None:
    d = DISCRETE[name]()
    values, counts = np.unique(d.sample((COUNT,)).numpy(), return_counts=True)
    for value, count in zip(values, counts, strict=True):
        p = math.exp(d.log_prob(zincir.tensor(value)).item())
        assert abs(count - COUNT * p) < 4 * math.sqrt(COUNT * p * (1 - p)) + 1


NO_MOMENTS = ("Cauchy", "HalfCauchy", "sigmoid")  # there are none, or not in closed form


@pytest.mark.parametrize(
    "name",
    [n for n in (*CONTINUOUS, "Bernoulli", "Geometric", "NegativeBinomial") if n not in NO_MOMENTS],
)
def test_moments(name: str) -> None:
    d = (CONTINUOUS | DISCRETE)[name]()
    x = d.sample((COUNT,)).double().numpy()
    sd = d.stddev.item()
    assert abs(x.mean() - d.mean.item()) < 5 * sd / math.sqrt(COUNT)
    assert abs(x.std() / sd - 1) < 0.1


@pytest.mark.parametrize("a", [0.3, 1.0, 4.0, 60.0])
def test_gamma_numbers_and_their_gradients(a: float) -> None:
    """Means, deviations, and the gradient of the mean of x and x^2: 1, and 2 a + 1."""
    concentration = zincir.tensor(a, dtype=zincir.float64, requires_grad=True)
    d = D.Gamma(concentration, zincir.tensor(1.0, dtype=zincir.float64))
    for power, slope in ((1, 1.0), (2, 2 * a + 1)):
        concentration.grad = None
        x = d.rsample((COUNT,))
        assert abs(x.mean().item() - a) < 5 * math.sqrt(a / COUNT)
        assert abs(x.std().item() / math.sqrt(a) - 1) < 0.1
        (x**power).mean().backward()
        assert concentration.grad.item() == pytest.approx(slope, rel=0.1)


def test_shares() -> None:
    a = zincir.tensor([0.5, 2.0, 5.0], requires_grad=True)
    x = D.Dirichlet(a).rsample((COUNT,))
    np.testing.assert_allclose(x.mean(0).detach().numpy(), D.Dirichlet(a).mean.tolist(), atol=0.01)
    x[:, 0].mean().backward()
    np.testing.assert_allclose(a.grad.numpy(), [7 / 56.25, -0.5 / 56.25, -0.5 / 56.25], atol=0.01)
    y = D.Beta(2.0, 6.0).sample((COUNT,))
    assert abs(y.mean().item() - 0.25) < 0.01
    assert abs(y.var().item() - 12 / 576) < 0.002


def test_vectors_have_their_covariance() -> None:
    covariance = zincir.tensor([[2.0, 0.6], [0.6, 0.5]])
    x = D.MultivariateNormal(zincir.tensor([1.0, -1.0]), covariance).sample((COUNT,)).numpy()
    np.testing.assert_allclose(np.cov(x.T), covariance.numpy(), atol=0.08)
    np.testing.assert_allclose(x.mean(0), [1, -1], atol=0.05)


def test_one_of_many() -> None:
    d = D.OneHotCategorical(zincir.tensor([[0.1, 0.9], [0.5, 0.5]]))
    x = d.sample((4000,))
    assert (x.sum(-1) == 1).all()
    np.testing.assert_allclose(x.mean(0).numpy(), d.probs.numpy(), atol=0.04)
    through = D.OneHotCategoricalStraightThrough(logits=zincir.zeros(3, requires_grad=True))
    assert through.rsample().requires_grad


def test_relaxed_samples_tend_to_yes_and_no() -> None:
    p = zincir.tensor([0.2], requires_grad=True)
    hot, cold = (D.RelaxedBernoulli(zincir.tensor([t]), probs=p) for t in (5.0, 0.01))
    x = cold.rsample((2000,))
    assert ((x < 0.01) | (x > 0.99)).float().mean().item() > 0.9
    assert abs((x > 0.5).float().mean().item() - 0.2) < 0.05
    assert ((hot.rsample((2000,)) - 0.5).abs() < 0.4).float().mean().item() > 0.9
    x.sum().backward()
    assert p.grad.abs().item() > 0


def test_gradients_pass_through_samples() -> None:
    loc = zincir.tensor([0.5, -1.0], requires_grad=True)
    scale = zincir.tensor([1.0, 2.0], requires_grad=True)
    for kind in (D.Normal, D.Laplace, D.Cauchy, D.Gumbel):
        loc.grad = scale.grad = None
        x = kind(loc, scale).rsample((3,))
        x.sum().backward()
        np.testing.assert_allclose(loc.grad.numpy(), [3, 3])
        expected = ((x - loc) / scale).sum(0).detach().numpy()
        np.testing.assert_allclose(scale.grad.numpy(), expected, rtol=1e-4)


def test_the_seed_decides() -> None:
    def draw(seed: int) -> list[float]:
        zincir.manual_seed(seed)
        return D.Normal(0.0, 1.0).sample((3,)).tolist() + D.Bernoulli(0.5).sample((9,)).tolist()

    assert draw(1) == draw(1) != draw(2)


def test_policy_gradient_in_a_compiled_step() -> None:
    """REINFORCE on three arms: the one that pays is found; plain and compiled steps agree."""

    def run(wrap: Callable[..., Any]) -> list[float]:
        zincir.manual_seed(0)
        logits = zincir.zeros(3, requires_grad=True)
        pay = zincir.tensor([0.0, 1.0, 0.2])
        optimizer = zincir.optim.SGD([logits], lr=0.5)

        @wrap
        def step() -> Any:
            policy = D.Categorical(logits=logits)
            action = policy.sample((16,))
            loss = -(policy.log_prob(action) * pay[action]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        for _ in range(40):
            step()
        return logits.tolist()

    plain, compiled = run(lambda f: f), run(zincir.compile)
    np.testing.assert_allclose(plain, compiled, rtol=1e-5)
    assert plain[1] == max(plain)


def test_compiled_functions_check_when_they_run() -> None:
    @zincir.compile
    def score(scale: zincir.Tensor, x: zincir.Tensor) -> zincir.Tensor:
        return D.Normal(0.0, scale).log_prob(x)

    x = zincir.tensor([0.5])
    expected = D.Normal(0.0, 2.0).log_prob(x)
    for _ in range(3):
        np.testing.assert_allclose(score(zincir.tensor([2.0]), x).numpy(), expected.numpy())
    with pytest.raises(ArgumentError, match="Expected parameter scale"):
        score(zincir.tensor([-2.0]), x).item()
    with pytest.raises(ArgumentError, match="Expected value argument"):
        score(zincir.tensor([2.0]), zincir.tensor([math.nan])).item()


def test_checks_can_be_left_out() -> None:
    assert math.isnan(D.Normal(0.0, -1.0, validate_args=False).entropy().item())
    Distribution.set_default_validate_args(False)
    try:
        D.Normal(0.0, -1.0)
    finally:
        Distribution.set_default_validate_args(True)
    with pytest.raises(ArgumentError, match="GreaterThan"):
        D.Normal(0.0, -1.0)
    with pytest.raises(ArgumentError, match="True or False"):
        Distribution.set_default_validate_args(1)  # type: ignore[arg-type]


def test_distributions_of_ones_own() -> None:
    class Dice(Distribution):
        arg_constraints = {}  # noqa: RUF012
        support = D.constraints.integer_interval(1, 6)

        def sample(self, sample_shape: Any = ()) -> zincir.Tensor:
            return zincir.randint(1, 7, self._extended_shape(sample_shape))

        def log_prob(self, value: Any) -> zincir.Tensor:
            self._validate_sample(value)
            return zincir.zeros(value.shape) - math.log(6)

    dice = Dice()
    assert dice.sample((5,)).shape == (5,)
    for word in ("mean", "variance"):
        with pytest.raises(NotImplementedError, match=f"Dice has no {word}"):
            getattr(dice, word)
    with pytest.raises(NotImplementedError, match="Dice needs an expand"):
        dice.expand((2,))
    with pytest.raises(NotImplementedError, match="No KL"):
        D.kl_divergence(dice, dice)

    @D.register_kl(Dice, Dice)
    def same(p: Dice, q: Dice) -> zincir.Tensor:
        return zincir.zeros(())

    assert D.kl_divergence(dice, Dice()).item() == 0
    with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
        type("Bare", (Distribution,), {})()


def test_transforms_remember() -> None:
    t = D.TanhTransform(cache_size=1)
    x = zincir.tensor([20.0])
    assert t.inv(t(x)) is x
    assert D.TanhTransform().inv(D.TanhTransform()(x)).isinf().all()
    assert t.with_cache(0) == t
    assert t != D.ExpTransform()
    assert D.AffineTransform(1.0, zincir.ones(2)) == D.AffineTransform(1.0, zincir.ones(2))
    chain = D.ComposeTransform([D.ExpTransform(), t])
    assert chain.inv.inv is chain
    with pytest.raises(ArgumentError, match="cache_size"):
        D.ExpTransform(cache_size=3)


def test_logits_come_from_probabilities_and_back() -> None:
    d = D.Bernoulli(zincir.tensor([0.0, 0.25, 1.0]))
    assert d.logits[1].item() == pytest.approx(math.log(1 / 3))
    assert d.logits.isfinite().all()
    assert D.Categorical(logits=zincir.zeros(4)).probs.tolist() == [0.25] * 4
    assert d.entropy()[1].item() == pytest.approx(0.5623, abs=1e-4)


def test_moments_of_what_has_no_cdf() -> None:
    for d in (D.InverseGamma(6.0, 2.0), D.FisherSnedecor(4.0, 14.0)):
        x = d.sample((COUNT,)).double().numpy()
        sd = d.stddev.item()
        assert abs(x.mean() - d.mean.item()) < 5 * sd / math.sqrt(COUNT)
        assert abs(x.std() / sd - 1) < 0.15


def test_samples_of_angles() -> None:
    """The mean direction, and how far it is from the middle: I1(k) / I0(k)."""
    d = D.VonMises(zincir.tensor(3.0), 2.0)
    x = d.sample((COUNT,)).double().numpy()
    assert -math.pi <= x.min()
    assert x.max() < math.pi
    middle = np.exp(1j * x).mean()
    assert abs(np.angle(middle) - 3.0) < 0.05
    assert abs(abs(middle) - (1 - d.variance.item())) < 0.02


def test_samples_of_matrices() -> None:
    scale = zincir.tensor([[2.0, 0.5], [0.5, 1.0]])
    wishart = D.Wishart(zincir.tensor(4.0), scale)
    x = wishart.sample((COUNT,))
    away = (x.mean(0) - wishart.mean).abs() / (wishart.variance / COUNT).sqrt()
    assert away.max().item() < 5
    assert ((x.var(0) / wishart.variance - 1).abs() < 0.15).all().item()
    low = D.LowRankMultivariateNormal(
        zincir.zeros(2), zincir.tensor([[1.0], [2.0]]), zincir.ones(2)
    )
    y = low.sample((COUNT,))
    np.testing.assert_allclose((y.T @ y / COUNT).numpy(), low.covariance_matrix.numpy(), atol=0.2)
    lkj = D.LKJCholesky(3, 2.0)
    factor = lkj.sample((COUNT,))
    assert lkj.support.check(factor).all().item()
    correlation = (factor @ factor.mT)[:, 0, 1]
    # Between any two, (1 + r) / 2 has a beta distribution: here Beta(2.5, 2.5), of variance 1 / 24.
    assert abs(correlation.mean().item()) < 0.02
    assert abs(correlation.var().item() - 4 / 24) < 0.01


@pytest.mark.parametrize(
    "make",
    [
        lambda p: D.Weibull(p, 3.0),
        lambda p: D.Pareto(p, 6.0),
        lambda p: D.InverseGamma(5.0, p),
        lambda p: D.Kumaraswamy(p, 2.0),
        lambda p: D.FisherSnedecor(4.0, 10 + p),
        lambda p: D.ContinuousBernoulli(p / 5),
        lambda p: D.GeneralizedPareto(0.0, p, 0.1),
    ],
)
def test_gradients_of_samples_are_those_of_their_mean(make: Callable[..., Any]) -> None:
    p = zincir.tensor(1.5, dtype=zincir.float64, requires_grad=True)
    drawn = make(p).rsample((COUNT,)).mean()
    drawn.backward()
    found = p.grad.item()
    p.grad = None
    make(p).mean.backward()
    assert abs(found - p.grad.item()) < 0.05 * abs(p.grad.item()) + 0.01


def test_a_compiled_step_draws_and_scores_matrices() -> None:
    d = D.Wishart(zincir.tensor(4.0), zincir.eye(2))

    @zincir.compile
    def score() -> zincir.Tensor:
        return d.log_prob(d.sample((3,)))

    found = [score() for _ in range(4)]
    assert all(f.isfinite().all().item() for f in found)
    assert found[2].tolist() != found[3].tolist()
