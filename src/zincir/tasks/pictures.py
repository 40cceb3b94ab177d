"""Pictures of how well a net does: what it took for what, its worst mistakes, numbers told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.metrics.plotting import confusion_figure, new_figure

Array = npt.NDArray[Any]
ROWS, COLUMNS = 4, 6
RIGHT, WRONG = "#1a7f37", "#c62828"
SHARPEST = 110
"""Dots per inch."""


def save(figure: Any, folder: str, name: str) -> None:
    """Write a figure to a folder, which is made if it is not there."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    figure.savefig(root / name, dpi=SHARPEST)


def confusion(shares: Array, labels: Array, classes: Sequence[str]) -> Any:
    """What the true classes were taken for."""
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (labels, shares.argmax(1)), 1)
    return confusion_figure(counts, classes)


def mistakes(images: Array, shares: Array, labels: Array, classes: Sequence[str]) -> Any:
    """Images (N, C, H, W) that were taken for something else, the worst first; if there are few,
    then those that were right by the least margin.

    Args:
        shares: (N, classes) probabilities.
        labels: (N,) what they are.
    """
    each = np.arange(len(labels))
    said: Array = shares.argmax(1)
    others = shares.copy()
    others[each, labels] = -1
    margin = shares[each, labels] - others.max(1)
    chosen = np.argsort(margin, kind="stable")[: ROWS * COLUMNS]
    rows = -(-len(chosen) // COLUMNS)
    figure = new_figure(2.0 * COLUMNS, 2.35 * rows + 0.4)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).flat
    for axes in panels:
        axes.set_axis_off()
    for axes, k in zip(figure.axes, chosen.tolist(), strict=False):
        pixels = images[k].transpose(1, 2, 0)
        axes.imshow(pixels[..., 0] if pixels.shape[2] == 1 else pixels, cmap="gray")
        right = said[k] == labels[k]
        one, other = int(said[k]), int(labels[k])
        text = f"said {classes[one]} ({shares[k, one]:.2f})"
        if not right:
            text += f"\nis {classes[other]} ({shares[k, other]:.2f})"
        axes.set_title(text, size=9, color=RIGHT if right else WRONG)
    wrong = int((said != labels).sum())
    figure.suptitle(f"{wrong} of {len(labels)} images are taken for something else", size=12)
    return figure


def told(predicted: Array, true: Array) -> Any:
    """Predicted numbers against the true ones: points on the line are right."""
    figure = new_figure(5.2, 5.0)
    axes = figure.subplots()
    ends = [min(predicted.min(), true.min()), max(predicted.max(), true.max())]
    axes.plot(ends, ends, color="0.6", linewidth=1, zorder=1)
    axes.scatter(true, predicted, s=14, alpha=0.6, linewidths=0, zorder=2)
    error = float(np.abs(predicted - true).mean())
    axes.set(xlabel="true", ylabel="predicted", title=f"off by {error:.4g} on average")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(alpha=0.3)
    return figure
