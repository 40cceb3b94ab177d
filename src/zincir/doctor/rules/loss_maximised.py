"""The loss falls when answers get worse: its sign is wrong.

A minus too many, a likelihood that is minimised as it stands, `maximize=True`: each step then
makes the right class less likely, or moves outputs away from their targets, and the loss falls
without end. No curve looks better.

Seen in one step, by the gradient at the outputs. If the loss is about labels, it must not rise
with the output of the right class, where another one is larger; if it is about numbers, not when
an output moves to its target. Reported if it does so for each of sixteen answers or more.

What an output stands for is known of labels if the loss takes the softmax of the outputs, or they
are (logarithms of) probabilities; else nothing is said: distances are to be small for the right
class. Numbers may be logits or logarithms, where targets are from 0 to 1 or not below 0: an answer
counts if its sigmoid and its exponential, too, lie on the same side of the target as itself.

In training, a cross-entropy or a mean of squares that is minimised with a minus before it is a
warning: alone, either is to be large nowhere.

When it is not this: losses of which a part is to be made large (the critic of a GAN, a reward)
know no right answer for each sample, and are not judged.

References: "flipped sign" among the faults of TheDeepChecker (TOSEM 2022); AutoTrainer (ICSE 2021)
waits for a loss below 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course, head_of
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.forms import bare
from zincir.doctor.rehearsal import Array, Rehearsal
from zincir.doctor.rule import Found, rule

FEWEST = 16
"""Numbers that say so: by chance all of them would once in 65,000 times."""


@rule(
    "S24",
    "loss_maximised",
    Severity.ERROR,
    reads=(Rehearsal, Course),
    cause="a minus too many (or too few) in the loss",
    remedies=(
        "the loss without the minus; a negative log-likelihood is one already",
        "maximize=False",
    ),
    explains=("weights_blow_up", "non_finite", "exploding_gradient", "learning_rate_too_high"),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
    else:
        yield from _before(seen, found)


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    """What is minimised is a known loss, times a negative number. A warning: it may be meant."""
    upwards = any(settings.get("maximize") is True for settings in seen.settings.values())
    for site, aim in seen.aims.items():
        if aim.form in ("classes", "squares") and (aim.factor < 0) != upwards and seen.settings:
            yield found(
                "each step makes the answers worse" + (" (maximize=True)" if upwards else ""),
                where=head_of(seen),
                origin=site,
                severity=Severity.WARNING,
                step=0,
                evidence={"the loss, times": aim.factor},
            )


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if len(seen.first.outputs) != 1 or len(seen.targets) != 1:
        return
    slopes, given = seen.slopes, seen.first.outputs[0]
    target = seen.targets[0]
    if slopes is None or seen.problem is not None:
        return
    if target.dtype.kind == "i" and given.ndim == 2 and target.shape == given.shape[:1]:
        if not _are_scores(seen):
            return
        worse = _of_labels(slopes, seen.first.arrays()[0], target)
    elif target.dtype.kind == "f" and target.shape == tuple(given.shape):
        worse = _of_numbers(slopes, seen.first.arrays()[0], target)
    else:
        return
    maximised = any(o.param_groups[0].get("maximize") is True for o in seen.optimizers)
    told = worse[np.isfinite(worse) & (worse != 0)] * (-1 if maximised else 1)
    if len(told) >= FEWEST and (told > 0).all():
        yield found(
            "each step makes the answers worse" + (" (maximize=True)" if maximised else ""),
            where=seen.head,
            evidence={"answers": len(told), "loss": seen.loss},
        )


def _of_labels(slopes: Array, given: Array, labels: Array) -> Array:
    """How the loss rises with the output of the right class, where another one is larger: label
    smoothing pulls down outputs that are too sure.
    """
    there = (labels >= 0) & (labels < slopes.shape[1])
    there[there] &= given[there].argmax(1) != labels[there]
    return slopes[there, labels[there]]


def _of_numbers(slopes: Array, given: Array, target: Array) -> Array:
    """How the loss rises as outputs move to their targets, whatever the outputs stand for."""
    way = np.sign(target - given)
    with np.errstate(over="ignore"):
        power = np.exp(given.astype(np.float64))
        meant = [power] if (target >= 0).all() else []
        meant += [power / (1 + power)] if meant and (target <= 1).all() else []
    for other in meant:
        way = np.where(way == np.sign(target - other), way, 0.0)
    return (slopes * way).reshape(-1)


def _are_scores(seen: Rehearsal) -> bool:
    """Whether a larger output means a likelier class."""
    given = seen.first.arrays()[0].astype(np.float64)
    if any(s.logits is bare(seen.first.outputs[0]._node) for s in seen.first.softmaxes):
        return True
    with np.errstate(over="ignore"):
        sums = (given if (given >= 0).all() else np.exp(given)).sum(1)
    return bool(np.allclose(sums, 1, atol=1e-3))
