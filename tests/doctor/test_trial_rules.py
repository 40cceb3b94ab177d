"""Rules that run the net in private before training: sick fires, healthy and cured are silent."""

from typing import Any

import numpy as np
import pytest

import zincir
from patients import BATCH, X, Y, checked, mlp
from zincir import doctor, nn
from zincir.autograd import Function, function
from zincir.doctor.experiments import is_blind, learnt_by_heart
from zincir.doctor.rehearsal import Rehearsal
from zincir.errors import ArgumentError
from zincir.nn import functional as F


class _Square(Function):
    factor = 2.0

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @classmethod
    def backward(cls, ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return cls.factor * x * g


class _Wrong(_Square):
    factor = 1.0


class _Rounded(Function):
    """A staircase, with the gradient of a straight line: meant to be so."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return (x * 8).round() / 8

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g


class _Reversed(Function):
    """The argument itself: the function is there for its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.view(x.shape)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return -g


class _With(nn.Module):
    def __init__(self, between: Any) -> None:
        super().__init__()
        self.first, self.head, self.between = nn.Linear(64, 32), nn.Linear(32, 10), between

    def forward(self, x: Any) -> Any:
        return self.head(self.between(self.first(x)))


def test_wrong_gradient() -> None:
    sick = checked(_With(_Wrong.apply))["wrong_gradient"]
    assert (sick.code, sick.severity) == ("I4", "error")
    assert "_Wrong" in sick.what
    assert "test_trial_rules.py" in sick.origin
    assert sick.evidence["by differences"] == pytest.approx(2 * sick.evidence["by backward"], 1e-4)
    for right in (_Square.apply, _Rounded.apply, _Reversed.apply, zincir.tanh):
        assert "wrong_gradient" not in checked(_With(right)), right
    assert not function.WATCHERS


def test_wrong_gradient_in_a_loss() -> None:
    def loss(a: Any, b: Any) -> Any:
        return _Wrong.apply(a - F.one_hot(b, 10)).mean()

    assert "wrong_gradient" in checked(mlp(), loss)
    assert "wrong_gradient" not in checked(mlp(), nn.CrossEntropyLoss())


def test_cannot_overfit_batch() -> None:
    narrow = [nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid(), nn.Linear(1, 10)]
    zincir.manual_seed(0)
    report = doctor.checkup(mlp(nn.Sigmoid, 8), F.cross_entropy, None, BATCH, seconds=60)
    assert not report.failed
    (sick,) = report.of("cannot_overfit_batch")
    assert (sick.code, sick.severity) == ("I5", "warning")
    assert sick.evidence["learnt by heart"] < 0.95
    assert report.symptoms.index("vanishing_gradient") < report.symptoms.index(sick.symptom)
    cured = mlp(nn.Sigmoid, 8, norm=nn.BatchNorm1d)
    assert not checked(cured)
    assert not checked(nn.Sequential(*narrow[:2], nn.Dropout(0.9), nn.Linear(32, 10)))


@pytest.mark.parametrize("scale", [1.0, 50.0])
def test_numbers_are_learnt_by_heart_too(scale: float) -> None:
    y = ((X[:99, :1] + X[:99, 20:21]) * scale).astype(np.float32)
    net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1))
    assert "cannot_overfit_batch" not in checked(net, nn.MSELoss(), (X[:99], y))
    deep = [part for _ in range(9) for part in (nn.Sigmoid(), nn.Linear(32, 32))]
    blocked = nn.Sequential(nn.Linear(64, 32), *deep, nn.Sigmoid(), nn.Linear(32, 1))
    report = doctor.checkup(blocked, nn.MSELoss(), None, (X[:99], y), seconds=120)
    assert report.of("cannot_overfit_batch")


def test_losses_with_a_floor_are_learnt_by_heart_too() -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, (64, 1)).astype(np.float32) + 1
    soft = rng.uniform(0.1, 0.4, (64, 1)).astype(np.float32)
    smooth = (0.8 * np.eye(10)[Y[:64]] + 0.02).astype(np.float32)

    def one() -> Any:
        return nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 1))

    def away(a: Any, b: Any) -> Any:
        return -F.cosine_similarity(a, b, 0).mean()

    cases: list[tuple[Any, Any, Any]] = [
        (one(), nn.PoissonNLLLoss(), counts),
        (one(), F.binary_cross_entropy_with_logits, soft),
        (one(), away, counts),
        (mlp(), F.cross_entropy, smooth),
    ]
    for net, loss, target in cases:
        assert "cannot_overfit_batch" not in checked(net, loss, (X[:64], target))
    deep = [part for _ in range(9) for part in (nn.Sigmoid(), nn.Linear(32, 32))]
    blocked = nn.Sequential(nn.Linear(64, 32), *deep, nn.Sigmoid(), nn.Linear(32, 10))
    report = doctor.checkup(blocked, F.cross_entropy, None, (X[:64], smooth), seconds=120)
    assert report.of("cannot_overfit_batch")


def test_few_features_and_few_samples_are_no_fault() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 2)).astype(np.float32)
    y = (rng.random(64) < 0.5).astype(np.int64)  # no line can tell these
    assert "cannot_overfit_batch" not in checked(nn.Linear(2, 2), batch=(x, y))


class _Blind(nn.Module):
    def __init__(self, keep: float) -> None:
        super().__init__()
        self.net, self.keep = mlp(), keep

    def forward(self, x: Any) -> Any:
        return self.net(x * self.keep)


def test_ignores_input() -> None:
    sick = checked(_Blind(0.0))
    assert (sick["ignores_input"].code, sick["ignores_input"].severity) == ("I6", "error")
    assert next(iter(sick)) == "ignores_input"
    assert not checked(_Blind(1.0))
    last_layer_of_zeros = mlp()
    nn.init.zeros_(last_layer_of_zeros[4].weight)
    assert not checked(last_layer_of_zeros)
    same = np.repeat(X[:1], 64, axis=0), Y[:64]
    assert "the same" in checked(mlp(), batch=same)["ignores_input"].what


def test_inputs_that_were_computed_are_no_part_of_the_graph() -> None:
    x = zincir.tensor(X[:64])
    shares = x.exp() / x.exp().sum(1, keepdim=True)
    shares.numpy()
    assert not checked(mlp(), batch=(shares * 60, Y[:64]))


def test_ignores_input_names_the_dead_layer() -> None:
    net = mlp()
    with zincir.no_grad():
        net[2].bias.fill_(-100.0)
    assert checked(net)["ignores_input"].where == "3"
    noise = nn.Sequential(mlp())
    noise.register_forward_pre_hook(lambda m, given: (zincir.randn(given[0].shape),))
    assert "ignores_input" in checked(noise)


def test_a_model_that_cannot_be_copied_is_not_tried() -> None:
    net = mlp()
    net.handle = open(__file__)  # noqa: SIM115
    try:
        seen = Rehearsal(net, F.cross_entropy, None, *BATCH, seconds=5)
        assert learnt_by_heart(seen) is None
    finally:
        net.handle.close()


def test_nothing_is_tried_where_nobody_asks() -> None:
    seen = Rehearsal(mlp(nn.Sigmoid, 8), F.cross_entropy, None, *BATCH)
    assert learnt_by_heart(seen) is None
    report = doctor.checkup(mlp(nn.Sigmoid, 8), F.cross_entropy, None, BATCH, seconds=0)
    assert not report.of("cannot_overfit_batch")


def test_train_test_overlap() -> None:
    def seen(validation: Any, x: Any = X[:400]) -> Any:
        report = doctor.checkup(
            mlp(), F.cross_entropy, None, (x, Y[:400]), validation=validation, seconds=0
        )
        assert not report.failed
        return report.of("train_test_overlap")

    (sick,) = seen((X[350:600], Y[350:600]))
    assert (sick.code, sick.severity) == ("S16", "warning")
    assert sick.evidence["share"] == pytest.approx(0.2)
    assert sick.what == "50 of 250 validation samples are among the training samples"
    assert sick.evidence["samples"][:3] == [0, 1, 2]
    assert not seen((X[400:600], Y[400:600]))  # cured
    (few,) = seen((X[396:600], Y[396:600]))
    assert few.severity == "info"
    table = np.eye(64, dtype=np.float32)[np.arange(400) % 50]
    (by_nature,) = seen((table[:100], Y[:100]), table)
    assert by_nature.severity == "info"
    with pytest.raises(ArgumentError, match="validation is a pair"):
        seen(X)


def test_not_shuffled_as_given() -> None:
    def seen(order: Any, x: Any = X, y: Any = Y) -> Any:
        report = doctor.checkup(mlp(), F.cross_entropy, None, (x[order], y[order]), seconds=0)
        assert not report.failed
        return report.of("not_shuffled")

    (sick,) = seen(np.argsort(Y, kind="stable")[::4])
    assert (sick.code, sick.severity) == ("S21", "info")
    assert not seen(np.random.default_rng(0).permutation(len(Y))[:400])
    assert not seen(np.flatnonzero(Y == 3))  # one class alone has no order


def test_bias_before_norm_and_decay_everywhere() -> None:
    net = mlp(norm=nn.BatchNorm1d)
    optimizer = zincir.optim.SGD(net.parameters(), lr=0.1, weight_decay=5e-4)
    report = doctor.checkup(net, F.cross_entropy, optimizer, BATCH, seconds=0)
    assert report.ok
    (bias,) = report.of("bias_before_norm")
    assert (bias.code, bias.evidence["layers"]) == ("S12", ["0", "3"])
    (decay,) = report.of("decay_everywhere")
    assert decay.code == "S15"
    assert "1.weight" in decay.evidence["parameters"]
    assert "0.weight" not in decay.evidence["parameters"]
    layers = [nn.Linear(64, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)]
    cured = nn.Sequential(*layers)
    matrices = [p for p in cured.parameters() if p.ndim > 1]
    others = [p for p in cured.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 5e-4}, {"params": others, "weight_decay": 0.0}]
    optimizer = zincir.optim.SGD(groups, lr=0.1)
    assert not doctor.checkup(cured, F.cross_entropy, optimizer, BATCH, seconds=0).findings
    layer_norm = mlp(norm=nn.LayerNorm)
    assert not doctor.checkup(layer_norm, F.cross_entropy, None, BATCH).of("bias_before_norm")


def test_a_trial_changes_nothing() -> None:
    net = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.5), nn.Linear(32, 10))
    loss = F.cross_entropy(net(zincir.tensor(X[:32])), zincir.tensor(Y[:32]))  # held meanwhile
    before = {k: np.array(v) for k, v in net.state_dict().items()}
    drawn = repr(zincir.get_rng_state())
    seen = Rehearsal(net, F.cross_entropy, None, *BATCH, seconds=60)
    assert learnt_by_heart(seen) is not None
    assert not is_blind(seen)
    assert all((before[k] == np.array(v)).all() for k, v in net.state_dict().items())
    assert repr(zincir.get_rng_state()) == drawn
    assert net[2].p == 0.5
    loss.backward()  # nothing it needs was changed
    assert net[0].weight.grad is not None
