"""A landscape as SVG: a plane as a heat map, a line as a curve."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from zincir.explanation.heat import VALUES, image
from zincir.explanation.layout import Point
from zincir.explanation.private import Array
from zincir.explanation.reading import number

STYLE = """
svg.land { max-width: 34rem } svg.land image { image-rendering: auto }
svg.land polyline { fill: none; stroke: var(--accent, #2459a8); stroke-width: 1.6 }
svg.land polyline.curve { stroke: var(--second, #b4580a); stroke-width: 2.2 }
svg.land circle { fill: var(--accent, #2459a8) } svg.land .end { fill: var(--error, #b3261e) }
svg.land rect { fill: none; stroke: var(--line, #888) }
"""


def plane(across: Array, along: Array, losses: Array, path: Array, label: str) -> str:
    """Losses as colours, and the path on them."""
    finite = losses[np.isfinite(losses)]
    positive = finite.size and finite.min() > 0
    shown = np.log10(losses) if positive else losses
    low, high = _range(shown)
    picture = image((shown[::-1] - low) / max(high - low, 1e-12), VALUES)

    def place(point: Array) -> Point:
        a, b = (point[i] / max(abs(axis[0]), 1e-12) for i, axis in enumerate((across, along)))
        return 200 + 190 * float(a), 200 - 190 * float(b)

    points = [place(point) for point in path] or [(200.0, 200.0)]
    inside = (
        f"<image href='{picture}' x='10' y='10' width='380' height='380' "
        f"preserveAspectRatio='none'/><rect x='10' y='10' width='380' height='380'/>"
    )
    return _framed(inside + _walked(points), label)


def curve(across: Array, along: Array, losses: Array, path: Array, label: str) -> str:
    """The loss over one number, and the path on it."""
    low, high = _range(np.concatenate([losses[0], path[:, 2]]))

    def place(a: float, loss: float) -> Point:
        x = 200 + 190 * a / max(abs(float(across[0])), 1e-12)
        return x, 372 - 340 * (loss - low) / max(high - low, 1e-12)

    drawn = [place(a, y) for a, y in zip(across, losses[0], strict=True) if np.isfinite(y)]
    points = [place(point[0], point[2]) for point in path if np.isfinite(point[2])]
    middle = float(losses[0, len(across) // 2])
    if not points and np.isfinite(middle):
        points = [place(0.0, middle)]
    inside = (
        "<rect x='10' y='10' width='380' height='380'/>"
        f"<text x='16' y='26'>loss {number(high, 4)}</text>"
        f"<text x='16' y='386'>{number(low, 4)}</text>"
        f"<polyline class='curve' points='{_listed(drawn)}'/>"
    )
    return _framed(inside + _walked(points), label)


def _range(values: Array) -> Point:
    good = values[np.isfinite(values)]
    return (float(good.min()), float(good.max())) if good.size else (0.0, 1.0)


def _walked(points: Sequence[Point]) -> str:
    if not points:
        return ""
    dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.5'/>" for x, y in points[:-1])
    x, y = points[-1]
    return (
        f"<polyline points='{_listed(points)}'/>{dots}"
        f"<circle class='end' cx='{x:.1f}' cy='{y:.1f}' r='5'/>"
    )


def _listed(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _framed(inside: str, label: str) -> str:
    return (
        f"<svg class='land' viewBox='0 0 400 400' role='img' aria-label='{escape(label)}'>"
        f"{inside}</svg>"
    )
