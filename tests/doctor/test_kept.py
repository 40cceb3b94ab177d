"""What is kept of a training and put back, and rates that are scaled under a schedule."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zincir
from state import bits, plain
from zincir import doctor, nn
from zincir.doctor.kept import Kept
from zincir.doctor.surgery import scale_rates
from zincir.doctor.undisturbed import undisturbed
from zincir.optim import lr_scheduler as S
from zincir.utils.data import DataLoader, TensorDataset

SCHEDULES: dict[str, Any] = {
    "LambdaLR": lambda o: S.LambdaLR(o, lambda k: 1 / (1 + k)),
    "StepLR": lambda o: S.StepLR(o, 2, gamma=0.5),
    "ExponentialLR": lambda o: S.ExponentialLR(o, 0.9),
    "LinearLR": lambda o: S.LinearLR(o, 0.1, total_iters=5),
    "CosineAnnealingLR": lambda o: S.CosineAnnealingLR(o, 20),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.4, total_steps=20),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.1, 0.4, step_size_up=3, cycle_momentum=False),
    "PolynomialLR": lambda o: S.PolynomialLR(o, 20),
    "SequentialLR": lambda o: S.SequentialLR(
        o, [S.LinearLR(o, 0.1, total_iters=3), S.ExponentialLR(o, 0.9)], [3]
    ),
}
OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda p: zincir.optim.SGD(p, lr=0.2, momentum=0.9),
    "Adam": lambda p: zincir.optim.Adam(p, lr=0.2),
    "Adam, a tensor as rate": lambda p: zincir.optim.Adam(p, lr=zincir.tensor(0.2)),
    "RMSprop": lambda p: zincir.optim.RMSprop(p, lr=0.2, momentum=0.5),
    "NAdam": lambda p: zincir.optim.NAdam(p, lr=0.2),
    "Adafactor": lambda p: zincir.optim.Adafactor(p, lr=0.2),
    "LBFGS": lambda p: zincir.optim.LBFGS(p, lr=0.2, max_iter=2),
}


def made(optimizer: str = "SGD") -> tuple[Any, Any]:
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Sigmoid(), nn.Linear(8, 1))
    return net, OPTIMIZERS[optimizer](net.parameters())


def step(net: Any, optimizer: Any) -> Any:
    x = zincir.randn(16, 4)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        return loss

    return optimizer.step(closure)


def rates_of(optimizer: Any) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_goes_on_from_the_scaled_rate(name: str) -> None:
    rates: list[list[float]] = []
    for factor in (1.0, 0.1):
        net, optimizer = made()
        schedule = SCHEDULES[name](optimizer)
        for number in range(9):
            step(net, optimizer)
            schedule.step()
            if number == 1:
                patient: Any = SimpleNamespace(optimizer=optimizer, scheduler=schedule)
                scale_rates(patient, factor)
            if number > 1:
                rates.append(rates_of(optimizer))
    whole, scaled = np.array(rates[:7]), np.array(rates[7:])
    np.testing.assert_allclose(scaled, 0.1 * whole, rtol=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_put_back(name: str) -> None:
    net, optimizer = made()
    schedule = SCHEDULES[name](optimizer)
    for _ in range(2):
        step(net, optimizer)
        schedule.step()
    before = plain(schedule.state_dict()), rates_of(optimizer), plain(optimizer.state_dict())
    kept = Kept(net, optimizer, schedule)
    later: list[list[list[float]]] = []
    for _ in range(2):
        later.append([])
        for _ in range(5):
            step(net, optimizer)
            schedule.step()
            later[-1].append(rates_of(optimizer))
        kept.restore()
        after = plain(schedule.state_dict()), rates_of(optimizer), plain(optimizer.state_dict())
        assert repr(after) == repr(before)
    assert later[0] == later[1]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_training_is_put_back_and_goes_on_in_the_same_way(name: str, steps: int) -> None:
    net, optimizer = made(name)
    for _ in range(steps):
        step(net, optimizer)
    before = state(net, optimizer)
    kept = Kept(net, optimizer)
    runs: list[Any] = []
    for _ in range(2):
        runs.append([bits(step(net, optimizer)) for _ in range(4)])
        net[2] = nn.ReLU()
        net[0].weight.requires_grad_(False)
        net.eval()
        if name != "LBFGS":  # which counts its parameters once
            optimizer.param_groups[0]["params"].append(zincir.ones(1, requires_grad=True))
        optimizer.param_groups[0]["lr"] = 7.0
        step(net, optimizer)
        kept.restore()
        assert repr(state(net, optimizer)) == repr(before)
        assert isinstance(net[2], nn.Sigmoid)
    assert runs[0] == runs[1]


def test_what_else_is_trained_is_put_back_and_what_a_loss_holds() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(zincir.ones(1))
            self.register_buffer("seen", zincir.zeros(1))

        def forward(self, a: Any, b: Any) -> Any:
            self.seen = self.seen + 1
            return self.scale * (a - b).square().mean()

    net, loss = nn.Linear(2, 1), Weighted()
    outside = zincir.ones(3, requires_grad=True)
    optimizer = zincir.optim.SGD([*net.parameters(), outside], lr=0.1)
    kept = Kept(net, optimizer, loss=loss)
    value = loss(net(zincir.ones(4, 2)) + outside.sum(), zincir.zeros(4, 1))
    value.backward()
    optimizer.step()
    with zincir.no_grad():
        loss.scale.mul_(3)
    assert outside.tolist() != [1.0] * 3
    kept.restore()
    assert outside.tolist() == [1.0] * 3
    assert outside.grad is None
    assert (loss.scale.tolist(), loss.seen.tolist(), loss.scale.grad) == ([1.0], [0.0], None)


class _Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("mean", zincir.zeros(3))

    def forward(self, x: Any) -> Any:
        self.mean = 0.5 * self.mean + x.mean(0)
        if "new" not in self._buffers:
            self.register_buffer("new", zincir.ones(2))
        return self.layer(x)


def test_buffers_that_a_forward_makes_anew_are_put_back() -> None:
    net = _Counting()
    before = net.mean
    with undisturbed(net):
        net(zincir.ones(4, 3))
        assert net.mean is not before
    assert net.mean is before
    assert before.tolist() == [0.0] * 3
    assert list(net._buffers) == ["mean"]


def test_what_is_learnt_by_heart_leaves_the_gradients_of_the_net() -> None:
    zincir.manual_seed(0)
    net = nn.Linear(4, 1)

    def loss(a: Any, b: Any) -> Any:
        return (a - b).square().mean() + 1e-3 * sum(p.square().sum() for p in net.parameters())

    net.weight.grad = zincir.ones(1, 4)
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    report = doctor.checkup(net, loss, None, (x, x[:, :1]), seconds=20)
    assert not report.failed
    assert net.weight.grad.tolist() == [[1.0] * 4]
    assert net.bias.grad is None


def test_a_cure_takes_nothing_from_the_generators_of_a_loader() -> None:
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    x = zincir.randn(512, 4)
    data = TensorDataset(x, x[:, :1])
    own = zincir.Generator().manual_seed(3)
    for generator in (None, own):
        loader = DataLoader(data, batch_size=32, shuffle=True, generator=generator)
        trainer = zincir.Trainer(net, nn.MSELoss(), zincir.optim.SGD(net.parameters(), lr=1e-2))
        before = bits(zincir.get_rng_state()), bits(own.get_state())
        assert doctor.cure(trainer, loader, steps=16, budget=1).rolled_back
        assert (bits(zincir.get_rng_state()), bits(own.get_state())) == before


def state(net: Any, optimizer: Any) -> Any:
    return (
        plain(dict(net.state_dict())), plain(optimizer.state_dict()), rates_of(optimizer),
        [(id(p), p.requires_grad, bits(p.grad)) for p in net.parameters()], net.training,
        bits(zincir.get_rng_state()),
    )  # fmt: skip
