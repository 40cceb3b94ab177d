"""Pictures of what was measured (matplotlib, extra `zincir[demo]`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from zincir.errors import explain

FEW, MANY = 20, 60
"""So many classes at most have their counts written in, and their names at the axes."""


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure of so many inches, which belongs to no window.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        text = explain("pictures are drawn by matplotlib", try_='pip install "zincir[demo]"')
        raise ImportError(text) from None
    return Figure(figsize=(width, height), layout="constrained")


def confusion_figure(
    counts: npt.NDArray[Any],
    classes: Sequence[str] | None = None,
    written: npt.NDArray[Any] | None = None,
) -> Any:
    """A confusion matrix (K, K) as a figure: rows are true classes, columns predicted ones.

    Colours are shares of rows, so that rare classes are seen as well as frequent ones.

    Args:
        counts: how often each class was taken for each.
        classes: what they are called; None: by their numbers.
        written: the numbers to write in; None: the counts.
    """
    kinds = len(counts)
    names = [str(k) for k in range(kinds)] if classes is None else [str(name) for name in classes]
    longest = max(map(len, names)) if kinds <= MANY else 0
    side = min(max(2.2, 0.52 * kinds), 12.0) + 0.075 * longest
    figure = new_figure(side + 1.7, side + 0.9)
    axes = figure.subplots()
    totals = np.maximum(counts.sum(1, keepdims=True), 1e-12)
    shares: npt.NDArray[Any] = counts / totals
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    right, every = float(np.trace(counts)), float(counts.sum())
    title = f"{right / every:.1%} right" if every else "nothing was seen"
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if kinds <= MANY:
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        axes.set_xticks(range(kinds), names, **(turned if longest > 3 else {}))
        axes.set_yticks(range(kinds), names)
    if kinds <= FEW:
        numbers = counts if written is None else written
        whole = np.issubdtype(numbers.dtype, np.integer)
        size = 9 if not whole or numbers.max() < 100_000 else 7
        for (row, column), value in np.ndenumerate(numbers):
            if value:
                colour = "white" if shares[row, column] > 0.6 else "black"
                text = f"{value}" if whole else f"{value:.2f}"
                axes.text(column, row, text, ha="center", va="center", color=colour, size=size)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    return figure
