"""By heart: a private copy of a model, trained on a few samples: can it learn them by heart?

Whatever is trained is a copy; the optimizer is Adam, at a few rates one after another, so that what
fails is the net, its loss or its data, and no setting.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from zincir.autograd import enable_grad, grad, no_grad
from zincir.creation import from_numpy
from zincir.doctor.undisturbed import undisturbed, unwatched
from zincir.errors import ZincirError
from zincir.nn import Module
from zincir.nn.module.calls import called
from zincir.optim import Adam
from zincir.tensor import Tensor
from zincir.trees import flatten

Array: TypeAlias = np.ndarray[Any, Any]

MOST = 16
"""Samples; fewer, where a straight line through so many places would need more features."""
RATES = (3e-3, 3e-2, 3e-1)
STEPS = 200
"""At each rate;"""
MORE = 1000
"""as long as it still gets better, so many."""
GAIN = 0.01
"""Of the loss, in the last third: it still gets better."""
LOOKS = 10
"""Steps after which it is looked whether it is done."""
RIGHT = 0.95
"""The share of labels, or of the variance of numbers, that is learnt by heart."""
DOWN = 0.1
"""Of the first loss: where the loss is down to that, it has learnt, whatever its targets mean."""


@dataclass(frozen=True)
class ByHeart:
    """What came of it."""

    samples: int
    steps: int
    first: float
    """The loss at first,"""
    best: float
    """and the best one."""
    right: float
    """The best share of labels that were right, or of the variance explained; nan: unknown."""
    passed: bool
    single: bool
    """Whether each sample has one label or a few numbers: then all can be learnt by heart."""


def by_heart(
    model: Module, loss: Any, x: Any, y: Any, classes: int | None, seconds: float
) -> ByHeart | None:
    """Train a copy on a few samples; None if that cannot be done, or takes too long."""
    few = _few(x, y)
    if few is None:
        return None
    until = time.perf_counter() + seconds
    with undisturbed(model), unwatched(), enable_grad():
        try:
            return _Attempt(model, loss, *few, classes).run(until)
        except (ZincirError, TypeError, RecursionError):  # it cannot be copied
            return None


class _Attempt:
    def __init__(
        self, model: Module, loss: Any, x: Any, y: Any, count: int, classes: int | None
    ) -> None:
        self._model, self._loss, self._x, self._y = model, loss, x, y
        self._count, self._classes = count, classes
        targets: list[Any] = flatten(y)[0]
        self._target: Array | None = targets[0].numpy() if len(targets) == 1 else None
        self._made: tuple[int, ...] = ()
        """The shape of the outputs."""
        self.losses: list[float] = []
        self.shares: list[float] = []

    def run(self, until: float) -> ByHeart | None:
        passed = False
        for rate in RATES:
            passed = passed or self._train(rate, until)
            if time.perf_counter() > until and not passed:
                return None
        finite = [v for v in self.losses if np.isfinite(v)]
        if not finite:
            return None
        passed = passed or self._beats_its_targets(min(finite))
        return ByHeart(
            self._count,
            LOOKS * len(self.losses),
            self.losses[0],
            min(finite),
            max(self.shares, default=np.nan),
            passed,
            self._is_single(),
        )

    def _train(self, rate: float, until: float) -> bool:
        """Whether it learns them at this rate."""
        net = copy.deepcopy(self._model).train(True)
        for module in net.modules():
            if "Dropout" in type(module).__name__ and "p" in vars(module):
                module.p = 0.0  # pyright: ignore[reportAttributeAccessIssue]
        trained = [p for p in net.parameters() if p.requires_grad]
        optimizer = Adam(trained, lr=rate)
        began = len(self.losses)
        for step in range(MORE):
            optimizer.zero_grad()
            outputs = called(net, self._x)
            value = self._loss(outputs, self._y)
            if step % LOOKS == 0:
                self.losses.append(float(value.detach().item()))
                if not np.isfinite(self.losses[-1]) or time.perf_counter() > until:
                    return False
                if self._is_done(outputs):
                    return True
                if step >= STEPS and not _falls(self.losses[began:]):
                    return False
            slopes = grad(value, trained, allow_unused=True)  # and of nothing else the loss reads
            for p, g in zip(trained, slopes, strict=True):
                p.grad = g
            optimizer.step()
        return False

    def _is_done(self, outputs: Any) -> bool:
        made = [t for t in flatten(outputs)[0] if isinstance(t, Tensor)]
        self._made = tuple(made[0].shape) if len(made) == 1 else ()
        share = self._share(made[0].detach().numpy()) if len(made) == 1 else np.nan
        self.shares.append(share)
        first = self.losses[0]
        return share >= RIGHT or 0 <= self.losses[-1] < DOWN * first

    def _share(self, made: Array) -> float:
        """How much of the targets is right: of labels the share, of numbers R squared."""
        target = self._target
        if target is None:
            return np.nan
        if self._classes is not None:
            axis = 1 if made.shape[:1] + made.shape[2:] == target.shape else made.ndim - 1
            chosen = made.argmax(axis) if made.ndim > axis else made
            return float((chosen == target).mean()) if chosen.shape == target.shape else np.nan
        if target.dtype.kind != "f" or target.shape != made.shape:
            return np.nan
        if _are_shares(target):
            return float((made.argmax(1) == target.argmax(1)).mean())
        spread = float(((target - target.mean(0)) ** 2).mean())
        return 1 - float(((target - made) ** 2).mean()) / spread if spread > 0 else np.nan

    def _beats_its_targets(self, best: float) -> bool:
        """Whether a loss is about as low as that of the targets themselves as outputs (or their
        logarithms, of shares), or lower: outputs stand for something else then, and the loss may
        have a floor above 0.
        """
        target = self._target
        if target is None or target.dtype.kind != "f" or target.shape != self._made:
            return False
        if np.isin(target, (0.0, 1.0)).all():
            return False  # nothing is above 0 that these ask for
        meant = [target.copy()]
        if _are_shares(target):
            meant.append(np.log(np.maximum(target, 1e-9)))
        with no_grad():
            of_targets = min(float(self._loss(from_numpy(a), self._y).item()) for a in meant)
        return best <= of_targets + DOWN * max(0.0, self.losses[0] - of_targets)

    def _is_single(self) -> bool:
        target = self._target
        if target is None or not self.shares or np.isnan(self.shares).all():
            return False
        if self._classes is not None:
            return target.ndim == 1
        return target.size <= 4 * self._count or _are_shares(target)


def _are_shares(target: Array) -> bool:
    """Whether targets are shares of classes, such as smoothed labels."""
    several = target.dtype.kind == "f" and target.ndim == 2 and target.shape[1] > 1
    return several and bool((target >= 0).all()) and np.allclose(target.sum(1), 1, atol=1e-3)


def _falls(losses: Sequence[float]) -> bool:
    third = len(losses) // 3
    before, now = min(losses[:-third]), min(losses[-third:])
    return before - now > GAIN * abs(before)


def _few(x: Any, y: Any) -> tuple[Any, Any, int] | None:
    """Samples with unlike inputs, of several classes if there are some; and how many they are."""
    (inputs, build), (targets, build_y) = flatten(x), flatten(y)
    both = [*inputs, *targets]
    if not inputs or not targets or not all(isinstance(t, Tensor) and len(t.shape) for t in both):
        return None
    count = both[0].shape[0]
    if count < 2 or any(t.shape[0] != count for t in both):
        return None
    arrays = [t.detach().clone().numpy() for t in both]
    features = sum(max(1, a[0].size) for a in arrays[: len(inputs)])
    chosen = _unlike(arrays[: len(inputs)], arrays[len(inputs)], min(MOST, max(2, features)))
    if len(chosen) < 2:
        return None
    parts = [from_numpy(np.ascontiguousarray(a[chosen])) for a in arrays]
    return build(parts[: len(inputs)]), build_y(parts[len(inputs) :]), len(chosen)


def _unlike(inputs: Sequence[Array], target: Array, count: int) -> list[int]:
    """The numbers of samples whose inputs differ, taken from all classes in turn."""
    order: list[int] = list(range(len(target)))
    if target.dtype.kind in "iu" and target.ndim == 1:
        turn: dict[Any, int] = {}
        ranks: list[int] = []
        for label in target.tolist():
            turn[label] = turn.get(label, -1) + 1
            ranks.append(turn[label])
        order.sort(key=lambda n: ranks[n])
    seen: set[bytes] = set()
    chosen: list[int] = []
    for number in order:
        key = b"".join(a[number].tobytes() for a in inputs)
        if key not in seen:
            seen.add(key)
            chosen.append(number)
        if len(chosen) == count:
            break
    return chosen


def stepped(model: Module, gradients: Sequence[Array | None]) -> Module | None:
    """A copy whose parameters have gone a small step against their gradients; None if it cannot be
    copied.
    """
    try:
        net = copy.deepcopy(model)
    except (ZincirError, TypeError, RecursionError):
        return None
    with no_grad():
        for p, g in zip(net.parameters(), gradients, strict=True):
            size = 0.0 if g is None else float(np.sqrt(np.mean(np.square(g))))
            if g is not None and 0 < size < np.inf:
                rms = float(np.sqrt(np.mean(np.square(p.detach().numpy()))))
                p.sub_(from_numpy(g * np.asarray(0.01 * max(rms, 0.01) / size, g.dtype)))
    return net
