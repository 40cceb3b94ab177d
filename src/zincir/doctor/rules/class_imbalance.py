"""Some classes are much rarer than others in the batch.

A net that always answers the frequent class has a good accuracy and is of no use. That is no
fault of the net; but accuracy says little then.

In training it is a warning, if one class has nine tenths of all samples and the loss, after two
hundred steps, is that of an answer that knows the shares of the classes and nothing else. So it is
if a class that has a twentieth of the validation data or more is ten times rarer in the training
data, which is counted, where twenty samples of it and more would be its share (so few are no
chance), and the net does worse on the validation data, three epochs in a row: by a tenth of all
samples, or, where no accuracy is measured, by twice the loss.

When it is not this: a batch of a few samples may look so by chance; from 128 samples on it is
asked.

References: AWS SageMaker Debugger (10); TheDeepChecker (perplexity).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course, class_counts, never_improved
from zincir.doctor.epochs import in_turn
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

RATIO = 10
FEWEST = 128
NEARLY = 0.9
"""Of the samples are of one class: whoever answers it always is right as often."""
STEPS = 200
EPOCHS = 3
THERE = 0.05
"""Of the validation data are of a class that matters."""
EXPECTED = 20
"""Samples of it, if there were as many as in the validation data."""
WRONG = 0.1
"""Of all samples: how many more are wrong on the validation data."""
TIMES = 2.0
"""The loss on the training data, if there is no accuracy."""


@rule(
    "I7",
    "class_imbalance",
    Severity.INFO,
    reads=(Rehearsal, Course),
    cause="the data",
    remedies=(
        "look at a metric for each class, such as the recall of the worst",
        "class weights: CrossEntropyLoss(weight=class_weights(y))",
        "BalancedSampler",
    ),
    explains=("loss_not_decreasing", "overfitting"),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
        yield from _elsewhere(seen, found)
    else:
        yield from _before(seen, found)


def _in_training(seen: Course, found: Found) -> Iterator[Finding]:
    """One class is nearly all there is, and nothing but its share is learnt."""
    for site, targets in seen.targets.items():
        counts = class_counts(targets)
        if counts is None or seen.steps < STEPS or counts.sum() < FEWEST:
            continue
        share = float(counts.max() / counts.sum())
        baseline = seen.baselines.get(site)
        if share < NEARLY or share == 1 or baseline is None:
            continue
        if never_improved(seen.losses(site), baseline):
            yield found(
                f"{share:.1%} of the samples are of one class, and no more than that is learnt",
                origin=site,
                step=0,
                severity=Severity.WARNING,
                evidence={
                    "share": share,
                    "guessing": baseline,
                    "loss": float(seen.losses(site)[-1]),
                },
                confidence=0.8,
            )


def _elsewhere(seen: Course, found: Found) -> Iterator[Finding]:
    """A class is much rarer where the net learns than where it is asked, and it shows."""
    if seen.classes is None or not _is_worse(seen):
        return
    trained, asked = (counts / max(1, counts.sum()) for counts in seen.classes)
    matters = (asked >= THERE) & (seen.classes[0].sum() * asked >= EXPECTED)
    rare = np.flatnonzero(matters & (RATIO * trained < asked))
    if len(rare):
        worst = rare[int((trained[rare] / asked[rare]).argmin())]
        yield found(
            f"class {worst} is {trained[worst]:.1%} of the training data and {asked[worst]:.0%} of "
            "the validation data",
            step=0,
            severity=Severity.WARNING,
            evidence={
                "classes": rare.tolist(),
                "share of training": float(trained[rare].sum()),
                "share of validation": float(asked[rare].sum()),
            },
            confidence=0.9,
        )


def _is_worse(seen: Course) -> bool:
    right = in_turn(seen, "accuracy", EPOCHS)
    if len(right):
        return bool((right[:, 1] - right[:, 0] >= WRONG).all())
    losses = in_turn(seen, "loss", EPOCHS)
    return bool(len(losses)) and bool((losses[:, 0] > TIMES * losses[:, 1]).all())


def _before(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    if seen.classes is None or seen.problem is not None or seen.samples < FEWEST:
        return
    labels = seen.targets[0].reshape(-1)
    counts = np.bincount(labels[labels >= 0], minlength=seen.classes)
    there = counts[counts > 0]
    if len(there) > 1 and there.max() > RATIO * there.min() and there.max() > 2 * there.mean():
        yield found(
            f"class {int(counts.argmax())} has {int(there.max())} samples, another one "
            f"{int(there.min())}",
            evidence={"largest": int(there.max()), "smallest": int(there.min())},
        )
