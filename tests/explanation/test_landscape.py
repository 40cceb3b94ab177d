"""The loss on a plane through the weights."""

import copy

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.errors import ArgumentError

landscape = zincir.explain.landscape


def trained():
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1))
    x = zincir.randn(40, 3)
    y = x[:, :1] * x[:, 1:2]
    optimizer = zincir.optim.Adam(net.parameters(), lr=0.02)
    path = [copy.deepcopy(net.state_dict())]
    for step in range(60):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
        if step % 6 == 5:
            path.append(copy.deepcopy(net.state_dict()))
    return net, (x, y), path


def test_the_plane_is_what_the_model_says():
    net, data, _ = trained()
    found = landscape(net, nn.MSELoss(), data, points=5, span=0.5)
    assert found.losses.shape == (5, 5)
    assert found.losses[2, 2] == pytest.approx(nn.MSELoss()(net(data[0]), data[1]).item(), rel=1e-5)
    assert found.losses.max() > found.losses[2, 2]
    assert list(found.across) == [-0.5, -0.25, 0, 0.25, 0.5]
    again = landscape(net, nn.MSELoss(), data, points=5, span=0.5)
    assert np.array_equal(found.losses, again.losses)


def test_random_directions_are_as_long_as_the_weights():
    """Along the first direction, each filter is moved by its own length: the loss shows it."""
    net = nn.Linear(4, 3, bias=False)
    with zincir.no_grad():
        net.weight[0] *= 0.0

    def length_of_the_first_filter(out, _):
        return out.sum() * 0 + net.weight[0].square().sum()

    x = zincir.zeros(1, 4)
    found = landscape(net, length_of_the_first_filter, (x, x), points=3)
    assert np.abs(found.losses).max() == pytest.approx(0, abs=1e-12), "a filter of 0 stays"
    with zincir.no_grad():
        net.weight[0] += 2.0
    found = landscape(net, length_of_the_first_filter, (x, x), points=3)
    # |w + d|^2 + |w - d|^2 = 2 |w|^2 + 2 |d|^2, and |d| = |w| = 4
    assert found.losses[1, 1] == pytest.approx(16)
    assert found.losses[1, 0] + found.losses[1, 2] == pytest.approx(64, rel=1e-5)
    assert found.losses[0, 1] + found.losses[2, 1] == pytest.approx(64, rel=1e-5)


def test_the_path_lies_in_its_own_directions():
    net, data, path = trained()
    found = landscape(net, nn.MSELoss(), data, path=path, directions="path", points=7)
    assert found.share > 0.8
    assert found.path.shape == (len(path), 3)
    assert found.path[-1, :2] == pytest.approx((0, 0), abs=1e-6)
    assert found.path[-1, 2] < found.path[0, 2]
    for point, (_, _, loss) in zip(path, found.path, strict=True):
        twin = copy.deepcopy(net)
        twin.load_state_dict(point)
        assert loss == pytest.approx(nn.MSELoss()(twin(data[0]), data[1]).item(), rel=1e-4)
    assert np.abs(found.path[:, 0]).max() <= found.across[-1]
    assert "the path goes from" in str(found)


def test_nothing_is_changed():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
    x, y = zincir.randn(8, 3), zincir.randn(8, 1)
    before = {k: v.detach().numpy().tobytes() for k, v in net.state_dict().items()}
    state = np.asarray(zincir.get_rng_state()).tobytes()
    landscape(net, nn.MSELoss(), (x, y), points=3)
    assert {k: v.detach().numpy().tobytes() for k, v in net.state_dict().items()} == before
    assert np.asarray(zincir.get_rng_state()).tobytes() == state
    assert all(p.grad is None for p in net.parameters())


def test_a_plot_and_a_page(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    pyplot.switch_backend("Agg")
    net, data, path = trained()
    found = landscape(net, nn.MSELoss(), data, path=path, directions="path", points=7)
    axes = found.plot()
    assert "of its variance" in axes.get_title()
    pyplot.close("all")
    found.save(tmp_path / "land.html")
    page = (tmp_path / "land.html").read_text("utf-8")
    assert page.count("<circle") == len(path)
    assert "data:image/png" in page


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"directions": "up"}, "random or path"),
        ({"directions": "path"}, "need three points"),
        ({"points": 2}, "at least 3"),
        ({"span": 0}, "more than 0"),
        ({"path": [{"weight": np.zeros((2, 2))}]}, "does not fit the model"),
    ],
)
def test_bad_input(options, what):
    net = nn.Linear(2, 1)
    with pytest.raises(ArgumentError, match=what):
        landscape(net, nn.MSELoss(), (zincir.ones(1, 2), zincir.ones(1, 1)), **options)
