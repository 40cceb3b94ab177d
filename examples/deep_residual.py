"""Why deep nets have shortcuts and norms: the gradients of 56 layers, in four nets.

    python examples/deep_residual.py

The same net four times: plain, with batch norm, with shortcuts, with both. Each takes some hundred
steps on Fashion-MNIST, halved to 14 x 14 pixels; the compiled step measures the gradient of every
layer. Weights start as PyTorch's layers start them, unless `--start he` is given. Writes
`deep_residual.csv` and `deep_residual.png` into `out`, and prints what became of the nets.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import zincir
from zincir import nn
from zincir.data import load_fashion_mnist
from zincir.errors import ZincirError
from zincir.models import SmallResNet

DEPTH, WIDTH = 56, 8
RATE, MOMENTUM = 0.02, 0.9
NETS = {
    "plain": (False, False, "#c8553d"),
    "batch norm": (False, True, "#e0a43e"),
    "shortcuts": (True, False, "#33658a"),
    "shortcuts and batch norm": (True, True, "#2a9d8f"),
}
"""Name of a net: whether it has shortcuts, whether it has batch norm, its colour."""
LEAST = 1e-28
"""What is drawn for gradients below it: those of float32 end at about 1e-45, as zeros."""
Tell = Callable[[str, float], None]


# --- training -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Descent:
    """What was measured in the training of one net."""

    name: str
    losses: Any
    """(steps,)"""
    gradients: Any
    """(steps, layers): norms of the gradients of weights, from the first layer to the last."""

    def part(self, end: bool) -> Any:
        """(layers,) the gradients of the first step, or the medians of the last tenth."""
        if not end:
            return self.gradients[0]
        return np.median(self.gradients[-max(1, len(self.gradients) // 10) :], axis=0)

    def ratio(self, end: bool) -> float:
        """The gradient of the first convolution by that of the last one."""
        part = self.part(end)
        return float(part[0] / part[-2]) if part[-2] else math.nan

    @property
    def last_loss(self) -> float:
        """Mean over the last tenth of the steps."""
        return float(self.losses[-max(1, len(self.losses) // 10) :].mean())


def images(folder: Path | None, limit: int) -> tuple[Any, Any]:
    """Images (limit, 1, 14, 14) with mean 0 and variance 1, and their labels (limit,)."""
    clothes = load_fashion_mnist(folder)
    x = clothes.train_images[:limit].reshape(-1, 1, 14, 2, 14, 2).mean((3, 5))
    return ((x - x.mean()) / x.std()).astype(np.float32), clothes.train_labels[:limit]


def make_model(name: str, depth: int, start: str, seed: int) -> SmallResNet:
    """One of the four nets."""
    zincir.manual_seed(seed)
    residual, norm, _ = NETS[name]
    model = SmallResNet(depth, width=WIDTH, in_channels=1, residual=residual, norm=norm)
    for layer in model.modules():
        if start == "default" and isinstance(layer, nn.Conv2d | nn.Linear):
            layer.reset_parameters()
    return model


def train(
    name: str, model: nn.Module, data: tuple[Any, Any], steps: int, batch: int, tell: Tell
) -> Descent:
    """Train one net; every step measures all of its gradients."""
    x, y = data
    optimizer = zincir.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    weights = [p for p in model.parameters() if p.ndim > 1]

    @zincir.compile
    def step(images: zincir.Tensor, labels: zincir.Tensor) -> zincir.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        # float32 has no squares of the smallest gradients
        sizes = [w.grad.double().norm() for w in weights if w.grad is not None]
        optimizer.step()
        return zincir.stack([loss.detach().double(), *sizes])

    rows: list[Any] = []
    for chosen in np.random.default_rng(0).integers(0, len(y), (steps, batch)):
        rows.append(step(x[chosen], y[chosen]).numpy())
        tell(name, float(rows[-1][0]))
    table = np.array(rows)
    return Descent(name, table[:, 0], table[:, 1:])


# --- telling ----------------------------------------------------------------------------------


@contextmanager
def progress(steps: int) -> Generator[Tell]:
    """A bar for all steps of all nets; nothing where rich is not installed."""
    try:
        from rich import progress as bars
    except ImportError:
        yield lambda name, loss: None
        return
    text = bars.TextColumn("{task.fields[name]}: loss {task.fields[loss]:.3f}")
    with bars.Progress(bars.BarColumn(), text, bars.TimeElapsedColumn()) as bar:
        task = bar.add_task("", total=steps * len(NETS), name="", loss=math.nan)
        yield lambda name, loss: bar.update(task, advance=1, name=name, loss=loss)


def table(descents: Sequence[Descent]) -> str:
    """What became of each net, in Markdown."""
    header = ("net", "first layer", "last layer", "first by last", "the same at the end", "loss")
    rows = [header, ("---", *["---:"] * 5)]
    for d in descents:
        sizes = [*d.part(end=False)[[0, -2]], d.ratio(end=False), d.ratio(end=True)]
        losses = f"{d.losses[0]:.2f} to {d.last_loss:.2f}"
        rows.append((d.name, *[f"{size:.1e}" for size in sizes], losses))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ([cell.ljust(w) for cell, w in zip(row, widths, strict=True)] for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def conclusion(descents: Sequence[Descent]) -> str:
    """One sentence, made of the numbers."""
    by_name = {d.name: d for d in descents}
    plain, *others = (by_name[name] for name in NETS)
    parts = ", ".join(f"{d.ratio(False):.2g} with {d.name}" for d in others)
    learned = [d.name for d in descents if d.last_loss < 0.8 * math.log(10)]
    return (
        f"Before training, the gradient of the first convolution is {plain.ratio(False):.2g} times "
        f"that of the last in the plain net; it is {parts}. "
        f"Learned something: {'; '.join(learned) or 'none'}."
    )


def write_log(descents: Sequence[Descent], path: Path) -> None:
    """The gradients of all layers at eleven steps, from the first to the last, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        layers = [f"layer {i + 1}" for i in range(descents[0].gradients.shape[1])]
        writer.writerow(["net", "step", "loss", *layers])
        for d in descents:
            for at in np.unique(np.linspace(0, len(d.losses) - 1, 11).astype(int)).tolist():
                writer.writerow([d.name, at, d.losses[at], *d.gradients[at]])


def draw(descents: Sequence[Descent], path: Path) -> None:
    """Gradients over depth, before training and at its end; and the losses."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(12, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    middle.sharey(left)
    for d in descents:
        color = NETS[d.name][2]
        for axes, end in ((left, False), (middle, True)):
            sizes = np.maximum(d.part(end), LEAST)
            axes.plot(np.arange(len(sizes)) + 1, sizes, color=color, linewidth=2, label=d.name)
        width = max(1, len(d.losses) // 30)
        usual = d.losses[: len(d.losses) // width * width].reshape(-1, width).mean(1)
        at = (np.arange(len(usual)) + 0.5) * width
        right.plot(at, usual, color=color, linewidth=2, label=d.name)
    steps, layers = descents[0].gradients.shape
    left.set_title("Gradient of each layer's weights, first step", loc="left")
    middle.set_title(f"The same, end of {steps} steps", loc="left")
    right.set_title("Loss", loc="left")
    right.axhline(math.log(10), color="#8a8f98", linestyle=":")
    right.annotate("guessing", (steps * 0.98, math.log(10) + 0.03), ha="right", va="bottom")
    right.set(xlabel="step", xlim=(0, steps), ylim=(0, 4))
    right.legend(frameon=False, loc="upper right")
    left.set_yscale("log")
    left.set_ylim(LEAST, 1e4)
    for axes in (left, middle):
        axes.set(xlabel="layer, from the image to the scores", xlim=(1, layers))
    for axes in (left, middle, right):
        axes.grid(color="#e5e5e5")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=90)


# --- the command ------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--depth", type=int, default=DEPTH, help="layers with weights: 6n + 2")
    parser.add_argument("--steps", type=int, default=300, help="of each net")
    parser.add_argument("--batch", type=int, default=64, help="images of a step")
    parser.add_argument("--start", choices=("default", "he"), default="default", help="of weights")
    parser.add_argument("--seed", type=int, default=0, help="of weights")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of log and plot")
    parser.add_argument("--data", type=Path, help="folder of the four files of Fashion-MNIST")
    parser.add_argument("--limit", type=int, default=60000, help="the first images only")
    options = parser.parse_args(arguments)
    for name in ("steps", "batch", "limit"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: at least 1")
    try:
        models = {n: make_model(n, options.depth, options.start, options.seed) for n in NETS}
        data = images(options.data, options.limit)
    except ZincirError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with progress(options.steps) as tell:
        descents = [
            train(name, model, data, options.steps, options.batch, tell)
            for name, model in models.items()
        ]
    print("gradients of the first and the last convolution at the first step; loss")
    print(table(descents))
    print(conclusion(descents))
    write_log(descents, options.out / "deep_residual.csv")
    try:
        draw(descents, options.out / "deep_residual.png")
    except ImportError:
        print("no plot: matplotlib is not installed (pip install 'zincir[demo]')")
    print(f"written to {options.out}: the log, and what it looks like")
    return 0


if __name__ == "__main__":
    sys.exit(main())
