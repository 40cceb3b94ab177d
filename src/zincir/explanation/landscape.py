"""The loss around a network's weights, on a plane, with the path that training took."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias, cast

import numpy as np

from zincir.doctor.undisturbed import undisturbed
from zincir.errors import ArgumentError, explain
from zincir.explanation.heat import VALUES, image
from zincir.explanation.private import Array, Private, private
from zincir.explanation.reading import number
from zincir.explanation.written_file import write
from zincir.graph.node import Node, grad_mode, user_line
from zincir.interpret import interpret
from zincir.nn import Module
from zincir.page import frame
from zincir.tensor import Tensor

Point: TypeAlias = Mapping[str, Any]
"""Parameters by name, as `state_dict` gives them."""
Weights: TypeAlias = dict[Node, Array]


@dataclass(frozen=True, eq=False)
class Landscape:
    """Losses on a plane through the weights.

    Attributes:
        across, along: the places of columns and rows; the middle, 0, is the model as it is.
        losses: a row for each place along, a column for each across.
        path: for each point of the path its two coordinates and its loss; the loss is that of the
            point itself, which may lie off the plane.
        directions: random or path; share: how much of the path's variance lies in the plane.
    """

    across: Array
    along: Array
    losses: Array
    path: Array
    directions: str
    share: float

    def plot(self, axes: Any = None) -> Any:
        """Contours by matplotlib, on `axes` or on new ones, which are returned."""
        if axes is None:
            from matplotlib import pyplot

            _, axes = pyplot.subplots(figsize=(6, 5))
        shown = np.log10(np.maximum(self.losses, 1e-12))
        contours = axes.contourf(self.across, self.along, shown, 24, cmap="viridis")
        axes.figure.colorbar(contours, ax=axes, label="log10 of the loss")
        if len(self.path):
            axes.plot(self.path[:, 0], self.path[:, 1], "o-", color="white", markersize=3)
            axes.plot(*self.path[-1, :2], "*", color="red", markersize=12)
        else:
            axes.plot(0, 0, "*", color="red", markersize=12)
        axes.set_title(self._title())
        return axes

    def _title(self) -> str:
        if self.directions == "random":
            return "loss along two random directions, as large as the weights"
        return f"loss along the path's directions ({self.share:.0%} of its variance)"

    def __str__(self) -> str:
        middle = self.losses[len(self.along) // 2, len(self.across) // 2]
        text = (
            f"{self._title()}: {number(float(middle), 4)} in the middle, from "
            f"{number(float(np.nanmin(self.losses)), 4)} to "
            f"{number(float(np.nanmax(self.losses)), 4)}"
        )
        if len(self.path):
            first, last = (number(float(self.path[i, 2]), 4) for i in (0, -1))
            text += f"; the path goes from {first} to {last} in {len(self.path)} points"
        return text

    def to_html(self) -> str:
        """The page: one file that needs no other."""
        body = (
            f"<h1>Loss landscape</h1><p>{escape(str(self))}.</p>{_drawn(self)}<p class='faint'>The "
            "darker, the larger the loss (by its logarithm). A network has as many directions as "
            "weights; this is a cut along two of them.</p>"
        )
        return frame("Loss landscape", body, _STYLE)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Raises:
            ArgumentError: it cannot be written.
        """
        write(path, self.to_html())

    def _repr_html_(self) -> str:
        return f"<style>{_STYLE}</style>{_drawn(self)}<p>{escape(str(self))}</p>"


_STYLE = """
svg.land { max-width: 34rem } svg.land image { image-rendering: auto }
svg.land polyline { fill: none; stroke: var(--accent, #2459a8); stroke-width: 1.6 }
svg.land circle { fill: var(--accent, #2459a8) } svg.land .end { fill: var(--error, #b3261e) }
svg.land rect { fill: none; stroke: var(--line, #888) }
"""


def landscape(
    model: Module,
    loss_function: Callable[[Any, Any], Tensor],
    data: tuple[Any, Any],
    *,
    path: Sequence[Point] = (),
    directions: str = "random",
    points: int = 25,
    span: float = 1.0,
) -> Landscape:
    """See `Explain.landscape`."""
    _check(path, directions, points, span)
    x, y = data
    with undisturbed(model), grad_mode(True):
        graph = private(loss_function(model(x), y))
    leaves = _leaves(graph, model)
    centre: Weights = {n: graph.values[n].astype(np.float64) for n in leaves}
    walked = [_weights(leaves, centre, point) for point in path]
    if directions == "random":
        one, two = (_random(centre, seed) for seed in (0, 1))
        share = 1.0
    else:
        one, two, share = _principal(centre, walked)
    plane = np.stack([_flat(one), _flat(two)], 1)
    offsets = [_flat(p) - _flat(centre) for p in walked]
    coordinates: list[Array] = [np.linalg.lstsq(plane, offset, rcond=None)[0] for offset in offsets]
    reach = [span, span]
    if walked:
        furthest = [max(abs(float(xy[i])) for xy in coordinates) for i in (0, 1)]
        least = span if directions == "random" else 1e-6
        reach = [max(1.15 * far, least) for far in furthest]
    across, along = _row(reach[0], points), _row(reach[1], points)
    losses = np.array(
        [[_loss(graph, _moved(centre, one, a, two, b)) for a in across] for b in along]
    )
    on_path = [[*xy, _loss(graph, p)] for xy, p in zip(coordinates, walked, strict=True)]
    return Landscape(across, along, losses, np.array(on_path).reshape(-1, 3), directions, share)


def _row(reach: float, points: int) -> Array:
    return np.array([reach * (2 * i / (points - 1) - 1) for i in range(points)])


def _check(path: Sequence[Point], directions: str, points: int, span: float) -> None:
    if directions not in ("random", "path"):
        problem, got = "directions are random or path", repr(directions)
    elif directions == "path" and len(path) < 3:
        problem, got = "directions of a path need three points of it", f"{len(path)}"
    elif points < 3:
        problem, got = "points is at least 3", f"{points}"
    elif not span > 0:
        problem, got = "span is more than 0", f"{span}"
    else:
        return
    raise ArgumentError(
        explain(
            f"explain.landscape: {problem}", where=user_line(), got=got,
            try_="path.append(copy.deepcopy(model.state_dict())) in each epoch",
        )
    )  # fmt: skip


def _leaves(graph: Private, model: Module) -> dict[Node, str]:
    names = {id(p): name for name, p in model.named_parameters()}
    found: dict[Node, str] = {}
    for node in graph.order:
        owner: Any = graph.original[node].owner
        name = None if owner is None else names.get(id(owner()))
        if name is not None and not node.inputs:
            found[node] = name
    return found


def _weights(leaves: Mapping[Node, str], centre: Weights, point: Point) -> Weights:
    found: Weights = {}
    for node, name in leaves.items():
        value: Any = point.get(name)
        array: Array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if value is None or array.shape != centre[node].shape:
            raise ArgumentError(
                explain(
                    "explain.landscape: a point of the path does not fit the model",
                    where=user_line(), expected=f"{name} {centre[node].shape}",
                    got="nothing" if value is None else str(array.shape),
                    try_="points are copies of model.state_dict()",
                )
            )  # fmt: skip
        found[node] = array.astype(np.float64)
    return found


def _random(centre: Weights, seed: int) -> Weights:
    """Normal numbers, each filter as long as that of the weights; 0 for biases and the like."""
    random = np.random.default_rng(seed)
    found: Weights = {}
    for node, value in centre.items():
        drawn: Array = np.asarray(cast(Any, random.standard_normal(value.shape)))
        if value.ndim < 2:
            found[node] = np.zeros(value.shape)
            continue
        axes = tuple(range(1, value.ndim))
        size = np.sqrt(np.square(drawn).sum(axes, keepdims=True))
        wanted = np.sqrt(np.square(value).sum(axes, keepdims=True))
        found[node] = drawn * wanted / np.maximum(size, 1e-12)
    return found


def _principal(centre: Weights, walked: Sequence[Weights]) -> tuple[Weights, Weights, float]:
    """The two directions in which the path, seen from its end, goes furthest."""
    matrix = np.stack([_flat(point) - _flat(centre) for point in walked])
    parts: Any = np.linalg.svd(matrix, full_matrices=False)
    _, sizes, rows = parts
    total = float(np.square(sizes).sum())
    share = float(np.square(sizes[:2]).sum()) / total if total else 1.0
    return _shaped(centre, rows[0]), _shaped(centre, rows[1]), share


def _flat(weights: Weights) -> Array:
    return np.concatenate([value.reshape(-1) for value in weights.values()])


def _shaped(like: Weights, flat: Array) -> Weights:
    found: Weights = {}
    at = 0
    for node, value in like.items():
        found[node] = flat[at : at + value.size].reshape(value.shape)
        at += value.size
    return found


def _moved(centre: Weights, one: Weights, a: float, two: Weights, b: float) -> Weights:
    return {node: value + a * one[node] + b * two[node] for node, value in centre.items()}


def _loss(graph: Private, weights: Weights) -> float:
    values = {node: value.astype(graph.values[node].dtype) for node, value in weights.items()}
    with np.errstate(all="ignore"):
        (loss,) = interpret([graph.root], {**graph.leaves, **values})
    return float(np.asarray(loss).reshape(-1)[0])


def _drawn(found: Landscape) -> str:
    """The plane as an image, the path on it."""
    finite = found.losses[np.isfinite(found.losses)]
    positive = finite.size and finite.min() > 0
    shown = np.log10(found.losses) if positive else found.losses
    good = shown[np.isfinite(shown)]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 1.0)
    picture = image((shown[::-1] - low) / max(high - low, 1e-12), VALUES)

    def place(point: Array) -> tuple[float, float]:
        a, b = (
            point[i] / max(abs(axis[0]), 1e-12)
            for i, axis in enumerate((found.across, found.along))
        )
        return 200 + 190 * float(a), 200 - 190 * float(b)

    points = [place(point) for point in found.path] or [(200.0, 200.0)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='2.5'/>" for x, y in points[:-1])
    x, y = points[-1]
    return (
        f"<svg class='land' viewBox='0 0 400 400' role='img' aria-label='{escape(str(found))}'>"
        f"<image href='{picture}' x='10' y='10' width='380' height='380' "
        f"preserveAspectRatio='none'/><rect x='10' y='10' width='380' height='380'/>"
        f"<polyline points='{line}'/>{dots}<circle class='end' cx='{x:.1f}' cy='{y:.1f}' r='5'/>"
        "</svg>"
    )
