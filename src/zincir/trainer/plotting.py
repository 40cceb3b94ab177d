"""The history of a training as a picture (matplotlib, extra `zincir[demo]`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zincir.metrics.plotting import new_figure

_APART = ("epoch", "seconds")
_FEW = 30
"""So many epochs are shown as points too."""


def plot(rows: Sequence[dict[str, Any]], measured: Sequence[str]) -> Any:
    """A panel for each measure: that of the training, and of the validation beside it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    names = [
        name
        for name in measured
        if name not in _APART
        and not name.startswith("val_")
        and all(isinstance(row.get(name), int | float) for row in rows)
    ]
    figure = new_figure(5 * max(1, len(names)), 3.6)
    epochs = [row.get("epoch", k + 1) for k, row in enumerate(rows)]
    panels = figure.subplots(1, max(1, len(names)), squeeze=False)[0]
    marker = "." if len(rows) < _FEW else ""
    for axes, name in zip(panels, names, strict=False):
        values: list[Any] = [row[name] for row in rows]
        axes.plot(epochs, values, label="training", marker=marker)
        if f"val_{name}" in measured:
            other = [row.get(f"val_{name}") for row in rows]
            axes.plot(epochs, other, label="validation", linestyle="--", marker=marker)
            axes.legend()
        axes.set(title=name, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if name == "loss" and min(values) > 0 and max(values) > 20 * min(values):
            axes.set_yscale("log")
    return figure
