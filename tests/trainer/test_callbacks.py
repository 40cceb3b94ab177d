"""What takes part in training: clipping, averages, stopping, freezing, logs, rates, progress."""

import csv
import json

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError
from zincir.trainer import (
    Callback,
    ClipGradients,
    CSVLog,
    EarlyStopping,
    ExponentialAverage,
    Freeze,
    History,
    JSONLog,
    TensorBoardLog,
    Trainer,
    find_learning_rate,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((64, 4)).astype(np.float32)
Y = X @ np.float32([[1], [-2], [3], [0.5]]) + 0.5


def linear(*callbacks, lr=0.1, **options):
    zincir.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    return Trainer(model, nn.MSELoss(), optimizer, callbacks=callbacks, seed=0, **options)


def fit(t, epochs=2, **options):
    t.fit((X, Y), epochs=epochs, batch_size=16, progress=False, **options)
    return t


def test_what_a_step_lets_out():
    class Watch(Callback):
        def __init__(self):
            self.rows = []

        def after_backward(self, step):
            step.observe("grad", step.model.weight.grad.norm())
            step.observe("before", step.model.weight.sum())

        def after_update(self, step):
            step.observe("after", step.model.weight.sum())

        def on_step_end(self, trainer):
            self.rows.append({k: v.item() for k, v in trainer.observed.items()})

    watch = Watch()
    fit(linear(watch))
    assert len(watch.rows) == 8
    for one, two in zip(watch.rows, watch.rows[1:], strict=False):
        assert one["after"] == two["before"] != one["before"]
        assert one["grad"] > 0


def test_who_does_not_ask_is_not_asked_at_each_step():
    plain = linear(EarlyStopping())
    assert not plain.callbacks.each_step
    assert not plain.callbacks.after_backward


def test_clipping():
    norms = []

    class Note(Callback):
        def on_step_end(self, trainer):
            norms.append(trainer.observed["grad_norm"].item())

    free, bound = fit(linear()), fit(linear(ClipGradients(norm=0.01), Note()))
    start = linear().model.weight.detach().numpy()
    moved = [np.abs(t.model.weight.detach().numpy() - start).sum() for t in (free, bound)]
    assert moved[1] < 0.1 * moved[0]
    assert min(norms) > 0.01
    small = fit(linear(ClipGradients(value=1e-4)), epochs=1)
    assert np.abs(small.model.weight.detach().numpy() - start).max() <= 4 * 0.1 * 1e-4 + 1e-7
    for options in ({}, {"norm": 1.0, "value": 1.0}, {"norm": 0}, {"value": -1.0}):
        with pytest.raises(ArgumentError, match="one of norm and value"):
            ClipGradients(**options)


def test_averages():
    averaging = ExponentialAverage(0.5)
    seen = []

    class Note(Callback):
        def on_step_end(self, trainer):
            seen.append(trainer.model.weight.detach().numpy().copy())

    t = linear(averaging, Note())
    average = t.model.weight.detach().numpy().copy()
    t.fit((X, Y), (X, Y), epochs=2, batch_size=16, progress=False)
    for k, w in enumerate(seen, 1):
        decay = min(0.5, (1 + k) / (10 + k))
        average = average + (w - average) * (1 - decay)
    np.testing.assert_allclose(t.model.weight.detach().numpy(), average, rtol=1e-5)
    found = t.evaluate((X, Y))["loss"]
    assert found == pytest.approx(t.history[-1]["val_loss"], rel=1e-5)
    assert linear().model.weight.tolist() != t.model.weight.tolist()
    with pytest.raises(ArgumentError, match="decay"):
        ExponentialAverage(1.0)


def test_early_stopping():
    losses = iter([3.0, 2.0, 1.0, 1.5, 1.2, 0.9, 0.1])
    kept = {}

    class Say(Callback):
        def on_epoch_end(self, trainer, log):
            log["made_up_loss"] = next(losses)
            kept[trainer.epoch] = trainer.model.weight.tolist()

    stopping = EarlyStopping(2, monitor="made_up_loss")
    t = fit(linear(Say(), stopping), epochs=10)
    assert len(t.history) == 5
    assert (stopping.best, stopping.best_epoch) == (1.0, 3)
    assert t.model.weight.tolist() == kept[3] != kept[5]
    with pytest.raises(ArgumentError, match=r"no number 'val_loss'(.|\n)*loss, lr"):
        fit(linear(EarlyStopping(monitor="val_loss")))


def test_a_larger_accuracy_is_better():
    t = linear(EarlyStopping(1, monitor="score", restore=False))

    class Say(Callback):
        def on_epoch_end(self, trainer, log):
            log["score"] = [0.1, 0.2, 0.15, 0.3][trainer.epoch - 1]

    t.callbacks = type(t.callbacks)([Say(), *t.callbacks.all])
    assert len(fit(t, epochs=4).history) == 3


def test_freezing():
    zincir.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    seen = []

    class Note(Callback):
        def on_epoch_end(self, trainer, log):
            seen.append([p.detach().numpy().copy() for p in trainer.model.parameters()])

    start = [p.detach().numpy().copy() for p in model.parameters()]
    t = Trainer(model, nn.MSELoss(), optimizer, callbacks=[Freeze("0.*", epochs=2), Note()])
    fit(t, epochs=3)
    same = [[np.array_equal(a, b) for a, b in zip(start, now, strict=True)] for now in seen]
    assert same == [[True, True, False, False]] * 2 + [[False] * 4]
    assert all(p.requires_grad for p in model.parameters())
    with pytest.raises(ArgumentError, match=r"no parameter fits 'body\.\*'"):
        fit(linear(Freeze("body.*")))


def test_logs(tmp_path):
    logs = CSVLog(tmp_path / "a" / "log.csv"), JSONLog(tmp_path / "log.jsonl")
    t = fit(linear(*logs, TensorBoardLog(tmp_path / "board")), epochs=3)
    with (tmp_path / "a" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == t.history["loss"]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(t.history)
    assert list((tmp_path / "board").iterdir())


def test_the_rate_that_is_suggested_learns_and_leaves_no_trace():
    t = linear(lr=0.25)
    weight, state = t.model.weight.tolist(), zincir.get_rng_state().tolist()
    found = find_learning_rate(t, (X, Y), batch_size=16)
    assert t.model.weight.tolist() == weight
    assert zincir.get_rng_state().tolist() == state
    assert t.optimizer.param_groups[0]["lr"] == 0.25
    assert (len(t.history), t.epoch, t.steps) == (0, 0, 0)
    assert 1e-3 < found.suggestion < 1
    learned = fit(linear(lr=found.suggestion), epochs=5)
    assert learned.history[-1]["loss"] < 0.5 * learned.history[0]["loss"]
    with pytest.raises(ArgumentError, match="10 steps"):
        find_learning_rate(t, (X, Y), steps=3)


def test_history():
    history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "extra": 1.0}])
    assert history["extra"] == [None, 1.0]
    assert "0.25" in repr(history)
    with pytest.raises(KeyError, match="there are: epoch, loss, extra"):
        history["val_loss"]


def test_progress_as_lines(capsys):
    t = linear()
    t.fit((X, Y), epochs=2, batch_size=16, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1/2: loss ")
    assert lines[1].endswith(" s)")
    t.fit((X, Y), batch_size=16)
    assert capsys.readouterr() == ("", "")


def test_a_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no picture")
    t = linear()
    t.fit((X, Y), (X, Y), epochs=4, batch_size=16, progress=False)
    t.history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 5000
