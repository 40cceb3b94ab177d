"""The net cannot learn a handful of samples by heart.

A net that is worth training can: sixteen samples are few, and nothing forbids to remember them.
If it fails, more data and more time will not help: something between input and loss is broken,
or there is not enough of the net.

A private copy is trained on up to sixteen samples that all differ, without dropout, by Adam at
three rates, for two hundred steps each, and up to a thousand as long as it gets better; fewer
samples where there are few features, so that even a straight line could pass through all. It has
passed when 95 % of the labels are right (or of the variance of numbers explained), or the loss is a
tenth of what it was; or about as low as that of the targets taken for outputs, as where the loss
has a floor above 0. Of targets that are shares of classes, the largest one is to be right. Targets
of which one input cannot tell all, such as the next words of a text, are judged by whether the loss
comes down at all. It is tried where nothing else is an error, which would be reason enough.

When it is not this: models that draw at random in training on purpose (a variational
autoencoder), or squeeze their input through a narrow place, may never reach it. Where time runs
out (`seconds=`) before all rates were tried, nothing is said.

References: Karpathy, "A recipe for training neural networks" (2019): overfit one batch; CS231n,
"Sanity checks"; TheDeepChecker (TOSEM 2022): 16 samples, 5 % errors.
"""

from __future__ import annotations

from collections.abc import Iterator

from zincir.doctor.experiments import learnt_by_heart
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.rule import Found, rule

AT_ALL = 0.9
"""Of the first loss: what is not below it has learnt nothing."""


@rule(
    "I5",
    "cannot_overfit_batch",
    Severity.WARNING,
    reads=Rehearsal,
    cause="a net that is cut, squeezed or frozen somewhere, or a loss that asks for something else",
    remedies=(
        "what other findings say: they name causes of this one",
        "look at the samples and targets as they enter the net and the loss",
        "another initialisation and normalisation, if gradients vanish",
        "wider layers, if it learns some of the samples and no more",
    ),
    at_last=True,
)
def judge(seen: Rehearsal, found: Found) -> Iterator[Finding]:
    trial = learnt_by_heart(seen)
    if trial is None or trial.passed:
        return
    if not trial.single and trial.best < AT_ALL * trial.first:
        return
    evidence = {
        "samples": trial.samples, "loss at first": trial.first, "best loss": trial.best,
        "steps": trial.steps,
    }  # fmt: skip
    if trial.single:
        evidence["learnt by heart"] = max(0.0, trial.right)
    yield found(
        f"{trial.samples} samples are not learnt by heart in {trial.steps} steps",
        where=seen.head,
        evidence=evidence,
        confidence=0.6,
    )
