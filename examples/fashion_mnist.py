"""A residual net learns to tell clothes apart: Fashion-MNIST, from the files to a plot.

    python examples/fashion_mnist.py                          # the whole training
    python examples/fashion_mnist.py --epochs 1 --limit 2000  # a quick try

A ResNet of 14 layers is trained by SGD with Nesterov momentum and a rate that rises and falls once.
A thread of its own shifts and mirrors the images of the next batch while `zincir.compile` runs the
step as one native call, which also measures the gradient of every layer. After each epoch the net
is tried on the 10,000 test images. Writes `fashion_mnist.csv` and `fashion_mnist.png` into `out`.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import zincir
from zincir.data import FashionMNIST, augment, load_fashion_mnist
from zincir.errors import ZincirError
from zincir.models import SmallResNet

MEAN, STD = 0.2860, 0.3530
"""Of the pixels of the training images, as fractions."""
PEAK, WARM_UP = 0.1, 0.2
"""The highest learning rate, and the share of the training until it is reached."""
MOMENTUM, DECAY, SMOOTHING = 0.9, 5e-4, 0.1
Tell = Callable[[int, float, str], None]
"""Called with the number of a step, its loss, and a line that is worth keeping, or ""."""


# --- the net, the rate, the data --------------------------------------------------------------


def make_model() -> SmallResNet:
    """A ResNet-14 of 32, 64 and 128 channels, which halves the image in its first convolution."""
    model = SmallResNet(14, width=32, in_channels=1)
    model.conv1 = zincir.nn.Conv2d(1, 32, 3, stride=2, padding=1, bias=False)
    return model


def rate(share: float) -> float:
    """The learning rate when a share of the training is done: up in a line, down in a cosine."""
    if share < WARM_UP:
        return PEAK * (0.04 + 0.96 * share / WARM_UP)
    return PEAK * 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


def limited(clothes: FashionMNIST, limit: int | None) -> FashionMNIST:
    """The first `limit` images of either kind, (N, 1, 28, 28), and their labels."""
    x, x_test = clothes.train_images[:limit, None], clothes.test_images[:limit, None]
    return FashionMNIST(x, clothes.train_labels[:limit], x_test, clothes.test_labels[:limit])


def batches(
    clothes: FashionMNIST, changes: augment.Compose, size: int, epoch: int
) -> Iterator[tuple[Any, Any]]:
    """Batches of changed images and their labels, in random order; the next one is made meanwhile.

    What is left over when the images are dealt out is another part in the next epoch.
    """
    order = zincir.randperm(len(clothes.train_labels)).numpy()
    parts = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]

    def make(part: Any) -> tuple[Any, Any]:
        images = changes(clothes.train_images[part], epoch=epoch, index=part)
        return images, clothes.train_labels[part]

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make, parts[0])
        for part in parts[1:]:
            ready, coming = coming.result(), thread.submit(make, part)
            yield ready
        yield coming.result()


# --- training -------------------------------------------------------------------------------


@dataclass
class Training:
    """What was measured: rows of steps, and rows of epochs."""

    layers: list[str]
    batch: int
    steps: list[Any] = field(default_factory=list[Any])
    """Loss, share of the batch told right, and the gradient by weight of every layer."""
    epochs: list[dict[str, float]] = field(default_factory=list[dict[str, float]])


def train(clothes: FashionMNIST, seed: int, epochs: int, batch: int, tell: Tell) -> Training:
    """Train a new net; the same seed gives the same bits."""
    zincir.manual_seed(seed)
    model = make_model()
    optimizer = zincir.optim.SGD(
        model.parameters(), lr=PEAK, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True
    )
    weights = {name: p for name, p in model.named_parameters() if p.ndim > 1}
    changes = augment.Compose(
        [
            augment.RandomCrop(28, padding=2),
            augment.RandomHorizontalFlip(),
            augment.Normalize(MEAN, STD),
        ],
        seed=seed,
    )

    @zincir.compile
    def step(images: zincir.Tensor, labels: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        scores = model(images)
        loss = zincir.nn.functional.cross_entropy(scores, labels, label_smoothing=SMOOTHING)
        loss.backward()
        right = (scores.argmax(1) == labels).float().mean()
        sizes = [w.grad.norm() / w.detach().norm() for w in weights.values() if w.grad is not None]
        optimizer.step()
        return zincir.stack([loss.detach(), right, *sizes])

    batch = min(batch, len(clothes.train_labels))
    each = len(clothes.train_labels) // batch
    training = Training([name.removesuffix(".weight") for name in weights], batch)
    for epoch in range(epochs):
        start = time.perf_counter()
        for images, labels in batches(clothes, changes, batch, epoch):
            done = len(training.steps)
            optimizer.param_groups[0]["lr"] = rate(done / (each * epochs))
            training.steps.append(step(images, labels).numpy())
            tell(done + 1, float(training.steps[-1][0]), "")
        seconds = time.perf_counter() - start
        training.epochs.append(
            {"epoch": epoch + 1, **last_epoch(training, each), "seconds": seconds}
            | {"test_accuracy": share_right(model, clothes.test_images, clothes.test_labels)}
        )
        tell(len(training.steps), float(training.steps[-1][0]), line(training.epochs[-1]))
    return training


def last_epoch(training: Training, each: int) -> dict[str, float]:
    """Means over the steps of the last epoch."""
    rows = np.array(training.steps[-each:])
    first, last = np.median(rows[:, 2], axis=0), np.median(rows[:, -1], axis=0)
    names = ("loss", "train_accuracy", "first_gradient", "last_gradient")
    values = (rows[:, 0].mean(), rows[:, 1].mean(), first, last)
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def share_right(model: zincir.nn.Module, images: Any, labels: Any, size: int = 500) -> float:
    """The share of images (N, 1, 28, 28) of bytes that the net tells right."""
    normal = augment.Normalize(MEAN, STD)
    model.eval()

    @zincir.compile
    def answer(x: zincir.Tensor) -> zincir.Tensor:
        return model(x).argmax(1)

    right = 0
    with zincir.no_grad():
        for at in range(0, len(images), size):
            some = images[at : at + size]
            chosen = answer(normal.apply(some, np.zeros((len(some), 0), np.float32)))
            right += int((chosen.numpy() == labels[at : at + size]).sum())
    model.train()
    return right / len(images)


# --- telling ----------------------------------------------------------------------------------


def line(row: dict[str, float]) -> str:
    """An epoch in words."""
    return (
        f"epoch {row['epoch']:2.0f}   loss {row['loss']:.4f}   "
        f"train {row['train_accuracy']:.2%}   test {row['test_accuracy']:.2%}   "
        f"|g|/|w| first layer {row['first_gradient']:.1e}, last {row['last_gradient']:.1e}   "
        f"{row['seconds']:.0f} s"
    )


@contextmanager
def progress(steps: int) -> Generator[Tell]:
    """A bar that moves with every step; lines of epochs stay above it."""
    try:
        from rich import progress as bars
    except ImportError:
        yield lambda step, loss, kept: print(kept, flush=True) if kept else None
        return
    text = bars.TextColumn("{task.completed} of {task.total} steps   loss {task.fields[loss]:.3f}")
    columns = (bars.BarColumn(), text, bars.TimeElapsedColumn(), bars.TimeRemainingColumn())
    with bars.Progress(*columns) as bar:
        task = bar.add_task("", total=steps, loss=math.nan)

        def tell(step: int, loss: float, kept: str) -> None:
            bar.update(task, completed=step, loss=loss)
            if kept:
                bar.console.print(kept, highlight=False, soft_wrap=True)

        yield tell


def write_log(training: Training, path: Path) -> None:
    """A row for each epoch, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(training.epochs[0]))
        writer.writeheader()
        writer.writerows(training.epochs)


def draw(training: Training, path: Path) -> None:
    """Loss, accuracy, and the gradients of all layers."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(12, 3.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    rows = np.array(training.steps)
    epochs, each = len(training.epochs), len(rows) // len(training.epochs)
    width = max(1, each // 10)
    count = len(rows) // width
    usual = np.median(rows[: count * width].reshape(count, width, -1), axis=1)
    at = (np.arange(count) + 0.5) * width / each
    left.set_title("Loss of training batches", loc="left")
    left.plot(at, usual[:, 0], color="#30343f")
    middle.set_title(f"Told right (test: {training.epochs[-1]['test_accuracy']:.2%})", loc="left")
    ends = np.arange(epochs) + 1
    for name, color in (("train", "#8a8f98"), ("test", "#c8553d")):
        values = [100 * row[f"{name}_accuracy"] for row in training.epochs]
        middle.plot(ends, values, "o-", color=color, markersize=4, label=f"{name} images")
    middle.set(ylabel="%")
    middle.legend(frameon=False, loc="lower right")
    right.set_title("Gradient by weight, layer by layer", loc="left")
    colors = colormaps["viridis"](np.linspace(0, 0.9, len(training.layers)))
    for i, (name, color) in enumerate(zip(training.layers, colors, strict=True)):
        label = name if i in (0, len(training.layers) - 1) else None
        right.plot(at, usual[:, 2 + i], color=color, linewidth=1.2, label=label)
    right.set(yscale="log", ylim=(usual[:, 2:].min() * 0.8, usual[:, 2:].max() * 4))
    right.legend(title="from first to last", frameon=False, alignment="left", loc="upper right")
    for axes in (left, middle, right):
        axes.set(xlabel="epoch", xlim=(0, epochs + 0.1))
        axes.grid(color="#e5e5e5")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=90)


# --- the command ------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=16, help="passes over the images")
    parser.add_argument("--batch", type=int, default=128, help="images of a step")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and changes")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of log and plot")
    parser.add_argument("--data", type=Path, help="folder of the four files of Fashion-MNIST")
    parser.add_argument("--limit", type=int, help="the first images only, for a quick try")
    options = parser.parse_args(arguments)
    for name in ("epochs", "batch", "limit"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            parser.error(f"--{name}: at least 1")
    try:
        clothes = limited(load_fashion_mnist(options.data), options.limit)
    except ZincirError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    images = len(clothes.train_labels)
    with progress(options.epochs * (images // min(options.batch, images))) as tell:
        training = train(clothes, options.seed, options.epochs, options.batch, tell)
    tested, last = len(clothes.test_labels), training.epochs[-1]["test_accuracy"]
    print(f"{last:.2%} of {tested} images that it has never seen are told right")
    write_log(training, options.out / "fashion_mnist.csv")
    try:
        draw(training, options.out / "fashion_mnist.png")
    except ImportError:
        print("no plot: matplotlib is not installed (pip install 'zincir[demo]')")
    print(f"written to {options.out}: the log, and what it looks like")
    return 0


if __name__ == "__main__":
    sys.exit(main())
