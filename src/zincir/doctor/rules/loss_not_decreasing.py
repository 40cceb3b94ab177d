"""The loss is where it began: no better than an answer that does not look at the input.

This is the symptom of all symptoms. If another finding stands beside it, that one says why. If it
stands alone, go through the causes from the outside in: are the labels those of these inputs (a
shuffle of one of both alone is the classic); does the input reach the net as it was meant; can
the net learn a single batch by heart; are the steps long enough, and short enough; has the net
enough capacity.

Reported after two hundred steps if the last quarter of the losses is no better than guessing (what
the best answer gives that is the same for all samples: the entropy of the classes, the variance of
the targets) and shows no fall that is more than chance, and that would make it better than guessing
in as much time again: labels at random are learnt by heart so slowly. If they are learnt sooner, it
shows on other data: reported as well if six validation losses or more are known, and none is better
than guessing. Where no such bound is known, half a percent since half time is a fall; a loss that
was never better than at first is an info only then: a net that was trained before looks the same.

When it is not this: labels that do not depend on the input cannot be learnt by anyone. Losses of
games (the two of a GAN) do not come down: with several optimizers it is an info at most.

References: Karpathy, "A recipe for training neural networks" (2019), for the order of the causes;
Mann (1945) and Kendall (1975) for what is a trend. A fixed share per step, such as SageMaker
Debugger's 0.1 % in ten steps, calls every training that is nearly done sick.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zincir.doctor.course import FALLS, FEWEST, GUESSING, Course, never_improved, trend
from zincir.doctor.epochs import losses_of, unbeaten
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rule import Found, rule

STEPS = 200
READINGS = 12
PACE = 0.005
"""Of the loss, gained in the second half: at this pace 5 % take ten times as long as until now."""
LEARNT = 0.5
"""Of guessing: whose training loss is below it has learnt by heart, which is G1."""
AHEAD = 3
"""Thirds of half the time in which more must be gained, to be better than guessing soon."""


@rule(
    "T7",
    "loss_not_decreasing",
    Severity.WARNING,
    reads=Course,
    cause="labels that do not belong to the inputs, steps of a wrong length, a net cut in two",
    remedies=(
        "look at a few samples and their labels as the net gets them",
        "checkup(model, loss, optimizer, batch), and learning one batch by heart",
        "find_learning_rate, which tries them all in a hundred steps",
        "a larger net, if it learns one batch by heart and no more",
    ),
)
def judge(seen: Course, found: Found) -> Iterator[Finding]:
    if seen.steps < STEPS or seen.broken is not None:
        return
    guess, baselines = unbeaten(seen), seen.baselines
    if guess is not None and trend(losses_of(seen)[:, 1]) < FALLS:
        guess = None  # it is on its way
    for site in seen.sites:
        losses, baseline = seen.losses(site), baselines.get(site)
        if len(losses) < READINGS or not np.isfinite(losses).all():
            continue
        by_heart = guess is not None and losses[-1] > LEARNT * guess
        if not by_heart and (_falls(seen, site, baseline) or not never_improved(losses, baseline)):
            continue
        quarter = len(losses) // 4
        evidence = {
            "loss at first": float(np.median(losses[:quarter])),
            "loss now": float(np.median(losses[-quarter:])),
        }
        known = baseline is not None
        if by_heart:
            evidence["best validation loss"] = min(e["val_loss"] for e in seen.evaluations)
        yield found(
            "the validation loss was never better than guessing"
            if by_heart
            else "the loss is no better than guessing"
            if known
            else "the loss is where it began",
            origin=site,
            step=0,
            severity=Severity.WARNING if known and seen.optimizers < 2 else Severity.INFO,
            evidence={**evidence, "guessing": baseline} if known else evidence,
            confidence=0.6,
        )


def _falls(seen: Course, site: str, baseline: float | None) -> bool:
    """Whether it is coming down after all, however slowly."""
    late = [r for r in seen.readings if site in r.losses and r.step > seen.steps / 2]
    losses = np.array([r.losses[site] for r in late])
    if len(losses) < FEWEST:
        return True  # it is no longer trained by
    third = max(1, len(losses) // 3)
    before, now = float(np.median(losses[:third])), float(np.median(losses[-third:]))
    if trend(losses) >= FALLS:
        return False
    if baseline is not None:
        return now - AHEAD * (before - now) < GUESSING * baseline
    return before - now > PACE * abs(before)
