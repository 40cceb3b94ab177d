"""Treatment: changes that are tried one after the other, and judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zincir.doctor.course import Array
from zincir.doctor.cured import Cure, Trial
from zincir.doctor.finding import Finding, Severity
from zincir.doctor.measures import strength
from zincir.doctor.patient import Patient
from zincir.doctor.remedy import Change, Cost, NotApplicable, Remedy, remedies
from zincir.doctor.report import Report, causes_first
from zincir.doctor.rule import rules
from zincir.doctor.surgery import draw_again
from zincir.doctor.trying import Run, is_better, rehearsed, run, wrong_answers
from zincir.errors import ZincirError
from zincir.random import get_rng_state, set_rng_state
from zincir.trees import flatten

ACCEPTED, HELPS = "accepted", "helps"
LONGER = 2
"""Times the steps of a trial: what helps is tried again for so long, on other batches."""
_DRAWING = """\
for layer in model.modules():
    if hasattr(layer, "reset_parameters"):
        layer.reset_parameters()
optimizer.state.clear()"""
LOST = 0.5
"""Of what was gained: losing more of it again is no cure."""


@dataclass
class _Helps:
    """A change that helps."""

    change: Change
    losses: Array
    number: int
    """Of its trial."""
    run: Run


@dataclass
class Treatment:
    """Trials, one after the other."""

    patient: Patient
    steps: int
    look: Callable[[], None]
    budget: int
    may_change_architecture: bool
    chosen: list[Remedy] | None
    trials: list[Trial] = field(default_factory=list[Trial])
    notes: list[str] = field(default_factory=list[str])
    withheld: list[str] = field(default_factory=list[str])

    def of(self, report: Report, *, given: bool) -> Cure:
        """Treat what a report says, or what is found without changes."""
        patient = self.patient
        parameters = [p.detach().numpy() for p in patient.model.parameters()]
        self.restarts = not all(np.isfinite(p).all() for p in parameters)
        broken: list[Finding] = []
        if self.restarts:
            self.notes.append("parameters are not finite: trials begin with newly drawn ones")
            with patient.undone():
                broken = [f for f in rehearsed(patient, {}) if f.symptom == "non_finite"]
        self.longer: Run | None = None
        self.control = self._run(None)
        patient.course = self.control.course
        self.notes += [f"rule {r} could not judge: {why}" for r, why in self.control.failed.items()]
        findings = _to_treat(report.findings, infos=self.chosen is not None)
        if not findings and not given:
            findings = self._found_without()
        if self.control.failure is not None and not self.control.errors:
            raise self.control.failure
        if not findings and broken and not given and self.chosen is None:
            return self._drawn_again(broken[0])
        if not findings:
            return self._result(None, None)
        for finding, remedy in self._plan(findings):
            best = self._try_all(remedy, finding)
            if best is not None:
                with patient.unless_failing():
                    self._begin()
                    self._make(best.change)
                    self.look()
                return self._result(finding, best)
        return self._result(findings[0], None, findings)

    def _found_without(self) -> list[Finding]:
        """What is found without changes. A warning from before the training is a matter of a
        training that suffers: many nets learn well in spite of it.
        """
        findings = _to_treat(self.control.findings, infos=self.chosen is not None)
        course = self.control.course
        if self.chosen is not None or course.harmed or course.broken is not None:
            return findings
        return [f for f in findings if f.step is not None or f.severity is Severity.ERROR]

    def _begin(self) -> None:
        if self.restarts:
            draw_again(self.patient)

    def _drawn_again(self, finding: Finding) -> Cure:
        """Keep the newly drawn parameters, with which nothing is wrong."""
        with self.patient.unless_failing():
            self._begin()
            self.look()
        trial = Trial(
            "reinitialise", "parameters drawn anew, as layers draw them when they are made",
            Cost.WEIGHTS.name.lower(), finding.symptom, ACCEPTED,
            probe=_end(self.control.by(None, self.patient)), code=_DRAWING,
        )  # fmt: skip
        self.trials.append(trial)
        held = sum(len(flatten(x)[0][0]) for x, _ in self.patient.held)
        return Cure(trial, (trial,), finding, tuple(self.notes), self.steps, held)

    def _make(self, change: Change) -> None:
        """Make a change; it takes nothing from the random numbers of the training."""
        state = get_rng_state()
        change.make(self.patient)
        set_rng_state(state)

    def _plan(self, findings: Sequence[Finding]) -> Iterator[tuple[Finding, Remedy]]:
        """What is tried against what."""
        for finding, remedy in self._chosen(findings) if self.chosen else _by_cost(findings):
            if remedy.changes_architecture and not self.may_change_architecture:
                self.withheld.append(remedy.name)
            else:
                yield finding, remedy

    def _chosen(self, findings: Sequence[Finding]) -> Iterator[tuple[Finding, Remedy]]:
        for remedy in self.chosen or ():
            own = [f for f in findings if f.symptom in remedy.against]
            yield (own or findings)[0], remedy

    def _try_all(self, remedy: Remedy, finding: Finding) -> _Helps | None:
        """Try the changes of a remedy; the best one that helps, on other batches too."""
        try:
            with self.patient.undone():
                changes = list(remedy.propose(self.patient, finding))
        except NotApplicable as why:
            self._note(remedy, finding, Change(remedy.name, _nothing, ""), f"not here: {why}")
            return None
        except Exception as error:  # a model that is unlike what the remedy knows
            self._note(remedy, finding, Change(remedy.name, _nothing, ""), _fails(error))
            return None
        helping: list[_Helps] = []
        for change in [*changes, None]:
            helps = None if change is None else self._try(remedy, finding, change)
            if helps is not None and (not helping or self._climbs(helps, helping[-1])):
                helping.append(helps)
                continue
            for candidate in [*reversed(helping), *([] if helps is None else [helps])]:
                verdict = self._lasting(finding, candidate.change)
                self._judge(candidate, verdict)
                if verdict == ACCEPTED:
                    return candidate
            helping.clear()
        return None

    def _climbs(self, stronger: _Helps, gentler: _Helps) -> bool:
        """Whether a stronger change is better than a gentler one."""
        if not is_better(stronger.losses, gentler.losses):
            self._judge(stronger, f"helps, no more than {gentler.change.what}")
            return False
        self._judge(gentler, "helps, the next one more")
        return True

    def _judge(self, helps: _Helps, verdict: str) -> None:
        self.trials[helps.number] = replace(self.trials[helps.number], verdict=verdict)

    def _try(self, remedy: Remedy, finding: Finding, change: Change) -> _Helps | None:
        """Try one change."""
        if sum(not t.verdict.startswith("not here") for t in self.trials) >= self.budget:
            self._note_once("the budget is used up")
            return None
        patient = self.patient
        try:
            tried = self._run(change)
        except NotApplicable as why:
            self._note(remedy, finding, change, f"not here: {why}")
            return None
        control, probe = _compared(change, self.control, tried, patient)
        verdict = self._verdict(finding, change, self.control, tried)
        measure, was = strength(finding.symptom, self.control.course, [finding])
        _, now = strength(finding.symptom, tried.course, tried.findings)
        self._note(
            remedy, finding, change, verdict, measure=measure, before=was, after=now,
            control=_end(control), probe=_end(probe),
            errors=tuple(sorted(tried.errors - self.control.errors)),
        )  # fmt: skip
        return _Helps(change, probe, len(self.trials) - 1, tried) if verdict == HELPS else None

    def _run(self, change: Change | None, longer: int = 1) -> Run:
        """A run with a change, or without any; longer ones go over other batches."""
        with self.patient.undone():
            self._begin()
            try:
                if change is not None:
                    self._make(change)
            except NotApplicable:
                raise
            except Exception as error:  # a model that is unlike what the remedy knows
                return Run(failure=error)
            return run(self.patient, longer * self.steps, self.look, order=longer - 1,
                       changed=change is not None)  # fmt: skip

    def _lasting(self, finding: Finding, change: Change) -> str:
        """Whether a change that helps does so over more steps, on other batches."""
        if self.longer is None:
            self.longer = self._run(None, LONGER)
        tried = self._run(change, LONGER)
        verdict = self._verdict(finding, change, self.longer, tried)
        if verdict == HELPS:
            return ACCEPTED
        return f"helps at first, not over {LONGER * self.steps} other steps: {verdict}"

    def _verdict(self, finding: Finding, change: Change, control: Run, tried: Run) -> str:
        """Whether a change helps; if not, why."""
        without, probe = _compared(change, control, tried, self.patient)
        lost = _is_lost_again(probe)
        new = sorted(tried.errors - control.errors)
        wrong, now = (wrong_answers(each, self.patient) for each in (control, tried))
        start = float(without[0].mean())
        reasons = (
            (tried.failure is not None, _fails(tried.failure)),
            (bool(new), f"a new error: {', '.join(new)}"),
            (finding.symptom in tried.alarms, "the symptom stays"),
            (not _is_enough(probe, without, finding), "no better than without"),
            (math.isfinite(start) and _end(probe) > start, "worse than at first"),
            (lost, "what it gains is lost again"),
            (change.counts_answers and wrong is not None and now is not None
             and is_better(wrong, now), "answers are wrong more often"),
        )  # fmt: skip
        return next((why for holds, why in reasons if holds), HELPS)

    def _note(
        self, remedy: Remedy, finding: Finding, change: Change, verdict: str, **more: Any
    ) -> None:
        self.trials.append(
            Trial(remedy.name, change.what, remedy.cost.name.lower(), finding.symptom, verdict,
                  code=change.code, **more)
        )  # fmt: skip

    def _note_once(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _result(
        self, finding: Finding | None, best: _Helps | None, all_of: Sequence[Finding] = ()
    ) -> Cure:
        if len(all_of) > 1:
            self.notes.append(f"treated: {', '.join(f.symptom for f in all_of)}")
        if best is None and self.withheld:
            self.notes.append(
                f'with allow="architecture" there are also: {", ".join(self.withheld)}'
            )
        held = sum(len(flatten(x)[0][0]) for x, _ in self.patient.held)
        left = () if best is None else tuple(best.run.findings)
        accepted = None if best is None else self.trials[best.number]
        return Cure(
            accepted, tuple(self.trials), finding, tuple(self.notes), self.steps, held, left
        )


def _to_treat(findings: Sequence[Finding], *, infos: bool) -> list[Finding]:
    """The first finding of each symptom that is an error or a warning; infos, if they are meant.

    Causes come first, and what was seen in the training before warnings from before it.
    """
    meant = [f for f in findings if infos or f.severity is not Severity.INFO]
    symptoms = {f.symptom for f in meant}
    seen = {f.symptom for f in meant if f.step is not None}
    causes = {r.symptom for r in rules() if symptoms & set(r.explains)}
    meant.sort(key=lambda f: (-f.severity.weight, f.symptom not in seen | causes))
    first: dict[str, Finding] = {}
    for finding in causes_first(meant):
        first.setdefault(finding.symptom, finding)
    return list(first.values())


def _by_cost(findings: Sequence[Finding]) -> Iterator[tuple[Finding, Remedy]]:
    """For each finding the remedies of its symptom, the cheapest first; each remedy once."""
    tried: set[str] = set()
    for finding in findings:
        for remedy in remedies(finding.symptom):
            if remedy.name not in tried:
                tried.add(remedy.name)
                yield finding, remedy


def _compared(change: Change, control: Run, tried: Run, patient: Patient) -> tuple[Array, Array]:
    """The losses without a change and with it, by what both are compared by."""
    before, after = change.yardsticks or (None, None)
    return control.by(before, patient), tried.by(after, patient)


def _is_enough(probe: Array, without: Array, finding: Finding) -> bool:
    """Whether losses are below others: by more than noise, unless the fault is proven."""
    proven = finding.severity is Severity.ERROR and finding.step is None
    return is_better(probe, without) or (proven and _end(probe) < _end(without))


def _is_lost_again(losses: Array) -> bool:
    """Whether most of what was gained is lost again at the end."""
    if not np.isfinite(losses).all():
        return False  # something else is wrong then
    means = losses.mean(1)
    gained = float(means[0] - means.min())
    return float(means[-1] - means.min()) > LOST * gained


def _fails(error: Exception | None) -> str:
    """What is said of a change that an error came of."""
    first = (str(error).splitlines() or [""])[0]
    own = isinstance(error, ZincirError)  # which says of itself what is wrong
    return "it fails: " + (
        first if own and first else f"{type(error).__name__}: {first}".rstrip(": ")
    )


def _end(losses: Array) -> float:
    return float(losses[-(len(losses) // 2) :].mean())


def _nothing(patient: Patient) -> None:
    """No change."""
