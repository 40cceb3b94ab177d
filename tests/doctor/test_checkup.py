"""Rules before training, each in three: sick fires, healthy is silent, cured is silent."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zincir
from patients import BATCH, X, Y, checked, mlp
from zincir import doctor, nn
from zincir.errors import ArgumentError
from zincir.nn import functional as F


class _Cut(nn.Module):
    """One layer behind `detach`, one that is not used."""

    def __init__(self, *, cured: bool = False) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
        self.cured = cured
        if not cured:
            self.unused = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        h = self.first(x).relu()
        return self.head(h if self.cured else h.detach())  # the cut


def test_healthy_is_silent() -> None:
    for act in (nn.ReLU, nn.Tanh, nn.GELU):
        net = mlp(act, norm=nn.BatchNorm1d)
        assert not checked(net, optimizer=zincir.optim.Adam(net.parameters()))
    convolution = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(144, 10),
    )  # fmt: skip
    assert not checked(convolution, batch=(BATCH[0].reshape(-1, 1, 8, 8), BATCH[1]))
    line = nn.Linear(64, 1)
    assert not checked(line, nn.MSELoss(), (X[:99], X[:99, :1] + X[:99, 1:2]))


def test_softmax_before_cross_entropy() -> None:
    sick = checked(nn.Sequential(mlp(), nn.Softmax(dim=1)))["softmax_before_cross_entropy"]
    assert (sick.code, sick.severity, sick.where) == ("S1", "error", "1")
    assert sick.evidence["lowest loss"] == pytest.approx(1.461, abs=1e-3)
    by_hand = checked(mlp(), lambda a, b: F.cross_entropy(a.exp() / a.exp().sum(1, True), b))
    assert "softmax_before_cross_entropy" in by_hand
    viewed = nn.Sequential(mlp(), nn.Softmax(dim=1), nn.Unflatten(1, (5, 2)), nn.Flatten())
    assert "softmax_before_cross_entropy" in checked(viewed)
    assert "softmax_before_cross_entropy" in checked(nn.Sequential(mlp(), nn.Sigmoid()))
    cured = nn.Sequential(mlp(), nn.LogSoftmax(dim=1))
    assert not checked(cured, nn.NLLLoss())
    assert not checked(cured)  # twice the logarithm changes nothing


def test_no_gradient() -> None:
    report = doctor.checkup(_Cut(), F.cross_entropy, None, BATCH)
    findings = {f.where: f for f in report.of("no_gradient")}
    assert set(findings) == {"first", "unused"}
    lines = Path(__file__).read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.endswith("# the cut"))
    assert findings["first"].origin.endswith(f"test_checkup.py:{line}")
    assert "detach" in findings["first"].what
    assert not checked(_Cut(cured=True))
    frozen = mlp()
    frozen[0].requires_grad_(False)
    assert not checked(frozen)


def test_not_optimised() -> None:
    net = mlp()
    sick = checked(net, optimizer=zincir.optim.SGD(net[2].parameters(), lr=0.1))
    assert sick["not_optimised"].where == "0"
    assert not checked(net, optimizer=zincir.optim.SGD(net.parameters(), lr=0.1))
    halves = [zincir.optim.SGD(net[i].parameters(), lr=0.1) for i in (0, 2, 4)]
    assert not checked(net, optimizer=halves)
    sick = checked(net, optimizer=zincir.optim.SGD(net.parameters(), lr=0.0))
    assert sick["not_optimised"].severity == "warning"


@pytest.mark.filterwarnings("ignore:Dropout")
def test_dropout_everything() -> None:
    class Function(nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.net, self.head, self.p_dropped = nn.Linear(64, 32), nn.Linear(32, 10), p

        def forward(self, x: Any) -> Any:
            return self.head(F.dropout(self.net(x).relu(), self.p_dropped, self.training))

    with pytest.warns(UserWarning, match="lets nothing through"):
        layers = [nn.Linear(64, 32), nn.Dropout(1.0), nn.ReLU(), nn.Linear(32, 10)]
    sick = checked(nn.Sequential(*layers))["dropout_everything"]
    assert (sick.severity, sick.where, sick.evidence["p"]) == ("error", "1", 1.0)
    assert "learns nothing" in sick.what
    layers[1] = nn.Dropout(0.9)
    assert not checked(nn.Sequential(*layers))
    assert "dropout_everything" in checked(Function(1.0))
    first = checked(nn.Sequential(nn.Dropout(1.0), mlp()))  # before anything that is trained
    assert first["dropout_everything"].where == "0"
    assert not checked(Function(0.5))


def test_label_out_of_range() -> None:
    sick = checked(mlp(), batch=(X[:64], Y[:64] + 1))["label_out_of_range"]
    assert sick.severity == "error"
    assert sick.evidence["largest label"] == 10
    assert not checked(mlp(), batch=(X[:64], Y[:64]))
    left_out = np.where(np.arange(64) % 4 == 0, -100, Y[:64])
    assert not checked(mlp(), batch=(X[:64], left_out))


def test_unnormalised_input() -> None:
    x = X * np.where(np.arange(64) == 20, 1000, 1).astype(np.float32)
    sick = checked(mlp(), batch=(x[:128], Y[:128]))
    assert sick["unnormalised_input"].where == "0"
    assert "unnormalised_input" in checked(mlp(), batch=(X[:128] * 4 + 128, Y[:128]))
    cured = nn.Sequential(nn.BatchNorm1d(64), mlp())
    assert not checked(cured, batch=(x[:128], Y[:128]))
    sparse = np.zeros((128, 64), np.float32)
    sparse[np.arange(128), np.arange(128) % 64] = 1
    assert not checked(mlp(), batch=(sparse, Y[:128]))


def test_wrong_initial_loss() -> None:
    sick = checked(mlp(scale=8))["wrong_initial_loss"]
    assert (sick.severity, sick.where) == ("warning", "4")
    assert sick.evidence["ln 10"] == pytest.approx(2.303, abs=1e-3)
    assert not checked(mlp())


def test_non_finite_data_and_birth() -> None:
    x = BATCH[0].copy()
    x[7, 3] = np.nan
    sick = checked(mlp(), batch=(x, BATCH[1]))
    assert next(iter(sick)) == "non_finite_data"
    assert "sample 7" in sick["non_finite_data"].what
    born = checked(mlp(), lambda a, b: (a * a).sum(1).neg().log().mean())["non_finite"]
    assert "log" in born.what
    assert born.origin.split(":")[0].endswith("test_checkup.py")
    assert "non_finite" not in checked(mlp())


def test_everything_is_put_back() -> None:
    net = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.5), nn.Linear(32, 10))
    net[1].eval()
    optimizer = zincir.optim.Adam(net.parameters())
    F.cross_entropy(net(zincir.tensor(X[:32])), zincir.tensor(Y[:32])).backward()
    optimizer.step()
    before = {k: np.array(v) for k, v in net.state_dict().items()}
    gradients = [(p.grad, p.grad.numpy().copy()) for p in net.parameters()]
    state = repr(optimizer.state_dict())
    drawn = repr(zincir.get_rng_state())
    doctor.checkup(net, F.cross_entropy, optimizer, BATCH)
    assert all((before[k] == np.array(v)).all() for k, v in net.state_dict().items())
    for p, (g, values) in zip(net.parameters(), gradients, strict=True):
        assert p.grad is g
        assert (g.numpy() == values).all()
    assert repr(optimizer.state_dict()) == state
    assert repr(zincir.get_rng_state()) == drawn
    assert [m.training for m in net] == [True, False, True, True]
    assert not any(m._forward_hooks for m in net.modules())


def test_what_is_given_is_checked() -> None:
    with pytest.raises(ArgumentError, match="pair"):
        doctor.checkup(mlp(), F.cross_entropy, None, X)
    with pytest.raises(ArgumentError, match="model"):
        doctor.checkup(3, F.cross_entropy, None, BATCH)  # type: ignore[arg-type]


def test_a_model_without_parameters_and_a_loss_without_gradient() -> None:
    assert not checked(nn.Flatten(), batch=BATCH)
    report = doctor.checkup(mlp(), lambda a, b: (a.argmax(1) == b).float().mean(), None, BATCH)
    assert {f.symptom for f in report.findings} == {"no_gradient"}


def test_missing_output_activation() -> None:
    sick = checked(mlp(), nn.NLLLoss())["missing_output_activation"]
    assert (sick.code, sick.where) == ("S2", "4")
    assert not checked(nn.Sequential(mlp(), nn.LogSoftmax(dim=1)), nn.NLLLoss())
    assert not checked(mlp(), nn.MultiMarginLoss())  # other losses take whole labels, too


def test_output_range() -> None:
    y = (X[:99, :1] + X[:99, 20:21]).astype(np.float32)
    for last in (nn.ReLU(), nn.Sigmoid(), nn.Tanh()):
        net = nn.Sequential(nn.Linear(64, 1), last)
        sick = checked(net, nn.MSELoss(), (X[:99], 3 * y))["output_range"]
        assert (sick.severity, sick.where) == ("error", "1")
    assert not checked(nn.Linear(64, 1), nn.MSELoss(), (X[:99], y))
    assert not checked(net, nn.MSELoss(), (X[:99], np.tanh(y)))


def test_loss_shape() -> None:
    y = X[:99, 20]
    by_hand = checked(nn.Linear(64, 1), lambda a, b: (a - b).square().mean(), (X[:99], y))
    assert by_hand["loss_shape"].evidence["compared"] == [99, 99]
    assert "loss_shape" in checked(nn.Linear(64, 1), batch=(X[:64], Y[:64] * 0))
    assert not checked(nn.Linear(64, 1), nn.MSELoss(), (X[:99], y[:, None]))
    squeezed = nn.Sequential(nn.Linear(64, 1), nn.Flatten(0))
    assert not checked(squeezed, nn.MSELoss(), (X[:99], y))


class _Functional(nn.Module):
    def __init__(self, *, cured: bool) -> None:
        super().__init__()
        self.first, self.head, self.cured = nn.Linear(64, 32), nn.Linear(32, 10), cured

    def forward(self, x: Any) -> Any:
        h = self.first(x).relu()
        return self.head(F.dropout(h, 0.5, self.training if self.cured else True))


def test_wrong_mode() -> None:
    sick = checked(_Functional(cured=False))["wrong_mode"]
    assert (sick.severity, sick.where) == ("error", "first")
    assert "test_checkup.py" in sick.origin
    assert not checked(_Functional(cured=True))


def test_batchnorm_tiny_batch() -> None:
    net = mlp(norm=nn.BatchNorm1d)
    assert checked(net, batch=(X[:4], Y[:4]))["batchnorm_tiny_batch"].where == "1"
    assert not checked(net, batch=(X[:64], Y[:64]))
    images = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(144, 10),
    )  # fmt: skip
    sick = checked(images, batch=(X[:2], Y[:2]))["batchnorm_tiny_batch"]
    assert (sick.where, sick.evidence) == ("2", {"values per channel": 72, "samples": 2})
    assert "batchnorm_tiny_batch" not in checked(images, batch=(X[:8], Y[:8]))


def test_missing_nonlinearity() -> None:
    sick = checked(nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 10)))["missing_nonlinearity"]
    assert (sick.severity, sick.where) == ("warning", "1")
    assert sick.evidence["layers"] == ["0", "1"]
    images = BATCH[0].reshape(-1, 1, 8, 8), BATCH[1]
    convolutions = [nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 10)]
    assert checked(nn.Sequential(*convolutions), batch=images)["missing_nonlinearity"].where == "1"
    layers = [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), *convolutions[2:]]
    assert not checked(nn.Sequential(*layers), batch=images)
    narrow = nn.Sequential(nn.Linear(64, 4), nn.Linear(4, 10))
    assert not checked(narrow)  # a low rank is meant


def test_symmetric_initialisation() -> None:
    net = mlp()
    for layer in (net[0], net[2], net[4]):
        nn.init.constant_(layer.weight, 0.1)
        nn.init.zeros_(layer.bias)
    sick = doctor.checkup(net, F.cross_entropy, None, BATCH).of("symmetric_initialisation")
    assert [f.where for f in sick] == ["0", "2"]
    net = mlp()
    nn.init.zeros_(net[4].weight)
    assert not checked(net)  # a last layer of zeros is fine


def test_batch_leak() -> None:
    class Mixing(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.first, self.head, self.dim = nn.Linear(64, 32), nn.Linear(32, 10), dim

        def forward(self, x: Any) -> Any:
            return self.head(F.softmax(self.first(x), self.dim))

    assert checked(Mixing(0))["batch_leak"].severity == "error"
    assert not checked(Mixing(1))
    assert not checked(mlp(norm=nn.BatchNorm1d))  # mixes in training mode alone


class _Language(nn.Module):
    def __init__(self, *, causal: bool) -> None:
        super().__init__()
        self.embed, self.causal = nn.Embedding(20, 16), causal
        self.attend = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 20)

    def forward(self, x: Any) -> Any:
        h = self.embed(x)
        mask = zincir.triu(zincir.ones(9, 9), 1).bool() if self.causal else None
        return self.head(self.attend(h, h, h, attn_mask=mask, need_weights=False)[0])


def test_future_leak() -> None:
    text = np.random.default_rng(0).integers(0, 20, (8, 10))
    batch = text[:, :-1], text[:, 1:]

    def loss(a: Any, b: Any) -> Any:
        return F.cross_entropy(a.reshape(-1, 20), b.reshape(-1))

    assert checked(_Language(causal=False), loss, batch)["future_leak"].severity == "error"
    assert not checked(_Language(causal=True), loss, batch)
    assert not checked(_Language(causal=False), loss, (text[:, :-1], text[:, :-1]))


def test_bad_initialisation() -> None:
    for scale in (0.05, 60.0):
        sick = checked(mlp(nn.ReLU, 6, scale=scale))
        assert "bad_initialisation" in sick, scale
    assert not checked(mlp(nn.ReLU, 6))
    assert not checked(mlp(nn.ReLU, 6, norm=nn.BatchNorm1d, scale=0.05))


def test_gradients_at_the_start() -> None:
    sick = checked(mlp(nn.Sigmoid, 8))["vanishing_gradient"]
    assert (sick.code, sick.where) == ("I3", "0")
    assert not checked(mlp(nn.Sigmoid, 8, norm=nn.BatchNorm1d))
    sick = checked(mlp(nn.ReLU, 6, scale=20.0))["exploding_gradient"]
    assert (sick.code, sick.where) == ("I9", "0")


def test_what_is_worth_knowing() -> None:
    summed = doctor.checkup(mlp(), nn.CrossEntropyLoss(reduction="sum"), None, BATCH)
    assert summed.ok
    assert summed.symptoms == ["sum_reduction"]
    rare = np.where(np.arange(128) % 40 == 0, Y[:128], 3)
    assert (
        "class_imbalance" in doctor.checkup(mlp(), F.cross_entropy, None, (X[:128], rare)).symptoms
    )
    x = X[:128].copy()
    x[:, 7] = 0.25
    assert doctor.checkup(mlp(), F.cross_entropy, None, (x, Y[:128])).symptoms == [
        "constant_feature"
    ]
    assert not doctor.checkup(mlp(), F.cross_entropy, None, BATCH).findings


def test_loss_maximised() -> None:
    def flipped(given: Any, wanted: Any) -> Any:
        return -F.cross_entropy(given, wanted)

    sick = checked(mlp(), flipped)["loss_maximised"]
    assert (sick.code, sick.severity, sick.where) == ("S24", "error", "4")
    assert "loss_maximised" not in checked(mlp())  # cured
    net = nn.Linear(64, 1)
    target = (X[:128] @ np.ones((64, 1)) / 8).astype(np.float32)
    batch = X[:128], target
    assert "loss_maximised" in checked(net, lambda a, b: -F.mse_loss(a, b), batch)
    assert "loss_maximised" not in checked(net, F.mse_loss, batch)
    up = zincir.optim.SGD(net.parameters(), lr=0.1, maximize=True)
    assert "loss_maximised" in checked(net, F.mse_loss, batch, up)
    assert "loss_maximised" not in checked(net, lambda a, b: -F.mse_loss(a, b), batch, up)


def test_losses_that_push_down_what_is_too_sure_are_not_maximised() -> None:
    zincir.manual_seed(0)
    sure = nn.Linear(64, 1)
    yes = (X[:128, :1] > 0).astype(np.float32)
    with zincir.no_grad():
        sure.weight.fill_(0)
        sure.weight[0, 0] = 300.0
    assert "loss_maximised" not in checked(sure, F.binary_cross_entropy_with_logits, (X[:128], yes))
    smooth = nn.CrossEntropyLoss(label_smoothing=0.2)
    net = mlp()
    given = net(zincir.tensor(X[:128])).argmax(1).numpy()
    with zincir.no_grad():
        net[4].weight.mul_(100)
    assert "loss_maximised" not in checked(net, smooth, (X[:128], given))


def test_outputs_that_stand_for_something_else_are_not_maximised() -> None:
    zincir.manual_seed(0)
    net, rng = nn.Linear(64, 1), np.random.default_rng(0)
    with zincir.no_grad():
        net.weight.mul_(1e-3)
        net.bias.fill_(0.01)
    soft = rng.uniform(0.1, 0.4, (128, 1)).astype(np.float32)
    logits, poisson = F.binary_cross_entropy_with_logits, nn.PoissonNLLLoss()
    for loss, target in ((logits, soft), (poisson, 2 * soft)):
        assert "loss_maximised" not in checked(net, loss, (X[:128], target))
    with zincir.no_grad():
        net.bias.fill_(-1.0)  # below the targets, whatever it stands for
    for loss, target in ((logits, soft + 0.5), (poisson, 2 * soft + 0.5)):
        flipped = checked(net, lambda a, b, loss=loss: -loss(a, b), (X[:128], target))
        assert "loss_maximised" in flipped


def test_distances_are_to_be_small_for_the_right_class() -> None:
    head = mlp()
    assert "loss_maximised" not in checked(head, lambda a, b: F.cross_entropy(-a, b))
    sure = nn.Sequential(mlp(), nn.LogSoftmax(1))
    assert "loss_maximised" in checked(sure, lambda a, b: -F.nll_loss(a, b))
    assert "loss_maximised" not in checked(sure, F.nll_loss)


def test_cross_entropy_over_one_class_whatever_the_targets_are() -> None:
    net = nn.Linear(64, 1)
    batch = X[:64], np.ones((64, 1), np.float32)

    def one(given: Any, wanted: Any) -> Any:
        return F.cross_entropy(given, (wanted[:, 0] * 0).to(zincir.int64))

    sick = checked(net, one, batch)["loss_shape"]
    assert (sick.code, sick.severity) == ("S4", "error")
    assert "loss_shape" not in checked(net, F.binary_cross_entropy_with_logits, batch)
