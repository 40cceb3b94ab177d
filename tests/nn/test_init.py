"""First values: ranges, orthogonality, seeds, errors."""

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError, ShapeError

init = nn.init


def test_the_same_seed_gives_the_same_net() -> None:
    def weights() -> np.ndarray:
        zincir.manual_seed(3)
        return nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))[1].weight.detach().numpy()

    np.testing.assert_array_equal(weights(), weights())


def test_linear_starts_as_in_pytorch() -> None:
    layer = nn.Linear(100, 400)
    for p in layer.parameters():
        values = p.detach().numpy()
        assert abs(values).max() <= 0.1
        assert values.std() == pytest.approx(0.1 / 3**0.5, rel=0.1)


def test_parameters_stay_parameters() -> None:
    p = nn.Parameter(zincir.empty(4, 4))
    assert init.kaiming_normal_(p) is p
    assert p.is_leaf
    assert p.requires_grad


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(zincir.empty(shape, dtype=zincir.float64), gain=2.0).numpy()
    flat = w.reshape(shape[0], -1)
    gram = flat @ flat.T if len(flat) <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_a_generator_of_its_own() -> None:
    one, two = (zincir.Generator().manual_seed(5) for _ in range(2))
    a, b = (init.normal_(zincir.empty(4), generator=g) for g in (one, two))
    assert a.tolist() == b.tolist()


def test_errors() -> None:
    with pytest.raises(ArgumentError, match="unknown nonlinearity"):
        init.calculate_gain("rleu")
    with pytest.raises(ArgumentError, match="'fan_in' or 'fan_out'"):
        init.kaiming_normal_(zincir.empty(2, 2), mode="fan")
    with pytest.raises(ShapeError, match=r"2 or more axes[\s\S]*zeros_"):
        init.xavier_uniform_(zincir.empty(3))
    with pytest.raises(ShapeError, match="orthogonal_"):
        init.orthogonal_(zincir.empty(3))
    with pytest.raises(ShapeError, match="eye_"):
        init.eye_(zincir.empty(3))
    with pytest.raises(ArgumentError, match="nothing to draw from"):
        init.trunc_normal_(zincir.empty(3), a=1.0, b=0.0)
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(zincir.empty(3), mean=9.0)


@pytest.mark.parametrize(
    ("shape", "groups"), [((4, 3, 3), 1), ((4, 2, 3, 2), 2), ((2, 3, 1, 2, 3), 1)]
)
def test_dirac_gives_channels_back(shape, groups):
    weight = init.dirac_(zincir.empty(shape, dtype=zincir.float64), groups).numpy()
    each, centre = shape[0] // groups, tuple(n // 2 for n in shape[2:])
    expected = np.zeros(shape)
    for group in range(groups):
        for d in range(min(each, shape[1])):
            expected[(group * each + d, d, *centre)] = 1
    np.testing.assert_array_equal(weight, expected)
    if groups == 1 and len(shape) == 3:
        x = zincir.randn(1, 3, 5, dtype=zincir.float64)
        y = nn.functional.conv1d(x, zincir.tensor(weight), padding=1)
        np.testing.assert_allclose(y[:, :3].numpy(), x.numpy())
    with pytest.raises(ShapeError, match="3, 4 or 5 axes"):
        init.dirac_(zincir.empty(2, 2))
    with pytest.raises(ArgumentError, match="groups do not divide"):
        init.dirac_(zincir.empty(3, 2, 1), 2)


def test_sparse_columns():
    x = init.sparse_(zincir.empty(50, 20), 0.3, std=2.0)
    assert ((x == 0).sum(0) == 15).all().item()
    assert len({tuple(column) for column in (x == 0).mT.tolist()}) > 10  # of each its own
    assert x[x != 0].std().item() == pytest.approx(2.0, rel=0.2)


def test_older_names_warn():
    with pytest.warns(FutureWarning, match=r"`nn.init.kaiming_normal_`"):
        assert init.kaiming_normal(zincir.empty(3, 4)).shape == (3, 4)
    with pytest.warns(FutureWarning, match="deprecated"):
        assert init.constant(zincir.empty(2), 3.0).tolist() == [3.0, 3.0]
