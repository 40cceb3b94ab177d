"""Nets that are sick, healthy or cured, and how they are trained, for the tests of the doctor."""

from collections.abc import Callable
from typing import Any

import numpy as np

import zincir
from zincir import doctor
from zincir.data import load_digits
from zincir.nn import functional as F

DIGITS = load_digits()
X = np.asarray(DIGITS[0], np.float32).reshape(-1, 64)
X = (X - X.mean()) / X.std()
Y = np.asarray(DIGITS[1], np.int64)
BATCH = X[:128], Y[:128]


class Patients:
    """Nets of a library, and how it trains them: this one, or PyTorch."""

    def __init__(self, library: Any) -> None:
        self.library, self.nn = library, library.nn

    def mlp(self, act: Any = None, depth: int = 2, *, norm: Any = None, scale: float = 1.0) -> Any:
        """A net for digits: `depth` hidden layers of 32 units; weights times `scale`."""
        nn = self.nn
        layers: list[Any] = []
        for number in range(depth):
            layers.append(nn.Linear(64 if number == 0 else 32, 32))
            if norm is not None:
                layers.append(norm(32))
            layers.append((act or nn.ReLU)())
        net = nn.Sequential(*layers, nn.Linear(32, 10))
        with self.library.no_grad():
            for layer in net:
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(scale)
        return net

    def sgd(self, rate: float, **settings: Any) -> Callable[[Any], Any]:
        """What makes an SGD of parameters."""
        return lambda parameters: self.library.optim.SGD(parameters, lr=rate, **settings)

    def adam(self, rate: float, **settings: Any) -> Callable[[Any], Any]:
        """What makes an Adam of parameters."""
        return lambda parameters: self.library.optim.Adam(parameters, lr=rate, **settings)

    def train(
        self,
        make: Callable[[], Any],
        optimizer: Callable[[Any], Any],
        steps: int = 150,
        *,
        compiled: bool = True,
        clear: bool = True,
        watched: bool = True,
        loss: Any = None,
        x: Any = X,
        y: Any = Y,
        order: Any = None,
        **options: Any,
    ) -> tuple[Any, list[float], list[Any]]:
        """A training on digits: the `watch`, the losses and the parameters at the end.

        Args:
            compiled: by this library.
            order: the numbers of the samples, one after the other; None: at random.
        """
        tensor, loss = self.library.tensor, loss or self.nn.functional.cross_entropy
        self.library.manual_seed(0)
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

        run = zincir.compile(step) if compiled and self.library is zincir else step
        options.setdefault("every", 16)  # whatever the time it takes
        exam = doctor.watch(net, changes, **options)
        if watched:
            exam.__enter__()
        losses = []
        for number in range(steps):
            rows = rng.integers(0, len(x), 32)
            if order is not None:
                rows = order[np.arange(32 * number, 32 * number + 32) % len(x)]
            losses.append(run(tensor(x[rows]), tensor(y[rows])).item())
        if watched:
            exam.__exit__(None, None, None)
        return exam, losses, [p.detach().numpy().copy() for p in net.parameters()]

    def found(self, *args: Any, **options: Any) -> dict[str, Any]:
        """By symptom, the first finding of a training that is no mere info."""
        return _firsts(self.train(*args, **options)[0].report())


OWN = Patients(zincir)
mlp, sgd, adam, train, found = OWN.mlp, OWN.sgd, OWN.adam, OWN.train, OWN.found


def _firsts(report: Any) -> dict[str, Any]:
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
    return _firsts(doctor.checkup(net, loss, optimizer, batch))
