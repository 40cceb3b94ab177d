"""Trains with all processes that mpiexec started: `training.py TASK FOLDER`."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

import zincir
from zincir import nn, optim
from zincir.data import DataLoader, Dataset, DistributedSampler
from zincir.distributed import SelfComm, world
from zincir.trainer import (
    Callback,
    Checkpoint,
    ClipGradients,
    CSVLog,
    Trainer,
    find_learning_rate,
)

FOLDER = Path(sys.argv[2])
RANK, SIZE = world().rank, world().size


def data(samples):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 6)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def trainer(norm=None, callbacks=(), seed=0, **settings):
    zincir.manual_seed(seed)
    layers = [nn.Linear(6, 16), *([norm(16)] if norm else []), nn.Tanh(), nn.Linear(16, 2)]
    model = nn.Sequential(*layers)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    # One that adds up sums, and one that collects all predictions.
    metrics = ["accuracy", "auroc"]
    return Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks, seed=0,
                   metrics=metrics, **settings)  # fmt: skip


class Seen(Callback):
    """Writes down which samples this process has seen: their first feature."""

    def __init__(self):
        self.numbers = []

    def after_backward(self, step):
        step.observe("seen", step.inputs[:, 0])

    def on_step_end(self, trainer):
        self.numbers += trainer.observed["seen"].tolist()
        Path(FOLDER, f"seen{SIZE}-{RANK}").write_text(repr(self.numbers))


class AtStep(Callback):
    def __init__(self, step, rank, act):
        self.step, self.rank, self.act = step, rank, act

    def on_step_end(self, trainer):
        if trainer.steps == self.step and self.rank == RANK:
            self.act(trainer)


def same(name, norm, samples, dataset=False, accumulate=1):
    """The weights and the history, of every process."""
    train = data(samples)
    if dataset:
        train = Rows(*train)
    held = [Checkpoint(FOLDER / f"{name}-{SIZE}"), CSVLog(FOLDER / f"{name}-{SIZE}.csv")]
    accumulate = 1 if SIZE == 1 else accumulate
    # They begin as process 0 does.
    made = trainer(norm, [*held, ClipGradients(norm=0.5)], seed=RANK, accumulate=accumulate)
    history = made.fit(train, validation=data(50), epochs=3, batch_size=128 // SIZE // accumulate)
    assert made.steps == 3 * -(-samples // 128)
    state = {k: v.detach().numpy() for k, v in made.model.state_dict().items()}
    logs = {k: np.array(history[k]) for k in history.names if k not in ("seconds", "epoch")}
    np.savez(FOLDER / f"{name}-{SIZE}-{RANK}.npz", **state, **logs)


class Rows(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


def loaders():
    """Batches that each process brings itself."""
    rows = Rows(*data(100))
    dealt = DistributedSampler(rows, SIZE, RANK)
    made = trainer()
    made.fit(DataLoader(rows, 10, sampler=dealt), epochs=2)
    assert made.steps == 2 * 3
    stops = trainer(callbacks=[AtStep(2, 3, stop)])
    stops.fit(data(300), epochs=100)
    assert stops.steps == 3  # the others are told with the gradients of the next
    alone = trainer(ranks=SelfComm())
    alone.fit(data(64 * (RANK + 1)), batch_size=64)
    assert alone.steps == RANK + 1
    rate = find_learning_rate(trainer(), data(300), steps=20)
    assert rate.suggestion > 0


def fail(trainer):
    raise RuntimeError("the disk of this one is on fire")


def stop(trainer):
    trainer.stop = True


def main(task):
    if task == "same":
        same("plain", None, 300)
        same("sync", nn.SyncBatchNorm, 300)
        same("rest", None, 258, dataset=True)  # two have no sample in the last batch
        same("gathered", None, 300, accumulate=2)
    elif task == "others":
        loaders()
    elif task == "fails":
        trainer(callbacks=[AtStep(2, 1, fail)]).fit(data(300), epochs=100)
    elif task == "fails outside":
        if RANK == 1:
            raise RuntimeError("no such luck")
        trainer().fit(data(300), epochs=100)
    elif task == "other lengths":
        trainer().fit([data(8)] * (3 + (RANK == 2)), epochs=100)
    elif task == "differs":
        trainer(nn.BatchNorm1d if RANK == 2 else None).fit(data(300), epochs=100)
    elif task == "is stopped":
        x, y = data(200)
        x[:, 0] = np.arange(200)
        term = AtStep(2, 1, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        callbacks = [Checkpoint(FOLDER), Seen(), *([term] if SIZE == 4 else [])]
        trainer(callbacks=callbacks).fit((x, y), epochs=1, batch_size=12, resume="auto")
    sys.stdout.write(f"done {task}\n")


main(sys.argv[1])
