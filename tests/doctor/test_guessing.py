"""What a loss is for an answer that does not look at the input, and what follows from it."""

import math
from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, adam, mlp, sgd, train
from zincir import doctor, nn
from zincir.doctor.course import Course, Gauge, Reading
from zincir.doctor.guessing import Aim
from zincir.doctor.report import reported
from zincir.doctor.rule import rules
from zincir.nn import functional as F

RNG = np.random.default_rng(0)
TARGETS = (X[:, :20].sum(1, keepdims=True) / 4 + 3).astype(np.float32)


def _net(outputs: int = 1) -> Any:
    return nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, outputs))


def _said(report: Any) -> dict[str, str]:
    assert not report.failed, report.failed
    return {f.symptom: str(f.severity) for f in report.findings if f.severity != "info"}


def test_guessing_is_measured_of_numbers_yes_and_no_and_classes() -> None:
    binary = (Y[:, None] == 3).astype(np.float32)
    share = binary.mean()
    cases: list[tuple[Any, Any, Any, float]] = [
        (F.mse_loss, TARGETS, _net, float(TARGETS.var())),
        (lambda o, y: 2 * ((o - y) ** 2).mean(), TARGETS, _net, 2 * float(TARGETS.var())),
        (lambda o, y: ((o - y) ** 2).sum(1).mean() / 4, X[:, 3:6], lambda: _net(3),
         float(X[:, 3:6].var(0).sum()) / 4),
        (F.binary_cross_entropy_with_logits, binary, _net,
         -share * math.log(share) - (1 - share) * math.log(1 - share)),
        (F.cross_entropy, np.minimum(Y, 1), lambda: _net(2),
         -0.1 * math.log(0.1) - 0.9 * math.log(0.9)),
    ]  # fmt: skip
    for loss, y, make, wanted in cases:
        course = train(make, sgd(0.0), 160, loss=loss, y=y)[0].exam.course
        (guess,) = course.baselines.values()
        assert guess == pytest.approx(wanted, rel=0.1), loss


def test_what_weighs_samples_has_no_guess_but_that_of_equal_classes() -> None:
    weights = zincir.tensor([1.0] + [9.0] * 9)
    course = train(
        mlp, sgd(0.01), 100, loss=lambda o, y: F.cross_entropy(o, y, weight=weights)
    )[0].exam.course  # fmt: skip
    assert list(course.baselines.values()) == [math.log(10)]
    smooth = train(
        mlp, sgd(0.01), 100, loss=lambda o, y: F.cross_entropy(o, y, label_smoothing=0.1)
    )[0].exam.course  # fmt: skip
    assert not smooth.baselines


def test_targets_that_do_not_belong_to_the_inputs_are_no_better_than_guessing() -> None:
    """Sick, healthy; of numbers, and of classes whose shares alone can be learnt."""
    frequent = np.where(RNG.random(len(Y)) < 0.7, 0, Y)
    for loss, y, outputs in ((F.mse_loss, TARGETS, 1), (F.cross_entropy, frequent, 10)):
        found: dict[str, Any] = {}
        for name, wanted in (("sick", RNG.permutation(y)), ("healthy", y)):
            exam = train(lambda n=outputs: _net(n), adam(1e-3), 260, loss=loss, y=wanted)[0]
            found[name] = _said(exam.report())
        if loss is F.cross_entropy:  # three of four labels say nothing: little can be learnt
            found["healthy"].pop("loss_not_decreasing", None)
        assert found == {"sick": {"loss_not_decreasing": "warning"}, "healthy": {}}


def test_a_regression_that_goes_on_where_it_had_ended_is_not_slow() -> None:
    zincir.manual_seed(0)
    net = _net()

    def fitted(rate: float, steps: int) -> dict[str, str]:
        return _said(train(lambda: net, adam(rate), steps, loss=F.mse_loss, y=TARGETS)[0].report())

    assert "learning_rate_too_low" in fitted(1e-7, 120)
    assert fitted(1e-2, 400) == {}
    assert fitted(1e-7, 120) == {}


def test_a_net_that_resembles_its_targets_by_chance_has_not_learnt() -> None:
    def slow(share: float) -> bool:
        seen = Course(
            shapes={"0.weight": (32, 64)}, steps=240, aims={"loss": Aim("squares", 1.0, 1)}
        )
        for number in range(30):
            loss = share + 0.01 * float(np.sin(2.3 * number))
            targets = {"loss": np.array([[32.0], [0.0], [32.0]])}
            gauges = {"0.weight": Gauge(1.0, 0.1, 1e-6, 0.3, 0.1)}
            passes = {"loss": (8, loss * loss)}
            seen.note(Reading(1 + 8 * number, {"loss": loss}, {}, gauges, passes, targets))
        return "learning_rate_too_low" in _judged(seen)

    assert [slow(share) for share in (1.0, 0.85, 0.5, 0.1)] == [True, True, False, False]


def test_steps_that_are_short_since_one_was_too_long_stand_behind_it() -> None:
    seen = Course(shapes={"0.weight": (32, 64)}, steps=240, aims={"loss": Aim("classes", 1.0, 10)})
    for number in range(30):
        gauges = {"0.weight": Gauge(1.0, 0.1, 2.0 if number == 0 else 1e-9, 0.3, 0.1)}
        seen.note(Reading(1 + 8 * number, {"loss": 2.4 + 0.01 * (number % 3)}, {}, gauges))
    findings = reported([f for r in rules(Course) for f in r.findings(seen)], {}).findings
    assert [f.step for f in findings if f.symptom == "learning_rate_too_low"] == [9]
    assert findings[0].symptom == "learning_rate_too_high"
    slow = train(mlp, sgd(1e-5), 200)[0].report().of("learning_rate_too_low")
    assert [f.step for f in slow] == [0]


def test_one_side_of_a_game_is_not_guessing() -> None:
    zincir.manual_seed(0)
    G, D = nn.Linear(4, 2), _of_two()
    og, od = (zincir.optim.Adam(m.parameters(), lr=1e-3) for m in (G, D))
    with doctor.watch({"G": G, "D": D}, [og, od]) as exam:
        for _ in range(220):
            real = zincir.randn(16, 2) * 0.3 + 1
            fake = G(zincir.randn(16, 4))
            labels = zincir.cat([zincir.ones(16, 1), zincir.zeros(16, 1)])
            od.zero_grad()
            both = D(zincir.cat([real, fake.detach()]))
            F.binary_cross_entropy_with_logits(both, labels).backward()
            od.step()
            og.zero_grad()
            F.binary_cross_entropy_with_logits(D(fake), zincir.ones(16, 1)).backward()
            og.step()
    assert "loss_not_decreasing" not in _said(exam.report())
    assert len(exam.exam.course.baselines) == 1  # ln 2, of the one that tells apart


def _of_two() -> Any:
    return nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))


def test_nearly_all_of_one_class_and_nothing_else_learnt() -> None:
    rare = (np.arange(len(X)) % 14 == 0).astype(np.int64)
    noise = RNG.normal(size=X.shape).astype(np.float32)
    noise[:, 4:] = 0  # too little to tell samples apart by
    sick = train(lambda: _net(2), sgd(0.1), 260, x=noise, y=rare, every=2)[0].report()
    assert _said(sick) == {"class_imbalance": "warning", "loss_not_decreasing": "warning"}
    assert sick.findings[0].symptom == "class_imbalance"
    plain = noise.copy()
    plain[:, 0] += 6 * rare
    healthy = train(lambda: _net(2), adam(0.01), 260, x=plain, y=rare, every=2)[0]
    assert _said(healthy.report()) == {}


def _epochs(training: Any, validation: Any, level: float = 2.3) -> Course:
    seen = Course(steps=20 * len(training), aims={"loss": Aim("classes", 1.0, 10)})
    for number, (here, there) in enumerate(zip(training, validation, strict=True)):
        seen.note(Reading(20 * number + 1, {"loss": float(here)}, {}, {}))
        seen.evaluations.append({"loss": float(here), "val_loss": float(there)})
    return seen


def _judged(seen: Course) -> dict[str, str]:
    findings = [f for r in rules(Course) for f in r.findings(seen)]
    return {f.symptom: f.what for f in findings if f.severity != "info"}


def test_what_holds_for_the_training_data_alone_shows_on_others() -> None:
    noise = 0.01 * np.sin(np.arange(16) * 2.3)
    slowly, by_heart = np.linspace(2.31, 2.1, 16), np.linspace(2.31, 0.3, 16)
    never = 2.33 + noise
    assert "never better" in _judged(_epochs(slowly, never))["loss_not_decreasing"]
    assert "by heart" in _judged(_epochs(by_heart, never))["overfitting"]
    better = np.linspace(2.31, 1.9, 16) + noise
    assert not _judged(_epochs(slowly, better)).keys() & {"loss_not_decreasing", "overfitting"}
    assert not _judged(_epochs(by_heart, better)).keys() & {"loss_not_decreasing", "overfitting"}


def test_a_validation_loss_that_has_risen_may_stay_where_it_is() -> None:
    training = np.linspace(2.0, 0.1, 40) + 0.0
    risen = np.r_[np.linspace(2.2, 1.0, 6), np.linspace(1.0, 1.6, 8), 1.6 - 0.001 * np.arange(26)]
    assert "overfitting" in _judged(_epochs(training, risen))
    lucky = np.r_[np.linspace(2.2, 1.2, 6), 1.0, 1.2 - 0.001 * np.arange(33)]
    assert "overfitting" not in _judged(_epochs(training, lucky))


def test_what_is_no_plain_cross_entropy_is_not_taken_for_one() -> None:
    """Rewards weigh logarithms of probabilities, too: a minus there is as it should be."""

    def reward(o: Any, y: Any) -> Any:
        return -(F.log_softmax(o, 1).gather(1, y[:, None])[:, 0] * (y - 4.5)).mean()

    def by_hand(o: Any, y: Any) -> Any:
        return -F.log_softmax(o, 1).gather(1, y[:, None]).mean()

    for loss, guess in ((reward, []), (by_hand, [math.log(10)])):
        exam = train(mlp, sgd(0.01), 60, loss=loss)[0]
        assert "loss_maximised" not in _said(exam.report())
        assert list(exam.exam.course.baselines.values()) == guess


def test_numbers_in_their_order_are_not_shuffled() -> None:
    chance = RNG.normal(size=(len(X), 1)).astype(np.float32)

    def found(order: Any, drift: float = 0.0, rate: float = 0.05) -> list[str]:
        zincir.manual_seed(0)
        net = _net()
        optimizer = zincir.optim.SGD(net.parameters(), lr=rate)
        with doctor.watch(net, optimizer) as exam:
            for step in range(200):
                rows = order[np.arange(32 * step, 32 * step + 32) % len(X)]
                optimizer.zero_grad()
                wanted = zincir.tensor(chance[rows] + np.float32(drift * step))
                F.mse_loss(net(zincir.tensor(X[rows])), wanted).backward()
                optimizer.step()
        return [f.what for f in exam.report().of("not_shuffled")]

    (what,) = found(np.argsort(chance[:, 0]), rate=1e-3)
    assert what.startswith("batches are of like targets each")
    assert not found(np.arange(len(X)))
    assert not found(np.arange(len(X)), drift=0.1, rate=1e-4)
