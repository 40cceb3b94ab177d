"""Course: what was measured while a net is trained, in time. Rules read it."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from zincir.anomaly import Birth
from zincir.doctor.anatomy import Place
from zincir.doctor.forms import Doubled
from zincir.doctor.guessing import Aim

Array: TypeAlias = np.ndarray[Any, Any]

SILENT = 299
"""Samples, for none of which a unit is above 0: it fires on fewer than 1 % (with 95 %; ln 0.05 /
ln 0.99)."""
KEPT = 400
"""Readings that are kept: the first and the last ones."""


@dataclass(frozen=True)
class Activity:
    """What an activation did in one reading."""

    samples: int
    """How many values each unit had: samples, times places in an image."""
    active: Array
    """By unit: the share of values above 0."""
    saturated: Array
    """By unit: the share of values at the ends of the range."""
    mean: float
    std: float
    spread: float
    """How much a unit differs from sample to sample: the root of the mean of their variances."""
    gradient: Array
    """By unit: the root of the mean square of the gradients that arrive."""
    rows: int = 0
    """How many samples that was: the values of one, at all places of an image, are much alike."""


@dataclass(frozen=True)
class Gauge:
    """What a parameter did in one reading: roots of mean squares."""

    value: float
    gradient: float
    update: float
    """What the optimizer changed it by in a step."""
    rate: float
    """The learning rate of its group."""
    used: float = float("nan")
    """The gradient as the optimizer gets it: after clipping."""


@dataclass(frozen=True)
class Reading:
    """What was measured in one step, or in a few."""

    step: int
    losses: Mapping[str, float]
    """By the line of the loss: its mean since the reading before."""
    places: Mapping[Place, Activity]
    gauges: Mapping[str, Gauge]
    """By the name of the parameter, in the order in which they are used."""
    passes: Mapping[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """By the line of the loss: how many passes its mean is of, and the mean of its squares."""
    targets: Mapping[str, Array] = field(default_factory=dict[str, Array])
    """By the line of a loss, of a probed step: how many samples there were of each class; of
    numbers, by column, how many there were, their sum and that of their squares."""


@dataclass(frozen=True)
class Look:
    """What one batch gave, in private, at some moment of a training."""

    step: int
    training: float
    """Its loss in training mode, without dropout,"""
    evaluation: float
    """and in evaluation mode."""
    noise: float
    """The standard error of the batch's gradient, in lengths of the gradient; nan: unknown."""
    samples: int


@dataclass
class Death:
    """How long each unit of an activation has been inactive."""

    idle: Array
    """Samples since it was last above 0."""
    since: Array
    """The step since when; -1: from the start."""

    @property
    def dead(self) -> Array:
        """Which units were silent for so many samples that they fire on fewer than 1 % of all."""
        return self.idle >= SILENT


@dataclass
class Course:
    """The readings of a training, and what follows from all of them together."""

    order: dict[str, int] = field(default_factory=dict[str, int])
    """By the path of a layer: how early it runs."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict[str, tuple[int, ...]])
    """By the name of a parameter."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """By the name of a parameter: its optimizer's settings, and the optimizer as `kind`."""
    dropouts: dict[str, float] = field(default_factory=dict[str, float])
    """By the path of a layer of dropout: the share that it drops."""
    first: list[Reading] = field(default_factory=list[Reading])
    last: deque[Reading] = field(default_factory=lambda: deque[Reading](maxlen=KEPT))
    deaths: dict[Place, Death] = field(default_factory=dict[Place, Death])
    stale: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """By the name of a parameter: the first step at which a gradient was added to one that a step
    had used, and how often that was seen."""
    aims: dict[str, Aim] = field(default_factory=dict[str, Aim])
    """By the line of a loss: what it compares outputs with, if its form is known."""
    targets: dict[str, Array] = field(default_factory=dict[str, Array])
    """By the line of a loss: the targets of all readings together."""
    twice: dict[str, list[Doubled]] = field(default_factory=dict[str, list[Doubled]])
    """By the line of a loss: softmaxes behind others in its graph."""
    crossed: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(
        default_factory=dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    )
    """By the line of a loss: shapes of outputs and targets that it takes all differences of."""
    broken: tuple[int, str] | None = None
    """The first step whose loss was not finite, and the line of the loss."""
    birth: Birth | None = None
    """Where that began, if the step could be run again."""
    evaluations: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    """Losses and metrics of each epoch, as a `Trainer` or `Watch.evaluated` tells them."""
    trained: dict[str, int] = field(default_factory=dict[str, int])
    """By the name of a parameter that asks for a gradient: how many numbers it has."""
    looks: list[Look] = field(default_factory=list[Look])
    """Batches that were looked at, by a `Trainer` or `Watch.look`."""
    as_given: bool = False
    """Whether samples are trained on as they are: arrays, which nothing changes at random."""
    classes: tuple[Array, Array] | None = None
    """How many samples of each class are trained on and evaluated, if that is known."""
    ended: bool = False
    """Whether all epochs that were asked for are done."""
    steps: int = 0
    optimizers: int = 0
    """How many are watched."""
    passes: int = 0
    """Backward passes."""
    used: bool = False
    """Whether a step has found a gradient."""
    _followed: dict[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)
    """What follows from all readings that there are, by name: rules ask for it again and again."""
    _following: Any = field(default=None, repr=False, compare=False)
    """What that was computed of: how many first readings and aims, and the last reading."""

    @property
    def doubled(self) -> list[Doubled]:
        """Softmaxes behind others in the graph of any loss; without a layer of their own they are
        the last layer's.
        """
        found = [twice for some in self.twice.values() for twice in some]
        return [replace(twice, where=twice.where or head_of(self)) for twice in found]

    @property
    def drops(self) -> bool:
        """Whether a layer drops at random, so that the loss in training is higher than without."""
        return any(p > 0 for p in self.dropouts.values())

    def layer(self, path: str) -> str:
        """The name of the layer whose path a node has."""
        parts = path.split(".")
        ends = (".".join(parts[i:]) for i in range(len(parts)))
        return next((end for end in ends if end and end in self.order), "")

    def note(self, reading: Reading) -> None:
        """Add a reading."""
        (self.first if len(self.first) < KEPT // 4 else self.last).append(reading)
        for site, targets in reading.targets.items():
            before = self.targets.get(site)
            if before is None or before.shape == targets.shape:
                self.targets[site] = targets if before is None else before + targets
        for place, activity in reading.places.items() if self.broken is None else ():
            if place.kind == "relu" and np.isfinite(activity.mean):
                self._note_death(place, activity, reading.step)

    def _note_death(self, place: Place, activity: Activity, step: int) -> None:
        before = self.deaths.get(place)
        if before is None:
            none = np.zeros(place.units)
            before = self.deaths[place] = Death(none, np.full(place.units, -1))
        alive = activity.active > 0
        before.idle[...] = np.where(alive, 0, before.idle + activity.rows)
        before.since[...] = np.where(alive, step, before.since)

    # Series -------------------------------------------------------------------------------------

    @property
    def readings(self) -> list[Reading]:
        """All that are kept."""
        return [*self.first, *self.last]

    def probed(self, count: int) -> list[Reading]:
        """The last so many readings of probed steps; none if there are fewer."""
        found = [r for r in self.readings if r.gauges or r.places]
        return found[-count:] if len(found) >= count else []

    def losses(self, site: str | None = None) -> Array:
        """The loss in time: of one line, or of the first that there is."""
        readings = self.readings
        sites = list(dict.fromkeys(name for r in readings for name in r.losses))
        if not sites:
            return np.zeros(0)
        chosen = sites[0] if site is None else site
        return np.array([r.losses[chosen] for r in readings if chosen in r.losses])

    @property
    def sites(self) -> list[str]:
        """The lines of the losses."""
        return list(dict.fromkeys(name for r in self.readings for name in r.losses))

    @property
    def baselines(self) -> dict[str, float]:
        """By the line of a loss: what an answer gives that does not look at the input, if known."""
        guesses = {site: aim.guess(self.targets.get(site)) for site, aim in self.aims.items()}
        return {site: guess for site, guess in guesses.items() if guess is not None}

    @property
    def weights(self) -> list[str]:
        """The parameters with two axes or more, in the order in which they are used."""
        return [name for name, shape in self.shapes.items() if len(shape) >= 2]

    def gradients(self, reading: Reading) -> dict[str, float]:
        """The gradients of all weights in a reading, nearest to the input first."""
        return {n: reading.gauges[n].gradient for n in self.weights if n in reading.gauges}

    def ratio(self, name: str, count: int = 50) -> float:
        """The median of update / value of a parameter in the last probed readings."""
        found = [r.gauges[name] for r in self.readings if name in r.gauges][-count:]
        ratios = [g.update / g.value for g in found if g.value > 0 and np.isfinite(g.update)]
        return float(np.median(ratios)) if ratios else float("nan")

    def line(self, where: str) -> str:
        """The user's line of an activation of a layer, if there is one."""
        places = {p.where: p.origin for r in self.readings for p in r.places}
        return places.get(where, "")

    # Harm ---------------------------------------------------------------------------------------

    @property
    def harmed(self) -> bool:
        """Whether the training suffers: a loss is no better than guessing, or neither down nor
        coming down.
        """
        return self._once("harmed", suffers)

    @property
    def stuck(self) -> bool:
        """Whether a loss never came down by more than its noise, or is no better than guessing."""
        return self._once("stuck", never_improved)

    def _once(self, name: str, holds: Callable[[Array, float | None], bool]) -> bool:
        """Whether it holds for any loss: computed once for the readings that there are."""
        last = self.last[-1] if self.last else None
        now = len(self.first), len(self.aims), id(last)
        if self._following is None or self._following[0] != now:
            self._following, self._followed = (now, last), {}
        if name not in self._followed:
            baselines = self.baselines
            losses = ((s, self.losses(s)) for s in self.sites)
            self._followed[name] = any(holds(series, baselines.get(s)) for s, series in losses)
        return self._followed[name]


def head_of(seen: Course) -> str:
    """The path of the layer whose weights are used last.

    >>> head_of(Course(shapes={"0.weight": (8, 4), "2.weight": (1, 8), "2.bias": (1,)}))
    '2'
    """
    return (seen.weights or [""])[-1].rpartition(".")[0]


def class_counts(targets: Array | None) -> Array | None:
    """How many samples of each class there were; of numbers, if all of them are 0 and 1.

    >>> class_counts(np.array([[8.0], [3.0], [3.0]])), class_counts(np.array([[8.0], [3.0], [9.0]]))
    (array([5., 3.]), None)
    """
    if targets is None or targets.ndim == 1:
        return targets
    count, total, squares = targets
    binary = len(count) == 1 and total[0] == squares[0]
    return np.array([count[0] - total[0], total[0]]) if binary else None


def dropouts(models: Mapping[str, Any]) -> dict[str, float]:
    """By path, the p of each layer that drops."""
    return {
        f"{prefix}.{name}".strip("."): float(p)
        for prefix, model in models.items()
        for name, module in model.named_modules()
        if "Dropout" in type(module).__name__
        and isinstance(p := getattr(module, "p", None), int | float)
    }


def natural_size(shape: tuple[int, ...]) -> float:
    """The size of weights that keep the size of what goes through them: 1 / sqrt(fan_in).

    >>> natural_size((10, 4)), natural_size((8, 1, 4, 4))
    (0.5, 0.25)
    """
    return 1 / math.sqrt(max(1, math.prod(shape[1:])))


def trend(values: Sequence[float] | Array) -> float:
    """How sure it is that values rise (above 0) or fall (below): Kendall's statistic as z.

    About -2 or below is a fall that is hardly chance (Mann 1945, Kendall 1975).

    >>> trend([5.0, 4.0, 3.5, 3.0, 2.0, 1.5, 1.2, 1.0]) < -3, trend([1.0, 2.0, 1.0, 2.0]) < 1
    (True, True)
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n < 3:
        return 0.0
    if np.isnan(x).any():
        return math.nan
    s = 0  # pairs that rise, less pairs that fall
    before: list[float] = []
    for value in x.tolist():
        at = bisect_right(before, value)
        s += bisect_left(before, value) - (len(before) - at)
        before.insert(at, value)
    variance = n * (n - 1) * (2 * n + 5) / 18
    return float((s - np.sign(s)) / np.sqrt(variance))


FALLS = -1.645
"""A trend below this is a fall (one-sided, 5 %); above the opposite, a rise."""
NEAR = 0.2
"""Times the first loss: what came down so far has learnt, whatever its gradients look like."""
GUESSING = 0.95
"""Times the loss of an answer that does not look at the input: above it nothing was learnt."""
FAR = 3.0
"""Times the same: above it nothing is well, however fast it comes down."""
WINDOW = 16
FEWEST = 6
"""Readings of a loss below which nothing is said of it."""


def suffers(losses: Array, baseline: float | None = None) -> bool:
    """Whether a loss is no better than guessing; or is not coming down, and is not down yet.

    Args:
        baseline: the loss of an answer that does not look at the input, if it is known.

    >>> suffers(np.r_[2.3 + 0.01 * np.sin(np.arange(30.0))]), suffers(np.linspace(2.3, 0.1, 30))
    (True, False)
    >>> suffers(np.linspace(90, 70, 30)), suffers(np.linspace(90, 70, 30), np.log(10))
    (False, True)
    """
    if len(losses) < FEWEST:
        return False
    if not np.isfinite(losses[-WINDOW:]).all():
        return True
    first, now = float(np.median(losses[:3])), float(np.median(losses[-5:]))
    falls = trend(losses[-WINDOW:]) < FALLS
    if baseline is not None:
        if now > GUESSING * baseline:  # on its way there, if half of that is done
            half = falls and first - now > (first - baseline) / 2 > 0.1 * baseline
            return not half or now > FAR * baseline
        first = min(first, baseline)
    if falls and now < first:
        return False
    return now > NEAR * first if first > 0 else True


def never_improved(losses: Array, baseline: float | None = None) -> bool:
    """Whether a loss is about where it began, or above; or is no better than guessing.

    Its fall is compared with how much it jumps from reading to reading.

    >>> never_improved(np.r_[2.3 + 0.01 * np.sin(np.arange(30.0))])
    True
    >>> never_improved(np.linspace(2.3, 1.5, 30))
    False
    """
    if len(losses) < FEWEST:
        return False
    if not np.isfinite(losses).all():
        return True
    quarter = max(3, len(losses) // 4)
    first, now = float(np.median(losses[:quarter])), float(np.median(losses[-quarter:]))
    if baseline is not None:
        return now > GUESSING * baseline
    if 0 <= now < NEAR * losses[0]:
        return False  # before the first readings were over
    noise = float(np.median(np.abs(np.diff(losses))))
    return first - now <= max(noise, 0.02 * abs(first)) or trend(losses) > FALLS
