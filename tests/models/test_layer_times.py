"""The table of times by layer: what it counts is all there is, and everybody is in it."""

import copy
import io
from typing import Any

import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, DTypeError
from zincir.models import Profile, layer_times, profile


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


class Mixed(nn.Module):
    """Layers in layers, a layer that runs twice, one that never runs, and work of its own."""

    def __init__(self) -> None:
        super().__init__()
        convolution = nn.Conv2d(3, 8, 3, padding=1)
        self.features = nn.Sequential(convolution, nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2))
        self.twice = nn.Linear(128, 128)
        self.head = nn.Linear(128, 10)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        x = self.features(x).flatten(1)
        x = self.twice(self.twice(x).tanh()) * 1.5
        return self.head(x)


class Texts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.rnn = nn.LSTM(8, 16, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.rnn(self.embedding(x))[0][:, -1])


MODELS: dict[str, Any] = {
    "mlp": (mlp, lambda: zincir.rand(16, 64)),
    "mixed": (Mixed, lambda: zincir.rand(16, 3, 8, 8)),
    "texts": (Texts, lambda: zincir.randint(20, (16, 9))),
}
RULES: dict[str, Any] = {"sgd": optim.SGD, "adam": optim.AdamW}


def profiled(model: nn.Module, x: Any, rule: str = "sgd", **options: Any) -> Profile:
    optimizer = RULES[rule](model.parameters(), lr=1e-3)
    return profile(model, nn.CrossEntropyLoss(), optimizer, (x, zincir.arange(16) % 10), **options)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", MODELS)
def test_all_time_is_in_the_table(name: str, rule: str, monkeypatch: Any) -> None:
    seen: list[Any] = []
    table = layer_times._Profiler._table

    def kept(self: Any, seconds: float) -> Profile:
        seen.extend(watched for _, watched in self._programs.values())
        return table(self, seconds)

    monkeypatch.setattr(layer_times._Profiler, "_table", kept)
    make, draw = MODELS[name]
    model = make()
    found = profiled(model, draw(), rule, steps=3)
    assert len(seen) == 1
    everything = sum(sorted(times)[1] for w in seen for times in zip(*w.taken, strict=True))
    assert found.total == pytest.approx(everything * 1e-9)
    for launch in seen[0].booked:
        assert sum(part.share for part in launch) == pytest.approx(1)
    named = {n.rpartition(".")[0] for n, _ in model.named_parameters()}
    rows = {row.path: row for row in found.rows}
    assert named <= rows.keys()
    assert len(rows) == len(found.rows)
    for path in named - {"unused"}:
        row = rows[path]
        assert row.total > 0 or row.within, path
    for row in found.rows:
        assert all(row.path in rows[other].within for other in row.inside)
        assert all(row.path in rows[other].inside for other in row.within)
        assert row.path not in row.inside
    assert rows["(loss)"].total > 0 or rows["(loss)"].within
    assert found.seconds > 0
    text = str(found)
    assert all(path in text for path in rows)
    assert f"with {found.threads} thread" in text


def test_operations_are_those_of_the_formula() -> None:
    rows = {row.path: row for row in profiled(mlp(), zincir.rand(16, 64), steps=1).rows}
    first, last = 2 * 16 * 64 * 32, 2 * 16 * 32 * 10
    assert rows["0"].operations == [first, first, 0, 0]
    assert rows["2"].operations == [last, 2 * last, 0, 0]
    assert rows["1"].operations == [0, 0, 0, 0]
    assert rows["0"].flops == pytest.approx(2 * first / rows["0"].total)
    assert rows["1"].flops is None


def test_what_is_fused_is_said() -> None:
    found = profiled(mlp(), zincir.rand(16, 64), "adam", steps=1)
    rows = {row.path: row for row in found.rows}
    assert "0" in rows["1"].within
    assert rows["1"].note.startswith("in 0")
    assert "with 1" in rows["0"].note
    assert rows["0"].time_of(2) == "in backward" or rows["0"].seconds[2] > 0


def test_nothing_is_changed() -> None:
    model = Mixed().eval()
    model.head.weight.grad = zincir.ones(10, 128)
    optimizer = optim.AdamW(model.parameters())
    state, stream = copy.deepcopy(model.state_dict()), zincir.get_rng_state().tolist()
    batch = zincir.ones(16, 3, 8, 8), zincir.arange(16) % 10
    profile(model, nn.CrossEntropyLoss(), optimizer, batch, steps=2)
    assert zincir.get_rng_state().tolist() == stream
    assert not model.training
    assert not optimizer.state
    assert model.head.weight.grad.sum().item() == 1280
    assert model.twice.weight.grad is None
    for name, before in state.items():
        assert before.tolist() == model.state_dict()[name].tolist()


def test_a_loss_that_is_a_function_and_several_inputs() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(4, 3), nn.Linear(5, 3)

        def forward(self, x: Any, y: Any) -> Any:
            return self.left(x) + self.right(y)

    model = Pair().double()
    x = zincir.rand(8, 4).double(), zincir.rand(8, 5).double()
    found = profile(
        model,
        lambda out, y: (out - y).square().mean(),
        optim.SGD(model.parameters(), lr=0.1),
        (x, zincir.zeros(8, 3).double()),
        steps=1,
    )
    assert {"left", "right"} <= {row.path for row in found.rows}
    assert found.peak is None


def test_a_table_for_a_terminal() -> None:
    rich = pytest.importorskip("rich.console")
    found = profiled(mlp(), zincir.rand(16, 64), steps=1)
    console = rich.Console(width=160, record=True, file=io.StringIO())
    console.print(found)
    text = console.export_text()
    assert all(word in text for word in ("(loss)", "of peak", "kernels", "a whole step:"))


def test_what_cannot_be_profiled() -> None:
    optimizer = optim.SGD(mlp().parameters(), lr=0.1)
    with pytest.raises(DTypeError, match="not a module"):
        profile(len, nn.MSELoss(), optimizer, (1, 2))  # type: ignore[arg-type]
    for batch, steps in ((zincir.ones(3), 1), ((1, 2), 0)):
        with pytest.raises(ArgumentError, match="a pair of inputs and targets"):
            profile(mlp(), nn.MSELoss(), optimizer, batch, steps=steps)  # type: ignore[arg-type]
