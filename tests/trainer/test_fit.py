"""Trainer: training, evaluation, prediction; that a training goes on to the bit."""

import contextlib
import os
import signal

import numpy as np
import pytest

import zincir
from zincir import nn, optim
from zincir.errors import ArgumentError, DTypeError, ShapeError
from zincir.trainer import (
    Callback,
    Checkpoint,
    ClipGradients,
    ExponentialAverage,
    NotFinite,
    Trainer,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((300, 6)).astype(np.float32)
Y = (X[:, 0] > X[:, 1]).astype(np.int64)


def net():
    zincir.manual_seed(3)
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    )


def trainer(*callbacks, **options):
    model = net()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    options = {"metrics": ["accuracy"], "seed": 1, **options}
    if "scheduler" not in options:
        options["scheduler"] = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks, **options)


def bits(t):
    return b"".join(value.numpy().tobytes() for value in t.model.state_dict().values())


def measures(t):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in t.history]


def fit(t, epochs, **options):
    t.fit((X, Y), (X[:100], Y[:100]), epochs, batch_size=32, progress=False, **options)
    return t


# --- numbers --------------------------------------------------------------------------------


def test_it_is_the_loop_that_one_would_write():
    t = fit(trainer(), 2)
    model = net()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    schedule = optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    zincir.manual_seed(1)
    for epoch in range(2):
        feed = zincir.trainer.feed.feed_of((X, Y), 32, seed=1)
        losses, right = [], 0
        for numbers, count in feed.batches(epoch):
            optimizer.zero_grad()
            out = model(zincir.from_numpy(X[numbers]))
            loss = nn.functional.cross_entropy(out, zincir.from_numpy(Y[numbers]))
            loss.backward()
            optimizer.step()
            losses.append(loss.item() * count)
            right += int((out.argmax(1).numpy() == Y[numbers]).sum())
        schedule.step()
        assert t.history[epoch]["loss"] == pytest.approx(sum(losses) / 300, rel=1e-6)
        assert t.history[epoch]["accuracy"] == pytest.approx(right / 300)
    expected = b"".join(value.numpy().tobytes() for value in model.state_dict().values())
    assert bits(t) == expected


def test_evaluation_has_no_dropout_and_leaves_no_trace():
    t = fit(trainer(), 1)
    before = bits(t)
    found = t.evaluate((X, Y))
    t.model.eval()
    with zincir.no_grad():
        out = t.model(zincir.from_numpy(X))
    loss = nn.functional.cross_entropy(out, zincir.from_numpy(Y)).item()
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    assert found["accuracy"] == pytest.approx(float((out.argmax(1).numpy() == Y).mean()))
    np.testing.assert_allclose(t.predict(X, batch_size=37).numpy(), out.numpy(), rtol=1e-5)
    np.testing.assert_array_equal(t.predict(X[:1]).shape, (1, 2))
    assert bits(t) == before


@pytest.mark.parametrize("training", [True, False])
def test_modes_are_as_they_were(training):
    t = trainer()
    t.model.train(training)
    t.model[3].train(not training)
    was = [m.training for m in t.model.modules()]

    class Look(Callback):
        def on_epoch_end(self, trainer, log):
            assert all(m.training for m in trainer.model.modules())

    t = trainer(Look())
    t.model.train(training)
    t.model[3].train(not training)
    fit(t, 1)
    t.evaluate((X, Y))
    t.predict(X)
    assert [m.training for m in t.model.modules()] == was


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_make_no_difference(threads):
    before = zincir.get_num_threads()
    reference = bits(fit(trainer(), 2))
    try:
        zincir.set_num_threads(threads)
        assert bits(fit(trainer(), 2)) == reference
    finally:
        zincir.set_num_threads(before)


def test_accumulation_is_a_larger_batch():
    def linear(**options):
        zincir.manual_seed(0)
        model = nn.Linear(6, 2)
        return Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1),
                       seed=0, **options)  # fmt: skip

    one, four = linear(), linear(accumulate=4)
    one.fit((X, Y), epochs=3, batch_size=128, progress=False)
    four.fit((X, Y), epochs=3, batch_size=32, progress=False)
    assert one.steps == four.steps == 9
    a, b = (t.model.weight.detach().numpy() for t in (one, four))
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_sources_of_batches_agree():
    data = zincir.utils.data.TensorDataset(zincir.from_numpy(X), zincir.from_numpy(Y))
    batches = [(X[i : i + 32], Y[i : i + 32]) for i in range(0, 300, 32)]
    found = []
    for source in ((X, Y), data, batches):
        t = trainer()
        t.fit(source, epochs=2, batch_size=32, shuffle=False, progress=False)
        found.append(bits(t))
    assert len(set(found)) == 1
    shuffled = []
    for source in ((X, Y), data):
        t = trainer()
        t.fit(source, epochs=2, batch_size=32, progress=False)
        shuffled.append(bits(t))
    assert len(set(shuffled)) == 1
    assert shuffled[0] != found[0]


def test_a_list_of_two_batches_is_no_pair():
    halves = (X[:150], Y[:150]), (X[150:], Y[150:])
    tensors = [[zincir.from_numpy(part) for part in half] for half in halves]
    found = []
    for source in ([*halves], tensors, (X, Y), [X, Y]):
        t = trainer()
        t.fit(source, epochs=2, batch_size=150, shuffle=False, progress=False)
        found.append(bits(t))
    assert len(set(found)) == 1


def test_models_of_several_inputs_and_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 1)

        def forward(self, a, b):
            return self.layer(a), self.layer(b)

    def loss(out, y):
        return (out[0] - y).square().mean() + (out[1] - y).square().mean()

    zincir.manual_seed(0)
    y = X[:, :1]
    for x in ((X, 2 * X), {"b": 2 * X, "a": X}):
        t = Trainer(Two(), loss)
        t.fit((x, y), epochs=2, progress=False)
        one, two = t.predict(x, batch_size=64)
        assert one.shape == two.shape == (300, 1)
        assert t.history[1]["loss"] < t.history[0]["loss"]


class Beside(nn.Module):
    """A net that gives nothing besides, and a number for the batch."""

    def __init__(self, number):
        super().__init__()
        self.net, self.number = nn.Linear(6, 2), number

    def forward(self, x):
        z = self.net(x)
        return {"logits": z, "hidden": None, "size": z.square().mean() if self.number else None}


def test_outputs_that_are_nothing_or_of_no_samples():
    def loss(outputs, y):
        return nn.functional.cross_entropy(outputs["logits"], y)

    for number in (False, True):
        t = Trainer(Beside(number), loss, seed=0)
        t.fit((X, Y), (X, Y), epochs=2, progress=False)
        assert t.history[1]["val_loss"] < t.history[0]["val_loss"]
        whole = t.predict(X, batch_size=300)
        assert whole["hidden"] is None
        if number:
            with pytest.raises(ArgumentError, match="an output of 10 batches cannot be put toge"):
                t.predict(X, batch_size=32)
        else:
            parts = t.predict(X, batch_size=32)
            assert parts["hidden"] is parts["size"] is None
            np.testing.assert_allclose(parts["logits"], whole["logits"], rtol=1e-5, atol=1e-6)


def test_schedules():
    rates = []

    class Note(Callback):
        def on_step_end(self, trainer):
            rates.append(trainer.optimizer.param_groups[0]["lr"])

    def one_cycle(optimizer, updates):
        assert updates == 20
        return optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=updates)

    fit(trainer(Note(), scheduler=one_cycle), 2)
    assert len(rates) == 20
    assert rates.index(max(rates)) in (4, 5)
    rates.clear()
    fit(trainer(Note()), 4)
    assert rates == [1e-2] * 20 + [5e-3] * 20
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, patience=0, threshold=10.0, threshold_mode="abs"
    )
    t = Trainer(model, nn.CrossEntropyLoss(), optimizer, scheduler=plateau)
    fit(t, 3)
    assert t.history["lr"] == pytest.approx([1.0, 1.0, 0.1])


def test_a_function_of_the_number_of_updates_needs_a_length():
    t = trainer(scheduler=lambda optimizer, updates: optim.lr_scheduler.StepLR(optimizer, updates))
    for source in (Stream(), ((X, Y) for _ in range(3))):
        with pytest.raises(ArgumentError, match=r"has no length(.|\n)*total_steps="):
            t.fit(source, progress=False)


# --- going on -------------------------------------------------------------------------------


def test_three_and_seven_epochs_are_ten(tmp_path):
    ten = fit(trainer(), 10)
    both = fit(fit(trainer(), 3), 7)
    assert bits(both) == bits(ten)
    fit(trainer(Checkpoint(tmp_path)), 3)
    other = fit(trainer(Checkpoint(tmp_path)), 10, resume="auto")
    assert bits(other) == bits(ten)
    assert measures(other) == measures(both) == measures(ten)


class Stop(Callback):
    def __init__(self, step, how):
        self.step, self.how = step, how

    def on_step_end(self, trainer):
        if trainer.steps == self.step:
            self.how()


def fail():
    raise RuntimeError("broken off")


def test_in_the_middle_of_an_epoch(tmp_path):
    extras = (ClipGradients(norm=0.5), ExponentialAverage(0.9))
    whole = fit(trainer(*extras), 4)
    for step, how, error in (
        (14, fail, RuntimeError),
        (23, lambda: os.kill(os.getpid(), signal.SIGINT), KeyboardInterrupt),
        (31, lambda: os.kill(os.getpid(), signal.SIGTERM), SystemExit),
    ):
        extras = (ClipGradients(norm=0.5), ExponentialAverage(0.9))
        t = trainer(*extras, Checkpoint(tmp_path), Stop(step, how))
        t.model.eval()
        with pytest.raises(error) as raised:
            fit(t, 4, resume="auto")
        assert t.steps == step
        assert not t.model.training
        if error is SystemExit:
            assert raised.value.code == 128 + signal.SIGTERM
    extras = (ClipGradients(norm=0.5), ExponentialAverage(0.9))
    t = fit(trainer(*extras, Checkpoint(tmp_path)), 4, resume="auto")
    assert bits(t) == bits(whole)
    assert measures(t) == measures(whole)


def test_loaders_go_on_too(tmp_path):
    class Noisy(zincir.utils.data.Dataset):
        def __len__(self):
            return 100

        def __getitem__(self, k):
            return X[k] + zincir.randn(6) * 0.1, Y[k]

    def run(*callbacks, **options):
        t = trainer(*callbacks)
        loader = zincir.utils.data.DataLoader(Noisy(), 16, shuffle=True)
        with contextlib.suppress(RuntimeError):
            t.fit(loader, epochs=3, progress=False, **options)
        return t

    whole = run()
    run(Checkpoint(tmp_path), Stop(10, fail))
    assert bits(run(Checkpoint(tmp_path), resume="auto")) == bits(whole)


class Rows(zincir.utils.data.Dataset):
    def __init__(self):
        self.asked = []

    def __len__(self):
        return 100

    def __getitem__(self, k):
        self.asked.append(k)
        return X[k] + zincir.randn(6) * 0.1, Y[k]


class Stream(zincir.utils.data.IterableDataset):
    def __iter__(self):
        info = zincir.utils.data.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        return ((X[k] + zincir.randn(6) * 0.1, Y[k]) for k in range(first, 100, step))


def drawn_again(count):
    generator = zincir.Generator().manual_seed(4)
    return zincir.utils.data.RandomSampler(range(100), True, count, generator)


LOADERS = {
    "generator": lambda: {"shuffle": True, "generator": zincir.Generator().manual_seed(4)},
    "workers": lambda: {"shuffle": True, "num_workers": 2},
    "workers that live on": lambda: {
        "shuffle": True, "num_workers": 2, "persistent_workers": True,
        "generator": zincir.Generator().manual_seed(4)},
    "replacement": lambda: {"sampler": drawn_again(100), "num_workers": 2},
    "stream": lambda: {"dataset": Stream()},
    "stream and workers": lambda: {"dataset": Stream(), "num_workers": 2},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "steps"), [*((name, 10) for name in LOADERS), ("generator", 7), ("stream", 14)]
)
def test_loaders_know_where_they_are(name, steps, tmp_path):
    """Left in the middle of an epoch of 7 or 8 batches, or when all are done but its end."""

    def run(*callbacks, **options):
        t = trainer(*callbacks)
        loader = zincir.utils.data.DataLoader(
            **{"dataset": Rows(), "batch_size": 16, **LOADERS[name]()}
        )
        with contextlib.suppress(RuntimeError):
            t.fit(loader, epochs=3, progress=False, **options)
        return t

    whole = run()
    run(Checkpoint(tmp_path), Stop(steps, fail))
    again = run(Checkpoint(tmp_path), resume="auto")
    assert again.steps == whole.steps
    assert bits(again) == bits(whole)


def test_what_was_trained_on_is_not_fetched_again(tmp_path):
    def loader(batch_size=16):
        return zincir.utils.data.DataLoader(Rows(), batch_size, shuffle=True)

    whole = loader()
    trainer().fit(whole, epochs=1, progress=False)
    with pytest.raises(RuntimeError):
        trainer(Checkpoint(tmp_path), Stop(5, fail)).fit(loader(), epochs=1, progress=False)
    rest = loader()
    trainer(Checkpoint(tmp_path)).fit(rest, epochs=1, progress=False, resume="auto")
    assert rest.dataset.asked == whole.dataset.asked[80:]
    with pytest.raises(RuntimeError, match="broken off"):
        trainer(Checkpoint(tmp_path / "b"), Stop(5, fail)).fit(loader(), epochs=1, progress=False)
    other = trainer(Checkpoint(tmp_path / "b"))
    with pytest.raises(zincir.errors.StateError, match=r"another loader(.|\n)*batch_size=16"):
        other.fit(loader(10), epochs=1, progress=False, resume="auto")


def test_accumulation_goes_on_too(tmp_path):
    whole = fit(trainer(accumulate=3), 3)
    with pytest.raises(RuntimeError):
        fit(trainer(Checkpoint(tmp_path), Stop(6, fail), accumulate=3), 3)
    assert bits(fit(trainer(Checkpoint(tmp_path), accumulate=3), 3, resume="auto")) == bits(whole)


# --- bad input ------------------------------------------------------------------------------


def test_data_that_cannot_be_fed():
    t = trainer()
    bad = X.copy()
    bad[7, 2] = np.nan
    cases = (
        ((X, Y[:-1]), ShapeError, r"different numbers of samples(.|\n)*300.*299"),
        ((X[:0], Y[:0]), ArgumentError, "not one sample"),
        ((bad, Y), ArgumentError, r"not finite(.|\n)*row 7, place \(2,\)"),
        ((X, np.array(["a", "b"] * 150)), DTypeError, "no numbers"),
        (3, ArgumentError, "nothing that batches can be taken from"),
        ([X, X, X], ArgumentError, "a pair of inputs and targets"),
    )
    for data, error, message in cases:
        with pytest.raises(error, match=message):
            t.fit(data, progress=False)
    with pytest.raises(zincir.errors.IndexOutOfRange):
        t.fit((X, Y + 1), progress=False)
    for options in ({"epochs": -1}, {"batch_size": 0}, {"epochs": 1.5}):
        with pytest.raises(ArgumentError, match=next(iter(options))):
            t.fit((X, Y), progress=False, **options)
    with pytest.raises(ArgumentError, match="where checkpoints are"):
        t.fit((X, Y), resume="auto", progress=False)


def test_arguments_of_the_wrong_kind():
    for options, message in (
        ({"model": 3}, "model is a Module"),
        ({"loss": 3}, "loss is called"),
        ({"optimizer": "adam"}, "optimizer is an Optimizer"),
        ({"precision": "half"}, "precision is one of"),
        ({"accumulate": 0}, "accumulate is a whole number"),
        ({"callbacks": [3]}, "callbacks are Callbacks"),
        ({"metrics": ["acuracy"]}, "accuracy"),
    ):
        with pytest.raises(ArgumentError, match=message):
            Trainer(**{"model": nn.Linear(2, 2), "loss": nn.MSELoss(), **options})
    with pytest.raises(ArgumentError, match="training needs a loss"):
        Trainer(nn.Linear(6, 2)).fit((X, Y), progress=False)
    with pytest.raises(ShapeError, match="one number, its mean"):
        Trainer(nn.Linear(6, 2), nn.CrossEntropyLoss(reduction="none")).fit((X, Y), progress=False)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    model = nn.Linear(6, 1)
    t = Trainer(model, lambda out, y: (out.square().sum() * -1e30).sqrt().mean(), seed=0,
                callbacks=[Checkpoint(tmp_path)])  # fmt: skip
    with pytest.raises(NotFinite, match="epoch 1"):
        t.fit((X, Y), progress=False)
    assert not (tmp_path / "last.ckpt").exists()
    t.fit((X, Y), progress=False, allow_nan=True)


def test_what_callbacks_raise_reaches_the_user_after_the_state_was_saved(tmp_path):
    class Broken(Callback):
        def on_epoch_end(self, trainer, log):
            raise ValueError("broken callback")

    t = trainer(Checkpoint(tmp_path), Broken())
    with pytest.raises(ValueError, match="broken callback"):
        fit(t, 1)
    assert (tmp_path / "last.ckpt").exists()
