"""Samples come in the order of their classes.

A batch of one class teaches to answer that class, whatever is asked; the next batches teach
something else, and what was learnt is forgotten. The loss of a batch is small, and jumps where
the class changes.

In training, the labels of each probed batch are counted. What is compared is how alike two
samples of a batch are and how alike two of all samples are: the share of the variety that lies
between batches (Wright's fixation index). In random order it is 0, for any number of classes and
any size of batch; reported from a half on, over at least eight batches, if it is also beyond what
chance does to batches that are so small and so few. Of targets that are numbers it is the share
of their variance that lies between batches, if the training suffers, and the means of batches do
not drift one way, as what a game is worth does. Before training, the
batch is looked at: if far more neighbours have the same label than by chance, the data are
sorted as they are given, which is an info, as they may be shuffled later.

When it is not this: batches that hold a few classes on purpose, as in metric learning, or tasks
that come one after another.

References: Hoeffding, "A class of statistics with asymptotically normal distribution" (1948), for
the variance of shares of pairs; Bengio, "Practical recommendations for gradient-based training of
deep architectures" (2012), on the order of samples; Weir and Cockerham (1984) for the index; Wald
and Wolfowitz (1940) for neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Array, Course, class_counts, trend
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

BETWEEN = 0.5
"""Of the variety of labels lies between batches."""
BATCHES = 8
FEWEST = 16
"""Labels in an order that can be judged."""
DRIFT = 3.0
"""A trend of the batches' means beyond this is no order that comes again with each epoch."""
CHANCE = 6.0
"""Standard deviations: one in a thousand million."""


@rule(
    "S21",
    "not_shuffled",
    Severity.WARNING,
    reads=(Rehearsal, Course),
    cause="data that are sorted by class, and fed in that order",
    remedies=(
        "DataLoader(shuffle=True); Trainer.fit shuffles unless shuffle=False",
        "a larger buffer, where a stream is shuffled in parts",
    ),
    explains=("oscillating_loss", "loss_not_decreasing", "learning_rate_too_high", "dead_relu"),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
    elif seen.classes is not None and seen.problem is None:
        yield from _as_given(seen.targets[0], found)


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    for site in seen.sites:
        yield from _of_numbers(seen, site, found)
        counted = [(r, class_counts(r.targets.get(site))) for r in seen.readings]
        many = max((len(c) for _, c in counted if c is not None), default=0)
        readings = [r for r, c in counted if c is not None and len(c) == many]
        if len(readings) < BATCHES:  # where classes are the samples of a batch, it may be shorter
            continue
        counts = np.array([class_counts(r.targets[site]) for r in readings])
        share = between(counts)
        if share >= BETWEEN and is_beyond_chance(counts):
            yield found(
                f"batches are of few classes each: {share:.0%} of the variety of labels lies "
                "between them",
                origin=site,
                step=readings[0].step,
                evidence={
                    "between batches": share,
                    "batches": len(counts),
                    "classes in a batch": float((counts > 0).sum(1).mean()),
                    "classes in all": int((counts.sum(0) > 0).sum()),
                },
                confidence=0.9,
            )


def _of_numbers(seen: Course, site: str, found: Found) -> Iterator[Finding]:
    """The same of targets that are numbers, while the training suffers from it."""
    readings = [r for r in seen.readings if site in r.targets]
    sums = [r.targets[site] for r in readings if r.targets[site].shape == (3, 1)]
    several = np.array(sums).reshape(-1, 3).T
    several = several[:, several[0] > 1] if len(sums) else np.zeros((3, 0))
    count, total, squares = several
    if len(count) < BATCHES or not seen.harmed or class_counts(seen.targets[site]) is not None:
        return
    means = total / count
    within = float(((squares - count * means**2) / (count - 1)).mean())
    overall = float(squares.sum() / count.sum() - (total.sum() / count.sum()) ** 2)
    ratio = float(count.mean() * means.var(ddof=1)) / within if within > 0 else math.inf
    chance = ratio <= 1 + CHANCE * math.sqrt(2 / (len(count) - 1))
    if overall <= 0 or 1 - within / overall < BETWEEN or chance or abs(trend(means)) > DRIFT:
        return
    yield found(
        f"batches are of like targets each: {1 - within / overall:.0%} of their variance lies "
        "between them",
        origin=site,
        step=readings[0].step,
        evidence={"between batches": 1 - within / overall, "batches": len(count)},
        confidence=0.9,
    )


def between(counts: Array) -> float:
    """The share of the variety of labels that lies between batches; 0 in random order.

    Args:
        counts: by batch and class, how many samples.

    >>> between(np.array([[8, 0], [0, 8], [8, 0]])), abs(between(np.array([[4, 4], [5, 3]]))) < 0.2
    (1.0, True)
    """
    counts = counts[counts.sum(1) > 1]
    total = counts.sum()
    if not len(counts) or total < 2:
        return 0.0
    sizes = counts.sum(1)
    within = float(((counts * (counts - 1)).sum(1) / (sizes * (sizes - 1))).mean())
    classes = counts.sum(0)
    overall = float((classes * (classes - 1)).sum() / (total * (total - 1)))
    return (within - overall) / (1 - overall) if overall < 1 else 0.0


def is_beyond_chance(counts: Array) -> bool:
    """Whether more pairs inside of batches are alike than random order gives.

    The share of pairs that are alike among n samples of classes with shares p has the variance
    (4 (n - 2) (sum p^3 - (sum p^2)^2) + 2 (sum p^2) (1 - sum p^2)) / (n (n - 1)); batches are taken
    as independent.

    Args:
        counts: by batch and class, how many samples.

    >>> pairs = np.array([[2, 0], [0, 2]])
    >>> is_beyond_chance(np.tile(pairs, (4, 1))), is_beyond_chance(np.tile(pairs, (40, 1)))
    (False, True)
    """
    counts = counts[counts.sum(1) > 1]
    if not len(counts):
        return False
    sizes, p = counts.sum(1), counts.sum(0) / counts.sum()
    alike, thrice = float((p**2).sum()), float((p**3).sum())
    within = (counts * (counts - 1)).sum(1) / (sizes * (sizes - 1))
    one = 4 * (sizes - 2) * (thrice - alike**2) + 2 * alike * (1 - alike)
    spread = math.sqrt(max(0.0, float((one / (sizes * (sizes - 1))).sum()))) / len(counts)
    return float(within.mean()) - alike > CHANCE * spread


def _as_given(labels: Array, found: Found) -> Iterator[Finding]:
    if labels.ndim != 1 or len(labels) < FEWEST:
        return
    count = len(labels)
    shares = np.unique(labels, return_counts=True)[1] / count
    alike = float((shares * (shares * count - 1)).sum() / (count - 1))
    expected = (count - 1) * alike
    same = int((labels[1:] == labels[:-1]).sum())
    spread = math.sqrt(max(1e-12, expected * (1 - alike)))
    if alike < 1 and same > (count - 1) / 2 and same - expected > CHANCE * spread:
        yield found(
            f"{same} of {count - 1} neighbours have the same label: the samples are sorted",
            severity=Severity.INFO,
            evidence={"neighbours alike": same, "by chance": expected},
            confidence=0.9,
        )
