"""The main job on real input, `make demo`: a small network learns to read handwritten digits.

Prints how many unseen digits it reads, how long a step takes and how large the gradient of every
layer is; draws the loss and the flow of the gradients into `out/digits.png`.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import zincir
from zincir.data import Digits, load_digits
from zincir.errors import ArgumentError, ZincirError, explain

WIDTHS = (64, 128, 64, 10)
BATCH = 32
RATE = 2e-3
SMOOTHING = 0.1
"""Of the labels. The worst of fifty seeds read 97.8 % of the test digits; without it, 96.9 %."""
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Tell: TypeAlias = Callable[[int, float, float], None]
"""Called after every epoch with its number, its loss, and the share of test digits read."""


# --- training -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Training:
    """What was measured: a row for each step, a column for each layer."""

    layers: list[str]
    epochs: int
    losses: Array
    gradients: Array
    """Norms of the gradients of the weights."""
    weights: Array
    """Norms of the weights themselves."""
    seconds: Array
    accuracy: float

    @property
    def relative(self) -> Array:
        """The gradients in relation to the weights they change."""
        return self.gradients / self.weights

    def by_epoch(self, values: Array) -> Array:
        """A row of steps for each epoch."""
        return values.reshape(self.epochs, -1, *values.shape[1:])


def make_model() -> zincir.nn.Sequential:
    """Linear layers of `WIDTHS` with ReLU between them."""
    layers: list[zincir.nn.Module] = [zincir.nn.Flatten()]
    for n, m in itertools.pairwise(WIDTHS):
        layers += [zincir.nn.Linear(n, m), zincir.nn.ReLU()]
    return zincir.nn.Sequential(*layers[:-1])


def train(digits: Digits, seed: int, epochs: int, tell: Tell) -> Training:
    """Train a new network; the same seed gives the same bits."""
    zincir.manual_seed(seed)
    x, y, x_test, y_test = map(zincir.from_numpy, digits)
    model = make_model()
    optimizer = zincir.optim.Adam(model.parameters(), lr=RATE)
    weights = {name: p for name, p in model.named_parameters() if name.endswith("weight")}

    @zincir.compile
    def step(images: zincir.Tensor, labels: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        scores = model(images)
        loss = zincir.nn.functional.cross_entropy(scores, labels, label_smoothing=SMOOTHING)
        loss.backward()
        measured = [loss.detach(), *map(gradient_norm, weights.values())]
        measured += [w.detach().norm() for w in weights.values()]
        optimizer.step()
        return zincir.stack(measured)

    rows: list[zincir.Tensor] = []
    seconds: list[float] = []
    accuracy = 0.0
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        for batch in zincir.randperm(len(x)).split(BATCH):
            images, labels = x[batch], y[batch]
            start = time.perf_counter()
            rows.append(step(images, labels))
            seconds.append(time.perf_counter() - start)
        accuracy = share_right(model, x_test, y_test)
        tell(epoch + 1, rows[-1][0].item(), accuracy)
    losses, gradients, norms = np.split(
        np.stack([row.numpy() for row in rows]), [1, 1 + len(weights)], axis=1
    )
    names = [f"{name.split('.')[0]} ({w.shape[1]} to {w.shape[0]})" for name, w in weights.items()]
    return Training(names, epochs, losses[:, 0], gradients, norms, np.array(seconds), accuracy)


def gradient_norm(weight: zincir.Tensor) -> zincir.Tensor:
    """The root of the sum of squares of a gradient."""
    assert weight.grad is not None
    return weight.grad.norm()


def share_right(model: zincir.nn.Module, images: zincir.Tensor, labels: zincir.Tensor) -> float:
    """The share of images that are read correctly."""
    with zincir.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


# --- telling --------------------------------------------------------------------------------


@contextmanager
def progress(epochs: int) -> Generator[Tell]:
    """A progress bar, or plain lines where rich is not installed."""
    try:
        from rich import progress as bars
    except ImportError:
        yield lambda epoch, loss, right: print(
            f"epoch {epoch:3} of {epochs}   loss {loss:.4f}   test digits read {right:.1%}"
        )
        return
    text = "loss {task.fields[loss]:.4f}   test digits read {task.fields[right]:.1%}"
    columns = [bars.TextColumn("training"), bars.BarColumn(), bars.MofNCompleteColumn()]
    with bars.Progress(*columns, bars.TextColumn(text), bars.TimeElapsedColumn()) as bar:
        task = bar.add_task("", total=epochs, loss=math.nan, right=0.0)
        yield lambda epoch, loss, right: bar.update(task, completed=epoch, loss=loss, right=right)


def summary(training: Training, tested: int) -> str:
    """Accuracy and time."""
    usual, first = float(np.median(training.seconds)), float(training.seconds[0])
    return (
        f"{training.accuracy:.1%} of {tested} digits it has never seen are read correctly\n"
        f"{usual * 1e3:.3f} ms a step: {BATCH} images forward and backward, Adam, the sizes below\n"
        f"(median of {len(training.seconds)} steps; the first took {first:.2f} s: it is compiled)"
    )


def gradient_table(training: Training) -> list[tuple[str, ...]]:
    """The header, and the usual sizes in the first and the last epoch of every layer."""
    header = ("layer", "|g| first", "|g| last", "|g| / |w| first", "|g| / |w| last")
    rows: list[tuple[str, ...]] = [header]
    sizes = [
        np.median(training.by_epoch(values)[at], axis=0)
        for values in (training.gradients, training.relative)
        for at in (0, -1)
    ]
    for name, *found in zip(training.layers, *sizes, strict=True):
        rows.append((name, *[f"{value:.2e}" for value in found]))
    return rows


def show_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table, the nicer way where rich is installed."""
    print("Sizes of gradients |g| and weights |w|: medians of the first and the last epoch")
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
            print("   ".join([row[0].ljust(widths[0]), *cells[1:]]))
        return
    table = Table()
    for number, name in enumerate(rows[0]):
        table.add_column(name, justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*row)
    Console().print(table)


# --- drawing --------------------------------------------------------------------------------


def draw(training: Training, path: Path) -> None:
    """Loss on the left, gradients of every layer on the right.

    Bold lines are medians of epochs; four of five steps lie in the shades around them.
    """
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    left.set_title(f"Loss ({training.accuracy:.1%} of the test digits read)", loc="left")
    _line(left, training, training.losses, "#30343f", "")
    least = least_loss()
    left.axhline(least, color="#8a8f98", linestyle=":")
    left.annotate("no less, as labels are smoothed", (training.epochs * 0.02, least - 0.12))
    right.set_title("Size of the gradients, divided by the size of their weights", loc="left")
    colors = ("#c8553d", "#e0a43e", "#2a9d8f", "#33658a", "#6d597a")
    for i, name in enumerate(training.layers):
        _line(right, training, training.relative[:, i], colors[i % len(colors)], name)
    for axes in (left, right):
        axes.set(xlabel="epoch", xlim=(0, training.epochs))
        axes.grid(color="#e5e5e5")
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylim(bottom=0)
    right.set_yscale("log")
    right.legend(title="layer", loc="lower left", frameon=False, alignment="left")
    figure.savefig(path, dpi=150)


def least_loss() -> float:
    """The loss that smoothed labels leave to a perfect reader: their entropy."""
    wrong = SMOOTHING / WIDTHS[-1]
    right = 1 - SMOOTHING + wrong
    return -right * math.log(right) - (WIDTHS[-1] - 1) * wrong * math.log(wrong)


def _line(axes: Any, training: Training, values: Array, color: str, label: str) -> None:
    steps = training.by_epoch(np.where(values > 0, values, np.nan))  # zero has no logarithm
    low, middle, high = np.nanpercentile(steps, [10, 50, 90], axis=1)
    at = np.arange(training.epochs) + 0.5
    axes.fill_between(at, low, high, color=color, alpha=0.15, linewidth=0)
    marker = "o" if training.epochs == 1 else ""
    axes.plot(at, middle, color=color, linewidth=2, marker=marker, label=label or None)


# --- the command ----------------------------------------------------------------------------


def usable_folder(path: Path) -> Path:
    """The folder, made if need be, before any work is spent on what goes there.

    Raises:
        ArgumentError: nothing can be written there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise ArgumentError(
            explain(
                f"demo: cannot write the plot to {path}",
                expected="a folder that can be written, or can be made",
                got=str(error),
                try_="python -m zincir.demo --out FOLDER",
            )
        ) from None


def run(seed: int, epochs: int, out: Path) -> Training:
    """Train, print and draw."""
    folder = usable_folder(out)
    digits = load_digits()
    with progress(epochs) as tell:
        training = train(digits, seed, epochs, tell)
    print(summary(training, len(digits.test_labels)))
    show_table(gradient_table(training))
    try:
        draw(training, folder / "digits.png")
    except ImportError:
        print("no plot: matplotlib is not installed (pip install 'zincir[demo]')")
    else:
        print(f"loss and gradients over the training: {folder / 'digits.png'}")
    return training


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; returns the exit status."""
    parser = argparse.ArgumentParser("python -m zincir.demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the digits")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the plot")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error("--epochs: at least 1")
    try:
        run(options.seed, options.epochs, options.out)
    except ZincirError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
