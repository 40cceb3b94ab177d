"""Each remedy: the sick are cured, and stay healthy when they are trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zincir
from patients import X, Y, mlp
from state import state_of
from zincir import doctor, nn
from zincir.doctor.patient import patient_of
from zincir.doctor.remedies.residual import Residual
from zincir.doctor.remedy import Cost, named_remedies, remedies
from zincir.doctor.surgery import draw_again, draw_for_activations
from zincir.nn import functional as F
from zincir.trainer import ClipGradients, Trainer

TRAIN = X[:1200], Y[:1200]
SGD, Adam = zincir.optim.SGD, zincir.optim.Adam


def trainer_of(
    net: Any, rate: float = 0.1, kind: Any = SGD, loss: Any = None, **options: Any
) -> Any:
    settings = {k: options.pop(k) for k in list(options) if k in ("weight_decay", "eps")}
    optimizer = kind(net.parameters(), lr=rate, **settings)
    chosen = nn.CrossEntropyLoss() if loss is None else loss
    return Trainer(net, chosen, optimizer, seed=0, **options)


def dead_net(bias: float = -100.0) -> Any:
    net = mlp()
    with zincir.no_grad():
        net[0].bias.fill_(bias)
    return net


def wild_net() -> Any:
    net = mlp(nn.GELU, 8)
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=1.0)
    return net


def equal_net() -> Any:
    net = mlp()
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.weight, 0.05)
            nn.init.zeros_(layer.bias)
    return net


def loud_head(times: float) -> Any:
    net = mlp()
    with zincir.no_grad():
        net[-1].weight.mul_(times)
    return net


def half_optimised() -> Any:
    net = mlp()
    optimizer = SGD(list(net[-1].parameters()), lr=0.1)
    return Trainer(net, nn.CrossEntropyLoss(), optimizer, seed=0)


class Flat(nn.Module):
    """A net for numbers whose outputs have one axis too many."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x: Any) -> Any:
        return self.body(x)


NUMBERS = np.float32(X[:, 20] - X[:, 30]), np.float32(X[:, 20] * X[:, 30] - 0.5)
_DRAWS = np.random.default_rng(0)
RAW = X[:1200] * _DRAWS.permutation(np.geomspace(1e-2, 1e2, 64, dtype=np.float32)) + 3
SIGNS = _DRAWS.normal(size=(1200, 2)).astype(np.float32)
XOR = SIGNS, np.int64(SIGNS[:, 0] * SIGNS[:, 1] > 0)
_CLASSES = np.r_[np.zeros(9000, np.int64), np.ones(500, np.int64), np.full(500, 2)]
_POINTS = _DRAWS.normal(size=(10000, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5]])[_CLASSES]
RARE = _POINTS.astype(np.float32), _CLASSES


def apart(a: Any, b: Any) -> Any:
    """A mean squared error that broadcasts without a word."""
    return (a - b).square().mean()


def small_net(activation: bool = True) -> Any:
    inner = [nn.ReLU()] if activation else []
    return nn.Sequential(nn.Linear(2, 32), *inner, nn.Linear(32, 3))


@dataclass
class Case:
    """A sick training, its symptom, and how one sees that it is healthy."""

    make: Callable[[], Any]
    symptom: str
    data: Any = TRAIN
    loss: float = 1.0
    """Below which the training loss is after a few epochs, if it is healthy."""
    options: dict[str, Any] | None = None


CASES = {
    "lower_rate": Case(lambda: trainer_of(mlp(), 30.0), "learning_rate_too_high"),
    "higher_rate": Case(lambda: trainer_of(mlp(), 1e-6), "learning_rate_too_low"),
    "clip": Case(lambda: trainer_of(mlp(), callbacks=[ClipGradients(norm=1e-4)]), "clipping_total"),
    "weight_decay": Case(lambda: trainer_of(mlp(), weight_decay=1.0), "regularisation_overwhelms"),
    "smaller_eps": Case(lambda: trainer_of(mlp(), 1e-3, Adam, eps=1e3), "adam_epsilon"),
    "dropout": Case(
        lambda: trainer_of(nn.Sequential(nn.Dropout(1.0), mlp())), "dropout_everything"
    ),
    "complete_optimizer": Case(half_optimised, "not_optimised"),
    "warm_up": Case(lambda: trainer_of(loud_head(30), 0.2), "learning_rate_too_high", loss=1.8),
    "decaying_rate": Case(lambda: trainer_of(mlp(), 1.5), "learning_rate_too_high"),
    "with_logits": Case(lambda: trainer_of(mlp(), loss=F.nll_loss), "missing_output_activation"),
    "log_of_probabilities": Case(
        lambda: trainer_of(nn.Sequential(mlp(), nn.Softmax(dim=1))), "softmax_before_cross_entropy"
    ),
    "remove_softmax": Case(
        lambda: trainer_of(nn.Sequential(mlp(), nn.Softmax(dim=1))), "softmax_before_cross_entropy"
    ),
    "matching_shapes": Case(
        lambda: trainer_of(Flat(), 0.05, loss=apart), "loss_shape", (X, NUMBERS[0]), 0.5
    ),
    "class_weights": Case(
        lambda: trainer_of(small_net(), 0.1), "class_imbalance", RARE
    ),
    "adam": Case(lambda: trainer_of(mlp(), 1e-5), "learning_rate_too_low"),
    "reinitialise": Case(lambda: trainer_of(equal_net()), "symmetric_initialisation"),
    "revive": Case(lambda: trainer_of(dead_net()), "dead_relu"),
    "smaller_head": Case(lambda: trainer_of(loud_head(100), 0.1), "wrong_initial_loss"),
    "relu": Case(lambda: trainer_of(mlp(nn.Sigmoid, 8)), "vanishing_gradient"),
    "leaky": Case(lambda: trainer_of(dead_net(-3.0), 0.3), "dead_relu"),
    "add_activation": Case(
        lambda: trainer_of(small_net(activation=False), 0.3), "missing_nonlinearity", XOR
    ),
    "linear_head": Case(
        lambda: trainer_of(nn.Sequential(Flat(), nn.ReLU()), 0.05, loss=nn.MSELoss()),
        "output_range", (X, NUMBERS[0][:, None]), 0.5,
    ),
    "batch_norm": Case(lambda: trainer_of(wild_net()), "bad_initialisation", loss=1.5),
    "group_norm": Case(
        lambda: trainer_of(mlp(norm=nn.BatchNorm1d), 0.02), "batchnorm_tiny_batch",
        options={"batch_size": 2},
    ),
    "standardise": Case(lambda: trainer_of(mlp(), 0.3), "unnormalised_input", (RAW, Y[:1200])),
    "residual": Case(lambda: trainer_of(mlp(nn.Sigmoid, 8)), "vanishing_gradient", loss=1.5),
}  # fmt: skip


def test_every_remedy_has_a_case() -> None:
    assert set(CASES) == {r.name for r in remedies()}
    for r in remedies():
        assert r.page
        assert r.against
        assert r.changes_architecture == (r.cost >= Cost.ACTIVATION)


@pytest.mark.filterwarnings("ignore:Dropout")
@pytest.mark.parametrize("name", CASES)
def test_the_sick_are_cured(name: str) -> None:
    case = CASES[name]
    zincir.manual_seed(0)
    trainer = case.make()
    options = case.options or {}
    cure = doctor.cure(trainer, case.data, allow="architecture", remedies=[name], **options)
    assert cure.accepted is not None, str(cure)
    assert cure.accepted.remedy == name
    assert cure.accepted.symptom == case.symptom, str(cure)
    assert not cure.rolled_back
    assert cure.accepted.probe < cure.accepted.control
    assert cure.code == cure.accepted.code != ""
    assert trainer.steps == 0
    history = trainer.fit(case.data, epochs=6, progress=False, **options)
    assert history["loss"][-1] < case.loss
    assert not [f for f in trainer.report.findings if f.severity == "error"], str(trainer.report)


HEALTHY: dict[str, Callable[[], Any]] = {
    "relu, sgd": lambda: trainer_of(mlp()),
    "deep relu, adam": lambda: trainer_of(mlp(depth=4), 1e-3, Adam),
    "tanh, decay": lambda: trainer_of(mlp(nn.Tanh, 2), 0.1, weight_decay=1e-4),
    "batch norm, clipped": lambda: trainer_of(
        mlp(nn.Sigmoid, 3, norm=nn.BatchNorm1d), callbacks=[ClipGradients(norm=5.0)]
    ),
    "dropout": lambda: trainer_of(nn.Sequential(mlp()[:2], nn.Dropout(0.2), mlp()[2:])),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_the_healthy_are_not_changed(name: str) -> None:
    zincir.manual_seed(0)
    trainer = HEALTHY[name]()
    for epochs in (0, 2):
        if epochs:
            trainer.fit(TRAIN, epochs=epochs, progress=False)
        before = state_of(trainer)
        cure = doctor.cure(trainer, TRAIN, allow="architecture")
        assert cure.accepted is None, str(cure)
        assert state_of(trainer) == before


ARCHITECTURE = [r.name for r in remedies() if r.changes_architecture and r.name != "standardise"]


@pytest.mark.parametrize("name", ARCHITECTURE)
def test_the_code_makes_the_same_architecture(name: str) -> None:
    case = CASES[name]
    zincir.manual_seed(0)
    trainer, other = case.make(), case.make()
    options = case.options or {}
    cure = doctor.cure(trainer, case.data, allow="architecture", remedies=[name], **options)
    assert cure.accepted is not None
    exec(cure.code, {"nn": nn, "torch": zincir, "model": other.model})
    shapes = [
        [(n, tuple(t.shape)) for n, t in net.state_dict().items()]
        for net in (trainer.model, other.model)
    ]
    assert shapes[0] == shapes[1]
    x = zincir.tensor(case.data[0][:64])
    one, another = trainer.model.eval(), other.model.eval()
    another.load_state_dict(one.state_dict())
    assert (one(x) == another(x)).all()


def test_a_revived_net_gives_the_same_and_its_code_does_so_too() -> None:
    zincir.manual_seed(0)
    trainer, other = trainer_of(dead_net()), dead_net()
    other.load_state_dict(trainer.model.state_dict())
    x = zincir.tensor(TRAIN[0])
    before = trainer.model(x).detach().numpy()
    cure = doctor.cure(trainer, TRAIN, remedies=["revive"])
    assert cure.accepted is not None
    after = trainer.model(x).detach().numpy()
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
    assert (trainer.model[:2](x) > 0).any(0).float().mean() > 0.9
    exec(cure.code, {"torch": zincir, "model": other})
    np.testing.assert_allclose(other(x).detach().numpy(), before, rtol=1e-5, atol=1e-6)
    assert (other[:2](x) > 0).any(0).float().mean() > 0.9


@pytest.mark.parametrize(("name", "kind"), [("batch_norm", nn.BatchNorm2d), ("residual", Residual)])
def test_convolutions_are_treated_too(name: str, kind: Any) -> None:
    zincir.manual_seed(0)
    layers: list[Any] = []
    for number in range(6):
        layers += [nn.Conv2d(4 if number else 1, 4, 3, padding=1), nn.Sigmoid()]
    trainer = trainer_of(nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 10)), 0.3)
    images = X[:600].reshape(-1, 1, 8, 8), Y[:600]
    before = doctor.checkup(trainer.model, trainer.loss, trainer.optimizer, images)
    assert before.of("vanishing_gradient")
    cure = doctor.cure(trainer, images, before, allow="architecture", remedies=[name])
    assert cure.accepted is not None, str(cure)
    assert sum(isinstance(m, kind) for m in trainer.model.modules()) >= 5


def test_functional_activations_are_left_and_said_so() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(64 if i == 0 else 32, 32) for i in range(8))
            self.head = nn.Linear(32, 10)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = zincir.sigmoid(layer(x))
            return self.head(x)

    zincir.manual_seed(0)
    trainer = trainer_of(Net())
    before = state_of(trainer)
    cure = doctor.cure(trainer, TRAIN, allow="architecture", remedies=["relu", "residual"])
    assert cure.rolled_back
    assert all(t.verdict.startswith("not here: no ") for t in cure.trials)
    assert state_of(trainer) == before
    cure = doctor.cure(trainer, TRAIN, allow="architecture", remedies=["batch_norm"])
    assert cure.accepted is not None, str(cure)
    assert "layers.0.0.weight" in trainer.model.state_dict()


def test_weight_decay_keeps_the_proportions_of_groups() -> None:
    finding: Any = SimpleNamespace(symptom="regularisation_overwhelms")

    def after(decays: Any, number: int) -> list[list[float]]:
        found: list[list[float]] = []
        for by_code in (False, True):
            layers = [nn.Linear(2, 2) for _ in decays]
            groups = [
                {"params": layer.parameters(), "weight_decay": decay}
                for layer, decay in zip(layers, decays, strict=True)
            ]
            optimizer = SGD(groups, lr=0.1)
            patient: Any = SimpleNamespace(optimizer=optimizer)
            (remedy,) = named_remedies(["weight_decay"])
            change = list(remedy.propose(patient, finding))[number]
            if by_code:
                exec(change.code, {"optimizer": optimizer})
            else:
                change.make(patient)
            found.append([group["weight_decay"] for group in optimizer.param_groups])
        return found

    for each in after([0.5, 0.0, 0.2], 0):
        assert each == pytest.approx([0.05, 0.0, 0.02])
    finding = SimpleNamespace(symptom="overfitting")
    assert after([0.0, 0.0], 0) == [[1e-3, 1e-3]] * 2


class _Shared(nn.Module):
    """Two layers, the first of which runs twice, and one activation behind each."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Sigmoid())
        self.first, self.second, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 2)
        self.act = nn.Tanh()

    def forward(self, x: Any) -> Any:
        x = self.block(self.block(x))
        return self.head(self.act(self.second(self.act(self.first(x)))))


@pytest.mark.parametrize("name", ["batch_norm", "residual"])
def test_modules_that_run_twice_are_treated_once(name: str) -> None:
    zincir.manual_seed(0)
    x = zincir.randn(256, 8)
    trainer = trainer_of(_Shared())
    patient = patient_of(trainer, (x, (x[:, 0] > 0).long()), None, 32, 16)
    (remedy,) = named_remedies([name])
    finding: Any = SimpleNamespace(symptom="vanishing_gradient", where="", evidence={})
    change = next(iter(remedy.propose(patient, finding)))
    other = _Shared()
    exec(change.code, {"nn": nn, "model": other})
    change.make(patient)
    net = trainer.model
    assert [n for n, _ in net.named_parameters()] == [n for n, _ in other.named_parameters()]
    if name == "batch_norm":
        norms = [n for n, m in net.named_modules() if isinstance(m, nn.BatchNorm1d)]
        assert isinstance(net.act, nn.Tanh)
        assert len(norms) == 3
        assert {n.split(".")[0] for n in norms} == {"block", "first", "second"}
    else:
        assert len([m for m in net.modules() if isinstance(m, Residual)]) == 1
    assert tuple(net(x).shape) == (256, 2)


class _Scaled(nn.Module):
    """Parameters of its own, and no word about how they are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.layer = nn.Linear(8, 8), nn.Linear(8, 8)
        self.frozen.requires_grad_(False)
        self.norm = nn.BatchNorm1d(8, affine=False)
        self.scale, self.shift = nn.Parameter(zincir.ones(8) * 2), nn.Parameter(zincir.zeros(8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        hidden = self.layer(self.frozen(x).relu()).relu()
        return self.head(self.norm(hidden) * self.scale + self.shift)


def test_what_is_frozen_or_finite_is_not_drawn_again() -> None:
    net = _Scaled()
    trainer = trainer_of(net)
    x = zincir.randn(256, 8)
    patient = patient_of(trainer, (x, (x[:, 0] > 0).long()), None, 32, 16)
    frozen, layer = net.frozen.weight.tolist(), net.layer.weight.tolist()
    draw_for_activations(patient)
    assert net.frozen.weight.tolist() == frozen
    assert net.layer.weight.tolist() != layer
    with zincir.no_grad():
        net.norm.running_var.fill_(float("inf"))
        net.shift.fill_(float("nan"))
    draw_again(patient)
    assert net.frozen.weight.tolist() == frozen
    assert net.scale.tolist() == [2.0] * 8
    assert net.shift.tolist() == [0.0] * 8
    assert net.norm.running_var.tolist() == [1.0] * 8
