"""What looking on costs on a small step: `python -m benchmarks.doctor.overhead`, in turn."""

import time
from statistics import median

import numpy as np

import zincir
from zincir import nn, optim

STEPS, BATCH, ROUNDS = 400, 32, 6
LEVELS = ("off", "light", "standard")


def microseconds(level: str) -> float:
    """A step of `Trainer.fit`, MLP 784-128-10 with Adam, without what each `fit` does once."""
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=(STEPS * BATCH, 784)).astype(np.float32)
    y = x[:, :10].argmax(1)
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    adam = optim.Adam(net.parameters(), lr=1e-3)
    trainer = zincir.Trainer(net, nn.CrossEntropyLoss(), adam, seed=0, doctor=level)

    def seconds(epochs: int) -> float:
        began = time.perf_counter()
        trainer.fit((x, y), epochs=epochs, batch_size=BATCH, progress=False)
        return time.perf_counter() - began

    seconds(1)
    return median((seconds(6) - seconds(1)) / 5 / STEPS * 1e6 for _ in range(3))


def main() -> None:
    zincir.set_num_threads(2)
    found: dict[str, list[float]] = {level: [] for level in LEVELS}
    for _ in range(ROUNDS):
        for level in LEVELS:
            found[level].append(microseconds(level))
    bare = median(found["off"])
    for level, times in found.items():
        share = 100 * (median(times) / bare - 1)
        each = ", ".join(f"{t:.0f}" for t in times)
        print(f"{level:>8}: {median(times):.0f} us a step, {share:+.0f} %  ({each})")


if __name__ == "__main__":
    main()
