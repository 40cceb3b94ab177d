"""What is measured while a net is trained, and that nothing else changes by it."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import BATCH, X, Y, adam, mlp, sgd, train
from zincir import doctor, nn, optim
from zincir.errors import ArgumentError, UnknownName
from zincir.nn import functional as F
from zincir.tensor_backward import WATCHERS


def _with_dropout() -> Any:
    return nn.Sequential(
        nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 32),
        nn.Tanh(), nn.Linear(32, 10),
    )  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("optimizer", [sgd(0.1, momentum=0.9), adam(1e-2)])
def test_the_bits_are_the_same_with_and_without(compiled: bool, optimizer: Any) -> None:
    bare = train(_with_dropout, optimizer, 30, compiled=compiled, watched=False)
    seen = train(_with_dropout, optimizer, 30, compiled=compiled, every=4)
    assert bare[1] == seen[1]
    assert all((a == b).all() for a, b in zip(bare[2], seen[2], strict=True))
    assert not WATCHERS


def test_a_recorded_step_measures_what_a_plain_one_does() -> None:
    plain = train(_with_dropout, sgd(0.1), 40, compiled=False, every=8)[0].exam.course
    recorded = train(_with_dropout, sgd(0.1), 40, every=8)[0].exam.course
    assert [r.step for r in plain.readings] == [r.step for r in recorded.readings]
    for a, b in zip(plain.readings, recorded.readings, strict=True):
        assert list(a.losses.values()) == pytest.approx(list(b.losses.values()))
        for x, y in zip(a.places.values(), b.places.values(), strict=True):
            np.testing.assert_allclose(x.active, y.active)
            np.testing.assert_allclose(x.gradient, y.gradient, rtol=1e-5)
        for name, gauge in a.gauges.items():
            other = b.gauges[name]
            assert gauge.value == pytest.approx(other.value)
            assert gauge.gradient == pytest.approx(other.gradient, rel=1e-5)
            assert gauge.update == pytest.approx(other.update, rel=1e-5)


def test_numbers_are_those_of_numpy() -> None:
    zincir.manual_seed(1)
    net = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.5)
    weight = net[0].weight.detach().numpy().copy()
    hidden = np.maximum(X[:50] @ weight.T + net[0].bias.detach().numpy(), 0)
    with doctor.watch(net, optimizer, level="full") as exam:
        loss = F.cross_entropy(net(zincir.tensor(X[:50])), zincir.tensor(Y[:50]))
        loss.backward()
        optimizer.step()
    (reading,) = exam.exam.course.readings
    gradient = net[0].weight.grad.numpy()
    activity = next(a for p, a in reading.places.items() if p.kind == "relu")
    assert activity.samples == 50
    np.testing.assert_allclose(activity.active, (hidden > 0).mean(0))
    assert activity.mean == pytest.approx(hidden.mean(), rel=1e-5)
    assert activity.std == pytest.approx(hidden.std(), rel=1e-5)
    assert activity.spread == pytest.approx(np.sqrt(hidden.var(0).mean()), rel=1e-5)
    gauge = reading.gauges["0.weight"]
    assert gauge.value == pytest.approx(np.sqrt((weight**2).mean()), rel=1e-5)
    assert gauge.gradient == pytest.approx(np.sqrt((gradient**2).mean()), rel=1e-5)
    assert gauge.update == pytest.approx(0.5 * np.sqrt((gradient**2).mean()), rel=1e-4)
    assert list(reading.losses.values()) == [pytest.approx(loss.item())]


def test_probing_and_not_probing_are_two_recordings() -> None:
    net = mlp()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)

    @zincir.compile
    def step(a: Any, b: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(a), b)
        loss.backward()
        optimizer.step()
        return loss

    x, y = zincir.tensor(X[:32]), zincir.tensor(Y[:32])
    for _ in range(3):
        step(x, y)
    with doctor.watch(net, optimizer, every=4) as exam:
        for _ in range(40):
            step(x, y)
    assert step._count == 3  # bare, probed, and watched without probes
    step(x, y)
    assert step._count == 3  # the bare one is good again
    assert sum(bool(r.places) for r in exam.exam.course.readings) >= 10
    assert exam.exam.course.steps == 40


def test_functions_are_seen_as_layers_are() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(64, 16), nn.Linear(16, 16)])
            self.head = nn.Linear(16, 10)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = F.relu(layer(x))
            return self.head(zincir.tanh(x))

    places = [p for r in train(Net, sgd(0.1), 3, level="full")[0].exam.course.readings
              for p in r.places if p.kind != "layer"]  # fmt: skip
    assert [(p.where, p.kind) for p in places[:3]] == [
        ("layers.0", "relu"), ("layers.1", "relu"), ("layers.1", "tanh"),
    ]  # fmt: skip
    assert all("test_watching.py" in p.origin for p in places)


def test_two_models_and_two_optimizers() -> None:
    generator, critic = nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    one = zincir.optim.SGD(generator.parameters(), lr=0.01)
    other = zincir.optim.SGD(critic.parameters(), lr=0.01)
    with doctor.watch({"G": generator, "C": critic}, [one, other], every=2) as exam:
        for _ in range(12):
            other.zero_grad()
            fake = generator(zincir.randn(8, 4))
            (critic(zincir.randn(8, 2)).mean() - critic(fake.detach()).mean()).backward()
            other.step()
            one.zero_grad()
            critic(generator(zincir.randn(8, 4))).mean().backward()
            one.step()
    course = exam.exam.course
    assert course.steps == 12
    assert len(course.sites) == 2
    probed = [r for r in course.readings if r.gauges]
    assert {"G.weight", "C.0.weight"} <= set(probed[-1].gauges)
    assert not exam.report().of("stale_gradient")


def test_gradients_added_up_over_batches_are_no_fault() -> None:
    net = mlp()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
    with doctor.watch(net, optimizer, every=2) as exam:
        for _ in range(10):
            optimizer.zero_grad()
            for part in range(3):
                rows = slice(32 * part, 32 * part + 32)
                loss = F.cross_entropy(net(zincir.tensor(X[rows])), zincir.tensor(Y[rows])) / 3
                loss.backward()
            optimizer.step()
    assert exam.exam.course.steps == 10
    assert exam.report().ok


def test_a_model_without_parameters_and_frozen_ones() -> None:
    with doctor.watch(nn.ReLU()) as exam:
        pass
    assert exam.report().ok
    net = mlp()
    net[0].requires_grad_(False)
    optimizer = zincir.optim.SGD([*net[2].parameters(), *net[4].parameters()], lr=0.1)
    with doctor.watch(net, optimizer, every=1) as exam:
        for _ in range(8):
            optimizer.zero_grad()
            F.cross_entropy(net(zincir.tensor(X[:32])), zincir.tensor(Y[:32])).backward()
            optimizer.step()
    assert "0.weight" not in exam.exam.course.shapes
    assert exam.report().ok


def test_what_is_given_is_checked() -> None:
    with pytest.raises(ArgumentError, match="level"):
        doctor.watch(mlp(), level="much")
    with pytest.raises(ArgumentError, match="every"):
        doctor.watch(mlp(), every=0)
    with pytest.raises(ArgumentError, match="model"):
        doctor.watch(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="optimizer"):
        doctor.watch(mlp(), 3)
    with pytest.raises(UnknownName, match="no rule"):
        doctor.watch(mlp(), silence={"S99": "why"})
    with pytest.raises(UnknownName, match="without a reason"):
        doctor.watch(mlp(), silence={"S6": ""})


def test_a_gradient_penalty_is_no_loss_of_its_own() -> None:
    critic = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = zincir.optim.Adam(critic.parameters(), lr=1e-3)
    with doctor.watch(critic, optimizer, every=1) as exam:
        for _ in range(8):
            optimizer.zero_grad()
            x = zincir.randn(16, 2).requires_grad_()
            y = critic(x)
            (g,) = zincir.autograd.grad(y.sum(), [x], create_graph=True)
            (y.mean() + (g.norm(dim=1) - 1).square().mean()).backward()
            optimizer.step()
    course = exam.exam.course
    assert len(course.sites) == 1
    kinds = [p.kind for p in course.readings[-1].places]
    assert kinds.count("relu") == 1  # what the gradient of ReLU is made of is none


@pytest.mark.parametrize("compiled", [False, True])
def test_a_softmax_before_cross_entropy_is_seen_at_work(compiled: bool) -> None:
    def symptoms(*end: nn.Module) -> list[str]:
        net = nn.Sequential(mlp(), *end)
        optimizer = optim.SGD(net.parameters(), lr=0.01)

        def step(x: Any, y: Any) -> None:
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()

        run = zincir.compile(step) if compiled else step
        with doctor.watch(net, optimizer, every=16) as exam:
            for _ in range(4):
                run(*map(zincir.as_tensor, BATCH))
        report = exam.report()
        assert all(f.where == "1" and "test_watching" in f.origin for f in report.of("S1"))
        return report.symptoms

    assert symptoms(nn.Softmax(dim=1)) == ["softmax_before_cross_entropy"]
    assert symptoms(nn.Sigmoid()) == ["softmax_before_cross_entropy"]
    assert symptoms() == symptoms(nn.ReLU()) == []


def _recurrent(kind: Any, scale: float = 1.0) -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows, self.head = kind(8, 32, batch_first=True), nn.Linear(32, 10)

        def forward(self, x: Any) -> Any:
            return self.head(self.rows(x.reshape(-1, 8, 8) * scale)[0][:, -1])

    return Net()


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_activations_inside_of_recurrent_layers_are_seen(kind: Any) -> None:
    course = train(lambda: _recurrent(kind), sgd(0.1), 8, every=1)[0].exam.course
    places = {p: a for p, a in course.readings[-1].places.items() if p.kind == "tanh"}
    assert len(places) == (2 if kind is nn.LSTM else 1)  # the candidate, and the cell
    for place, activity in places.items():
        assert (place.where, place.units) == ("rows", 32)
        assert activity.samples == 32 * 8
        assert 0 < activity.std < 1
        assert activity.saturated.max() < 0.5


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("compiled", [False, True])
def test_recurrent_bits_are_the_same_with_and_without(kind: Any, compiled: bool) -> None:
    bare = train(lambda: _recurrent(kind), adam(1e-2), 12, compiled=compiled, watched=False)
    seen = train(lambda: _recurrent(kind), adam(1e-2), 12, compiled=compiled, every=2)
    assert bare[1] == seen[1]
    assert all((a == b).all() for a, b in zip(bare[2], seen[2], strict=True))


def test_numbers_of_a_recurrent_layer_are_those_of_numpy() -> None:
    zincir.manual_seed(0)
    net = _recurrent(nn.RNN)
    hidden = net.rows(zincir.tensor(X[:20]).reshape(-1, 8, 8))[0].detach().numpy()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
    with doctor.watch(net, optimizer, every=1) as exam:
        F.cross_entropy(net(zincir.tensor(X[:20])), zincir.tensor(Y[:20])).backward()
        optimizer.step()
    places = exam.exam.course.readings[-1].places
    activity = next(a for p, a in places.items() if p.kind == "tanh")
    assert activity.mean == pytest.approx(hidden.mean(), rel=1e-5)
    np.testing.assert_allclose(activity.active, (hidden > 0).mean((0, 1)))


def test_what_is_exact_needs_no_checkup() -> None:
    class Net(nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.first, self.drop, self.head = nn.Linear(64, 32), nn.Dropout(p), nn.Linear(32, 10)
            self.unused = nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            return self.head(self.drop(self.first(x).relu()))

    with pytest.warns(UserWarning, match="lets nothing through"):
        sick = Net(1.0)
    optimizer = zincir.optim.SGD([*sick.head.parameters(), *sick.unused.parameters()], lr=0.1)
    with doctor.watch(sick, optimizer, every=1) as exam:
        for _ in range(10):
            optimizer.zero_grad()
            F.cross_entropy(sick(zincir.tensor(X[:32])), zincir.tensor(Y[:32])).backward()
            optimizer.step()
    findings = {f.symptom: f for f in exam.report().findings}
    assert (findings["dropout_everything"].where, findings["dropout_everything"].code) == (
        "drop", "S9",
    )  # fmt: skip
    assert findings["not_optimised"].where == "first"
    assert findings["no_gradient"].where == "unused"
    cured = Net(0.5)
    cured.unused.requires_grad_(False)
    optimizer = zincir.optim.SGD([p for p in cured.parameters() if p.requires_grad], lr=0.1)
    with doctor.watch(cured, optimizer, every=1) as exam:
        for _ in range(10):
            optimizer.zero_grad()
            F.cross_entropy(cured(zincir.tensor(X[:32])), zincir.tensor(Y[:32])).backward()
            optimizer.step()
    assert exam.report().ok
