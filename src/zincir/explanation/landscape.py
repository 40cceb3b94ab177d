"""The loss around a network's weights, on a plane, with the path that training took."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias, cast

import numpy as np

from zincir.autograd import no_grad
from zincir.creation import from_numpy
from zincir.doctor.undisturbed import undisturbed
from zincir.errors import ArgumentError, explain
from zincir.explanation.landscape_picture import STYLE, curve, plane
from zincir.explanation.private import Array
from zincir.explanation.reading import number
from zincir.explanation.written_file import write
from zincir.func import functional_call
from zincir.graph.node import user_line
from zincir.nn import Module
from zincir.page import frame
from zincir.tensor import Tensor

Point: TypeAlias = Mapping[str, Any]
"""Parameters by name, as `state_dict` gives them."""
Weights: TypeAlias = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Landscape:
    """Losses on a plane through the weights; of a model of one number, on a line.

    Attributes:
        across, along: the places of columns and rows; the middle, 0, is the model as it is.
        losses: a row for each place along, a column for each across. A line is one row.
        path: for each point of the path its two coordinates and its loss; the loss is that of the
            point itself, which may lie off the plane.
        directions: random, path or one number.
        share: how much of the path's variance lies in the plane.
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
        if self.is_line:
            return self._plot_line(axes)
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

    @property
    def is_line(self) -> bool:
        """Whether the model is one number, so that there is but one direction."""
        return len(self.along) == 1

    def _plot_line(self, axes: Any) -> Any:
        axes.plot(self.across, self.losses[0])
        if len(self.path):
            axes.plot(self.path[:, 0], self.path[:, 2], "o-", markersize=3)
        last = (
            self.path[-1, [0, 2]] if len(self.path) else (0, self.losses[0, len(self.across) // 2])
        )
        axes.plot(*last, "*", color="red", markersize=12)
        axes.set_title(self._title())
        return axes

    def _title(self) -> str:
        if self.is_line:
            return "loss along the one number of the model, in units of its size"
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
        said = (
            "To the left the number is smaller than it is, to the right larger; the higher the "
            "curve, the larger the loss."
            if self.is_line
            else "The darker, the larger the loss (by its logarithm). A network has as many "
            "directions as weights; this is a cut along two of them."
        )
        body = (
            f"<h1>Loss landscape</h1><p>{escape(str(self))}.</p>{self._drawn()}"
            f"<p class='faint'>{said}</p>"
        )
        return frame("Loss landscape", body, STYLE)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file.

        Raises:
            ArgumentError: it cannot be written.
        """
        write(path, self.to_html())

    def _repr_html_(self) -> str:
        return f"<style>{STYLE}</style>{self._drawn()}<p>{escape(str(self))}</p>"

    def _drawn(self) -> str:
        """The plane, or the line, as SVG."""
        drawn = curve if self.is_line else plane
        return drawn(self.across, self.along, self.losses, self.path, str(self))


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
    centre = _weights_of(model, data)
    loss = _Loss(model, loss_function, data)
    walked = [_weights(centre, point) for point in path]
    if _count(centre) == 1:
        one, two, share = _single(centre), _nothing(centre), 1.0
    elif directions == "random":
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
    if _count(centre) == 1:
        along = np.zeros(1)
    losses = np.array([[loss.at(_moved(centre, one, a, two, b)) for a in across] for b in along])
    on_path = [[*xy, loss.at(p)] for xy, p in zip(coordinates, walked, strict=True)]
    kind = "one number" if _count(centre) == 1 else directions
    return Landscape(across, along, losses, np.array(on_path).reshape(-1, 3), kind, share)


class _Both(Module):
    """A model and its loss, so that the loss sees the other weights as well."""

    def __init__(self, model: Module, loss: Callable[[Any, Any], Tensor]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, x: Any, y: Any) -> Tensor:
        return self.loss(self.model(x), y)


class _Loss:
    """The loss at other weights; the model is run there, and is afterwards what it was."""

    def __init__(self, model: Module, loss: Callable[[Any, Any], Tensor], data: Any) -> None:
        self._both = _Both(model, loss)
        self._data = data
        self._dtypes = {name: p.dtype for name, p in model.named_parameters()}

    def at(self, weights: Weights) -> float:
        given = {
            f"model.{name}": from_numpy(np.array(value)).to(self._dtypes[name])
            for name, value in weights.items()
        }
        with undisturbed(self._both.model), no_grad():
            loss: Any = functional_call(self._both, given, self._data)
            if not isinstance(loss, Tensor) or loss.numel() != 1 or loss.dtype.is_complex:
                raise ArgumentError(
                    explain(
                        "explain.landscape: this is no loss", where=user_line(),
                        expected="one real number, a tensor",
                        got=f"{loss.dtype.name}{list(loss.shape)}" if isinstance(loss, Tensor)
                        else type(loss).__name__,
                        try_="a loss_function(outputs, targets) such as nn.MSELoss()",
                    )
                )  # fmt: skip
            return float(loss.item())


def _weights_of(model: Any, data: Any) -> Weights:
    """What is moved: all floating parameters, in float64."""
    what, got = "", type(model).__name__
    remedy = "explain.landscape(model, loss_function, (x, y))"
    if not isinstance(model, Module):
        what = "the model is no Module"
    elif not isinstance(data, _PAIR) or len(data) != 2:
        what, got = "data is no pair (inputs, targets)", type(data).__name__
    else:
        named = model.named_parameters()
        found = {name: _numbers(p) for name, p in named if p.is_floating_point() and p.numel()}
        if found:
            return found
        what, remedy = (
            "the model has no floating parameters",
            "a model with some, such as nn.Linear",
        )
    raise ArgumentError(
        explain(f"explain.landscape: {what}", where=user_line(), got=got, try_=remedy)
    )


_PAIR: Any = (tuple, list)  # a name that checks without narrowing


def _numbers(tensor: Tensor) -> Array:
    """Values in float64."""
    return tensor.detach().double().numpy().copy()


def _count(weights: Weights) -> int:
    return sum(value.size for value in weights.values())


def _single(centre: Weights) -> Weights:
    """The one direction of a model of one number: as long as that, or 1 if it is 0."""
    return {name: np.where(value == 0, 1.0, np.abs(value)) for name, value in centre.items()}


def _nothing(centre: Weights) -> Weights:
    return {name: np.zeros(value.shape) for name, value in centre.items()}


def _row(reach: float, points: int) -> Array:
    return np.array([reach * (2 * i / (points - 1) - 1) for i in range(points)])


def _check(path: Sequence[Point], directions: str, points: int, span: float) -> None:
    walk = "path.append(copy.deepcopy(model.state_dict())) in each epoch"
    if directions not in ("random", "path"):
        problem, got = "directions are random or path", repr(directions)
        remedy = 'directions="random", or directions="path" with the path of a training'
    elif directions == "path" and len(path) < 3:
        problem, got = "directions of a path need three points of it", f"{len(path)}"
        remedy = walk
    elif points < 3:
        problem, got, remedy = "points is at least 3", f"{points}", "points=25"
    elif not (span > 0 and math.isfinite(span)):
        problem, got, remedy = "span is more than 0, and finite", f"{span}", "span=1.0"
    else:
        return
    raise ArgumentError(
        explain(f"explain.landscape: {problem}", where=user_line(), got=got, try_=remedy)
    )


def _weights(centre: Weights, point: Point) -> Weights:
    found: Weights = {}
    for name, like in centre.items():
        value: Any = point.get(name)
        array = _numbers(value) if isinstance(value, Tensor) else np.asarray(value)
        if value is None or array.shape != like.shape:
            raise ArgumentError(
                explain(
                    "explain.landscape: a point of the path does not fit the model",
                    where=user_line(), expected=f"{name} {like.shape}",
                    got="nothing" if value is None else str(array.shape),
                    try_="points are copies of model.state_dict()",
                )
            )  # fmt: skip
        found[name] = array.astype(np.float64)
    return found


def _random(centre: Weights, seed: int) -> Weights:
    """Normal numbers, each filter as long as that of the weights; 0 for biases and the like.

    Where that would be nothing at all, biases are moved too, and what is 0 by a length of 1.
    """
    for least, rest in ((2, 0.0), (0, 0.0), (0, 1.0)):
        found = _drawn_as(centre, seed, least, rest)
        if any(value.any() for value in found.values()):
            break
    return found


def _drawn_as(centre: Weights, seed: int, axes: int, otherwise: float) -> Weights:
    """Directions for what has so many axes; `otherwise`: the length for filters of length 0."""
    random = np.random.default_rng(seed)
    found: Weights = {}
    for name, value in centre.items():
        drawn: Array = np.asarray(cast(Any, random.standard_normal(value.shape)))
        if value.ndim < axes:
            found[name] = np.zeros(value.shape)
            continue
        inner = tuple(range(1, value.ndim)) if value.ndim > 1 else None
        size = np.sqrt(np.square(drawn).sum(inner, keepdims=True))
        wanted = np.sqrt(np.square(value).sum(inner, keepdims=True))
        wanted = np.where(wanted == 0, otherwise, wanted)
        found[name] = drawn * wanted / np.maximum(size, 1e-12)
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
    return {name: value + a * one[name] + b * two[name] for name, value in centre.items()}
