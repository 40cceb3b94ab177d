"""What remedies replace keeps its settings, and whatever data they meet keeps its axes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, mlp
from zincir import doctor, nn
from zincir.errors import ArgumentError
from zincir.nn import functional as F
from zincir.trainer import Trainer
from zincir.trainer.callback import Callback

SGD = zincir.optim.SGD
WEIGHTS = np.linspace(0.5, 2.0, 10, dtype=np.float32)
SOME = np.where(np.arange(1200) % 4 == 0, 3, Y[:1200])
"""Of which 3 is ignored."""


def settings(**others: Any) -> dict[str, Any]:
    return {"weight": zincir.tensor(WEIGHTS), "ignore_index": 3, **others}


def cured(trainer: Trainer, data: Any, name: str, **options: Any) -> Any:
    cure = doctor.cure(trainer, data, allow="architecture", remedies=[name], **options)
    assert cure.accepted is not None, str(cure)
    return cure


def softmax_net() -> Any:
    return nn.Sequential(mlp(), nn.Softmax(dim=1))


def nll(x: Any, y: Any) -> Any:
    return F.nll_loss(x, y, **settings())


def of_logits(z: Any, y: Any) -> Any:
    return F.cross_entropy(z, y, **settings())


def of_smooth_logits(z: Any, y: Any) -> Any:
    return F.cross_entropy(z, y, **settings(label_smoothing=0.1))


def of_smooth_probabilities(p: Any, y: Any) -> Any:
    return of_smooth_logits(p.log(), y)


def smooth() -> Any:
    return nn.CrossEntropyLoss(**settings(label_smoothing=0.1))


@pytest.mark.parametrize(
    ("name", "net", "loss", "expected"),
    [
        ("with_logits", mlp, lambda: nn.NLLLoss(**settings()), of_logits),
        ("with_logits", mlp, lambda: nll, of_logits),
        ("log_of_probabilities", softmax_net, smooth, of_smooth_probabilities),
        ("remove_softmax", softmax_net, smooth, of_smooth_logits),
    ],
)
def test_a_loss_keeps_what_it_weighs_ignores_and_smooths(
    name: str, net: Callable[[], Any], loss: Callable[[], Any], expected: Any
) -> None:
    zincir.manual_seed(0)
    model = net()
    trainer = Trainer(model, loss(), SGD(model.parameters(), lr=0.1), seed=0)
    cured(trainer, (X[:1200], SOME), name)
    outputs, y = model(zincir.tensor(X[:64])), zincir.tensor(SOME[:64])
    np.testing.assert_allclose(
        trainer.loss(outputs, y).item(), expected(outputs, y).item(), rtol=1e-6
    )
    # what is said of a class that is ignored costs nothing
    assert trainer.loss(outputs[::4], y[::4]).isnan()


def test_the_code_of_a_loss_makes_the_same_loss() -> None:
    zincir.manual_seed(0)
    for loss in (nn.NLLLoss(**settings()), nn.NLLLoss()):
        model = mlp()
        trainer = Trainer(model, loss, SGD(model.parameters(), lr=0.1), seed=0)
        names: dict[str, Any] = {"nn": nn, "loss": loss}
        exec(cured(trainer, (X[:1200], SOME), "with_logits").code, names)
        z, y = model(zincir.tensor(X[:64])), zincir.tensor(SOME[:64])
        assert names["loss"](z, y).item() == trainer.loss(z, y).item()


def test_weights_of_classes_are_those_of_labels_that_count() -> None:
    zincir.manual_seed(0)
    draws = np.random.default_rng(0)
    classes = np.r_[np.zeros(9000, np.int64), np.ones(500, np.int64), np.full(500, 2)]
    points = draws.normal(size=(10000, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5]])[classes]
    labels = np.where(np.arange(10000) < 1000, 1, classes)  # wrong, and marked below
    labels[:1000] = 7
    net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 3))
    loss = nn.CrossEntropyLoss(ignore_index=7, label_smoothing=0.05)
    trainer = Trainer(net, loss, SGD(net.parameters(), lr=0.1), seed=0)
    cured(trainer, (points.astype(np.float32), labels), "class_weights")
    found: Any = trainer.loss
    assert (found.ignore_index, found.label_smoothing) == (7, 0.05)
    frequent, *rare = found.weight.tolist()
    assert frequent < 0.5
    assert min(rare) > 2


def test_features_of_series_are_standardised_each() -> None:
    zincir.manual_seed(0)
    draws = np.random.default_rng(0)
    scales = np.array([1e-2, 1.0, 1e2], np.float32)
    x = (draws.normal(size=(600, 12, 3)) * scales + 5 * scales).astype(np.float32)
    y = np.int64(x[:, -1, 0] > 5e-2)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into: Any = nn.Linear(3, 16)
            self.out = nn.Linear(12 * 16, 2)

        def forward(self, x: Any) -> Any:
            return self.out(self.into(x).relu().flatten(1))

    net = Last()
    trainer = Trainer(net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=0.05), seed=0)
    cure = cured(trainer, (x, y), "standardise")
    layer = net.into[0]
    assert layer.mean.shape == layer.deviation.shape == (1, 1, 3)
    np.testing.assert_allclose(layer.mean.numpy().reshape(3), 5 * scales, rtol=0.1)
    assert "x.mean((0, 1), keepdims=True)" in cure.code


def padded(lengths: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """Batches, each as long as its longest sample."""
    draws = np.random.default_rng(0)
    found: list[tuple[Any, Any]] = []
    for length in lengths:
        x = draws.normal(size=(32, length, 4)).astype(np.float32)
        found.append((x, np.int64(x.mean((1, 2)) > 0)))
    return found


def test_batches_of_different_lengths_are_compared_as_they_are() -> None:
    zincir.manual_seed(0)

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))

        def forward(self, x: Any) -> Any:
            return self.body(x.mean(1) * 10)

    net = Mean()
    trainer = Trainer(net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=300.0), seed=0)
    batches = padded(tuple(3 + n % 5 for n in range(48)))
    cure = cured(trainer, batches, "lower_rate")
    assert cure.accepted.symptom == "learning_rate_too_high"


class Logged(Callback):
    """Takes part in each step, and holds a file."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w")

    def after_update(self, step: Any) -> None:
        pass


def test_a_callback_that_cannot_be_copied_is_named(tmp_path: Path) -> None:
    net = mlp()
    callback = Logged(tmp_path / "log")
    trainer = Trainer(
        net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=30.0), seed=0, callbacks=[callback]
    )
    with callback.file, pytest.raises(ArgumentError, match=r"(?s)Logged .*cannot be copied.*file"):
        doctor.cure(trainer, (X[:1200], Y[:1200]))
    assert trainer.steps == 0


class Halving:
    """A schedule that is nobody's but the user's."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self._groups, self.steps = groups, 0

    def step(self) -> None:
        self.steps += 1
        for group in self._groups:
            group["lr"] *= 0.999

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]


def test_a_schedule_of_the_users_own_is_put_back() -> None:
    zincir.manual_seed(0)
    net = mlp()
    optimizer = SGD(net.parameters(), lr=30.0)
    schedule = Halving(optimizer.param_groups)
    trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer, scheduler=schedule, seed=0)
    cured(trainer, (X[:1200], Y[:1200]), "lower_rate")
    assert schedule.steps == 0


class Beside(nn.Module):
    """A net that gives a number for the batch besides, and nothing."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Any) -> Any:
        z = self.net(x)
        return z, z.square().mean(), None


def test_units_are_revived_where_outputs_are_of_several_kinds() -> None:
    zincir.manual_seed(0)
    net = mlp()
    with zincir.no_grad():
        net[0].bias.fill_(-100.0)
    model = Beside(net)

    def loss(outputs: Any, y: Any) -> Any:
        return F.cross_entropy(outputs[0], y)

    trainer = Trainer(model, loss, SGD(model.parameters(), lr=0.1), seed=0)
    cure = cured(trainer, (X[:1200], Y[:1200]), "revive")
    assert cure.accepted.symptom == "dead_relu"
