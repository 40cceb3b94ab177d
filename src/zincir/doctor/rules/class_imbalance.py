"""Some classes are much rarer than others in the batch.

A net that always answers the frequent class has a good accuracy and is of no use. That is no
fault of the net; but accuracy says little then.

When it is not this: a batch of a few samples may look so by chance; from 128 samples on it is
asked.

References: AWS SageMaker Debugger (10); TheDeepChecker (perplexity).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

RATIO = 10
FEWEST = 128


@rule(
    "I7",
    "class_imbalance",
    Severity.INFO,
    reads=Rehearsal,
    cause="the data",
    remedies=(
        "look at a metric for each class, such as the recall of the worst",
        "class weights: CrossEntropyLoss(weight=class_weights(y))",
        "BalancedSampler",
    ),
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
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
