"""Some classes are much rarer than others in the batch.

A net that always answers the frequent class has a good accuracy and is of no use. That is no
fault of the net; but accuracy says little then.

In training it is a warning, if one class has nine tenths of all samples and the loss, after two
hundred steps, is that of an answer that knows the shares of the classes and nothing else.

When it is not this: a batch of a few samples may look so by chance; from 128 samples on it is
asked.

References: AWS SageMaker Debugger (10); TheDeepChecker (perplexity).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import Course, class_counts, never_improved
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

RATIO = 10
FEWEST = 128
NEARLY = 0.9
"""Of the samples are of one class: whoever answers it always is right as often."""
STEPS = 200


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
    explains=("loss_not_decreasing",),
)
def judge(seen: Rehearsal | Course, found: Found) -> Iterator[Finding]:
    if isinstance(seen, Course):
        yield from _in_training(seen, found)
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
