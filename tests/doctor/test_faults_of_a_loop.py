"""Faults that are exact, found while a loop runs: nobody has looked at the net before."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, adam, checked, mlp, sgd, train
from zincir import nn
from zincir.doctor.report import reported
from zincir.errors import ArgumentError
from zincir.nn import functional as F

NUMBERS = X[:, 0].copy()
PAIRS = (Y[:, None] % 2).astype(np.float32)


def _one(*end: nn.Module) -> Any:
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 1), *end)


def _first(report: Any) -> tuple[str, str]:
    assert not report.failed, report.failed
    finding = report.findings[0]
    return finding.symptom, str(finding.severity)


def _symptoms(*args: Any, **options: Any) -> list[str]:
    report = train(*args, **options)[0].report()
    assert not report.failed, report.failed
    return [f.symptom for f in report.findings if f.severity != "info"]


@pytest.mark.parametrize("compiled", [False, True])
def test_outputs_that_are_broadcast_against_targets(compiled: bool) -> None:
    def loss(given: Any, wanted: Any) -> Any:
        return ((given - wanted) ** 2).mean()

    report = train(_one, adam(1e-3), 60, loss=loss, y=NUMBERS, compiled=compiled)[0].report()
    assert _first(report) == ("loss_shape", "warning")
    assert report.findings[0].what == "outputs [32, 1] and targets [32] are broadcast to [32, 32]"
    assert not _symptoms(_one, adam(1e-3), 60, loss=loss, y=NUMBERS[:, None], compiled=compiled)


def test_a_loss_with_a_minus_too_many() -> None:
    for loss, y, make in (
        (lambda o, t: -F.cross_entropy(o, t), Y, mlp),
        (lambda o, t: F.mse_loss(o, t) * -0.5, NUMBERS[:, None], _one),
    ):
        assert (
            _first(train(make, adam(1e-3), 60, loss=loss, y=y)[0].report())[0] == "loss_maximised"
        )
        upwards = lambda ps: zincir.optim.SGD(ps, lr=0.01, maximize=True)  # noqa: E731
        assert "loss_maximised" not in _symptoms(make, upwards, 60, loss=loss, y=y)
    one_side = lambda o, t: -F.binary_cross_entropy_with_logits(o, t)  # noqa: E731
    assert "loss_maximised" not in _symptoms(_one, adam(1e-3), 60, loss=one_side, y=PAIRS)


def test_a_sigmoid_before_a_loss_that_takes_it() -> None:
    loss = F.binary_cross_entropy_with_logits
    sick = checked(_one(nn.Sigmoid()), loss, (X[:128], PAIRS[:128]))
    assert sick["softmax_before_cross_entropy"].where == "3"
    assert "the sigmoid of a sigmoid" in sick["softmax_before_cross_entropy"].what
    assert not checked(_one(), loss, (X[:128], PAIRS[:128]))
    cured = checked(_one(nn.Sigmoid()), F.binary_cross_entropy, (X[:128], PAIRS[:128]))
    assert not cured
    report = train(lambda: _one(nn.Sigmoid()), adam(1e-3), 60, loss=loss, y=PAIRS)[0].report()
    assert _first(report) == ("softmax_before_cross_entropy", "error")
    gated = nn.Sequential(nn.Linear(64, 16), nn.Sigmoid(), nn.Softplus(), nn.Linear(16, 1))
    assert not checked(gated, loss, (X[:128], PAIRS[:128]))


def test_a_layer_that_is_dead_at_first_is_named_before_what_follows_from_it() -> None:
    for number in (0, 2, 4):
        zincir.manual_seed(0)
        net = mlp(depth=3)
        with zincir.no_grad():
            net[number].bias.fill_(-30.0)
        report = zincir.doctor.checkup(net, F.cross_entropy, None, (X[:128], Y[:128]))
        assert _first(report) == ("dead_relu", "error")
        assert report.findings[0].where == str(number + 1)
        with zincir.no_grad():
            net[number].bias[0] = 0.0
        few = zincir.doctor.checkup(net, F.cross_entropy, None, (X[:128], Y[:128]))
        assert "dead_relu" not in few.symptoms


def test_inputs_that_are_lost_stand_before_units_that_die_of_it() -> None:
    zincir.manual_seed(0)
    net = mlp()
    trainer = zincir.Trainer(
        net, nn.CrossEntropyLoss(), zincir.optim.Adam(net.parameters(), 3e-3), doctor="standard"
    )
    trainer.fit((0 * X, Y), epochs=5, progress=False)
    before = zincir.doctor.checkup(net, F.cross_entropy, None, (0 * X[:128], Y[:128]))
    found = reported([*trainer.report.findings, *before.findings], {})
    assert "dead_relu" in found.symptoms
    assert _first(found) == ("ignores_input", "error")


def test_what_was_an_info_before_training_is_a_warning_in_it() -> None:
    order = np.argsort(Y, kind="stable")
    zincir.manual_seed(0)
    net = mlp()
    trainer = zincir.Trainer(
        net, nn.CrossEntropyLoss(), zincir.optim.SGD(net.parameters(), lr=0.1), doctor="standard"
    )
    trainer.fit((X[order], Y[order]), epochs=4, shuffle=False, progress=False)
    (finding,) = trainer.report.of("not_shuffled")
    assert str(finding.severity) == "warning"


def test_yes_and_no_in_their_order_are_not_shuffled() -> None:
    for y, wanted in ((np.sort(PAIRS, axis=0), True), (PAIRS, False)):
        zincir.manual_seed(0)
        net = _one()
        optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
        with zincir.doctor.watch(net, optimizer) as exam:
            for start in range(0, 32 * 160, 32):
                rows = np.arange(start, start + 32) % len(X)
                optimizer.zero_grad()
                given = net(zincir.tensor(X[rows]))
                F.binary_cross_entropy_with_logits(given, zincir.tensor(y[rows])).backward()
                optimizer.step()
        assert bool(exam.report().of("not_shuffled")) == wanted


class _Rows(nn.Module):
    def __init__(self, kind: type[nn.Module], scale: float) -> None:
        super().__init__()
        self.r: Any = kind(8, 24, batch_first=True)
        self.head = nn.Linear(24, 10)
        with zincir.no_grad():
            self.r.weight_hh_l0.mul_(scale)

    def forward(self, x: Any) -> Any:
        return self.head(self.r(x)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_recurrence_that_makes_states_longer_and_longer(kind: Any) -> None:
    images = X.reshape(-1, 8, 8)

    def found(scale: float) -> list[str]:
        zincir.manual_seed(0)
        report = zincir.doctor.checkup(
            _Rows(kind, scale), F.cross_entropy, None, (images[:128], Y[:128]), seconds=0
        )
        during = train(lambda: _Rows(kind, scale), adam(1e-3), 60, x=images)[0].report()
        assert not during.failed, during.failed
        return [f.where for r in (report, during) for f in r.of("bad_initialisation")]

    assert found(6.0) == ["r", "r"]
    assert found(1.0) == []


def test_units_that_were_never_anything_but_saturated() -> None:
    """Whatever the rest of the net learns without the layer in front of them."""

    def net(scale: float) -> Any:
        made = mlp(nn.Sigmoid, 3)
        with zincir.no_grad():
            made[2].weight.mul_(scale)
        return made

    report = train(lambda: net(400.0), sgd(0.1), 300)[0].report()
    assert [f.where for f in report.of("saturated_activation")] == ["3"]
    assert not train(lambda: net(1.0), sgd(0.1), 300)[0].report().of("saturated_activation")


@pytest.mark.parametrize("number", [0, 2, 4, 6])
def test_the_layer_whose_weights_are_too_small_is_named(number: int) -> None:
    zincir.manual_seed(0)
    net = mlp(depth=6)
    with zincir.no_grad():
        net[number].weight.mul_(1e-6)
        net[number].bias.zero_()
    assert checked(net)["bad_initialisation"].where == str(number)


def test_layers_in_front_of_a_cut_get_no_gradient() -> None:
    class Cut(nn.Module):
        def __init__(self, cut: bool) -> None:
            super().__init__()
            self.first, self.head, self.cut = nn.Linear(64, 16), nn.Linear(16, 10), cut

        def forward(self, x: Any) -> Any:
            h = F.relu(self.first(x))
            return self.head(h.detach() if self.cut else h)

    report = train(lambda: Cut(True), sgd(0.1), 60, every=4)[0].report()
    assert [(f.where, str(f.severity)) for f in report.of("no_gradient")] == [("first", "warning")]
    assert not train(lambda: Cut(False), sgd(0.1), 60, every=4)[0].report().of("no_gradient")


def test_a_loss_that_reaches_nothing_is_an_error() -> None:
    def loss(given: Any, wanted: Any) -> Any:
        return F.cross_entropy(given.detach().requires_grad_(), wanted)

    report = train(mlp, sgd(0.1), 60, loss=loss)[0].report()
    assert [(f.symptom, str(f.severity)) for f in report.findings] == [("no_gradient", "error")]
    assert "had a gradient in any of 60 steps" in report.findings[0].what


def test_passes_without_a_step_are_not_probed_for_ever() -> None:
    net = mlp()
    with zincir.doctor.watch(net, sgd(0.1)(net.parameters()), every=1) as exam:
        for _ in range(300):
            F.cross_entropy(net(zincir.tensor(X[:32])), zincir.tensor(Y[:32])).backward()
            net.zero_grad()
    course = exam.exam.course
    assert (course.passes, course.steps) == (300, 0)
    assert {a.samples for r in course.readings for a in r.places.values()} == {65 * 32}
    assert exam.report().symptoms == ["unchanged_weights"]


def test_targets_that_are_broadcast_against_outputs() -> None:
    def loss(given: Any, wanted: Any) -> Any:
        return ((given.squeeze(1) - wanted) ** 2).mean()

    report = train(_one, adam(1e-3), 60, loss=loss, y=NUMBERS[:, None])[0].report()
    assert _first(report) == ("loss_shape", "warning")
    assert report.findings[0].what == "outputs [32] and targets [32, 1] are broadcast to [32, 32]"
    assert "loss_shape" not in _symptoms(_one, adam(1e-3), 60, loss=loss, y=NUMBERS)


def test_nan_is_no_silence() -> None:
    class Logarithms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(64, 16), nn.Linear(16, 10)

        def forward(self, x: Any) -> Any:
            return self.second(F.relu(self.first((x - x.max()).log())))

    sick = checked(Logarithms())
    assert "non_finite" in sick
    assert "dead_relu" not in sick


@pytest.mark.parametrize("form", ["places", "classes", "flat"])
def test_a_future_that_leaks_in_each_form_of_outputs(form: str) -> None:
    class Smoothed(nn.Module):
        def __init__(self, ahead: bool) -> None:
            super().__init__()
            self.letters, self.head, self.ahead = nn.Embedding(12, 8), nn.Linear(8, 12), ahead

        def forward(self, x: Any) -> Any:
            h = self.letters(x)
            after = zincir.cat([h[:, 1:], h[:, -1:]], 1) if self.ahead else h
            given = self.head(h + after)
            return {"places": given, "classes": given.mT, "flat": given.flatten(0, 1)}[form]

    def loss(given: Any, wanted: Any) -> Any:
        given = given.flatten(0, 1) if form == "places" else given
        return F.cross_entropy(given, wanted if form == "classes" else wanted.flatten())

    text = np.random.default_rng(0).integers(0, 12, (16, 7))
    batch = text[:, :-1], text[:, 1:]
    assert "future_leak" in checked(Smoothed(True), loss, batch)
    assert "future_leak" not in checked(Smoothed(False), loss, batch)


def test_what_cannot_be_a_step_is_refused() -> None:
    net, batch = mlp(), (X[:32], Y[:32])
    with pytest.raises(ArgumentError, match=r"one number.*\n.*shape \(32,\)"):
        checked(net, nn.CrossEntropyLoss(reduction="none"), batch)
    with pytest.raises(ArgumentError, match="the loss gives a tensor"):
        checked(net, lambda given, wanted: 1.0, batch)
    with pytest.raises(ArgumentError, match="there are samples in the batch"):
        checked(net, batch=(X[:0], Y[:0]))
    sick = checked(net.requires_grad_(False), batch=batch)["no_gradient"]
    assert (str(sick.severity), sick.evidence) == ("error", {"parameters": 6})
