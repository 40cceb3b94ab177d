"""Nets that are sick, healthy or cured, and how they are trained, for the tests of the doctor."""

from collections.abc import Callable
from typing import Any

import numpy as np

import zincir
from zincir import doctor, nn
from zincir.data import load_digits
from zincir.nn import functional as F

DIGITS = load_digits()
X = np.asarray(DIGITS[0], np.float32).reshape(-1, 64)
X = (X - X.mean()) / X.std()
Y = np.asarray(DIGITS[1], np.int64)
BATCH = X[:128], Y[:128]


def mlp(act: Any = nn.ReLU, depth: int = 2, *, norm: Any = None, scale: float = 1.0) -> Any:
    """A net for digits: `depth` hidden layers of 32 units; weights times `scale`."""
    layers: list[Any] = []
    for number in range(depth):
        layers.append(nn.Linear(64 if number == 0 else 32, 32))
        if norm is not None:
            layers.append(norm(32))
        layers.append(act())
    net = nn.Sequential(*layers, nn.Linear(32, 10))
    with zincir.no_grad():
        for layer in net:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(scale)
    return net


def sgd(rate: float, **settings: Any) -> Callable[[Any], Any]:
    """What makes an SGD of parameters."""
    return lambda parameters: zincir.optim.SGD(parameters, lr=rate, **settings)


def adam(rate: float) -> Callable[[Any], Any]:
    """What makes an Adam of parameters."""
    return lambda parameters: zincir.optim.Adam(parameters, lr=rate)


def train(
    make: Callable[[], Any],
    optimizer: Callable[[Any], Any],
    steps: int = 150,
    *,
    compiled: bool = True,
    clear: bool = True,
    watched: bool = True,
    loss: Any = F.cross_entropy,
    x: Any = X,
    y: Any = Y,
    **options: Any,
) -> tuple[Any, list[float], list[Any]]:
    """A training on digits: the `watch`, the losses and the parameters at the end."""
    zincir.manual_seed(0)
    rng = np.random.default_rng(0)
    net = make()
    changes = optimizer(net.parameters())

    def step(a: Any, b: Any) -> Any:
        if clear:
            changes.zero_grad()
        value = loss(net(a), b)
        value.backward()
        changes.step()
        return value

    run = zincir.compile(step) if compiled else step
    options.setdefault("every", 16)  # whatever the time it takes
    exam = doctor.watch(net, changes, **options)
    if watched:
        exam.__enter__()
    losses = []
    for _ in range(steps):
        rows = rng.integers(0, len(x), 32)
        losses.append(run(zincir.tensor(x[rows]), zincir.tensor(y[rows])).item())
    if watched:
        exam.__exit__(None, None, None)
    return exam, losses, [p.detach().numpy().copy() for p in net.parameters()]


def found(*args: Any, **options: Any) -> dict[str, Any]:
    """By symptom, the first finding of a training that is no mere info."""
    report = train(*args, **options)[0].report()
    assert not report.failed, report.failed
    first: dict[str, Any] = {}
    for finding in report.findings:
        if finding.severity != "info":
            first.setdefault(finding.symptom, finding)
    return first


def checked(
    net: Any, loss: Any = F.cross_entropy, batch: Any = BATCH, optimizer: Any = None
) -> dict[str, Any]:
    """By symptom, the first finding of a checkup that is no mere info."""
    report = doctor.checkup(net, loss, optimizer, batch)
    assert not report.failed, report.failed
    first: dict[str, Any] = {}
    for finding in report.findings:
        if finding.severity != "info":
            first.setdefault(finding.symptom, finding)
    return first
