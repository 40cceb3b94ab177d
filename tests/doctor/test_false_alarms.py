"""Healthy nets that were called sick once, and beside each what is still called so."""

from typing import Any

import numpy as np

import zincir
from patients import X, Y, adam, checked, found, mlp, train
from zincir import doctor, nn
from zincir.data import load_digits
from zincir.doctor.anatomy import Place
from zincir.doctor.course import Course, Death, Gauge, Reading
from zincir.doctor.guessing import Aim
from zincir.doctor.rule import rules
from zincir.nn import functional as F
from zincir.trainer import Freeze


def _deep_sigmoid(rate: float, depth: int) -> Any:
    zincir.manual_seed(1)
    net = mlp(nn.Sigmoid, depth)
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
    return net


def test_pixels_that_are_rarely_inked_are_no_other_scale() -> None:
    images = np.asarray(load_digits()[0], np.float32).reshape(-1, 64)
    centred = (images - images.mean()) / images.std()
    for x in (images, centred, centred + 1):
        assert "unnormalised_input" not in checked(mlp(), batch=(x[:256], Y[:256]))
    scaled = X[:256] * np.where(np.arange(64) % 2, 1000, 1).astype(np.float32)
    assert "unnormalised_input" in checked(mlp(), batch=(scaled, Y[:256]))


def test_a_head_a_few_times_too_large_is_nothing_to_adam() -> None:
    def found(scale: float, kind: Any) -> dict[str, Any]:
        zincir.manual_seed(0)
        net = mlp()
        with zincir.no_grad():
            net[4].weight.mul_(scale)
        return checked(net, optimizer=kind(net.parameters(), lr=0.01))

    adam, sgd = zincir.optim.Adam, zincir.optim.SGD
    assert "wrong_initial_loss" in found(30, sgd)
    assert "wrong_initial_loss" not in found(30, adam)
    assert "wrong_initial_loss" in found(1000, adam)
    assert "wrong_initial_loss" not in found(1, sgd)


def test_small_gradients_are_nothing_to_adam_before_they_drown() -> None:
    def found(depth: int, kind: Any) -> dict[str, Any]:
        net = _deep_sigmoid(0.01, depth)
        return checked(net, optimizer=kind(net.parameters(), lr=0.01))

    adam, sgd = zincir.optim.Adam, zincir.optim.SGD
    assert "vanishing_gradient" in found(8, sgd)
    assert "vanishing_gradient" not in found(8, adam)
    assert "vanishing_gradient" in found(14, adam)
    assert "vanishing_gradient" not in found(2, sgd)


def test_a_third_of_dead_units_is_no_matter_where_the_rest_learns() -> None:
    """Nor the cause, where it does not: the others could learn, if there were anything."""

    def partly(count: int) -> Any:
        def net() -> Any:
            made = mlp()
            with zincir.no_grad():
                made[2].bias[:count].fill_(-100.0)
            return made

        return net

    noise = np.random.default_rng(0).integers(0, 10, len(Y))
    for labels in (Y, noise):
        report = train(partly(12), adam(3e-3), 200, y=labels)[0].report()
        assert [str(f.severity) for f in report.of("dead_relu")] == ["info"]
    sick = found(partly(32), adam(3e-3), 200)["dead_relu"]
    assert (sick.severity, sick.where) == ("error", "3")


def test_a_validation_loss_that_rises_by_little_of_what_was_gained() -> None:
    """The first epoch may learn nearly all: what was gained counts from the first step on."""

    def course(start: float, end: float) -> Course:
        made = Course(steps=160)
        for step in range(16):
            made.note(Reading(10 * step, {"loss": start / (1 + step)}, {}, {}))
        for epoch in range(16):
            rise = (end - 0.08) * max(0, epoch - 3) / 12
            losses = {"loss": 0.1 / (1 + epoch), "val_loss": 0.09 - 0.01 * min(1, epoch) + rise}
            made.evaluations.append(losses)
        return made

    (judge,) = [r for r in rules() if r.code == "G1"]
    assert not judge.findings(course(1.2, 0.13))
    assert judge.findings(course(1.2, 0.4))
    assert not judge.findings(course(1.2, 0.08))


def test_an_accuracy_at_its_best_excuses_no_validation_loss_that_nothing_is_left_of() -> None:
    def course(end: float) -> Course:
        made = Course(steps=160)
        for step in range(16):
            made.note(Reading(10 * step, {"loss": 2.3 / (1 + step) ** 2}, {}, {}))
        for epoch in range(16):
            best = 1.2 if epoch == 2 else 1.3
            value = best + (end - 1.3) * max(0, epoch - 3) / 12
            accuracy = 0.4 + 0.005 * epoch
            made.evaluations.append(
                {"loss": 1 / (1 + epoch) ** 2, "val_loss": value, "val_accuracy": accuracy}
            )
        return made

    (judge,) = [r for r in rules() if r.code == "G1"]
    assert judge.findings(course(2.1))
    assert not judge.findings(course(1.3))


def test_one_step_that_kills_most_of_a_layer_is_too_long() -> None:
    """Even if what is left of the layer learns: the loss of this training falls all the time."""

    def judged(dead: int, since: int, first_update: float) -> dict[str, Any]:
        place = Place("1", "net.py:1", "relu", "0", 32, 1)
        seen = Course(shapes={"0.weight": (32, 64)}, steps=120)
        for step in range(30):
            update = first_update if step == 0 else 1e-3
            gauge = Gauge(1.0, 0.1, update, 0.3, 0.1)
            loss = 2.3 * 0.9**step
            seen.note(Reading(1 + 4 * step, {"loss": loss}, {}, {"0.weight": gauge}))
        idle = np.where(np.arange(32) < dead, 1000, 0)
        seen.deaths[place] = Death(idle, np.where(np.arange(32) < dead, since, 120))
        findings = [f for r in rules(Course) for f in r.findings(seen)]
        return {f.symptom: str(f.severity) for f in findings if f.severity != "info"}

    assert judged(28, 5, 1.0) == {"dead_relu": "warning", "learning_rate_too_high": "warning"}
    assert judged(28, -1, 1.0) == {"dead_relu": "warning"}  # the initialisation's doing
    assert judged(28, 5, 0.01) == {"dead_relu": "warning"}
    assert judged(12, 5, 1.0) == {}  # the others can do what there is to do


def _measured(losses: Any, update: float, value: float = 1.0, **more: Any) -> Course:
    seen = Course(shapes={"0.weight": (32, 64)}, steps=8 * len(losses), **more)
    for number, loss in enumerate(losses):
        gauge = Gauge(value, 0.1, update, 0.3, 0.1)
        passes = {"loss": (8, loss * loss)}
        seen.note(Reading(1 + 8 * number, {"loss": loss}, {}, {"0.weight": gauge}, passes))
    return seen


def _said_of(seen: Course) -> dict[str, str]:
    findings = [f for r in rules(Course) for f in r.findings(seen)]
    return {f.symptom: str(f.severity) for f in findings if f.severity != "info"}


def test_a_net_that_has_converged_may_take_short_steps() -> None:
    level = 0.05 + 0.002 * np.sin(np.arange(30.0) * 2.3)
    guess = {"loss": Aim("classes", 1.0, 10)}
    assert "learning_rate_too_low" not in _said_of(_measured(level, 1e-6, aims=guess))
    assert "learning_rate_too_low" in _said_of(_measured(level + 2.25, 1e-6, aims=guess))


def test_losses_below_zero_and_weights_that_are_to_grow_are_no_long_steps() -> None:
    wave = 0.3 * np.sin(np.arange(30.0) * 2.3)
    falling = 0.2 - np.arange(30) / 10 + wave
    assert "learning_rate_too_high" not in _said_of(_measured(falling, 0.3))
    rising = 1.0 + np.arange(30) / 3
    assert "learning_rate_too_high" in _said_of(_measured(rising, 0.3))
    flat = 2.3 + wave / 10
    guess = {"loss": Aim("classes", 1.0, 10)}
    small = _said_of(_measured(flat, 0.005, 0.01, aims=guess))
    assert "learning_rate_too_high" not in small  # half of its size, 4 % of what is usual
    assert "learning_rate_too_high" in _said_of(_measured(flat, 0.1, 0.01, aims=guess))


def test_small_batches_are_of_few_classes_by_chance() -> None:
    def judged(seed: int, batches: int, kept: bool = False) -> bool:
        labels = np.random.default_rng(seed).integers(0, 2, (batches, 2))
        labels[:, 1] = labels[:, 0] if kept else labels[:, 1]
        seen = Course(steps=batches)
        for number, pair in enumerate(labels):
            counts = {"loss": np.bincount(pair, minlength=2)}
            passes = {"loss": (1, 0.49)}
            seen.note(Reading(1 + number, {"loss": 0.7}, {}, {}, passes, counts))
        return "not_shuffled" in _said_of(seen)

    assert not any(judged(seed, 8) for seed in range(200))
    assert judged(0, 60, kept=True)
    assert not judged(0, 60)


def test_means_over_the_batch_and_what_is_not_finite_are_not_blind() -> None:
    class Reduced(nn.Module):
        def __init__(self, times: float, *, mean: bool) -> None:
            super().__init__()
            self.layer, self.times, self.mean = nn.Linear(64, 10), times, mean

        def forward(self, x: Any) -> Any:
            made = self.layer(x) * self.times
            return made.abs().max() if self.mean else made

    def loss(a: Any, b: Any) -> Any:
        return a.sum() * 0.01

    assert "ignores_input" not in checked(Reduced(1.0, mean=True), loss)
    assert "ignores_input" not in checked(Reduced(float("nan"), mean=False))
    assert "ignores_input" in checked(Reduced(0.0, mean=False))


def test_batches_of_other_lengths_have_other_classes() -> None:
    """In a contrastive loss the classes are the samples of the batch."""
    zincir.manual_seed(0)
    net = nn.Linear(64, 8)
    optimizer = zincir.optim.Adam(net.parameters(), lr=1e-3)
    with doctor.watch(net, optimizer, every=1) as exam:
        for number in range(24):
            x = zincir.tensor(X[: 32 if number % 4 else 20])
            optimizer.zero_grad()
            F.cross_entropy(net(x) @ net(x + 0.1).T, zincir.arange(len(x))).backward()
            optimizer.step()
    assert not exam.report().failed
    assert not exam.report().of("not_shuffled")


class _Adapted(nn.Module):
    """A frozen layer, and a product of two small ones of which the second begins at 0."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.a = nn.Linear(layer.in_features, 4, bias=False)
        self.b = nn.Linear(4, layer.out_features, bias=False)
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Any) -> Any:
        return self.layer(x) + self.b(self.a(x))


def test_weights_that_begin_at_zero_beside_others() -> None:
    zincir.manual_seed(0)
    net = nn.Sequential(*[_Adapted(m) if isinstance(m, nn.Linear) else m for m in mlp()])
    assert "bad_initialisation" not in checked(net)


def test_layers_that_are_frozen_for_some_epochs() -> None:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = zincir.optim.Adam(net.parameters(), lr=3e-3)
    trainer = zincir.Trainer(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        doctor="standard",
        callbacks=[Freeze("0.*", epochs=3)],
    )
    trainer.fit((X[:600], Y[:600]), epochs=3, progress=False)
    assert not trainer.report.of("no_gradient")


def test_a_warm_up_begins_low_on_purpose() -> None:
    def warned(warm: bool) -> bool:
        zincir.manual_seed(0)
        net = mlp()
        optimizer = zincir.optim.Adam(net.parameters(), lr=1e-3 if warm else 1e-6)
        schedule = zincir.optim.lr_scheduler.LinearLR(optimizer, 1e-3, total_iters=200)
        with doctor.watch(net, optimizer, every=4) as exam:
            for number in range(70):
                rows = np.arange(32 * number, 32 * number + 32) % len(X)
                optimizer.zero_grad()
                F.cross_entropy(net(zincir.tensor(X[rows])), zincir.tensor(Y[rows])).backward()
                optimizer.step()
                if warm and number % 12 == 11:
                    schedule.step()
        return bool(exam.report().of("learning_rate_too_low"))

    assert warned(False)
    assert not warned(True)


def test_neighbours_in_time_are_judged_by_all_samples() -> None:
    time = np.arange(2000)
    series = (np.sin(time / 60) + 0.3 * np.sin(time / 7)).astype(np.float32)
    x = np.lib.stride_tricks.sliding_window_view(series, 8)[:-1].copy()
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    assert "unnormalised_input" in checked(net, nn.MSELoss(), (x[80:112], series[88:120, None]))
    optimizer = zincir.optim.Adam(net.parameters(), lr=2e-3)
    trainer = zincir.Trainer(net, nn.MSELoss(), optimizer, doctor="standard")
    rows = slice(80, 1680)
    trainer.fit(
        (x[rows], series[8:][rows, None]), (x[1680:], series[1688:, None]), epochs=1,
        batch_size=32, shuffle=False, progress=False,
    )  # fmt: skip
    assert not trainer.report.of("unnormalised_input")


def test_a_validation_loss_that_falls_is_on_its_way() -> None:
    guess = float(np.log(10))
    slow = [{"loss": guess - 0.01 * i, "val_loss": guess - 0.01 * i} for i in range(1, 9)]
    rule = next(r for r in rules(Course) if r.code == "T7")

    def seen(ends: Any) -> Course:
        losses = [{"here": e["loss"]} for e in ends for _ in range(4)]
        readings = [Reading(8 * i, loss, {}, {}) for i, loss in enumerate(losses)]
        course = Course(first=readings, evaluations=ends, steps=256, optimizers=1)
        course.aims["here"] = Aim("classes", 1.0, 10)
        return course

    assert not rule.findings(seen(slow))
    by_heart = [e | {"val_loss": guess + 0.1 * i} for i, e in enumerate(slow)]
    assert [f.code for f in rule.findings(seen(by_heart))] == ["T7"]
