"""A change that is tried: steps of training with it, watched, and compared with those without."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from zincir.autograd import no_grad
from zincir.doctor.checking import report_on
from zincir.doctor.course import Course
from zincir.doctor.exam import Exam
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.patient import Patient
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.remedy import Yardstick
from zincir.errors import ZincirError
from zincir.tensor import Tensor
from zincir.trees import flatten

Array: TypeAlias = np.ndarray[Any, Any]

EVERY = 4
"""Every how many steps of a trial a step is probed."""
MOMENTS = 8
"""At so many moments of a trial the loss on what is held out is taken; the last half counts."""
TINY = 8
"""Samples of a batch below which it is looked at by itself."""
LASTING = 3
"""Moments at the end at which a warning is there, if it is one."""
ERRORS = 3.0
"""Standard errors of a difference: a smaller one may be noise (one-sided, 1 % at 7 degrees)."""
SMALLEST = 0.01
"""Of the loss: a smaller difference is none."""


@dataclass
class Run:
    """What came out of some steps of training: outputs and losses by moment and held batch."""

    outputs: list[list[Any]] = field(default_factory=list[list[Any]])
    """Before the first step, then at each moment."""
    losses: list[list[float]] = field(default_factory=list[list[float]])
    """The same under the loss that was trained for."""
    course: Course = field(default_factory=Course)
    findings: list[Finding] = field(default_factory=list[Finding])
    lasting: list[set[str]] = field(default_factory=list[set[str]])
    """The symptoms of what rules say of the training, at the last moments."""
    failed: dict[str, str] = field(default_factory=dict[str, str])
    """By code, rules that could not judge, and why."""
    failure: Exception | None = None
    """What training could not begin or go on for."""

    @property
    def errors(self) -> set[str]:
        """The symptoms of errors."""
        return {f.symptom for f in self.findings if f.severity is Severity.ERROR}

    @property
    def alarms(self) -> set[str]:
        """The symptoms of errors and warnings; a warning that comes and goes is none."""
        found = {f.symptom for f in self.findings if f.severity is not Severity.INFO}
        before = {f.symptom for f in self.findings if f.step is None}
        persistent = set[str].intersection(*self.lasting) if self.lasting else found
        return found & (self.errors | before | persistent)

    def by(self, yardstick: Yardstick | None, patient: Patient) -> Array:
        """The losses by moment (the start first) and batch: by another loss than its own."""
        if yardstick is None:
            rows = self.losses
        else:
            rows = [_losses(yardstick, outputs, patient) for outputs in self.outputs]
        missing = [[math.inf] * len(patient.held)] * (MOMENTS + 1 - len(rows))
        found = np.array([*rows, *missing], np.float64)
        return np.nan_to_num(found, nan=np.inf, posinf=np.inf, neginf=-np.inf)


def run(
    patient: Patient, steps: int, look: Callable[[], None], order: int = 0, *, changed: bool = False
) -> Run:
    """Look at the training, make so many steps, and look again.

    Args:
        changed: whatever it fails for is noted; else errors that are not the library's are raised.
        order: 0: on the batches that come next; else on others.
    """
    exam = Exam({"": patient.model}, [patient.optimizer], EVERY, fixed=True)
    found, before = Run(course=exam.course), list[Finding]()
    due = {round(steps * (number + 1) / MOMENTS) for number in range(MOMENTS)}

    def each(step: int) -> None:
        look()
        if step in due:
            _evaluate(patient, found)
            exam.read()
            _note_epoch(found)
            if len(found.outputs) > MOMENTS + 1 - LASTING:
                said = report_on(exam.course, {}, "").findings
                found.lasting.append({f.symptom for f in said if f.severity is not Severity.INFO})

    try:
        before = rehearsed(patient, found.failed)
        _evaluate(patient, found)
        patient.train(exam, steps, each, order)
    except Exception as error:
        if not changed and not isinstance(error, ZincirError):
            raise
        found.failure = error
    look()
    report = report_on(exam.course, {}, "", before)
    found.findings = list(report.findings)
    found.failed.update(report.failed)
    return found


def rehearsed(patient: Patient, failed: dict[str, str]) -> list[Finding]:
    """What is wrong before the first step: of many samples, and of a batch that is tiny."""
    training = patient.model, patient.loss, patient.optimizer
    report = report_on(Rehearsal(*training, *patient.sample), {}, "")
    failed.update(report.failed)
    found = list(report.findings)
    batch = patient.batch
    if len(flatten(batch[0])[0][0]) < TINY:
        said = {(f.code, f.where) for f in found}
        more = report_on(Rehearsal(*training, *batch), {}, "").findings
        found += [f for f in more if (f.code, f.where) not in said]
    return found


def _evaluate(patient: Patient, found: Run) -> None:
    found.outputs.append([patient.predict(x) for x, _ in patient.held])
    found.losses.append(_losses(patient.loss, found.outputs[-1], patient))


def _note_epoch(found: Run) -> None:
    """Note both losses as an epoch's: rules of generalisation read them."""
    course = found.course
    done = course.evaluations[-1]["readings"] if course.evaluations else 0
    losses = course.losses()
    if len(losses) > done:
        course.evaluations.append({
            "loss": float(np.mean(losses[int(done) :])),
            "val_loss": float(np.mean(found.losses[-1])),
            "readings": len(losses),
        })  # fmt: skip


@no_grad()
def _losses(yardstick: Yardstick, outputs: list[Any], patient: Patient) -> list[float]:
    return [float(yardstick(o, y).item()) for o, (_, y) in zip(outputs, patient.held, strict=True)]


def is_better(one: Array, other: Array) -> bool:
    """Whether losses (by moment and batch) are below others by more than noise.

    Compared are the same batches at the same moments, of which the last half counts: the one must
    be below at each of these moments, and by three standard errors of the mean difference over the
    batches, and by a hundredth of the loss.

    >>> noise = np.random.default_rng(0).normal(0, 0.1, (8, 8))
    >>> is_better(1 + noise, 2 + noise[::-1]), is_better(1 + noise, 1.02 + noise[::-1])
    (True, False)
    >>> is_better(1 + noise, np.full((8, 8), np.inf)), is_better(np.full((8, 8), np.inf), 1 + noise)
    (True, False)
    """
    one, other = one[-(len(one) // 2) :], other[-(len(other) // 2) :]
    if not np.isfinite(one).all():
        return False
    if not np.isfinite(other).all():
        return True
    gain = other - one
    per_batch = gain.mean(0)
    error = float(per_batch.std(ddof=1) / math.sqrt(len(per_batch))) if len(per_batch) > 1 else 0.0
    mean = float(gain.mean())
    needed = max(ERRORS * error, SMALLEST * abs(float(other.mean())))
    return bool((gain.mean(1) > 0).all()) and mean > needed


def wrong_answers(found: Run, patient: Patient) -> Array | None:
    """The share of wrong answers by moment and held batch; None if targets are no classes."""
    rows: list[list[float]] = []
    for outputs in found.outputs:
        shares = [_wrong(o, y) for o, (_, y) in zip(outputs, patient.held, strict=True)]
        known = [share for share in shares if share is not None]
        if len(known) < len(shares):
            return None
        rows.append(known)
    return np.array(rows) if len(rows) == MOMENTS + 1 else None


def _wrong(outputs: Any, targets: Any) -> float | None:
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    if targets.is_floating_point() or outputs.ndim < 2 or outputs.shape[1] < 2:
        return None
    if tuple(targets.shape) != (outputs.shape[0], *outputs.shape[2:]):
        return None
    return float((outputs.argmax(1) != targets).float().mean().item())
