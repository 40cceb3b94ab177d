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
