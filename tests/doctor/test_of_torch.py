"""The same faults, found in models of PyTorch: sick fires, healthy and cured are silent."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import Patients, X, Y
from zincir import doctor
from zincir.doctor.exam import Exam
from zincir.doctor.of_torch import TorchExam
from zincir.errors import ArgumentError

torch = pytest.importorskip("torch", reason="NO PYTORCH: its models cannot be examined here")
torch.set_num_threads(1)
nn, F = torch.nn, torch.nn.functional


PATIENTS = Patients(torch)
_sgd, _adam = PATIENTS.sgd, PATIENTS.adam


def _mlp(*args: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    return PATIENTS.mlp(*args, **options)


def _trained(net: Any, make: Any, steps: int = 200, **options: Any) -> tuple[Any, list[float]]:
    return PATIENTS.train(lambda: net, make, steps, **options)[:2]


def _found(net: Any, make: Any, steps: int = 200, **options: Any) -> dict[str, Any]:
    return PATIENTS.found(lambda: net, make, steps, **options)


HEALTHY: dict[str, Any] = {
    "relu, sgd": (_mlp, _sgd(0.1)),
    "deep relu, adam": (lambda: _mlp(depth=6), _adam(1e-3)),
    "tanh": (lambda: _mlp(nn.Tanh, 3), _sgd(0.1)),
    "gelu": (lambda: _mlp(nn.GELU, 3), _adam(1e-3)),
    "deep sigmoid with BatchNorm": (lambda: _mlp(nn.Sigmoid, 6, norm=nn.BatchNorm1d), _sgd(0.1)),
}


@pytest.mark.parametrize("case", HEALTHY)
def test_healthy_is_silent(case: str) -> None:
    make, optimizer = HEALTHY[case]
    assert not _found(make(), optimizer)


def test_vanishing_gradient() -> None:
    sick = _found(_mlp(nn.Sigmoid, 8), _sgd(0.1))
    assert next(iter(sick)) == "vanishing_gradient"
    finding = sick["vanishing_gradient"]
    assert (finding.code, finding.where) == ("T1", "0")
    assert "patients.py" in finding.origin
    assert not _found(_mlp(nn.ReLU, 8), _adam(1e-3))  # cured


def test_exploding_gradient() -> None:
    def wild(norm: Any = None) -> Any:
        net = _mlp(nn.GELU, 8, norm=norm)
        for layer in net:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=1.0)
        return net

    sick = _found(wild(), _adam(1e-3), 60)["exploding_gradient"]
    assert (sick.code, sick.where) == ("T2", "0")
    assert not _found(wild(nn.BatchNorm1d), _sgd(0.1))


def test_dead_relu() -> None:
    net = _mlp()
    with torch.no_grad():
        net[0].bias.fill_(-100.0)
    sick = _found(net, _sgd(0.1))["dead_relu"]
    assert (sick.severity, sick.where) == ("error", "1")
    assert sick.evidence["dead from the start"] == 32


@pytest.mark.parametrize("function", [F.relu, torch.relu, lambda h: h.relu(), lambda h: h.relu_()])
def test_functions_are_seen_as_layers_are(function: Any) -> None:
    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(64, 16), nn.Linear(16, 10)

        def forward(self, x: Any) -> Any:
            return self.head(function(self.first(x)))

    exam, _ = _trained(Net(), _sgd(0.1), 3)
    places = [(p.where, p.kind) for p in exam.exam.course.readings[0].places]
    assert places == [("first", "layer"), ("first", "relu"), ("head", "layer")]


def test_saturated_activation() -> None:
    sick = _found(_mlp(nn.Tanh, 2, scale=150), _sgd(0.01))["saturated_activation"]
    assert (sick.severity, sick.where) == ("warning", "1")
    assert not _found(_mlp(nn.Tanh, 2), _sgd(0.1))


def test_gradients_added_up_over_batches_are_no_fault() -> None:
    net = _mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with doctor.watch(net, optimizer, every=2) as exam:
        for set_to_none in (True, False) * 6:
            optimizer.zero_grad(set_to_none=set_to_none)
            for part in range(3):
                rows = slice(32 * part, 32 * part + 32)
                (F.cross_entropy(net(torch.tensor(X[rows])), torch.tensor(Y[rows])) / 3).backward()
            optimizer.step()
    assert exam.exam.course.steps == 12
    assert exam.exam.course.passes == 36
    assert exam.report().ok, str(exam.report())


def test_softmax_before_cross_entropy() -> None:
    sick = _found(nn.Sequential(_mlp(), nn.Softmax(dim=1)), _sgd(0.1))
    finding = sick["softmax_before_cross_entropy"]
    assert (finding.severity, finding.where) == ("error", "1")
    assert "patients.py" in finding.origin
    viewed = nn.Sequential(_mlp(), nn.Softmax(dim=1), nn.Unflatten(1, (5, 2)), nn.Flatten())
    assert "softmax_before_cross_entropy" in _found(viewed, _sgd(0.1), 20)
    assert "softmax_before_cross_entropy" in _found(nn.Sequential(_mlp(), nn.Sigmoid()), _sgd(0.1))
    assert not _found(nn.Sequential(_mlp(), nn.LogSoftmax(dim=1)), _sgd(0.1))


def test_non_finite_names_the_step() -> None:
    draws = np.random.default_rng(0)
    rows = [draws.integers(0, len(X), 32) for _ in range(30)]
    x = X.copy()
    x[rows[9][0]] = np.nan
    first = next(step for step, some in enumerate(rows) if rows[9][0] in some)
    sick = _found(_mlp(), _sgd(0.1), 30, x=x)["non_finite"]
    assert (sick.severity, sick.step) == ("error", first)


def test_numbers_are_those_of_numpy() -> None:
    net = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    weight = net[0].weight.detach().numpy().copy()
    hidden = np.maximum(X[:50] @ weight.T + net[0].bias.detach().numpy(), 0)
    with doctor.watch(net, optimizer, level="full") as exam:
        loss = F.cross_entropy(net(torch.tensor(X[:50])), torch.tensor(Y[:50]))
        loss.backward()
        optimizer.step()
    (reading,) = exam.exam.course.readings
    gradient = net[0].weight.grad.numpy()
    activity = next(a for p, a in reading.places.items() if p.kind == "relu")
    assert activity.samples == 50
    np.testing.assert_allclose(activity.active, (hidden > 0).mean(0))
    assert activity.spread == pytest.approx(np.sqrt(hidden.var(0).mean()), rel=1e-5)
    gauge = reading.gauges["0.weight"]
    assert gauge.value == pytest.approx(np.sqrt((weight**2).mean()), rel=1e-5)
    assert gauge.gradient == pytest.approx(np.sqrt((gradient**2).mean()), rel=1e-5)
    assert gauge.update == pytest.approx(0.5 * np.sqrt((gradient**2).mean()), rel=1e-4)
    assert list(reading.losses.values()) == [pytest.approx(loss.item())]
    assert (reading.targets[next(iter(reading.losses))] == np.bincount(Y[:50], minlength=10)).all()


def test_it_measures_what_an_exam_of_this_library_does() -> None:
    import zincir
    from zincir import nn as own
    from zincir.nn import functional as own_functional

    net = _mlp(nn.Tanh, 2)
    mine = own.Sequential(
        own.Linear(64, 32), own.Tanh(), own.Linear(32, 32), own.Tanh(), own.Linear(32, 10)
    )
    mine.load_state_dict({k: zincir.tensor(v.numpy()) for k, v in net.state_dict().items()})
    readings: list[Any] = []
    for model, library, functions, optimizer in (
        (net, torch, F, torch.optim.SGD(net.parameters(), lr=0.1)),
        (mine, zincir, own_functional, zincir.optim.SGD(mine.parameters(), lr=0.1)),
    ):
        with doctor.watch(model, optimizer, level="full") as exam:
            for step in range(3):
                rows = slice(32 * step, 32 * step + 32)
                optimizer.zero_grad()
                output = model(library.tensor(X[rows]))
                functions.cross_entropy(output, library.tensor(Y[rows])).backward()
                optimizer.step()
        readings.append(exam.exam.course.readings)
    for a, b in zip(*readings, strict=True):
        assert [(p.where, p.kind, p.after, p.units) for p in a.places] == [
            (p.where, p.kind, p.after, p.units) for p in b.places
        ]
        for place, one, other in zip(a.places, a.places.values(), b.places.values(), strict=True):
            np.testing.assert_allclose(one.gradient, other.gradient, rtol=1e-3, atol=1e-8)
            assert one.samples == other.samples
            if place.kind != "layer":  # a layer is measured before its bias there, behind it here
                np.testing.assert_allclose(one.active, other.active)
            assert one.spread == pytest.approx(other.spread, rel=1e-4)
        assert list(a.gauges) == list(b.gauges)
        for name, gauge in a.gauges.items():
            assert gauge.update == pytest.approx(b.gauges[name].update, rel=1e-3)


def test_the_bits_are_the_same_with_and_without() -> None:
    nets = [nn.Sequential(_mlp(norm=nn.BatchNorm1d), nn.Dropout(0.0)) for _ in range(2)]
    losses = [_trained(n, _adam(1e-2), 40, watched=k == 1)[1] for k, n in enumerate(nets)]
    assert losses[0] == losses[1]
    states = [n.state_dict() for n in nets]
    assert all(torch.equal(v, states[1][k]) for k, v in states[0].items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in nets[1].modules())


def test_a_gate_is_no_saturated_activation() -> None:
    class Gated(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.gate, self.head = (nn.Linear(64, 32), nn.Linear(64, 32),
                                                nn.Linear(32, 10))  # fmt: skip

        def forward(self, x: Any) -> Any:
            return self.head(self.first(x) * torch.sigmoid(self.gate(x)))

    exam, _ = _trained(Gated(), _sgd(0.1), 3)
    assert all(p.kind == "layer" for p in exam.exam.course.readings[0].places)


def test_two_models_and_two_optimizers() -> None:
    generator, critic = nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    one = torch.optim.SGD(generator.parameters(), lr=0.01)
    other = torch.optim.SGD(critic.parameters(), lr=0.01)
    with doctor.watch({"G": generator, "C": critic}, [one, other], every=2) as exam:
        for _ in range(12):
            other.zero_grad()
            fake = generator(torch.randn(8, 4))
            (critic(torch.randn(8, 2)).mean() - critic(fake.detach()).mean()).backward()
            other.step()
            one.zero_grad()
            critic(generator(torch.randn(8, 4))).mean().backward()
            one.step()
    course = exam.exam.course
    assert course.steps == 12
    assert len(course.sites) == 2
    assert {"G.weight", "C.0.weight"} <= {name for r in course.readings for name in r.gauges}
    assert not exam.report().of("stale_gradient")


def test_evaluation_in_between_is_not_measured() -> None:
    net = _mlp()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with doctor.watch(net, optimizer, every=1) as exam:
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(net(torch.tensor(X[:32])), torch.tensor(Y[:32])).backward()
            optimizer.step()
            with torch.no_grad():
                net(torch.tensor(X))
    assert all(a.samples == 32 for r in exam.exam.course.readings for a in r.places.values())


def test_train_eval_mismatch() -> None:
    def looked(momentum: float) -> Any:
        net = nn.Sequential(
            nn.Linear(64, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 10)
        )
        with torch.no_grad():
            net[0].weight.mul_(30)
        exam, _ = _trained(net, _adam(1e-2))
        before = {k: v.clone() for k, v in net.state_dict().items()}
        drawn = torch.random.get_rng_state()
        for _ in range(3):
            exam.look(nn.CrossEntropyLoss(), (X[:64], Y[:64]))
        assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
        assert torch.equal(drawn, torch.random.get_rng_state())
        return exam.report().of("train_eval_mismatch")

    assert looked(0.0)[0].severity == "warning"
    assert not looked(0.1)


def test_the_page_and_the_text_are_the_same_kind(tmp_path: Any) -> None:
    exam, _ = _trained(_mlp(nn.Sigmoid, 8), _sgd(0.1))
    report = exam.report()
    assert "T1 vanishing_gradient: 0" in str(report)
    report.to_html(tmp_path / "report.html")
    assert "Gradients on their way back" in (tmp_path / "report.html").read_text()


def test_what_is_given_is_checked() -> None:
    with pytest.raises(ArgumentError, match="optimizer"):
        doctor.watch(_mlp(), 3)
    with pytest.raises(ArgumentError, match="model"):
        doctor.watch([_mlp(), 3])


def test_dropout_too_high() -> None:
    def dropped(p: float) -> Any:
        return lambda: nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 10))

    assert "dropout_too_high" in PATIENTS.found(dropped(0.98), _adam(1e-3), 150)
    assert "dropout_too_high" not in PATIENTS.found(dropped(0.2), _adam(3e-3), 150)


def test_a_batch_is_looked_at_while_the_training_is_watched() -> None:
    def course_of(looks: bool) -> Any:
        net = _mlp()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        exam = TorchExam(torch, {"": net}, [optimizer], 1, fixed=True)
        exam.begin()
        try:
            for _ in range(4):
                loss = F.cross_entropy(net(torch.tensor(X[:32])), torch.tensor(Y[:32]))
                if looks:
                    exam.look(nn.CrossEntropyLoss(), X[:64], Y[:64])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        finally:
            exam.end()
        return exam.course

    looked, plain = course_of(looks=True), course_of(looks=False)
    assert [look.step for look in looked.looks] == [0, 1, 2, 3]
    for one, other in zip(looked.readings, plain.readings, strict=True):
        assert list(one.losses.values()) == list(other.losses.values())
        assert [p.where for p in one.places] == [p.where for p in other.places]
        assert one.gauges == other.gauges


def test_no_hook_stays_where_watching_cannot_begin() -> None:
    class Refusing:
        def __init__(self) -> None:
            self.param_groups: list[Any] = []

        def register_step_pre_hook(self, hook: Any) -> Any:
            raise RuntimeError("no hooks here")

    net = _mlp()
    with pytest.raises(RuntimeError, match="no hooks here"):
        TorchExam(torch, {"": net}, [Refusing()], 1, fixed=False).begin()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    own = zincir.nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="no hooks here"):
        Exam({"": own}, [Refusing()], 1).begin()
    assert not own.weight._after


class _Bag(nn.Module):
    """An embedding, sparse or not, under a head."""

    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 8, sparse=sparse)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.table(x).mean(1))


def test_sparse_gradients_are_measured_as_dense_ones() -> None:
    x, y = torch.arange(40).reshape(10, 4) % 30, torch.arange(10) % 3
    found: list[Any] = []
    for sparse in (False, True):
        torch.manual_seed(0)
        net = _Bag(sparse)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        with doctor.watch(net, optimizer, level="full") as exam:
            for _ in range(4):
                F.cross_entropy(net(x), y).backward()  # zero_grad is missing
                optimizer.step()
        last = exam.exam.course.last or exam.exam.course.first
        found.append((exam.report().symptoms, last[-1].gauges["table.weight"]))
    (dense, one), (sparse_too, other) = found
    assert dense == sparse_too
    assert "stale_gradient" in dense
    numbers = [(g.value, g.gradient, g.update, g.used) for g in (one, other)]
    np.testing.assert_allclose(numbers[1], numbers[0], rtol=1e-5)
