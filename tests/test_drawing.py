"""Draws follow their distributions, and come from the generator's stream."""

import math

import numpy as np
import pytest

import zincir

N = 20_000


def near(found, mean, deviation):
    """Whether means and deviations are those of the distribution, to five standard errors."""
    x = found.double().numpy().reshape(-1)
    assert abs(x.mean() - mean) < 5 * deviation / math.sqrt(x.size)
    assert abs(x.std() - deviation) < 10 * deviation / math.sqrt(x.size) + 0.02 * deviation


@pytest.mark.parametrize("dtype", [zincir.float32, zincir.float64])
def test_moments(dtype):
    x = zincir.zeros(N, dtype=dtype)
    near(x.exponential_(2.0), 0.5, 0.5)
    assert x.min() > -1e-9
    near(x.geometric_(0.25), 4.0, math.sqrt(0.75) / 0.25)
    assert x.min() == 1
    near(x.log_normal_(0.0, 0.5), math.exp(0.125), math.exp(0.125) * math.sqrt(math.exp(0.25) - 1))
    near(x.random_(2, 6), 3.5, math.sqrt(15 / 12))
    assert set(x.unique().tolist()) == {2, 3, 4, 5}
    near(zincir.poisson(zincir.full((N,), 3.0, dtype=dtype)), 3.0, math.sqrt(3.0))
    count, chance = zincir.full((N,), 10.0, dtype=dtype), zincir.tensor(0.3, dtype=dtype)
    near(zincir.binomial(count, chance), 3.0, math.sqrt(2.1))


def test_cauchy_has_its_quartiles():
    x = zincir.zeros(N).cauchy_(1.0, 2.0)
    quartiles = x.quantile(zincir.tensor([0.25, 0.5, 0.75]))
    np.testing.assert_allclose(quartiles.numpy(), [-1, 1, 3], atol=0.15)


def test_whole_numbers_of_all_types():
    for dtype in (zincir.uint8, zincir.int32, zincir.int64):
        x = zincir.zeros(N, dtype=dtype).random_()
        most = np.iinfo(dtype.name).max
        near(x.double() / most, 0.5, 1 / math.sqrt(12))
        assert x.min() >= 0
    near(zincir.zeros(N, dtype=zincir.bool).random_(), 0.5, 0.5)
    assert zincir.zeros(9).random_().max() <= 2**24
    x = zincir.randint(-(2**62), 2**62, (N,)).double() / 2**62
    near(x, 0.0, 1 / math.sqrt(3))


def test_sizes_and_limits_by_name():
    assert zincir.randn(size=(2, 3)).shape == (2, 3)
    assert zincir.rand(size=(2,)).shape == (2,)
    assert zincir.randint(high=3, size=(4,)).max() < 3
    assert zincir.randint(3, (4,)).shape == (4,)
    assert zincir.randint(3, size=(4,), dtype=zincir.float32).dtype is zincir.float32
    assert zincir.bernoulli(zincir.zeros(5), 1.0).tolist() == [1] * 5


def test_the_same_seed_gives_the_same_draws():
    def draws(seed):
        g = zincir.Generator().manual_seed(seed)
        rates = zincir.full((50,), 4.0)
        return [
            zincir.zeros(50).exponential_(generator=g),
            zincir.poisson(rates, generator=g),
            zincir.zeros(50, dtype=zincir.int64).random_(generator=g),
            rates.multinomial(7, generator=g),
        ]

    for a, b in zip(draws(3), draws(3), strict=True):
        assert a.equal(b)
    assert not draws(3)[1].equal(draws(4)[1])


def test_draws_differ_from_call_to_call_of_a_compiled_function():
    @zincir.compile
    def drawn(rates):
        return zincir.poisson(rates), zincir.zeros(40).exponential_()

    rates = zincir.full((40,), 5.0)
    seen = [[x.tolist() for x in drawn(rates)] for _ in range(4)]
    for k in range(2):
        assert len({tuple(s[k]) for s in seen}) == 4


def test_weights_decide_how_often_an_index_is_drawn():
    weights = zincir.tensor([[1.0, 3.0, 0.0], [0.0, 1.0, 1.0]])
    found = weights.multinomial(N, replacement=True)
    shares = [[(row == k).double().mean().item() for k in range(3)] for row in found]
    np.testing.assert_allclose(shares, [[0.25, 0.75, 0], [0, 0.5, 0.5]], atol=0.02)
    assert sorted(weights[0].multinomial(2).tolist()) == [0, 1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: x.exponential_(0.0), "lambda > 0"),
        (lambda x: x.geometric_(1.0), "in \\(0, 1\\)"),
        (lambda x: x.cauchy_(0.0, -1.0), "sigma > 0"),
        (lambda x: x.log_normal_(0.0, 0.0), "std > 0"),
        (lambda x: x.random_(5, 2), "less than"),
        (lambda x: x.byte().random_(0, 300), "out of bounds"),
        (lambda x: zincir.randint(5, 5, (2,)), "less than"),
        (lambda x: zincir.poisson(x - 1.0).tolist(), "non-negative"),
        (lambda x: zincir.poisson(x.long()), "floating"),
        (lambda x: x.multinomial(4), "without replacement"),
        (lambda x: zincir.hann_window(-1), "non-negative"),
        (lambda x: zincir.hann_window(3, dtype=zincir.int64), "floating"),
        (lambda x: zincir.signal.windows.gaussian(3, std=0.0), "positive"),
        (lambda x: zincir.signal.windows.exponential(3, center=1.0), "symmetric"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(zincir.errors.ZincirError, match=words):
        call(zincir.zeros(3))
