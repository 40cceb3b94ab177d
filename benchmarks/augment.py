"""What augmentation costs: images per second of the usual chains, in one thread.

Run it with `python -m benchmarks.augment`. Batches are picked from a data set in memory, as in a
training loop; "in a step" is the same chain in a compiled step, with numbers drawn before.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import zincir
from zincir.data import augment

BATCH = 128
SAMPLES = 20 * BATCH
SHAPES = {"CIFAR, 3 x 32 x 32": (3, 32, 32), "Fashion-MNIST, 1 x 28 x 28": (1, 28, 28)}


def chains(side: int, channels: int) -> dict[str, augment.Compose]:
    """What people use, from the lightest to the heaviest."""
    usual = [
        augment.RandomCrop(side, padding=4),
        augment.RandomHorizontalFlip(),
    ]
    scale = augment.Normalize([0.5] * channels, [0.25] * channels)
    return {
        "crop, flip, normalise": augment.Compose([*usual, scale]),
        "  and erasing": augment.Compose([*usual, scale, augment.RandomErasing()]),
        "  and TrivialAugmentWide": augment.Compose([*usual, augment.TrivialAugmentWide(), scale]),
        "  and RandAugment": augment.Compose([*usual, augment.RandAugment(), scale]),
    }


def seconds(run: Callable[[int], object], repeats: int = 60) -> tuple[float, float]:
    """The median and the shortest time of `run(i)`, after a few rounds that do not count."""
    for i in range(3):
        run(i)
    times: list[float] = []
    for i in range(repeats):
        begin = time.perf_counter()
        run(i)
        times.append(time.perf_counter() - begin)
    return statistics.median(times), min(times)


def with_arrays(chain: augment.Compose, images: np.ndarray[Any, Any]) -> Callable[[int], object]:
    """A batch picked and augmented by NumPy."""
    order = np.random.default_rng(0).permutation(len(images))

    def run(i: int) -> object:
        epoch, batch = divmod(i, len(images) // BATCH)
        index = order[batch * BATCH : (batch + 1) * BATCH]
        return chain(images[index], epoch=epoch, index=index)

    return run


def in_a_step(chain: augment.Compose, images: np.ndarray[Any, Any]) -> Callable[[int], object]:
    """A batch augmented by native code: draws, and the replay of a step that does nothing else."""
    step = zincir.compile(chain.apply)
    index = np.arange(BATCH)
    batch = zincir.from_numpy(images[index])

    def run(i: int) -> object:
        return step(batch, chain.draw(batch.shape, epoch=i, index=index))

    return run


def report(title: str, shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (SAMPLES, *shape)).astype(np.uint8)
    print(f"{title}, batches of {BATCH}, one thread: median time")
    for name, chain in chains(shape[1], shape[0]).items():
        ways = {"arrays": with_arrays}
        if "Augment" not in name:
            ways["in a step"] = in_a_step
        for way, build in ways.items():
            median, best = seconds(build(chain, images))
            print(
                f"  {name:<26} {way:<10} {median * 1e3:6.2f} (best {best * 1e3:5.2f}) ms"
                f" {BATCH / median:>9,.0f} /s"
            )


if __name__ == "__main__":
    zincir.set_num_threads(1)
    for each, size in SHAPES.items():
        report(each, size)
