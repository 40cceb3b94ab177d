"""What is wrong with what is given to a `Trainer` is said in words, before or when it matters."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import zincir
from zincir import data, nn, optim
from zincir.errors import (
    ArgumentError,
    IndexOutOfRange,
    LoadError,
    NotFinite,
    ShapeError,
    StateError,
)  # fmt: skip
from zincir.metrics import Metric
from zincir.trainer import Callback, Checkpoint, Trainer, find_learning_rate
from zincir.trainer.checking import refuse_not_finite, warn_of_missing_classes
from zincir.utils.data import DataLoader, Dataset, IterableDataset

draws = np.random.default_rng(0)
X = draws.normal(size=(64, 4)).astype(np.float32)
Y = draws.integers(0, 3, 64)
HOLED = X.copy()
HOLED[7, 2] = np.nan


class Samples(Dataset[Any]):
    def __init__(self, x: Any = X, y: Any = Y, length: int = 64) -> None:
        self.x, self.y, self.length = x, y, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> Any:
        return self.x[i], self.y[i]


class Nothing(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(())


def trainer(loss: Any = None, **options: Any) -> Trainer:
    return Trainer(nn.Linear(4, 3), loss or nn.CrossEntropyLoss(), seed=0, **options)


def fit(t: Trainer, source: Any = (X, Y), **options: Any) -> Trainer:
    t.fit(source, progress=False, **options)
    return t


def notes(error: BaseException) -> str:
    return "\n".join(error.__notes__)


# Nothing to learn from ----------------------------------------------------------------------------

EMPTY = {
    "data set": (Samples(length=0), {}, "not one sample"),
    "loader": (DataLoader(Samples(length=0), 8), {}, r"not one batch in epoch 1(.|\n)*DataLoader"),
    "list": ([], {}, "not one batch in epoch 1"),
    "stream": (Nothing(), {}, "not one batch in epoch 1"),
    "all dropped": ((X[:5], Y[:5]), {"batch_size": 8, "drop_last": True}, "drop_last=False"),
    "loader that drops all": (DataLoader(Samples(length=5), 8, drop_last=True), {}, "drop_last"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_to_learn_from(name: str) -> None:
    source, options, message = EMPTY[name]
    with pytest.raises(ArgumentError, match=message):
        fit(trainer(), source, **options)


def test_an_iterator_that_is_used_up() -> None:
    with pytest.raises(ArgumentError, match=r"not one batch in epoch 2(.|\n)*gone through once"):
        fit(trainer(), ((X, Y) for _ in range(2)), epochs=3)


def test_nothing_to_evaluate_with() -> None:
    nothing = DataLoader(Samples(length=0), 8)
    with pytest.raises(ArgumentError, match="not one batch of validation"):
        fit(trainer(), validation=nothing)
    with pytest.raises(ArgumentError, match="not one batch of data"):
        trainer().evaluate(nothing)


# Numbers that are none ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((HOLED, Y), r"the inputs are not finite(.|\n)*row 7, place \(2,\)"),
        (Samples(HOLED), r"the inputs of the data set(.|\n)*sample 7, place \(2,\)"),
        (DataLoader(Samples(HOLED), 5), r"the inputs of batch 1(.|\n)*row 2, place \(2,\)"),
        ([(X, Y), (HOLED, Y), (X, Y)], r"the inputs of batch 1(.|\n)*row 7, place \(2,\)"),
    ],
)
def test_numbers_that_are_none_have_a_place(source: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        fit(trainer(), source)
    with pytest.raises(ArgumentError, match=message):
        fit(trainer(), validation=source)
    with pytest.raises(ArgumentError, match=message):
        trainer().evaluate(source)
    assert np.isnan(trainer().evaluate(source, allow_nan=True)["loss"])


def test_a_rate_for_numbers_that_are_none() -> None:
    with pytest.raises(NotFinite, match="not finite at the first step"):
        find_learning_rate(trainer(), [(HOLED, Y)])


def test_targets_that_are_none_may_be_masked() -> None:
    targets = np.where(np.arange(192).reshape(64, 3) == 5, np.nan, 0.0).astype(np.float32)

    def masked(out: Any, y: Any) -> Any:
        there = y == y
        return zincir.where(there, out - y, 0.0).square().mean()

    source = DataLoader(Samples(y=targets), 8)
    with pytest.raises(ArgumentError, match=r"the targets of batch 0(.|\n)*row 1, place \(2,\)"):
        fit(trainer(masked), source)
    for kept in (source, (X, targets)):
        t = trainer(masked)
        with pytest.raises(ArgumentError, match="not finite"):
            t.evaluate(kept)
        assert t.evaluate(kept, allow_nan=True)["loss"] > 0


@pytest.mark.parametrize("dtype", [zincir.float32, zincir.float64, zincir.float16, zincir.bfloat16])
def test_what_is_finite(dtype: Any) -> None:
    large = 3e38 if dtype is not zincir.float16 else 6e4
    refuse_not_finite(zincir.tensor([[large, large], [large, 0]]).to(dtype), "they")
    refuse_not_finite(zincir.zeros(0, 2).to(dtype), "they")
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ArgumentError, match=r"1 of 4 numbers(.|\n)*sample 9, place \(0,\)"):
            refuse_not_finite(zincir.tensor([[large, 1], [bad, 1]]).to(dtype), "they", [4, 9])


# Labels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [(X, Y + 1), DataLoader(Samples(y=Y + 1), 16), Samples(y=Y + 1)])
def test_labels_that_are_not_in_range(source: Any) -> None:
    with pytest.raises(IndexOutOfRange, match="0 <= value < 3") as caught:
        fit(trainer(metrics=["accuracy"]), source, shuffle=False)
    rows = int(np.argmin(Y)), int(np.argmax(Y))
    told = f"epoch 1, batch 0; targets go from 1 (row {rows[0]}) to 3 (row {rows[1]})"
    assert told in notes(caught.value)


def test_a_class_that_is_missing_from_training() -> None:
    two = np.where(Y == 2, 1, Y)
    with pytest.warns(UserWarning, match=f"of the classes 2 .* and {(Y == 2).sum()} samples"):
        fit(trainer(), (X, two), validation=(X, Y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(trainer(), (X, Y), validation=(X, two))
        fit(trainer(lambda out, y: out.mean()), (X, two), validation=(X, Y))
        warn_of_missing_classes(zincir.zeros(3), zincir.tensor([1]))
        warn_of_missing_classes(zincir.tensor([0]), zincir.tensor([-100, 10**12]))


def test_weights_of_classes_are_for_losses() -> None:
    weights = data.class_weights([0, 1, 1, 2])
    fit(trainer(nn.CrossEntropyLoss(weight=weights)))


# Errors in a step ---------------------------------------------------------------------------------


class Failing(Metric):
    name = "failing"

    def __init__(self, where: str, *, in_step: bool) -> None:
        super().__init__()
        self.where, self.in_step = where, in_step

    def _fail(self, where: str) -> Any:
        if where == self.where:
            raise ValueError(f"failing in {where}")
        return 0.0

    def update(self, *args: Any) -> None:
        self._fail("update")

    def see(self, *args: Any) -> Any:
        return ()

    def value(self, *args: Any) -> Any:
        return 0.0

    def compute(self) -> Any:
        return self._fail("compute")


@pytest.mark.parametrize("where", ["update", "compute"])
@pytest.mark.parametrize("in_step", [False, True])
def test_metrics_that_raise_are_named(where: str, in_step: bool, tmp_path: Any) -> None:
    t = trainer(metrics=[Failing(where, in_step=in_step)], callbacks=[Checkpoint(tmp_path)])
    with pytest.raises(ValueError, match=f"failing in {where}") as caught:
        fit(t)
    assert "in the metric 'failing'" in notes(caught.value)
    assert (tmp_path / "last.ckpt").exists()


EVENTS = [
    "after_backward", "after_update", "on_epoch_begin", "on_step_end", "on_look", "on_epoch_end",
    "on_save", "on_fit_end",
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS)
def test_callbacks_that_raise(event: str, tmp_path: Any) -> None:
    """The state is saved, also if what is told of the error fails as well."""

    def fail(self: Any, *args: Any) -> None:
        raise ValueError(f"broken {event}")

    def fail_again(self: Any, *args: Any) -> None:
        raise OSError("and again")

    broken = type("Broken", (Callback,), {event: fail, "on_exception": fail_again})()
    t = trainer(callbacks=[broken, Checkpoint(tmp_path)])
    with pytest.raises(ValueError, match=f"broken {event}") as caught:
        fit(t, batch_size=8)
    assert "Broken.on_exception: OSError('and again')" in notes(caught.value)
    again = fit(trainer(callbacks=[Checkpoint(tmp_path)]), resume="auto", epochs=2, batch_size=8)
    assert (again.epoch, again.steps) == (2, 16)
    assert {path.name for path in tmp_path.iterdir()} == {"last.ckpt", "best.ckpt"}


# Arguments ----------------------------------------------------------------------------------------


def test_schedules_that_are_none() -> None:
    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    other = optim.lr_scheduler.StepLR(optim.SGD(model.parameters(), lr=0.1), 1)
    for wrong in (optim.lr_scheduler.OneCycleLR, "cosine"):
        with pytest.raises(ArgumentError, match="scheduler is a schedule, or a function"):
            Trainer(model, nn.MSELoss(), optimizer, scheduler=wrong)
    for given in (optimizer, None):
        with pytest.raises(ArgumentError, match="the optimizer that is given as optimizer="):
            Trainer(model, nn.MSELoss(), given, scheduler=other)
    with pytest.raises(ArgumentError, match="returns a schedule"):
        fit(trainer(scheduler=lambda optimizer, updates: None))


def test_an_optimizer_of_something_else() -> None:
    optimizer = optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match="no parameter that the optimizer has"):
        fit(Trainer(nn.Linear(4, 3), nn.CrossEntropyLoss(), optimizer))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"augment": 3}, ArgumentError, "augment is a function"),
        ({"augment": lambda x, **k: x[:3]}, ShapeError, "as many samples as it gets"),
        ({"augment": lambda x, **k: None}, Exception, "augment"),
        ({"source": {"x": X, "y": Y}}, ArgumentError, "nothing that batches can be taken from"),
        ({"source": X}, ArgumentError, r"ndarray \(64, 4\)(.|\n)*fit\(\(x, y\)\)"),
        ({"source": "digits"}, ArgumentError, "nothing that batches can be taken from"),
    ],
)
def test_what_cannot_be_fed(options: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        fit(trainer(), **options)


# Checkpoints --------------------------------------------------------------------------------------


def test_checkpoints_that_are_none_or_of_something_else(tmp_path: Any) -> None:
    path = tmp_path / "state.ckpt"
    path.write_bytes(b"hello world")
    with pytest.raises(LoadError, match=r"state\.ckpt: it is no checkpoint, or damaged"):
        fit(trainer(), resume=path)
    made = fit(trainer())
    made.save(path)
    model = nn.Linear(4, 3)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    before = json.dumps(model.weight.tolist())
    with pytest.raises(StateError, match=r"another optimizer(.|\n)*AdamW(.|\n)*SGD"):
        fit(Trainer(model, nn.CrossEntropyLoss(), sgd), resume=path)
    assert json.dumps(model.weight.tolist()) == before
