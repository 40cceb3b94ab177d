"""`cure`: remedies that are tried, and kept if they help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from zincir.doctor.cured import Cure
from zincir.doctor.patient import patient_of
from zincir.doctor.remedy import named_remedies
from zincir.doctor.report import Report
from zincir.doctor.surgery import makes_schedule
from zincir.doctor.treating import Treatment
from zincir.doctor.undisturbed import undrawn
from zincir.errors import ArgumentError, explain
from zincir.graph.node import user_line

STEPS = 160
"""Steps of a trial, if nothing asks for more: enough for rules that need many readings."""
LONGER = {"oscillating_loss": 320, "loss_not_decreasing": 256}
"""Steps that a rule needs before it judges."""
OF_EPOCH = 0.02
"""Of an epoch: a trial is not shorter."""


def cure(
    trainer: Any,
    train: Any,
    report: Report | None = None,
    *,
    validation: Any = None,
    batch_size: int = 32,
    allow: str | Sequence[str] = (),
    remedies: Sequence[str] | None = None,
    steps: int | None = None,
    budget: int = 16,
) -> Cure:
    """Try remedies for what is wrong, and keep the first that helps.

    All trials begin with the same state (model, gradients, optimizer, schedule, random numbers) and
    go over the same batches, those that come next: one without any change, then one for each change
    in the order of costs. A change is accepted if its symptom is gone, if the loss on samples that
    no trial is trained on is lower than without by more than noise (and not above what it was at
    first, and answers not wrong more often; below at all for a fault that is proven), if it brings
    no new error, and if all that holds again over twice as many steps in another order. Of a remedy
    that comes in several strengths, stronger ones are tried as long as they are better still.

    Afterwards the trainer has the accepted change and has made no step with it: `fit` goes on from
    there. If none was accepted, it is what it was, to the bit; so it is after Ctrl-C.

    Args:
        trainer: a `Trainer`. It may not have been trained yet.
        train: what it is trained on, as for `fit`. Of an iterator that can be gone through once,
            the batches of the trials are used up.
        report: what is treated: its errors and warnings, the most important first. None: what the
            trainer's own report says, or else what is found in the trial without changes.
        validation: what changes are compared on; None: a tenth of the samples is held out.
        batch_size: as for `fit`.
        allow: "architecture": layers may be replaced and added. `Cure.code` has the change as code.
        remedies: the names of those to try, in this order; None: all for the symptom.
        steps: of each trial; None: 160 or more, as the rules need.
        budget: changes that are tried at most.

    Raises:
        ArgumentError: it is no trainer, or there are too few samples.
        UnknownName: there is no such remedy.

    Example:
        >>> import zincir
        >>> from zincir import doctor, nn
        >>> zincir.manual_seed(0)
        <zincir...>
        >>> x = zincir.randn(512, 8)
        >>> y = (x[:, 0] > 0).long()
        >>> net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
        >>> optimizer = zincir.optim.SGD(net.parameters(), lr=1e-6)
        >>> trainer = zincir.Trainer(net, nn.CrossEntropyLoss(), optimizer)
        >>> found = doctor.cure(trainer, (x, y))
        >>> found.finding.symptom, found.accepted.remedy, optimizer.param_groups[0]["lr"] > 1e-3
        ('learning_rate_too_low', 'higher_rate', True)
    """
    wanted = (allow,) if isinstance(allow, str) else tuple(allow)
    if not hasattr(trainer, "model") or not hasattr(trainer, "report"):
        raise _misuse("the first argument is a Trainer", type(trainer).__name__)
    if any(name != "architecture" for name in wanted):
        raise _misuse('what may be allowed is "architecture"', repr(allow))
    if budget < 1 or (steps is not None and steps < 16):
        raise _misuse("budget is from 1 on, steps from 16 on", f"{budget}, {steps}")
    chosen = None if remedies is None else named_remedies(remedies)
    if not any(p.requires_grad for p in trainer.model.parameters()):
        return Cure(None, notes=("the model has no parameters that are trained",))
    treated = report if report is not None else trainer.report
    needed = steps or max([STEPS, *(LONGER.get(f.symptom, 0) for f in treated.findings)])
    with undrawn(train, validation):
        patient = patient_of(trainer, train, validation, batch_size, needed)
    if steps is None:
        needed = max(needed, round(OF_EPOCH * patient.epoch_steps))
    with patient.unless_failing(), patient.shielded() as look:
        treatment = Treatment(patient, needed, look, budget, bool(wanted), chosen)
        if makes_schedule(patient.scheduler):
            treatment.notes.append("the schedule is made when fit begins: trials went without it")
        if isinstance(train, Iterator):
            treatment.notes.append("the batches of the trials are used up: fit goes on behind them")
        return treatment.of(treated, given=report is not None)


def _misuse(what: str, got: str) -> ArgumentError:
    return ArgumentError(explain(f"cure: {what}", where=user_line(), got=got))
