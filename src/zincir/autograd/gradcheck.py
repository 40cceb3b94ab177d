"""Gradients compared with finite differences: the slow, obvious twin of the chain rule."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from zincir.autograd.gradients import grad
from zincir.errors import GradientError, explain
from zincir.graph.node import grad_mode, user_line
from zincir.half import converted
from zincir.tensor import Tensor, from_array

Array = np.ndarray[Any, Any]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Check the gradients of `func` at `inputs` against central differences.

    Args:
        inputs: tensors, float64, of which those that require grad are checked.
        fast_mode: compare along one random direction instead of entry by entry.

    Raises:
        GradientError: they differ (or False is returned, if not `raise_exception`).

    >>> gradcheck(lambda x: x.sin(), from_array(np.ones(3), requires_grad=True))
    True
    """
    try:
        check = _Check(func, inputs, eps, atol, rtol)
        check.fast() if fast_mode else check.full()
    except GradientError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> bool:
    """Check second gradients: those of the first, as a function of inputs and output weights."""
    xs = _listed(inputs)
    outputs = _floating(func(*xs))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        weights = [from_array(rng.standard_normal(y.shape), True) for y in outputs]
    else:
        weights = _listed(grad_outputs)
    count = len(xs)

    def first(*args: Any) -> Any:
        points, given = args[:count], args[count:]
        wanted = [x for x in points if isinstance(x, Tensor) and x.requires_grad]
        found = grad(_floating(func(*points)), wanted, given, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None and g.requires_grad)

    return gradcheck(
        first,
        (*xs, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        fast_mode=fast_mode,
    )


def _listed(inputs: Any) -> list[Any]:
    return [inputs] if isinstance(inputs, Tensor) else list(inputs)


def _floating(outputs: Any) -> list[Tensor]:
    return [y for y in _listed(outputs) if y.is_floating_point()]


class _Check:
    def __init__(
        self, func: Callable[..., Any], inputs: Any, eps: float, atol: float, rtol: float
    ) -> None:
        self._func = func
        self._xs = _listed(inputs)
        self._eps, self._atol, self._rtol = eps, atol, rtol
        self._wanted = [
            k for k, x in enumerate(self._xs) if isinstance(x, Tensor) and x.requires_grad
        ]
        if not self._wanted:
            raise GradientError(
                explain(
                    "gradcheck: no input requires grad",
                    where=user_line(),
                    try_="requires_grad=True on what is to be checked",
                )
            )
        if any(self._xs[k].dtype.itemsize < 8 for k in self._wanted):
            warnings.warn(
                "gradcheck: float32 inputs are too coarse for differences; use x.double()",
                stacklevel=4,
            )

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        """The outputs with the wanted inputs replaced."""
        xs = list(self._xs)
        for k, array in zip(self._wanted, arrays, strict=True):
            xs[k] = from_array(array, True)
        with grad_mode(True):
            outputs = _floating(self._func(*xs))
        return [np.array(y.detach()._value("gradcheck"), np.float64) for y in outputs]

    def _points(self) -> list[Array]:
        return [np.array(self._xs[k].detach()._value("gradcheck")) for k in self._wanted]

    def _analytic(self, outputs: list[Tensor], weights: list[Array]) -> list[Array]:
        wanted = [self._xs[k] for k in self._wanted]
        pairs = [
            (y, from_array(converted(w, y.dtype)))
            for y, w in zip(outputs, weights, strict=True)
            if y.requires_grad
        ]
        if not pairs:
            return [np.zeros(x.shape) for x in wanted]
        found = grad(
            [y for y, _ in pairs],
            wanted,
            [w for _, w in pairs],
            retain_graph=True,
            allow_unused=True,
        )
        return [
            np.zeros(x.shape) if g is None else np.array(g.detach()._value("gradcheck"))
            for x, g in zip(wanted, found, strict=True)
        ]

    def full(self) -> None:
        """Compare the Jacobian entry by entry."""
        outputs = _floating(self._func(*self._xs))
        points = self._points()
        for which, y in enumerate(outputs):
            rows: list[list[Array]] = []
            for entry in range(y.numel()):
                weights = [np.zeros(o.shape) for o in outputs]
                weights[which].reshape(-1)[entry] = 1.0
                rows.append(self._analytic(outputs, weights))
            for number in range(len(self._wanted)):
                self._compare_input(which, number, points, [row[number] for row in rows])

    def _compare_input(
        self, which: int, number: int, points: list[Array], rows: list[Array]
    ) -> None:
        for entry in range(points[number].size):
            step = [np.zeros_like(p) for p in points]
            step[number].reshape(-1)[entry] = self._eps
            above = self._run(_moved(points, step, 1))[which]
            below = self._run(_moved(points, step, -1))[which]
            numeric = ((above - below) / (2 * self._eps)).reshape(-1)
            analytic = np.array([row.reshape(-1)[entry] for row in rows])
            if not np.allclose(analytic, numeric, self._rtol, self._atol, equal_nan=False):
                worst = int(np.argmax(np.abs(analytic - numeric)))
                place_ = np.unravel_index(entry, points[number].shape)
                self._refuse(
                    f"input {self._wanted[number]}, entry {tuple(int(i) for i in place_)}",
                    f"output {which}, element {worst}",
                    float(numeric[worst]),
                    float(analytic[worst]),
                )

    def fast(self) -> None:
        """Compare the slope along one random direction, for one random weighting of outputs."""
        rng = np.random.default_rng(0)
        outputs = _floating(self._func(*self._xs))
        points = self._points()
        weights = [rng.standard_normal(y.shape) for y in outputs]
        found = self._analytic(outputs, weights)
        for number, k in enumerate(self._wanted):
            step = [np.zeros_like(p) for p in points]
            direction: Array = np.asarray(cast(Any, rng.standard_normal(points[number].shape)))
            direction /= max(float(np.linalg.norm(direction)), 1e-30)
            step[number] = (direction * self._eps).astype(points[number].dtype)
            above = self._run(_moved(points, step, 1))
            below = self._run(_moved(points, step, -1))
            numeric = sum(
                float((w * (a - b)).sum()) for w, a, b in zip(weights, above, below, strict=True)
            ) / (2 * self._eps)
            analytic = float((found[number] * direction).sum())
            if not np.isclose(analytic, numeric, self._rtol, self._atol):
                self._refuse(f"input {k}, a random direction", "all outputs", numeric, analytic)

    def _refuse(self, what: str, output: str, numeric: float, analytic: float) -> None:
        raise GradientError(
            explain(
                f"gradcheck: the gradient of {what} is wrong",
                where=user_line(),
                expected=f"{numeric:.8g} by finite differences, for {output}",
                got=f"{analytic:.8g} from backward",
            )
        )


def _moved(points: list[Array], step: list[Array], sign: int) -> list[Array]:
    return [np.asarray(p + sign * s) for p, s in zip(points, step, strict=True)]
