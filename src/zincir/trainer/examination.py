"""What the doctor does in a `Trainer`: it watches, and says what it finds once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from zincir.doctor import Finding, Report, Severity
from zincir.doctor.checking import report_on
from zincir.doctor.exam import Exam
from zincir.doctor.looking import is_due
from zincir.doctor.rehearsal import Rehearsal
from zincir.doctor.schedule import EVERY
from zincir.errors import ArgumentError, ZincirError, explain
from zincir.graph.node import user_line
from zincir.trainer.callback import Callback
from zincir.trainer.checking import classes_of
from zincir.trainer.progress import Progress
from zincir.trainer.rerun import EVERY as STEPS, Snapshot, birth_since
from zincir.trainer.training import Running, Training

LEVELS = ("off", *EVERY)


class Examination(Callback):
    """Examines each `fit` of a trainer.

    Args:
        level: "light" watches losses and what is exact; "standard" also runs the first step in
            private before, and probes activations, gradients and updates in each sixteenth step;
            "full" in each.
        silence: by code or symptom of a rule, why its findings are not wanted.
    """

    def __init__(self, level: str, silence: Mapping[str, str]) -> None:
        self.level, self.silence = level, silence
        self.exam: Exam | None = None
        self.before: list[Finding] = []
        self._progress: Progress | None = None
        self._told: set[tuple[str, str]] = set()
        self._rehearsed = False
        self._refused = False
        """Whether a batch cannot be looked at: the model goes another way in evaluation, say."""
        self._snapshot: Snapshot | None = None
        self.beside_it: Sequence[Callback] = ()
        """The other callbacks of the training."""

    @property
    def report(self) -> Report:
        """What was found until now."""
        exam = self.exam
        if exam is None:
            return Report((), "no training yet")
        exam.read()
        examined = f"{exam.course.steps} steps of training"
        return report_on(exam.course, self.silence, examined, self.before)

    def on_fit_begin(self, trainer: Training) -> None:
        if self.exam is None or not self.exam.watches(trainer.model, trainer.optimizer):
            every = EVERY[self.level]
            self.exam = Exam({"": trainer.model}, [trainer.optimizer], every)
        self.exam.begin()
        if trainer.running is not None:
            training, validation = trainer.running.known
            self.exam.course.as_given = training is not None
            self.exam.course.classes = classes_of(training, validation)
            self.exam.course.ended = False

    def on_step_begin(self, trainer: Training, batches: Sequence[Any]) -> None:
        if self.level == "light" or trainer.running is None:
            return
        if self._snapshot is None or len(self._snapshot.batches) >= STEPS:
            self._snapshot = Snapshot.of(trainer)
        self._snapshot.batches.append(batches)
        if not self._rehearsed:
            self._rehearse(trainer, trainer.running, batches)

    def _rehearse(self, trainer: Training, running: Running, batches: Sequence[Any]) -> None:
        """Look at the first step before it is made."""
        self._rehearsed = True
        x, y = running.taken(batches[0])
        training, validation = running.known
        try:
            seen = Rehearsal(
                trainer.model, trainer.loss, trainer.optimizer, x, y,
                training=training and training[0], validation=validation,
            )  # fmt: skip
        except ZincirError:
            return  # the step itself will say so
        self.before = list(report_on(seen, self.silence, "").findings)
        self._say(self.before)

    def on_epoch_end(self, trainer: Training, log: dict[str, Any]) -> None:
        exam = self.exam
        assert exam is not None
        numbers = {k: float(v) for k, v in log.items() if isinstance(v, int | float)}
        exam.course.evaluations.append(numbers)
        exam.course.ended = trainer.running is not None and trainer.epoch >= trainer.running.until
        self._look(trainer, exam)
        findings = self.report.findings
        if findings:
            log["findings"] = [f"{f.code} {f.symptom} {f.where}".strip() for f in findings]
        self._say(findings)

    def _look(self, trainer: Training, exam: Exam) -> None:
        """Look at a batch of the last steps, at the end of some epochs."""
        running, snapshot = trainer.running, self._snapshot
        if running is None or snapshot is None or self._refused or not is_due(trainer.epoch):
            return
        try:
            exam.look(trainer.loss, *running.taken(snapshot.batches[0][0]))
        except (
            Exception
        ):  # a model that gives something else in evaluation, a loss that is no number
            self._refused = True

    def on_exception(self, trainer: Training, error: BaseException) -> None:
        self._find_birth(trainer)
        self.end()
        self._say(self.report.findings)

    def on_fit_end(self, trainer: Training) -> None:
        self._find_birth(trainer)
        self.end()

    def _find_birth(self, trainer: Training) -> None:
        """If the loss was not finite: run the last steps again, operation by operation at last."""
        exam, snapshot = self.exam, self._snapshot
        if exam is None or snapshot is None or trainer.running is None:
            return
        exam.read()
        if exam.course.broken is not None and exam.course.birth is None:
            exam.course.birth = birth_since(snapshot, trainer, self.beside_it)
        self._snapshot = None

    def beside(self, progress: Progress, callbacks: Sequence[Callback]) -> Examination:
        """Itself; it speaks where the progress is shown."""
        self._progress, self.beside_it = progress, callbacks
        return self

    def end(self) -> None:
        """Watch no more."""
        if self.exam is not None:
            self.exam.end()

    def _say(self, findings: Sequence[Finding]) -> None:
        """Say each once: a line, and where there is more."""
        for f in findings:
            if (f.code, f.where) in self._told or f.severity is Severity.INFO:
                continue
            self._told.add((f.code, f.where))
            if self._progress is not None and self._progress.speaks:
                place = f" in {f.where}" if f.where else ""
                sys.stderr.write(
                    f"doctor: {f.severity} {f.code} {f.symptom}{place}: {f.what}; "
                    "trainer.report says more\n"
                )


def examination(level: Any, silence: Mapping[str, str]) -> Examination | None:
    """The examination of a level; None for "off".

    Raises:
        ArgumentError: there is no such level.
    """
    if level not in LEVELS:
        raise ArgumentError(
            explain(
                f"Trainer: doctor is one of {', '.join(LEVELS)}",
                where=user_line(),
                got=repr(level),
            )
        )
    return None if level == "off" else Examination(level, silence)
