"""Rules on epochs and evaluations: sick fires, healthy is silent, cured is silent."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, mlp
from zincir import doctor, nn
from zincir.errors import ArgumentError
from zincir.trainer import Trainer

DRAWS = np.random.default_rng(3)
WRONG = np.where(DRAWS.random(len(Y)) < 0.4, DRAWS.integers(0, 10, len(Y)), Y)


def _fitted(labels: Any, samples: int, epochs: int, level: str = "standard", **options: Any) -> Any:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = zincir.optim.Adam(net.parameters(), lr=1e-2, **options)
    trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor=level)
    held_out = X[1000:1500], Y[1000:1500]
    trainer.fit((X[:samples], labels[:samples]), held_out, epochs=epochs, progress=False)
    assert not trainer.report.failed
    return trainer.report


def test_overfitting() -> None:
    (sick,) = _fitted(WRONG, 300, 40).of("overfitting")
    assert (sick.code, sick.severity) == ("G1", "warning")
    assert sick.evidence["validation loss now"] > 1.5 * sick.evidence["best validation loss"]
    assert sick.evidence["training loss now"] < sick.evidence["training loss then"]
    stopped = _fitted(WRONG, 300, sick.evidence["best epoch"] + 1)
    assert not stopped.of("overfitting")  # cured by stopping
    assert not _fitted(WRONG, 300, 40, weight_decay=0.03).of("overfitting")  # and by decay
    assert _fitted(WRONG, 300, 40, "light").of("overfitting")  # epochs are seen at each level


@pytest.mark.parametrize("samples", [300, 1000])
def test_healthy_is_silent(samples: int) -> None:
    report = _fitted(Y, samples, 30)
    assert report.ok, str(report)
    assert not [f for f in report.findings if f.severity != "info"]


def test_label_noise() -> None:
    def seen(x: Any, y: Any) -> Any:
        report = doctor.checkup(mlp(), nn.CrossEntropyLoss(), None, (x, y))
        assert not report.failed
        return report.of("label_noise")

    x, y = X[:200].copy(), Y[:200].copy()
    x[150], y[150] = x[7], (y[7] + 1) % 10
    (sick,) = seen(x, y)
    assert (sick.code, sick.severity) == ("G4", "info")
    assert f"samples 7 and 150 are equal, and have the labels {y[7]} and {y[150]}" == sick.what
    y[150] = y[7]
    assert not seen(x, y)  # cured: a copy is no conflict
    assert not seen(X[:200], Y[:200])
    few = np.eye(64, dtype=np.float32)[np.arange(200) % 8]
    assert not seen(few, Y[:200])  # equal rows by nature


class _Noisy(nn.Module):
    """Draws in training, as a layer of augmentation does."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: Any) -> Any:
        return self.net(x + 2.0 * zincir.randn(*x.shape) if self.training else x)


def _seen_in_training(
    rows: Any, labels: Any, epochs: int = 8, make: Any = mlp, **options: Any
) -> Any:
    zincir.manual_seed(0)
    net = make()
    optimizer = zincir.optim.Adam(net.parameters(), lr=3e-3)
    trainer = Trainer(
        net, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], seed=0, doctor="standard"
    )
    held_out = X[1000:1500], Y[1000:1500]
    trainer.fit((X[rows], labels), held_out, epochs, progress=False, **options)
    assert not trainer.report.failed
    return trainer.report


HALF = np.where(DRAWS.random(len(Y)) < 0.5, DRAWS.integers(0, 10, len(Y)), Y)


def test_label_noise_that_the_net_sees_through() -> None:
    def as_it_is(x: Any, **_: Any) -> Any:
        return x

    (sick,) = _seen_in_training(slice(0, 1000), HALF[:1000]).of("label_noise")
    assert (sick.code, sick.severity) == ("G4", "warning")
    assert sick.evidence["training accuracy"] < 0.62  # 0.55 of the labels are right
    assert sick.evidence["validation accuracy before"] > 0.75
    assert not _seen_in_training(slice(0, 1000), Y[:1000]).of("label_noise")  # cured
    changed = _seen_in_training(slice(0, 1000), HALF[:1000], augment=as_it_is).of("label_noise")
    assert [f.severity for f in changed] == ["info"]  # augmentation may be the reason
    noisy = _seen_in_training(slice(0, 1000), Y[:1000], make=_Noisy).of("label_noise")
    assert [f.severity for f in noisy] == ["info"]  # and here noise is


def test_a_class_that_is_rare_in_training_alone() -> None:
    rows = np.flatnonzero((Y[:1000] < 5) | (np.arange(1000) % 50 == 0))
    (sick,) = _seen_in_training(rows, Y[rows], 20).of("class_imbalance")
    assert (sick.code, sick.severity) == ("I7", "warning")
    assert sick.evidence["classes"] == [5, 6, 7, 8, 9]
    assert sick.evidence["share of training"] == pytest.approx((Y[rows] >= 5).mean())
    assert sick.evidence["share of validation"] == pytest.approx((Y[1000:1500] >= 5).mean())
    assert not _seen_in_training(slice(0, 1000), Y[:1000], 20).of("class_imbalance")  # cured
    few = np.flatnonzero((Y[:150] != 9) | (np.arange(150) == np.flatnonzero(Y == 9)[0]))
    assert (Y[few] == 9).sum() == 1
    assert not _seen_in_training(few, Y[few], 40).of("class_imbalance")  # of 15: that is chance


def test_a_training_that_is_too_short() -> None:
    def ended(epochs: int, rate: float) -> Any:
        zincir.manual_seed(0)
        net = mlp()
        optimizer = zincir.optim.SGD(net.parameters(), lr=rate)
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard")
        trainer.fit((X[:1000], Y[:1000]), epochs=epochs, progress=False)
        return trainer.report

    (sick,) = ended(1, 0.05).of("underfitting")
    assert (sick.code, sick.severity) == ("G2", "warning")
    assert sick.evidence["loss now"] > 0.95 * sick.evidence["guessing"]
    assert not ended(20, 0.05).of("underfitting")  # cured
    assert not ended(1, 0.3).of("underfitting")


def _told(**series: Any) -> Any:
    """What is said about a training whose evaluations are these."""
    net = mlp()
    exam = doctor.watch(net, zincir.optim.SGD(net.parameters(), lr=0.1))
    for row in zip(*series.values(), strict=True):
        exam.evaluated(**dict(zip(series, row, strict=True)))
    report = exam.report()
    assert not report.failed
    return report


DOWN = np.exp(-np.arange(12) / 3)
WIGGLE = 0.01 * np.sin(np.arange(12) * 2.3)


def test_underfitting() -> None:
    flat = 0.7 + 0.3 * np.exp(-np.arange(12.0)) + WIGGLE / 10
    (sick,) = _told(loss=flat, val_loss=flat + 0.01).of("underfitting")
    assert (sick.code, sick.severity) == ("G2", "info")
    assert sick.evidence["training loss"] == pytest.approx(0.7, abs=0.01)
    assert not _told(loss=flat, val_loss=flat + 0.4).of("underfitting")  # there is a gap
    assert not _told(loss=DOWN, val_loss=DOWN + 0.01).of("underfitting")  # cured
    assert not _told(loss=0 * flat + 1, val_loss=0 * flat + 1).of("underfitting")  # that is T7


def test_underfitting_of_a_net_that_is_too_small() -> None:
    def fitted(width: int) -> Any:
        zincir.manual_seed(0)
        net = nn.Sequential(nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 10))
        optimizer = zincir.optim.Adam(net.parameters(), lr=3e-2)
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard")
        trainer.fit((X[:600], Y[:600]), (X[600:900], Y[600:900]), epochs=20, progress=False)
        return trainer.report

    assert fitted(1).of("underfitting")
    assert not fitted(32).of("underfitting")


def test_validation_too_good() -> None:
    sick = _told(loss=DOWN + 0.5, val_loss=DOWN / 4).of("validation_too_good")[0]
    assert (sick.code, sick.severity) == ("G3", "info")
    assert not _told(loss=DOWN + 0.5, val_loss=DOWN + 0.5).of("validation_too_good")
    quick = _told(loss=DOWN, val_loss=np.roll(DOWN, -1) * 0.9)  # ahead, as it is measured later
    assert not quick.of("validation_too_good")
    at_once = _told(loss=DOWN, val_loss=DOWN, accuracy=1 - DOWN, val_accuracy=np.ones(12))
    assert at_once.of("validation_too_good")[0].evidence["training accuracy"] == 0
    dropping = nn.Sequential(nn.Linear(64, 32), nn.Dropout(0.5), nn.Linear(32, 10))
    exam = doctor.watch(dropping, zincir.optim.SGD(dropping.parameters(), lr=0.1))
    for loss in DOWN:
        exam.evaluated(loss=loss + 0.5, val_loss=loss / 4)
    assert not exam.report().of("validation_too_good")


def test_metric_disagrees() -> None:
    worse = _told(val_loss=DOWN, val_accuracy=0.5 + 0.4 * DOWN + WIGGLE)
    (sick,) = worse.of("metric_disagrees")
    assert (sick.code, sick.severity) == ("G5", "info")
    assert "both fall" in sick.what
    assert not _told(val_loss=DOWN, val_accuracy=0.9 - 0.4 * DOWN).of("metric_disagrees")
    assert not _told(val_loss=DOWN, val_accuracy=0.9 + WIGGLE).of("metric_disagrees")
    assert not _told(val_loss=DOWN, val_mean_absolute_error=DOWN).of("metric_disagrees")


def _with_norm(momentum: float, **options: Any) -> Any:
    zincir.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(64, 32), nn.BatchNorm1d(32, momentum=momentum), nn.ReLU(), nn.Linear(32, 10)
    )
    with zincir.no_grad():
        net[0].weight.mul_(30)
    optimizer = zincir.optim.Adam(net.parameters(), lr=1e-2)
    trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard", **options)
    trainer.fit((X[:600], Y[:600]), (X[600:900], Y[600:900]), epochs=6, progress=False)
    assert not trainer.report.failed
    return trainer.report


def test_train_eval_mismatch() -> None:
    report = _with_norm(0.0)
    (sick,) = report.of("train_eval_mismatch")
    assert (sick.code, sick.severity) == ("T13", "warning")
    assert sick.evidence["in evaluation mode"][-1] > 2 * sick.evidence["in training mode"][-1]
    assert not _with_norm(0.1).of("train_eval_mismatch")  # cured


def test_a_batch_can_be_looked_at_by_hand() -> None:
    net = mlp(norm=nn.BatchNorm1d)
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
    with doctor.watch(net, optimizer) as exam:
        drawn = repr(zincir.get_rng_state())
        before = [np.array(v) for v in net.state_dict().values()]
        exam.look(nn.CrossEntropyLoss(), (X[:64], Y[:64]))
        after = [np.array(v) for v in net.state_dict().values()]
        assert all((a == b).all() for a, b in zip(before, after, strict=True))
        assert repr(zincir.get_rng_state()) == drawn
        assert exam.exam.course.passes == 0
    (look,) = exam.exam.course.looks
    assert look.samples == 64
    assert 0 < look.noise < 1  # eight parts say much the same at the start
    with pytest.raises(ArgumentError, match="pair"):
        exam.look(nn.CrossEntropyLoss(), X)


def test_gradient_noise_is_the_standard_error_over_the_length() -> None:
    net = nn.Linear(1, 1, bias=False)
    with zincir.no_grad():
        net.weight.fill_(0.0)
    x = np.ones((16, 1), np.float32)
    y = np.array([3.0, 1.0] * 4 + [2.0] * 8, np.float32)[:, None]  # means of pairs: 2
    exam = doctor.watch(net)
    exam.look(nn.MSELoss(), (x, y))
    assert exam.exam.course.looks[0].noise == pytest.approx(0, abs=1e-6)
    y = np.repeat(np.arange(8.0, dtype=np.float32), 2)[:, None]
    exam.look(nn.MSELoss(), (x, y))
    gradients = -2 * np.arange(8.0)
    error = gradients.var(ddof=1) / 8
    expected = np.sqrt(error / (gradients.mean() ** 2 - error))
    assert exam.exam.course.looks[1].noise == pytest.approx(expected, rel=1e-5)


def test_gradient_noise() -> None:
    def fitted(labels: Any, rate: float) -> Any:
        zincir.manual_seed(0)
        net = mlp()
        optimizer = zincir.optim.SGD(net.parameters(), lr=rate)
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard")
        trainer.fit((X[:600], labels[:600]), epochs=16, progress=False, batch_size=16)
        assert not trainer.report.failed
        return trainer.report.of("gradient_noise")

    random = np.random.default_rng(0).integers(0, 10, len(Y))
    sick = fitted(random, 0.02)
    assert sick
    assert (sick[0].code, sick[0].severity) == ("T12", "info")
    assert min(sick[0].evidence["error / length"]) > 1
    assert not fitted(Y, 0.1)


def _scheduled(steps: int) -> Any:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.2)
    schedule = zincir.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-7)
    rng = np.random.default_rng(0)
    with doctor.watch(net, optimizer, every=4) as exam:
        for step in range(240):
            rows = rng.integers(0, len(X), 32)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(zincir.tensor(X[rows])), zincir.tensor(Y[rows]))
            loss.backward()
            optimizer.step()
            if step < steps:
                schedule.step()
    report = exam.report()
    assert not report.failed
    return report.of("schedule_ends_early")


def test_schedule_ends_early() -> None:
    (sick,) = _scheduled(60)
    assert (sick.code, sick.severity) == ("T14", "warning")
    assert 48 <= sick.step <= 64
    assert sick.evidence["highest rate"] == pytest.approx(0.2, rel=0.01)
    assert not _scheduled(240)  # cured


def test_overlap_is_seen_by_a_trainer() -> None:
    def fitted(start: int) -> Any:
        net = mlp()
        optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard")
        held_out = X[start : start + 100], Y[start : start + 100]
        trainer.fit((X[:400], Y[:400]), held_out, epochs=1, progress=False)
        return trainer.report.of("train_test_overlap")

    assert fitted(350)[0].evidence["share"] == 0.5
    assert not fitted(400)


def test_not_shuffled_in_training() -> None:
    def fitted(order: Any, shuffle: bool) -> Any:
        net = mlp()
        optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard")
        trainer.fit((X[order], Y[order]), epochs=4, progress=False, shuffle=shuffle)
        assert not trainer.report.failed
        return trainer.report

    by_class = np.argsort(Y, kind="stable")
    report = fitted(by_class, shuffle=False)
    (sick,) = report.of("not_shuffled")
    assert (sick.code, sick.severity) == ("S21", "warning")
    assert sick.evidence["between batches"] > 0.8
    assert report.symptoms[0] == "not_shuffled"
    assert not fitted(by_class, shuffle=True).of("not_shuffled")
    assert not fitted(np.arange(len(Y)), shuffle=False).of("not_shuffled")


def test_labels_are_counted_through_any_cross_entropy() -> None:
    heads = {
        "log-softmax": (nn.LogSoftmax(dim=1), nn.NLLLoss()),
        "weights": (nn.Identity(), nn.CrossEntropyLoss(weight=zincir.ones(10))),
        "smoothed": (nn.Identity(), nn.CrossEntropyLoss(label_smoothing=0.1)),
    }
    for name, (end, loss) in heads.items():
        net = nn.Sequential(mlp(), end)
        optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
        with doctor.watch(net, optimizer, every=1) as exam:
            for _ in range(2):
                optimizer.zero_grad()
                loss(net(zincir.tensor(X[:50])), zincir.tensor(Y[:50])).backward()
                optimizer.step()
        (counts,) = exam.exam.course.readings[-1].targets.values()
        assert (counts == np.bincount(Y[:50], minlength=10)).all(), name


class _Other(nn.Module):
    """Gives something else in evaluation, as detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: Any) -> Any:
        return self.net(x) if self.training else {"scores": self.net(x)}


def test_a_model_that_goes_another_way_in_evaluation_is_trained_all_the_same() -> None:
    net = _Other()
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1)
    trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0, doctor="standard")
    history = trainer.fit((X[:300], Y[:300]), epochs=3, progress=False)
    assert len(history["loss"]) == 3
    assert not trainer._examination.exam.course.looks
    assert not trainer.report.of("train_eval_mismatch")


def test_statistics_that_have_hardly_begun_are_no_mismatch() -> None:
    zincir.manual_seed(0)
    norm = nn.BatchNorm1d(32, momentum=0.0)
    net = nn.Sequential(nn.Linear(64, 32), norm, nn.ReLU(), nn.Linear(32, 10))
    with zincir.no_grad():
        net[0].weight.mul_(30)
    optimizer = zincir.optim.SGD(net.parameters(), lr=1e-2)
    x, y = zincir.tensor(X[:64]), zincir.tensor(Y[:64])
    found: list[int] = []
    with doctor.watch(net, optimizer, every=4) as exam:
        for _ in range(4):
            for _ in range(20):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
            for _ in range(3):
                exam.look(nn.CrossEntropyLoss(), (X[:64], Y[:64]))
            look = exam.exam.course.looks[-1]
            assert look.evaluation > 1.5 * look.training
            found.append(len(exam.report().of("train_eval_mismatch")))
    assert found == [0, 0, 1, 1]  # from the fiftieth step on
