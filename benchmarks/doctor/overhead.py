"""What looking on costs, in turn: `python -m benchmarks.doctor.overhead [--only mlp,transformer]`.

The small net is trained by `Trainer.fit`, the others by a compiled loop under `watch`. Probes come
at fixed numbers of steps, and are rarer the longer a training goes on: the large nets are timed
from step 64 to 224, where every sixteenth step or fewer is probed, the small one over five epochs
of 400 steps.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median
from typing import Any

import numpy as np

import zincir
from benchmarks.nets import resnet20
from benchmarks.workloads import transformer
from zincir import doctor, nn, optim

LEVELS = ("off", "light", "standard")
WARM, TIMED = 64, 160
"""Steps of a loop that are not timed, and that are."""


def mlp(level: str) -> float:
    """Seconds of a step of `Trainer.fit`, MLP 784-128-10, batch 32, without what is done once."""
    steps, batch = 400, 32
    drawn = np.random.default_rng(0)
    x = drawn.normal(size=(steps * batch, 784)).astype(np.float32)
    y = x[:, :10].argmax(1)
    zincir.manual_seed(0)
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    adam = optim.Adam(net.parameters(), lr=1e-3)
    trainer = zincir.Trainer(net, nn.CrossEntropyLoss(), adam, seed=0, doctor=level)

    def seconds(epochs: int) -> float:
        began = time.perf_counter()
        trainer.fit((x, y), epochs=epochs, batch_size=batch, progress=False)
        return time.perf_counter() - began

    seconds(1)
    return median((seconds(6) - seconds(1)) / 5 / steps for _ in range(3))


def looped(level: str, net: Any, x: Any, y: Any) -> float:
    """Seconds of a step of a compiled loop with Adam."""
    adam = optim.Adam(net.parameters(), lr=1e-4)

    @zincir.compile
    def step(x: Any, y: Any) -> Any:
        adam.zero_grad()
        loss = nn.functional.cross_entropy(net(x).reshape(y.numel(), -1), y)
        loss.backward()
        adam.step()
        return loss

    with nullcontext() if level == "off" else doctor.watch(net, adam, level=level):
        for _ in range(WARM):
            step(x, y)
        began = time.perf_counter()
        for _ in range(TIMED):
            step(x, y)
    return (time.perf_counter() - began) / TIMED


def residual(level: str) -> float:
    """ResNet-20 on images of 32 x 32, batch 128."""
    zincir.manual_seed(0)
    y = zincir.randint(0, 10, (128,))
    return looped(level, resnet20(zincir), zincir.randn(128, 3, 32, 32), y)


def writer(level: str) -> float:
    """The transformer of four layers, on 12 texts of 64 characters."""
    zincir.manual_seed(0)
    case = transformer.CASES[0]
    x, y = (zincir.tensor(values) for values in transformer.data(case))
    return looped(level, transformer.model(zincir, case), x, y.flatten())


NETS: dict[str, tuple[Callable[[str], float], int]] = {
    "mlp": (mlp, 6),
    "resnet20": (residual, 3),
    "transformer": (writer, 5),
}
"""By name: what times a step, and in how many rounds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(NETS))
    zincir.set_num_threads(2)
    for name in parser.parse_args().only.split(","):
        timed, rounds = NETS[name]
        found: dict[str, list[float]] = {level: [] for level in LEVELS}
        for _ in range(rounds):
            for level in LEVELS:
                found[level].append(timed(level) * 1e6)
        for level, times in found.items():
            pairs = [100 * (t / bare - 1) for t, bare in zip(times, found["off"], strict=True)]
            each = ", ".join(f"{t:.0f}" for t in times)
            middle = f"{median(times):.0f} us a step, {median(pairs):+.1f} %"
            print(f"{name:>12} {level:>8}: {middle}  ({each})")


if __name__ == "__main__":
    main()
