"""Schedules: live in compiled steps, open to users' own, warnings, states."""

import math
import pickle
import warnings
from typing import Any

import pytest

import zincir
from scenes import Unseen
from zincir import nn, optim
from zincir.optim import lr_scheduler
from zincir.optim.lr_scheduler import LRScheduler, _LRScheduler


def start(kind: str = "SGD", **options: Any) -> tuple[nn.Parameter, optim.Optimizer]:
    p = nn.Parameter(zincir.tensor([8.0, 4.0]))
    return p, getattr(optim, kind)([p], **options)


class Warmup(_LRScheduler):
    """As scripts write them: rates of the beginning, the number of the step, and another one."""

    def __init__(self, optimizer: Any, steps: int, after: Any = None, last_epoch: int = -1) -> None:
        self.steps = steps
        self.after = after
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        if self.last_epoch > self.steps:
            return self.after.get_last_lr() if self.after else self.base_lrs
        return [rate * self.last_epoch / self.steps for rate in self.base_lrs]

    def step(self, epoch: Any = None) -> None:
        if self.last_epoch >= self.steps and self.after:
            self.after.step()
        super().step(epoch)


def test_a_schedule_of_ones_own() -> None:
    _, optimizer = start(lr=1.0)
    after = lr_scheduler.ExponentialLR(optimizer, 0.5)
    schedule = Warmup(optimizer, 2, after)
    assert isinstance(schedule, LRScheduler)
    rates = []
    for _ in range(5):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == [0.0, 0.5, 1.0, 0.5, 0.25]
    with pytest.warns(UserWarning, match="get_last_lr"):
        assert after.get_lr() == [0.0625]


@pytest.mark.parametrize("kind", ["SGD", "AdamW", "Rprop"])
def test_rates_are_live_in_compiled_steps(kind: str) -> None:
    ends = []
    for compiled in (False, True):
        p, optimizer = start(kind, lr=0.25)
        schedule = lr_scheduler.CosineAnnealingLR(optimizer, 20)
        ran = Unseen()

        def step(p: Any = p, optimizer: Any = optimizer, ran: Unseen = ran) -> zincir.Tensor:
            ran.append(1)
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = zincir.compile(step) if compiled else step
        losses = []
        for _ in range(20):
            losses.append(run().item())
            schedule.step()
        ends.append((losses, p.tolist()))
        assert len(ran) == (2 if compiled else 20), "recorded once, and once more to be sure"
    assert ends[0] == ends[1]


def test_momentum_that_cycles_is_live_too() -> None:
    ends = []
    for wrap in (lambda f: f, zincir.compile):
        p, optimizer = start(lr=0.25, momentum=0.9)
        schedule = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20)

        def step(p: Any = p, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()

        run = wrap(step)
        for _ in range(20):
            run()
            schedule.step()
        ends.append(p.tolist())
    assert ends[0] == ends[1]


def test_the_order_of_steps() -> None:
    _, optimizer = start(lr=1.0)
    optimizer.step()  # before there was a schedule: nobody counts it
    schedule = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="before optimizer"):
        schedule.step()
    _, optimizer = start(lr=1.0)
    schedule = lr_scheduler.StepLR(optimizer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        schedule.step()


def test_replays_are_steps() -> None:
    p, optimizer = start(lr=1.0)

    @zincir.compile
    def step() -> None:
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()

    for _ in range(3):
        step()
    schedule = lr_scheduler.StepLR(optimizer, 1)
    step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        schedule.step()


def test_words_of_older_versions() -> None:
    _, optimizer = start(lr=1.0)
    with pytest.warns(UserWarning, match="verbose"):
        lr_scheduler.StepLR(optimizer, 2, verbose=True)
    with pytest.warns(UserWarning, match="verbose"):
        lr_scheduler.ReduceLROnPlateau(optimizer, "min", verbose=True)
    schedule = lr_scheduler.StepLR(optimizer, 2, 0.5)
    optimizer.step()
    with pytest.warns(UserWarning, match="epoch"):
        schedule.step(4)
    assert schedule.get_last_lr() == [0.25]


def test_a_plateau_of_tensors() -> None:
    _, optimizer = start(lr=1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    for value in (1.0, 1.0, math.nan):
        schedule.step(zincir.tensor(value))
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert schedule.best == 1.0


def test_saving() -> None:
    _, optimizer = start(lr=1.0, momentum=0.5)
    schedule = lr_scheduler.CyclicLR(optimizer, 0.1, 1.0, 3)
    for _ in range(4):
        optimizer.step()
        schedule.step()
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), schedule.state_dict())))
    _, other = start(lr=7.0, momentum=0.5)
    fresh = lr_scheduler.CyclicLR(other, 0.1, 1.0, 3)
    other.load_state_dict(saved[0])
    fresh.load_state_dict(saved[1])
    assert other.param_groups[0]["initial_lr"] == optimizer.param_groups[0]["initial_lr"]
    for o, s in ((optimizer, schedule), (other, fresh)):
        o.step()
        s.step()
    assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    assert other.param_groups[0]["momentum"] == optimizer.param_groups[0]["momentum"]


def test_groups_added_later_and_missing_momentum() -> None:
    p, optimizer = start("Adagrad", lr=1.0)
    with pytest.raises(ValueError, match="must support momentum or beta1"):
        lr_scheduler.OneCycleLR(optimizer, 0.1, 5)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, min_lr=[0.5], patience=0)
    optimizer.add_param_group({"params": [nn.Parameter(p.detach().clone())]})
    schedule.step(1.0)
    with pytest.raises(RuntimeError, match="other groups"):
        schedule.step(1.0)
