"""The validation is better than it should be.

Data that the net has not seen are at best as easy as those it learns from. Where the loss on
them is less than half of that on the training data, in epoch after epoch, and nothing makes
training harder than evaluation, or every answer is right at once, they may not be new to it, or
hold the answer.

Reported if no layer drops at random and the last three validation losses are below half of the
training losses of the epochs after them (so that the net has not learnt since), or if an
accuracy of 1 is reached in the first evaluation while the training data's was below 0.95. An
info: look whether samples are shared (S16).

When it is not this: augmentation makes the training data harder, and so do label smoothing and a
loss with a penalty in it; very small validation sets are right by chance.

References: Karpathy, "A recipe for training neural networks" (2019). UMLAUT calls any accuracy
above 0.95 so, which fires on most nets that know their digits.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.course import Course
from zincir.doctor.epochs import in_turn
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

LAST = 3
BELOW = 0.5
ALL = 1.0
FEW = 0.95


@rule(
    "G3",
    "validation_too_good",
    Severity.INFO,
    reads=Course,
    cause="validation data that are among the training data, or that hold the answer",
    remedies=(
        "checkup(..., validation=(x, y)), which looks for samples that are in both",
        "look for a feature that is known only afterwards",
        "split anew, by what samples have in common",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    epochs = [e for e in seen.evaluations if "val_loss" in e and "loss" in e]
    if not epochs or seen.broken is not None:
        return
    first = epochs[0]
    if first.get("val_accuracy", 0.0) >= ALL and first.get("accuracy", ALL) < FEW:
        yield found(
            "every answer is right in the first evaluation",
            step=round(seen.steps / len(seen.evaluations)),
            evidence={"validation accuracy": ALL, "training accuracy": first["accuracy"]},
            confidence=0.5,
        )
        return
    values = in_turn(seen, "loss", LAST)
    if not len(values) or seen.drops:
        return
    if (values[:, 1] > 0).all() and (values[:, 0] < BELOW * values[:, 1]).all():
        yield found(
            "the validation loss is less than half of the training loss",
            step=seen.steps,
            evidence={
                "validation loss": float(values[-1, 0]),
                "training loss": float(values[-1, 1]),
            },
            confidence=0.5,
        )
