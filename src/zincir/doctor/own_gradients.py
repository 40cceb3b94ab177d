"""Gradients that users bring along (`autograd.Function`), compared with differences.

All other gradients are those of the library's own operations, which its tests compare already.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from zincir.autograd import enable_grad, function, grad
from zincir.creation import from_numpy
from zincir.doctor.undisturbed import undisturbed, unwatched
from zincir.graph.node import MODE, user_line
from zincir.nn import Module
from zincir.tensor import Tensor
from zincir.types import float64

Array: TypeAlias = np.ndarray[Any, Any]

STEP = 1e-6
"""Of a difference, times the size of what is changed; in float64."""
DRAWS = 3
"""Directions in which each argument is moved."""


@dataclass(frozen=True)
class FunctionCall:
    """One call of a function with a gradient of its own."""

    function: type[Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    where: str
    """The path of the layer that called it."""
    origin: str


@dataclass(frozen=True)
class Slope:
    """How far a function's output moves, in a direction of one argument."""

    call: FunctionCall
    argument: int
    by_difference: float
    by_backward: float
    identity: bool
    """Whether the function gives its argument back: all that it is there for is the gradient."""
    stepped: bool
    """Whether it is a staircase along some argument, whose true gradient is of no use."""


@contextmanager
def noting_functions(calls: list[FunctionCall]) -> Generator[None]:
    """Note each call of a Function inside."""

    def note(called: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        calls.append(FunctionCall(called, args, kwargs, MODE.layer, user_line()))

    function.WATCHERS.append(note)
    try:
        yield
    finally:
        function.WATCHERS.remove(note)


def slopes(model: Module, calls: Sequence[FunctionCall]) -> list[Slope]:
    """What is found about each function at its first call; those that cannot be run again in
    float64 are left out.
    """
    found: list[Slope] = []
    first = {call.function: call for call in reversed(calls)}
    for call in reversed(first.values()):
        try:
            with unwatched(), enable_grad():
                found += _Compared(model, call).slopes()
        except Exception:  # a function of the user's, called in another way than usual
            continue
    return found


class _Compared:
    """One call, run again near the place where it was."""

    def __init__(self, model: Module, call: FunctionCall) -> None:
        self._model, self._call = model, call
        self._values = {
            k: x.detach().clone().numpy().astype(np.float64)
            for k, x in enumerate(call.args)
            if isinstance(x, Tensor) and x.is_floating_point()
        }
        self._wanted = [k for k in self._values if call.args[k].requires_grad]

    def _run(self, values: dict[int, Array]) -> tuple[dict[int, Tensor], list[Tensor]]:
        args = list(self._call.args)
        given = {k: from_numpy(v.copy()).requires_grad_(k in self._wanted)
                 for k, v in values.items()}  # fmt: skip
        for k, tensor in given.items():
            args[k] = tensor
        with undisturbed(self._model):
            made = self._call.function.apply(*args, **self._call.kwargs)
        outputs = made if isinstance(made, _TUPLE) else (made,)
        kept = [y for y in outputs if isinstance(y, Tensor) and y.dtype is float64]
        return given, [y for y in kept if y.requires_grad]

    def slopes(self) -> list[Slope]:
        given, outputs = self._run(self._values)
        if not outputs or not self._wanted:
            return []
        draws = np.random.default_rng(0)
        weights = [draws.standard_normal(y.shape) for y in outputs]
        total = sum(((y * from_numpy(w)).sum() for y, w in zip(outputs, weights, strict=True)))
        wanted = [given[k] for k in self._wanted]
        gradients = grad(total, wanted, allow_unused=True)  # pyright: ignore[reportArgumentType]
        arrays = [y.detach().numpy() for y in outputs]
        identity = len(arrays) == 1 and any(
            np.array_equal(arrays[0], v) for v in self._values.values()
        )
        found: list[tuple[int, float, float]] = []
        for k, g in zip(self._wanted, gradients, strict=True):
            slope = np.zeros(self._values[k].shape) if g is None else g.numpy()
            found += [(k, *self._along(k, slope, weights, draws)) for _ in range(DRAWS)]
        steps = any(d == 0 and abs(b) > 0 for _, d, b in found)
        return [Slope(self._call, k, d, b, identity, steps) for k, d, b in found]

    def _along(
        self, k: int, slope: Array, weights: list[Array], draws: np.random.Generator
    ) -> tuple[float, float]:
        """By differences and by backward: the slope in a random direction of argument `k`."""
        x = self._values[k]
        direction = cast(Array, draws.standard_normal(x.shape))  # pyright: ignore[reportUnknownMemberType]
        h = STEP * max(1e-3, float(np.sqrt(np.mean(np.square(x)))) if x.size else 1.0)
        ends = [self._run({**self._values, k: x + sign * h * direction})[1] for sign in (1, -1)]
        moved = sum(
            float((w * (a.detach().numpy() - b.detach().numpy())).sum())
            for w, a, b in zip(weights, *ends, strict=True)
        )
        return moved / (2 * h), float((slope * direction).sum())


_TUPLE: Any = tuple  # a name that checks without narrowing
