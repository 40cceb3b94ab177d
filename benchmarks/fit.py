"""What `Trainer.fit` costs beside a bare compiled step: `python -m benchmarks.fit`.

MLP 784-128-10, Adam, batch 32, on 12,800 rows in memory. Each way trains a net of its own for six
epochs; the shortest of the last five counts. All are done in turn, several times: medians, and
ratios to the bare step that is fed rows which NumPy picked, as `fit` picks them at random too.
Then one row through `predict`, and batches of a `DataLoader` beside PyTorch's, if that is there.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

import zincir
from zincir import nn, optim

ROWS, BATCH, EPOCHS = 12_800, 32, 6
STEPS = ROWS // BATCH
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 784)).astype(np.float32)
Y = X[:, :10].argmax(1)


def net_and_optimizer() -> tuple[Any, Any]:
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return net, optim.Adam(net.parameters(), lr=1e-3)


def bare(picked: bool) -> float:
    """Seconds of a step of a loop written by hand."""
    net, adam = net_and_optimizer()

    @zincir.compile
    def step(x: Any, y: Any) -> Any:
        adam.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        adam.step()
        return loss

    def epoch() -> None:
        order = RANDOM.permutation(ROWS)
        for at in range(0, ROWS, BATCH):
            rows: Any = order[at : at + BATCH] if picked else slice(at, at + BATCH)
            step(X[rows], Y[rows])

    return shortest(epoch)


def fitted(doctor: str, *metrics: str) -> float:
    """Seconds of a step of `fit`."""
    net, adam = net_and_optimizer()
    trainer = zincir.Trainer(
        net, nn.CrossEntropyLoss(), adam, metrics=list(metrics), seed=0, doctor=doctor
    )
    history = trainer.fit((X, Y), epochs=EPOCHS, batch_size=BATCH, progress=False)
    return min(history["seconds"][1:]) / STEPS


def shortest(epoch: Callable[[], None]) -> float:
    times: list[float] = []
    for _ in range(EPOCHS):
        began = time.perf_counter()
        epoch()
        times.append(time.perf_counter() - began)
    return min(times[1:]) / STEPS


WAYS: dict[str, Callable[[], float]] = {
    "bare step, rows picked by NumPy": lambda: bare(picked=True),
    "bare step, slices in order": lambda: bare(picked=False),
    "fit, doctor off": lambda: fitted("off"),
    "fit": lambda: fitted("light"),
    "fit with accuracy": lambda: fitted("light", "accuracy"),
}


def predict_one() -> float:
    """Seconds of `predict` for one row."""
    net, adam = net_and_optimizer()
    trainer = zincir.Trainer(net, nn.CrossEntropyLoss(), adam)
    row = X[:1]
    trainer.predict(row)
    times: list[float] = []
    for _ in range(2000):
        began = time.perf_counter()
        trainer.predict(row)
        times.append(time.perf_counter() - began)
    return median(times)


def delivered(lib: Any) -> float:
    """Seconds of a batch of a `DataLoader` in random order, with PyTorch's names."""
    sets = lib.utils.data
    data = sets.TensorDataset(lib.as_tensor(X), lib.as_tensor(Y))
    loader = sets.DataLoader(data, batch_size=BATCH, shuffle=True)

    def epoch() -> None:
        for _ in loader:
            pass

    return shortest(epoch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    zincir.set_num_threads(2)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, timed in WAYS.items():
            found[way].append(timed())
    first = next(iter(found.values()))
    for way, times in found.items():
        ratio = median(t / of for t, of in zip(times, first, strict=True))
        print(f"{way:>32}: {median(times) * 1e6:6.1f} us a step, {ratio:.2f}")
    print(f"{'predict, one row':>32}: {median(predict_one() for _ in range(rounds)) * 1e6:6.1f} us")
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its DataLoader is left out")
        return
    import torch

    torch.set_num_threads(2)
    pairs = [(delivered(zincir), delivered(torch)) for _ in range(rounds)]
    ours, theirs = (median(p[k] for p in pairs) * 1e6 for k in (0, 1))
    print(
        f"{'DataLoader, a batch':>32}: {ours:6.1f} us, PyTorch's {theirs:.1f}, {theirs / ours:.1f}x"
    )


if __name__ == "__main__":
    main()
