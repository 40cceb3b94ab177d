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


class OneNumber(nn.Module):
    def __init__(self, value: float, dtype: zincir.dtype = zincir.float32) -> None:
        super().__init__()
        self.w = nn.Parameter(zincir.tensor(value, dtype=dtype))

    def forward(self, x):
        return self.w * x


@pytest.mark.parametrize("directions", ["random", "path"])
def test_one_number_is_a_curve(directions, tmp_path):
    model = OneNumber(2.0)
    x, y = zincir.tensor([3.0]), zincir.tensor([10.0])
    path = [{"w": zincir.tensor(v)} for v in (5.0, 3.0, 2.0)]
    found = landscape(model, nn.MSELoss(), (x, y), path=path, directions=directions, points=5)
    assert found.losses.shape == (1, 5)
    wanted = [((2 + 2 * a) * 3 - 10) ** 2 for a in found.across]
    assert found.losses[0] == pytest.approx(wanted, rel=1e-5)
    assert found.across[-1] >= 1.5
    assert found.path[:, 0] == pytest.approx([1.5, 0.5, 0])
    assert found.path[:, 2] == pytest.approx([25, 1, 16])
    page = found.to_html()
    assert page.count("<polyline class='curve'") == 1
    assert page.count("<circle") == 3
    assert "along the one number of the model" in str(found)
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")
    pyplot.switch_backend("Agg")
    found.plot().figure.savefig(tmp_path / "curve.png")
    pyplot.close("all")


def test_one_number_that_is_0_is_moved_too():
    found = landscape(
        OneNumber(0.0), nn.MSELoss(), (zincir.ones(1), zincir.ones(1)), points=3, span=2.0
    )
    assert found.losses.tolist() == [[9, 1, 1]]


def test_a_model_of_biases_alone_is_moved():
    class Shift(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.b = nn.Parameter(zincir.tensor([3.0, 4.0]))

        def forward(self, x):
            return x + self.b

    found = landscape(Shift(), lambda out, _: out.square().sum(), (zincir.zeros(2),) * 2, points=3)
    # |b + d|^2 + |b - d|^2 = 2 |b|^2 + 2 |d|^2, and |d| = |b| = 5
    assert found.losses[1, 1] == pytest.approx(25)
    assert found.losses[1, 0] + found.losses[1, 2] == pytest.approx(100)


@pytest.mark.parametrize("dtype", [zincir.float16, zincir.bfloat16])
def test_halves(dtype):
    model, x = OneNumber(2.0, dtype), zincir.tensor([3.0], dtype=dtype)
    path = [model.state_dict()]
    found = landscape(model, nn.MSELoss(), (x, x * 0), points=3, path=path)
    assert found.losses.tolist() == [[0, 36, 144]]
    assert found.path[0, 2] == 36


@pytest.mark.parametrize("looked_at", [False, True])
def test_what_a_model_computes_without_gradients_is_computed_anew(looked_at):
    class Scaled(OneNumber):
        def forward(self, x):
            with zincir.no_grad():
                size = self.w * 2
            if looked_at:
                assert size.isfinite()
            return size * x * (1 if self.w.item() > 0 else 10)

    data = (zincir.ones(1), zincir.zeros(1))
    found = landscape(Scaled(1.0), nn.MSELoss(), data, points=3, span=2.0)
    assert found.losses.tolist() == [[400, 4, 36]]  # w = -1, 1, 3


@pytest.mark.parametrize(
    ("model", "data", "what", "remedy"),
    [
        (lambda x: x, None, "the model is no Module", "explain.landscape(model"),
        (nn.Linear(1, 1), zincir.ones(3), "data is no pair", "(x, y)"),
        (nn.ReLU(), (zincir.ones(1), zincir.ones(1)), "has no floating parameters", "nn.Linear"),
    ],
)
def test_what_has_no_landscape_is_refused(model, data, what, remedy):
    with pytest.raises(ArgumentError, match=what) as error:
        landscape(model, nn.MSELoss(), data)
    assert remedy in str(error.value).split("  try ")[1]


def test_a_loss_that_is_no_number_is_refused():
    with pytest.raises(ArgumentError, match="this is no loss") as error:
        landscape(nn.Linear(1, 2), lambda out, _: out, (zincir.ones(1, 1), None))
    assert "float32[1, 2]" in str(error.value)


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
    with pytest.raises(ArgumentError, match=what) as error:
        landscape(net, nn.MSELoss(), (zincir.ones(1, 2), zincir.ones(1, 1)), **options)
    remedy = {"directions": "path", "path": "state_dict()"}.get(next(iter(options)))
    assert (remedy or f"{next(iter(options))}=") in str(error.value).split("  try ")[1]
