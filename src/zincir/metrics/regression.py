"""How far numbers are from what they should be."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from zincir.creation import as_tensor
from zincir.errors import ArgumentError, DTypeError, ShapeError, explain
from zincir.functional import where
from zincir.graph.node import user_line
from zincir.metrics.metric import Metric
from zincir.tensor import Tensor
from zincir.types import DType, float64, int64


def pair(owner: str, predictions: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Both in float64.

    Raises:
        ShapeError: the shapes differ: (N, 1) and (N,) would be broadcast to (N, N).
        DTypeError: they are complex.
    """
    p, t = as_tensor(predictions).detach(), as_tensor(targets).detach()
    if p.shape != t.shape:
        raise ShapeError(
            explain(
                f"{owner}: the shapes of predictions and targets differ",
                where=user_line(),
                expected="the same shape",
                got=f"{tuple(p.shape)} and {tuple(t.shape)}",
                try_="predictions.squeeze(1), or targets.unsqueeze(1)" if p.ndim != t.ndim else "",
            )
        )
    if p.is_complex() or t.is_complex():
        raise DTypeError(explain(f"{owner}: needs real numbers", where=user_line()))
    return p.to(float64), t.to(float64)


class MeanOfErrors(Metric):
    """A mean over all elements of what is made of each error."""

    higher_is_better = False
    keeps: ClassVar[Mapping[str, DType]] = {"total": float64, "count": int64}

    @abstractmethod
    def error(self, p: Tensor, t: Tensor) -> Tensor:
        """Of each element."""

    def see(self, predictions: Any, targets: Any) -> None:
        p, t = pair(type(self).__name__, predictions, targets)
        self.add(total=self.error(p, t).sum(), count=p.numel())

    def value(self) -> Tensor:
        return self.states["total"] / self.states["count"].to(float64)


class MeanAbsoluteError(MeanOfErrors):
    """The mean of |p - t|.

    Example:
        >>> MeanAbsoluteError()([1.0, 2.0], [1.5, 3.0]).item()
        0.75
    """

    def error(self, p: Tensor, t: Tensor) -> Tensor:
        return (p - t).abs()


class MeanSquaredError(MeanOfErrors):
    """The mean of (p - t)².

    Example:
        >>> MeanSquaredError()([1.0, 2.0], [2.0, 4.0]).item()
        2.5
    """

    def error(self, p: Tensor, t: Tensor) -> Tensor:
        return (p - t).square()


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (p - t)².

    Example:
        >>> RootMeanSquaredError()([1.0, 2.0], [3.0, 4.0]).item()
        2.0
    """

    def value(self) -> Tensor:
        return super().value().sqrt()


class MeanAbsolutePercentageError(MeanOfErrors):
    """The mean of |p - t| / |t|, as a share: 0.1 is ten percent. A target of 0 counts as 2.2e-16.

    Example:
        >>> MeanAbsolutePercentageError()([1.0, 3.0], [2.0, 4.0]).item()
        0.375
    """

    def error(self, p: Tensor, t: Tensor) -> Tensor:
        return (p - t).abs() / t.abs().clip(float(np.finfo(np.float64).eps))


class R2Score(Metric):
    """1 - the sum of (p - t)² divided by that of (t - mean of t)²: the share that is explained.

    Where all targets are equal it is 1 for exact predictions, and 0 for others. Less than two
    targets: NaN.

    Shape: (N,), or (N, outputs).

    Args:
        multioutput: "uniform_average": the mean over outputs; "variance_weighted": the mean, each
            counted by its variance; "raw_values": all of them.

    Example:
        >>> round(R2Score()([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]).item(), 4)
        0.9486
    """

    higher_is_better = True
    keeps: ClassVar[Mapping[str, DType]] = {
        **dict.fromkeys(("errors", "near", "sums", "squares"), float64),
        "count": int64,
    }

    def __init__(self, multioutput: str = "uniform_average", name: str | None = None) -> None:
        known = ("uniform_average", "variance_weighted", "raw_values")
        if multioutput not in known:
            raise ArgumentError(
                explain(
                    f"R2Score: there is no multioutput={multioutput!r}",
                    where=user_line(),
                    expected=", ".join(known),
                )
            )
        self.multioutput = multioutput
        super().__init__(name)

    def see(self, predictions: Any, targets: Any) -> None:
        p, t = pair("R2Score", predictions, targets)
        if p.ndim not in (1, 2):
            raise ShapeError(
                explain(
                    "R2Score: the shape does not fit",
                    where=user_line(),
                    expected="(N,), or (N, outputs)",
                    got=str(tuple(p.shape)),
                )
            )
        p, t = (p, t) if p.ndim == 2 else (p.unsqueeze(1), t.unsqueeze(1))
        # Squares are taken about the first target: so that nothing is lost where targets are
        # large and their spread is small.
        near = t[:1].sum(0)
        away = t - near
        self.join(
            {
                "errors": (p - t).square().sum(0),
                "near": near,
                "sums": away.sum(0),
                "squares": away.square().sum(0),
                "count": as_tensor(len(p)),
            }
        )

    def join(self, sums: Mapping[str, Tensor]) -> None:
        """Take in sums of squares about another number: they are moved to that of this metric."""
        new = dict(sums)
        seen, near = (self.begun(name, new[name].shape) for name in ("count", "near"))
        mine = where(seen > 0, near, new["near"])
        step = where(new["count"] > 0, new["near"] - mine, 0.0)
        count = new["count"].to(float64)
        new["squares"] = new["squares"] + step * (2 * new["sums"] + count * step)
        new["sums"] = new["sums"] + count * step
        new["near"] = mine - near
        self.add(**new)

    def value(self) -> Tensor:
        count = self.states["count"].to(float64)
        errors, sums = self.states["errors"], self.states["sums"]
        spread = self.states["squares"] - sums.square() / count
        flat = where(errors == 0, 1.0, 0.0)
        each = where(spread > 0, 1 - errors / where(spread > 0, spread, 1.0), flat)
        each = where(errors.isnan() | spread.isnan(), math.nan, each)
        if self.multioutput == "raw_values":
            found = each
        elif self.multioutput == "uniform_average":
            found = each.mean()
        else:
            weights = where(spread.sum() > 0, spread, 1.0)
            found = (each * weights).sum() / weights.sum()
        return where(count < 2, math.nan, found)
