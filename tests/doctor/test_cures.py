"""Cures: what is accepted, what is put back, and what is said of it."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, mlp
from state import state_of
from zincir import doctor, nn
from zincir.doctor.remedy import _REMEDIES, Change, Cost, Remedy, remedies
from zincir.errors import ArgumentError, ShapeError, UnknownName
from zincir.trainer import Callback, ClipGradients, ExponentialAverage, Trainer

DATA = X[:1200], Y[:1200]


def trainer_of(
    net: Any, rate: float = 0.1, kind: Any = zincir.optim.SGD, **options: Any
) -> Trainer:
    settings = {k: options.pop(k) for k in ("momentum",) if k in options}
    optimizer = kind(net.parameters(), lr=rate, **settings)
    return Trainer(net, options.pop("loss", nn.CrossEntropyLoss()), optimizer, seed=0, **options)


def test_healthy_is_not_changed() -> None:
    schedule_of = zincir.optim.lr_scheduler.CosineAnnealingLR
    net = nn.Sequential(nn.Dropout(0.1), mlp(norm=nn.BatchNorm1d))
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    trainer = Trainer(
        net, nn.CrossEntropyLoss(), optimizer, scheduler=schedule_of(optimizer, 50), seed=0,
        metrics=["accuracy"], callbacks=[ClipGradients(norm=5.0), ExponentialAverage(0.9)],
    )  # fmt: skip
    trainer.fit(DATA, epochs=1, progress=False)
    net.eval()
    net[1][0].weight.grad = zincir.ones(32, 64)
    before = state_of(trainer)
    cure = doctor.cure(trainer, DATA, allow="architecture")
    assert cure.accepted is None
    assert cure.rolled_back
    assert not cure.trials
    assert str(cure) == "cure: nothing to treat; nothing was changed"
    assert state_of(trainer) == before


def test_nothing_that_helps_is_rolled_back_to_the_bit() -> None:
    trainer = trainer_of(mlp(nn.Sigmoid, 8), momentum=0.9)
    trainer.fit(DATA, epochs=1, progress=False)
    before = state_of(trainer)
    cure = doctor.cure(trainer, DATA)
    assert cure.accepted is None
    assert cure.rolled_back
    assert [t.remedy for t in cure.trials] == ["reinitialise"]
    assert "nothing that was tried helps; everything is as it was" in str(cure)
    assert 'with allow="architecture" there are also: relu, batch_norm, residual' in str(cure)
    assert state_of(trainer) == before


def test_the_trainer_has_the_change_and_nothing_else() -> None:
    def train(cured: bool) -> Any:
        zincir.manual_seed(0)
        net = nn.Sequential(mlp(), nn.Dropout(0.1))
        trainer = trainer_of(net, 1e-6)
        trainer.seed = None  # goes on with the generator as it is
        if cured:
            cure = doctor.cure(trainer, DATA)
            assert cure.accepted is not None
            assert cure.accepted.remedy == "higher_rate"
            assert trainer.steps == 0
        else:
            trainer.optimizer.param_groups[0]["lr"] = 0.1
        return trainer.fit(DATA, epochs=4, progress=False)["loss"]

    cured, by_hand = train(True), train(False)
    assert cured == pytest.approx(by_hand, rel=1e-6)
    assert cured[-1] < 1.0


def test_ctrl_c_puts_everything_back() -> None:
    trainer = trainer_of(mlp(nn.Sigmoid, 8), momentum=0.9)
    trainer.fit(DATA, epochs=1, progress=False)
    before = state_of(trainer)
    handler = signal.getsignal(signal.SIGINT)
    done = threading.Event()

    def press() -> None:
        done.wait(0.7)
        os.kill(os.getpid(), signal.SIGINT)

    presses = threading.Thread(target=press)
    presses.start()
    began = time.perf_counter()
    try:
        with pytest.raises(KeyboardInterrupt):
            doctor.cure(trainer, DATA, allow="architecture", steps=4000)
    finally:
        done.set()
        presses.join()
    assert time.perf_counter() - began < 30
    assert state_of(trainer) == before
    assert signal.getsignal(signal.SIGINT) is handler


class _Breaks(Callback):
    """Raises in a step that a cure tries."""

    def __init__(self, at: int) -> None:
        self.left = at

    def after_update(self, step: Any) -> None:
        if self.left == 0:
            raise RuntimeError("the user's own")

    def on_step_end(self, trainer: Any) -> None:
        self.left -= 1


def test_an_error_of_the_users_own_is_raised_as_it_is() -> None:
    trainer = trainer_of(mlp(), callbacks=[_Breaks(0)])
    before = state_of(trainer)
    with pytest.raises(RuntimeError, match="the user's own"):
        doctor.cure(trainer, DATA)
    assert state_of(trainer) == before
    with pytest.raises(ShapeError):
        doctor.cure(trainer_of(mlp()), (X[:300, :7], Y[:300]))


def test_models_without_parameters_and_frozen_ones() -> None:
    net = mlp()
    trainer = trainer_of(net)
    net.requires_grad_(False)
    assert "no parameters that are trained" in str(doctor.cure(trainer, DATA))
    empty = Trainer(nn.Identity(), nn.MSELoss())
    assert doctor.cure(empty, (X, X)).rolled_back


def test_an_iterator_is_kept() -> None:
    def batches() -> Iterator[Any]:
        rng = np.random.default_rng(0)
        while True:
            rows = rng.integers(0, 1200, 32)
            yield X[rows], Y[rows]

    source = batches()
    trainer = trainer_of(mlp(), 1e-6)
    cure = doctor.cure(trainer, source)
    assert cure.accepted is not None
    assert cure.accepted.remedy == "higher_rate"
    assert "used up" in str(cure)
    loader = [(X[i : i + 32], Y[i : i + 32]) for i in range(0, 1200, 32)]
    trainer = trainer_of(mlp(), 1e-6)
    assert doctor.cure(trainer, loader).accepted is not None
    with pytest.raises(ArgumentError, match="too few samples"):
        doctor.cure(trainer, loader[:1])


def test_nan_from_the_start() -> None:
    x = X[:600].copy()
    x[::7] = np.nan
    trainer = trainer_of(mlp())
    before = state_of(trainer)
    cure = doctor.cure(trainer, (x, Y[:600]), allow="architecture")
    assert cure.rolled_back
    assert cure.finding is not None
    assert cure.finding.symptom == "non_finite_data"
    assert state_of(trainer) == before
    json.loads(cure.to_json())
    trainer = trainer_of(mlp(), loss=lambda a, b: nn.functional.cross_entropy(a, b) * np.nan)
    assert doctor.cure(trainer, DATA).rolled_back


def test_parameters_that_are_nan_are_drawn_again() -> None:
    net = mlp()
    trainer = trainer_of(net, 1e30)
    trainer.fit(DATA, epochs=1, progress=False, allow_nan=True)
    assert not np.isfinite(net[0].weight.detach().numpy()).all()
    cure = doctor.cure(trainer, DATA, remedies=["clip", "lower_rate"])
    assert cure.rolled_back  # 1e27 is too high as well
    assert not np.isfinite(net[0].weight.detach().numpy()).all()
    trainer.optimizer.param_groups[0]["lr"] = 30.0
    cure = doctor.cure(trainer, DATA, remedies=["lower_rate"])
    assert cure.accepted is not None
    assert "parameters are not finite" in str(cure)
    assert np.isfinite(net[0].weight.detach().numpy()).all()
    assert trainer.fit(DATA, epochs=2, progress=False)["loss"][-1] < 1


def test_parameters_that_are_nan_are_what_is_treated_if_nothing_else_is_wrong() -> None:
    net = mlp()
    net[0].weight.data.fill_(np.nan)
    trainer = trainer_of(net)
    assert doctor.cure(trainer, DATA, remedies=["clip"]).rolled_back  # nothing else was asked for
    assert np.isnan(net[0].weight.detach().numpy()).all()
    cure = doctor.cure(trainer, DATA)
    assert cure.finding is not None
    assert cure.accepted is not None
    assert (cure.finding.symptom, cure.accepted.remedy) == ("non_finite", "reinitialise")
    assert not cure.rolled_back
    assert "reset_parameters" in cure.code
    json.loads(cure.to_json())
    assert trainer.fit(DATA, epochs=6, progress=False)["loss"][-1] < 0.5


def test_a_proven_fault_needs_no_margin() -> None:
    features = np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32)
    targets = features @ np.array([1, 2, 3, 4], np.float32)
    net = nn.Sequential(nn.Linear(4, 1))
    trainer = trainer_of(net, 1e-5, loss=lambda outputs, y: ((outputs - y) ** 2).mean())
    cure = doctor.cure(trainer, (features, targets))  # (N, 1) - (N,): a table of differences
    assert cure.accepted is not None
    assert cure.accepted.remedy == "matching_shapes"
    gained = cure.accepted.probe / cure.accepted.control
    assert 0.99 < gained < 1  # too little to be told from noise


def test_the_order_of_costs_and_the_budget() -> None:
    names = [r.name for r in remedies("vanishing_gradient")]
    assert names == ["reinitialise", "relu", "batch_norm", "residual"]
    trainer = trainer_of(mlp(nn.Sigmoid, 8))
    cure = doctor.cure(trainer, DATA, allow="architecture", budget=2)
    assert [t.remedy for t in cure.trials] == ["reinitialise", "relu"]
    assert "the budget is used up" in str(cure)


def test_a_change_that_fails_is_noted_and_the_next_one_tried(monkeypatch: Any) -> None:
    def fails(patient: Any) -> None:
        raise AttributeError

    def breaks(patient: Any) -> None:
        patient.model[1] = nn.Sequential(patient.model[1])
        patient.model[1].forward = lambda x: x.no_such_name

    def propose(patient: Any, finding: Any) -> list[Any]:
        return [Change("cannot be made", fails, ""), Change("cannot run", breaks, "")]

    def refuse(patient: Any, finding: Any) -> list[Any]:
        raise KeyError("head")

    remedies("learning_rate_too_low")  # all are known now
    for name, own in (("refusing", refuse), ("failing", propose)):
        made = Remedy(name, Cost.SETTING, ("learning_rate_too_low",), own, "")
        monkeypatch.setitem(_REMEDIES, name, made)
    trainer = trainer_of(mlp(), 1e-6)
    cure = doctor.cure(trainer, DATA, remedies=["refusing", "failing", "higher_rate"])
    verdicts = [t.verdict for t in cure.trials]
    assert verdicts[0] == "it fails: KeyError: 'head'"
    assert verdicts[1] == "it fails: AttributeError"
    assert verdicts[2].startswith("it fails: AttributeError: ")
    assert cure.accepted is not None
    assert cure.accepted.remedy == "higher_rate"


def test_arguments_are_checked() -> None:
    trainer = trainer_of(mlp())
    with pytest.raises(ArgumentError, match="the first argument is a Trainer"):
        doctor.cure(mlp(), DATA)
    with pytest.raises(ArgumentError, match='may be allowed is "architecture"'):
        doctor.cure(trainer, DATA, allow="all")
    with pytest.raises(UnknownName, match="there is no remedy 'hope'"):
        doctor.cure(trainer, DATA, remedies=["hope"])
    with pytest.raises(ArgumentError, match="steps from 16 on"):
        doctor.cure(trainer, DATA, steps=3)


@pytest.mark.parametrize("kind", ["one cycle", "cosine"])
def test_a_schedule_that_is_made_later_has_the_new_rate(kind: str) -> None:
    from_function: list[Any] = []

    def make(optimizer: Any, updates: int) -> Any:
        schedules = zincir.optim.lr_scheduler
        if kind == "one cycle":
            made = schedules.OneCycleLR(optimizer, max_lr=1e-6, total_steps=updates)
        else:
            made = schedules.CosineAnnealingLR(optimizer, updates)
        from_function.append(made)
        return made

    zincir.manual_seed(0)
    trainer = trainer_of(mlp(), 1e-6)
    trainer.scheduler = make
    cure = doctor.cure(trainer, DATA)
    assert cure.accepted is not None
    assert cure.accepted.remedy == "higher_rate"
    assert "the schedule is made when fit begins: trials went without it" in cure.notes
    assert not from_function
    rate = trainer.optimizer.param_groups[0]["lr"]
    rates: list[float] = []

    class Rates(Callback):
        def on_step_end(self, trainer: Any) -> None:
            rates.append(trainer.optimizer.param_groups[0]["lr"])

    trainer.callbacks = type(trainer.callbacks)([Rates()])
    trainer.fit(DATA, epochs=2, progress=False)
    assert len(from_function) == 1
    assert max(rates) == pytest.approx(rate, rel=0.02)
    assert rates[-1] < 0.01 * rate
