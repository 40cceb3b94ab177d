"""Averages of weights beside PyTorch's."""

import copy
from typing import Any

import numpy as np
import pytest

import zincir

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing is compared")
pytestmark = pytest.mark.torch

WAYS: dict[str, Any] = {
    "mean": lambda u: {},
    "mean-multi": lambda u: {"multi_avg_fn": u.get_swa_multi_avg_fn()},
    "mean-buffers": lambda u: {"avg_fn": u.get_swa_avg_fn(), "use_buffers": True},
    "ema": lambda u: {"avg_fn": u.get_ema_avg_fn(0.9)},
    "ema-multi": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9)},
    "ema-buffers": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9), "use_buffers": True},
    "own": lambda u: {"avg_fn": lambda a, p, n: a * n / (n + 1) + p / (n + 1)},
}


class Run:
    """A net with batch norm that learns, and its average."""

    def __init__(self, library: Any, way: Any) -> None:
        nn, self.library = library.nn, library
        self.utils = library.optim.swa_utils
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
        random = np.random.default_rng(0)
        with library.no_grad():
            for p in self.net.parameters():
                array = random.standard_normal(tuple(p.shape)).astype(np.float32)
                p.copy_(library.from_numpy(array))
        self.optimizer = library.optim.SGD(self.net.parameters(), lr=0.05)
        self.average = self.utils.AveragedModel(self.net, **way(self.utils))
        data = np.random.default_rng(1).standard_normal((12, 8, 3)).astype(np.float32)
        self.data = [library.from_numpy(x) for x in data]

    def step(self, x: Any) -> Any:
        self.optimizer.zero_grad()
        loss = ((self.net(x).squeeze() - x.sum(1)) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        self.average.update_parameters(self.net)
        return loss

    def state(self) -> dict[str, Any]:
        return {k: v.detach().numpy() for k, v in self.average.state_dict().items()}


@pytest.mark.parametrize("way", list(WAYS.values()), ids=list(WAYS))
@pytest.mark.parametrize("compiled", [False, True])
def test_averages(way: Any, compiled: bool) -> None:
    ours, theirs = Run(zincir, way), Run(torch, way)
    step = zincir.compile(ours.step) if compiled else ours.step
    for x, y in zip(ours.data, theirs.data, strict=True):
        step(x)
        theirs.step(y)
    mine, other = ours.state(), theirs.state()
    assert mine.keys() == other.keys()
    for name in mine:
        np.testing.assert_allclose(mine[name], other[name], 2e-5, 1e-6, err_msg=name)
        assert mine[name].dtype == other[name].dtype


def test_batch_norms_are_computed_anew() -> None:
    ours, theirs = Run(zincir, WAYS["mean"]), Run(torch, WAYS["mean"])
    for run in (ours, theirs):
        for x in run.data[:4]:
            run.step(x)
        batches = [[x, None] for x in run.data[4:]]
        run.utils.update_bn(batches, run.average)
        assert run.average.training
    for mine, other in zip(ours.state().values(), theirs.state().values(), strict=True):
        np.testing.assert_allclose(mine, other, 2e-5, 1e-6)
    assert ours.average.module[1].momentum == 0.1


@pytest.mark.parametrize(
    "options",
    [{}, {"anneal_epochs": 0}, {"anneal_epochs": 7, "anneal_strategy": "linear"}],
)
def test_its_schedule_to_the_digit(options: dict[str, Any]) -> None:
    rates = []
    for library in (zincir, torch):
        p = library.ones(1, requires_grad=True)
        optimizer = library.optim.SGD([p], lr=0.5)
        other = library.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        schedule = library.optim.swa_utils.SWALR(optimizer, 0.05, **options)
        found = []
        for number in range(30):
            optimizer.step()
            (other if number < 5 else schedule).step()
            found.append(schedule.optimizer.param_groups[0]["lr"])
        again = library.optim.swa_utils.SWALR(optimizer, 0.05)
        again.load_state_dict(copy.deepcopy(schedule.state_dict()))
        rates.append((found, again.anneal_epochs, sorted(schedule.state_dict())))
    assert rates[0] == rates[1]


def test_what_pytorch_refuses_is_refused() -> None:
    for library in (torch, zincir):
        utils, net = library.optim.swa_utils, library.nn.Linear(1, 1)
        optimizer = library.optim.SGD(net.parameters())
        with pytest.raises((ValueError, AssertionError)):
            utils.AveragedModel(net, avg_fn=max, multi_avg_fn=max)
        with pytest.raises(ValueError, match="decay"):
            utils.get_ema_avg_fn(1.5)
        for options in ({"anneal_strategy": "root"}, {"anneal_epochs": -1}, {"anneal_epochs": 1.5}):
            with pytest.raises(ValueError, match="anneal"):
                utils.SWALR(optimizer, 0.1, **options)
        with pytest.raises(ValueError, match="swa_lr"):
            utils.SWALR(optimizer, [0.1, 0.2])


def test_adaptive_clipping() -> None:
    """As published: each row of a gradient at most a share of the row of weights."""
    random = np.random.default_rng(0)
    for shape in ((), (3,), (4, 3), (2, 3, 3, 3)):
        weight, grad = (np.asarray(random.standard_normal(shape)) for _ in range(2))
        p = zincir.nn.Parameter(zincir.from_numpy(weight.copy()))
        p.grad = zincir.from_numpy(grad.copy())
        zincir.nn.utils.adaptive_clip_grad_(p, 0.3)
        axes = tuple(range(1, len(shape))) or None
        norms = [np.sqrt((x**2).sum(axes, keepdims=len(shape) > 1)) for x in (weight, grad)]
        expected = grad * np.minimum(1, 0.3 * np.maximum(norms[0], 1e-3) / norms[1])
        np.testing.assert_allclose(p.grad.numpy(), expected, 1e-12)
